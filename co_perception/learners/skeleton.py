"""Activity recognition from poses, frame by frame and person by person, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from co_perception.continual.state import State
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Category, Pose, Status
from co_perception.learners import streams
from co_perception.learners.base import Make
from co_perception.learners.metadata import SkeletonMetadata
from co_perception.learners.pose_examples import AUGMENT, PoseExamples
from co_perception.learners.poses import Joints, clip, people, stacked, to_input
from co_perception.learners.slots import Slots
from co_perception.learners.streams import Shape, Snapshot, Track
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.networks.stgcn import CoStGcn, load_checkpoint
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS, SkeletonVariant, skeleton_variant
from co_perception.runtime.pool import Held, StreamPool, WhenFull
from co_perception.training.augment import SkeletonAugment
from co_perception.training.config import TrainConfig

SCENE = ""  # the stream of a network that looks at several persons at once


class ContinualSkeletonLearner(TrainableLearner):
    """Recognises what people do from their poses; every frame is answered with the scores that stand.

    A network of one person has a stream for every `Pose.id`, and people do not disturb each other. A network of M
    persons has one stream for the scene: ids take places in its frame and keep them; where all are taken, a newcomer
    gets the place of whoever was not there for longest, and those beyond M in one frame are left out.

    Where too few joints are found (`poses.to_input`), nobody is there: such a frame counts as padding in `progress`
    and is never VALID, and where the receptive field shows nobody at all there is no class.

    network: name of a skeleton network, or a record of one's own; layout, persons: of the network, where they are not
    to be those of the record (poses of any layout are taken and mapped by joint name); capacity: people remembered at
    once; when_full: see `StreamPool`; augment: what `fit` changes about examples, None for nothing; the others as in
    `NetworkLearner`. One thread at a time.
    """

    kind = SkeletonMetadata
    model: CoStGcn
    _tracks: dict[str, Track]

    def __init__(
        self,
        network: str | SkeletonVariant = "costgcn_short",
        *,
        layout: str | None = None,
        persons: int | None = None,
        classes: Sequence[str] | None = None,
        device: str = "cpu",
        min_progress: float | None = None,
        threshold: float | None = None,
        threads: int | None = None,
        capacity: int = 64,
        when_full: WhenFull = "oldest",
        augment: SkeletonAugment | None = AUGMENT,
    ) -> None:
        self.capacity, self._when_full, self.augment = capacity, when_full, augment
        super().__init__(
            skeleton_variant(network, layout=layout, persons=persons),
            classes=classes,
            device=device,
            min_progress=min_progress,
            threshold=threshold,
            threads=threads,
        )

    # What the network is

    @property
    def persons(self) -> int:
        """Persons that the network looks at together; 1: each one for himself."""
        return int(self.variant.persons)

    @property
    def layout(self) -> str:
        """Name of the joints that the network takes."""
        return str(self.variant.layout)

    @property
    def ids(self) -> tuple[str, ...]:
        """Who is remembered."""
        return self._pool.ids if self.persons == 1 else self._slots.ids

    @property
    def evicted(self) -> int:
        """How often somebody was forgotten because more than `capacity` were there."""
        return self._pool.evicted

    @property
    def bytes_per_stream(self) -> int:
        """Memory of one stream's state; `capacity` times that is the most that is held."""
        return self._pool.bytes_per_stream

    # Inference

    @torch.no_grad()
    def infer(self, data: Pose | Sequence[Pose] | SkeletonSequence | Sequence[SkeletonSequence]) -> list[Category]:
        """The people of one frame: each pose steps the stream of its id, and there is one Category for each in their
        order; a network of several persons steps the scene, also for no pose at all, and gives one Category. A
        SkeletonSequence: one Category of the whole clip (the offline answer), streams stay as they are; of several, one
        each.

        Raises: ValueError for poses that share an id or have different layouts, and for clips too short for the
        network; PoolFullError for more people than there is place for. Then nobody was stepped.
        """
        self._need_weights()
        if isinstance(data, SkeletonSequence):
            return [self._infer_clip(data)]
        if isinstance(data, Pose):
            return self._infer_frame([data])
        items: list[Any] = list(data) if isinstance(data, Sequence) else [data]
        if items and all(isinstance(item, SkeletonSequence) for item in items):
            return [self._infer_clip(item) for item in items]
        if not all(isinstance(item, Pose) for item in items):
            raise ValueError(
                f"expected the poses of one frame or a SkeletonSequence, got {type(data).__name__}: an array of joints "
                "becomes Pose(joints, layout, id=...), a clip SkeletonSequence(data, layout, rate_hz)"
            )
        return self._infer_frame(items)

    def reset(self, id: str | None = None) -> None:
        """Forget everybody (None), or let one person's stream begin afresh with the next pose. In a network of several
        persons one person has no state apart: his place becomes free."""
        if id is None:
            self._pool.clear()
            self._slots.clear()
            self._tracks = {}
        elif self.persons > 1:
            self._slots.release(id)
        elif id in self._tracks:
            self._pool.reset(id)
            self._tracks[id] = Track()

    def release(self, id: str) -> None:
        """Forget one person, known or not; the others stay as they are."""
        self._slots.release(id)
        if self.persons == 1:
            self._pool.release(id)
            self._tracks.pop(id, None)

    def snapshot(self, id: str | None = None) -> Snapshot:
        """The streams as they stand, or that of one person alone. It is a value: nothing that happens later changes
        it."""
        if id is None:
            return Snapshot(self._pool.snapshot_all(), dict(self._tracks), self._slots.places)
        alone = Held((id,), (0,), self._pool.snapshot(id), 0)
        return Snapshot(alone, {id: self._tracks[id]}, {})

    def restore(self, snapshot: Snapshot, id: str | None = None) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights: everybody as it was (None), or
        one person of it, while the others stay as they are. Raises: ValueError for anything else."""
        if not isinstance(snapshot, Snapshot) or (id is not None and id not in snapshot.tracks):
            raise ValueError(f"expected what snapshot({'' if id is None else repr(id)}) gave, got {snapshot!r:.80}")
        if id is None:
            self._pool.restore_all(snapshot.held)
            self._tracks = dict(snapshot.tracks)
            self._slots.restore(snapshot.slots)
        else:
            self._pool.restore(id, snapshot.held.only([id]).state)
            self._keep({**self._tracks, id: snapshot.tracks[id]})

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]:
        """Write the streams of these, or of everybody, to a file, whole or not at all. Returns whose they are; a
        network of several persons has one for all of them. ValueError where there is none."""
        found = self.snapshot()
        if ids is not None and self.persons == 1:
            found = found._replace(held=found.held.only(ids))
        streams.save(found, self._shape, path, self.variant.name)
        return list(found.held.ids)

    def load_streams(self, path: Path | str) -> list[str]:
        """Go on from such a file; everybody else is forgotten. Returns whose streams they are. Raises: ValueError for a
        damaged file or one of another network, FileNotFoundError; then nothing has changed."""
        found = streams.load(path, self._shape, self._fresh(1), self.variant.name)
        self.restore(found)
        return list(found.held.ids)

    # One frame

    def _infer_frame(self, poses: Sequence[Pose]) -> list[Category]:
        names = [pose.id for pose in poses]
        if len(set(names)) < len(names):
            raise ValueError(f"ids repeat among the poses of one frame: {sorted(names)}. Each person needs its own")
        if self.persons > 1:
            return self._step([SCENE], self._scene(poses))
        if not poses:
            return []
        values, layout = stacked(poses)
        # People who have nothing to do with each other are prepared as if they were frames.
        return self._step(names, to_input(values[:, None], layout, self.variant))

    def _scene(self, poses: Sequence[Pose]) -> Joints:
        """Everybody in his place, of one frame."""
        if not poses:
            shape = (3, 1, *self._shape.frame[1:])
            return Joints(np.zeros(shape, np.float32), np.zeros((1, self.persons), bool))
        values, layout = stacked(poses)
        places = self._slots.seat([pose.id for pose in poses])
        everybody = np.zeros((1, self.persons, *values.shape[1:]), np.float32)
        for pose, joints in zip(poses, values, strict=True):
            if pose.id in places:
                everybody[0, places[pose.id]] = joints
        return to_input(everybody, layout, self.variant)

    def _step(self, names: Sequence[str], joints: Joints) -> list[Category]:
        """The frames T of `joints` go to the streams `names`, one each."""
        frames = torch.from_numpy(joints.values).to(self.device).unbind(1)
        self._pool.admit(names)
        tracks, ready = dict(self._tracks), {}
        for name, frame, anybody in zip(names, frames, joints.real, strict=True):
            track, real = tracks.get(name, Track()), bool(anybody.any())
            waiting = (*track.waiting, frame)
            if len(waiting) == self.stride:
                ready[name], waiting = torch.stack(waiting, 1), ()
            seen = (track.real << 1 | real) & self._memory
            tracks[name] = Track(waiting, track.frames + 1, seen, track.logits)
        for name, answer in self._pool.step(ready).items():
            # The first answers of a network that pads describe the time before the first frame.
            stands = tracks[name].frames // self.stride > self._lag
            tracks[name] = tracks[name]._replace(logits=answer if stands else None)
        self._keep(tracks)
        return [self._category(self._tracks[name]) for name in names]

    def _category(self, track: Track) -> Category:
        timing, newest = self.model.timing, track.frames - 1
        field = timing.receptive_field
        described = (track.frames // self.stride - 1 - self._lag) * self.stride
        if track.logits is None:
            first = field - timing.before - 1  # the first answer has one more
            return Category(-1, status=Status.WARMING_UP, progress=min(track.real.bit_count(), first) / field)
        late = newest - described - timing.delay  # frames that came after the last it is computed from
        shown = (track.real >> late & (1 << field) - 1).bit_count()
        if not shown:
            return Category(-1, status=Status.WARMING_UP, progress=0.0, delay=newest - described)
        return self._score(track.logits, shown / field, newest - described, doubtful=not track.real & 1)

    # Whole clips

    def _infer_clip(self, sequence: SkeletonSequence) -> Category:
        values, real = to_input(people(clip(sequence, self.variant)), sequence.layout, self.variant)
        shown = real.any(1)
        if not shown.any():
            return Category(-1, status=Status.WARMING_UP, progress=0.0)
        logits = self._running.classify(torch.from_numpy(values).to(self.device)[None])[0]
        answer = self._score(logits, 1.0, doubtful=shown.mean() < self.min_progress)
        own = min(1.0, sequence.data.shape[1] / (sequence.rate_hz or self.rate_hz) * self.rate_hz / self.variant.clip)
        return dataclasses.replace(answer, progress=own * float(shown.mean()))

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> PoseExamples:
        return PoseExamples(dataset, labels, self.labels, self.variant, self.augment)

    # Inside

    def _network(self) -> CoStGcn:
        return CoStGcn(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        load_checkpoint(self.model, checkpoint, source)

    def _use(self, network: CoStGcn, make: Make) -> None:
        self._running, self._steps = network, make(network, tuple(network.frame_shape))
        self._run_with([self._steps])
        self._lag = network.lag_after(0)
        field, stride = self.receptive_field, self.stride
        # Bits of a track: an answer stands for a stride, and may be late by two.
        self._shape = Shape(field + 3 * stride, stride, tuple(network.frame_shape), self.variant.classes)
        self._memory = (1 << self._shape.memory) - 1
        self._pool = StreamPool(self._advance, self._fresh, self.capacity, self._when_full)
        self._slots = Slots(self.persons)
        self._tracks = {}

    def _advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        y, state = self._steps(x, state)
        return y.squeeze(2), state

    def _fresh(self, count: int) -> State:
        return self._steps.init_state(count)

    def _keep(self, tracks: Mapping[str, Track]) -> None:
        """Those whose streams the pool still holds."""
        self._tracks = {name: tracks[name] for name in self._pool.ids}

    def _published_classes(self) -> int:
        return SKELETON_VARIANTS.get(self.variant.name, self.variant).classes
