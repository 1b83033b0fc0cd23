"""Recognition of what people do, frame by frame and person by person, whatever steps the network; without torch."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import SkeletonSequence
from co_perception.engine.state_tree import State
from co_perception.engine.target import Category, Pose
from co_perception.learners import skeleton_streams
from co_perception.learners.preprocess_pose import PersonSlots, clip_input, frame_input
from co_perception.learners.scoring import ScoringLearner
from co_perception.learners.skeleton_streams import SkeletonStream, SkeletonStreamSizes, Snapshot, StreamOwner
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.runtime.pool import PoolState, StreamPool, WhenFull

LOST_FRAMES = 3  # frames in a row without a part of the body that a label needs; estimators lose a knee for one or two
SCENE = ""  # the stream of a network that takes several persons at once


class StepFacts(NamedTuple):
    """What is known of a network's step, in frames; see `continual.timing.Timing`."""

    stride: int
    receptive_field: int
    delay: int
    lag: int  # answers that come before the first real one
    frame_shape: tuple[int, ...]  # (C, V, M)


class SkeletonInference(ScoringLearner):
    """Streams of people, and the answers to them.

    A network of one person has a stream for every `Pose.id`, and people do not influence each other. A network of M
    persons has one stream for the scene: ids take places in its frame and keep them; where all are taken, a newcomer
    gets the place of the person who has been absent for longest, and those beyond M in one frame are left out.

    A person with too few visible joints (`preprocess_pose.to_input`) is absent: such a frame counts as padding in
    `progress` and is never VALID, and where the receptive field shows no person at all there is no class. A person of
    whom parts are missing that a label needs (`variant.needs`) is UNCERTAIN: after `LOST_FRAMES` frames without them,
    and while less than `min_progress` of the receptive field shows all of them.

    One thread at a time.

    A subclass gives the step of its network, and calls `_begin` before the first frame and whenever the step is
    another.

    Args:
        capacity: people remembered at once.
        when_full: what happens beyond the capacity, see `StreamPool`.
    """

    variant: SkeletonVariant

    def __init__(self, capacity: int, when_full: WhenFull) -> None:
        self.capacity, self._when_full = capacity, when_full

    # What a subclass gives

    @abstractmethod
    def _step(self, x: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        """Logits (N, classes) of one step x (N, C, stride, V, M) of N streams, and their next state."""

    @abstractmethod
    def _fresh_state(self, streams: int) -> State:
        """The state of streams before their first frame."""

    @abstractmethod
    def _classify(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (classes,) of a whole clip x (C, T, V, M)."""

    @abstractmethod
    def _need_weights(self) -> None:
        """Raises: RuntimeError where there are none."""

    @abstractmethod
    def digest(self) -> str:
        """Digest of weights, class names and preprocessing."""

    def _begin(self, facts: StepFacts, classes: int) -> None:
        """Forget all streams; from now on the step is one of these facts."""
        self._facts = facts
        # Presence reaches further back than the field: an answer is valid for a stride, and may be late by two.
        memory = facts.receptive_field + 3 * facts.stride
        self._sizes = SkeletonStreamSizes(memory, facts.stride, facts.frame_shape, classes)
        self._pool = StreamPool(self._step, self._fresh_state, self.capacity, self._when_full)
        self._slots = PersonSlots(self.persons)
        self._streams: dict[str, SkeletonStream] = {}

    # What a user asks

    @property
    def groups(self) -> tuple[str, ...]:
        return self.variant.groups

    @property
    def persons(self) -> int:
        """Persons that the network takes together; 1: each person independently."""
        return self.variant.persons

    @property
    def layout(self) -> str:
        """Name of the joints that the network takes."""
        return self.variant.layout

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the people who are remembered."""
        return self._pool.ids if self.persons == 1 else tuple(self._slots.places)

    @property
    def evicted(self) -> int:
        """Number of streams that were dropped because there were more than `capacity`."""
        return self._pool.evicted

    @property
    def bytes_per_stream(self) -> int:
        """Memory of one stream's state [bytes]; `capacity` times that is the maximum."""
        return self._pool.bytes_per_stream

    def infer(self, data: Pose | Sequence[Pose] | SkeletonSequence | Sequence[SkeletonSequence]) -> list[Category]:
        """Answer the poses of one frame, or whole clips.

        Each call is one tick of the network's clock: call it `rate_hz` times a second, whatever the camera gives. The
        recognizers of `online` and the nodes choose frames by their stamps.

        Args:
            data: the poses of one frame: each steps the stream of its id. A network of several persons steps the scene,
                also for no pose at all. Or one or several SkeletonSequences: whole clips, which leave streams as they
                are (the offline answer).

        Returns:
            One Category for each pose in their order, or one for the scene; one for each clip.

        Raises:
            ValueError: for poses that share an id or have different layouts, and for clips too short for the network.
            PoolFullError: for more people than there is capacity for. Then no stream was stepped.
        """
        self._need_weights()
        items: list[Any] = list(data) if isinstance(data, Sequence) else [data]
        if items and all(isinstance(item, SkeletonSequence) for item in items):
            return [self._infer_clip(item) for item in items]
        if not all(isinstance(item, Pose) for item in items):
            raise ValueError(
                f"expected the poses of one frame or a SkeletonSequence, got {type(data).__name__}: an array of joints "
                "becomes Pose(joints, layout, id=...), a clip SkeletonSequence(data, layout, rate_hz)"
            )
        return self._infer_frame(items)

    def infer_in_row(self, pose: Pose, streams: int, row: int, youngest: int) -> Category:
        """Step one person's stream as the one in a row of several that are stepped together; all others are forgotten.

        The last bits of an answer may depend on how many streams a program steps, and on which row is whose. Copies of
        the stream take the other rows; one of them is `youngest` steps old.
        """
        names = [pose.id if place == row else f"{pose.id} beside {place}" for place in range(streams)]
        before = self.snapshot(pose.id) if pose.id in self.ids else None
        self.reset()
        first = 0 if row else 1
        if before is not None:
            for place, name in enumerate(names):
                self.restore_as(before, name, youngest if place == first else None)
        category = self.infer([dataclasses.replace(pose, id=name) for name in names])[row]
        for name in names:
            if name != pose.id:
                self.release(name)
        return category

    def reset(self, id: str | None = None) -> None:
        """Forget all streams, or let one person's stream begin anew with the next pose.

        In a network of several persons a person has no state of its own: its place becomes free.
        """
        if id is None:
            self._pool.clear()
            self._slots.clear()
            self._streams = {}
        elif self.persons > 1:
            self._slots.release(id)
        elif id in self._streams:
            self._pool.reset(id)
            self._streams[id] = SkeletonStream()

    def release(self, id: str) -> None:
        """Forget one person, known or not; the others stay as they are."""
        self._slots.release(id)
        if self.persons == 1:
            self._pool.release(id)
            self._streams.pop(id, None)

    def snapshot(self, id: str | None = None) -> Snapshot:
        """The streams of one person, or of all, as a value, which nothing that happens later changes."""
        if id is None:
            return Snapshot(self._pool.snapshot_all(), dict(self._streams), self._slots.places)
        alone = PoolState((id,), (0,), self._pool.snapshot(id), 0)
        return Snapshot(alone, {id: self._streams[id]}, {})

    def restore(self, snapshot: Snapshot, id: str | None = None) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights.

        Args:
            id: one person of it, while the others stay as they are; None: all streams.

        Raises:
            ValueError: for anything that is no such snapshot.
        """
        if not isinstance(snapshot, Snapshot) or (id is not None and id not in snapshot.streams):
            raise ValueError(f"expected what snapshot({'' if id is None else repr(id)}) gave, got {snapshot!r:.80}")
        if id is None:
            self._pool.restore_all(snapshot.held)
            self._streams = dict(snapshot.streams)
            self._slots.restore(snapshot.slots)
        else:
            self._pool.restore(id, snapshot.held.only([id]).state)
            self._retain({**self._streams, id: snapshot.streams[id]})

    def restore_as(self, snapshot: Snapshot, id: str, age: int | None = None) -> None:
        """Go on from the only stream of a snapshot under another id; `age` in frames instead of its own."""
        self.restore(skeleton_streams.renamed(snapshot, id, age), id)

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]:
        """Write the streams of these people (None: all) to a file, whole or not at all; returns their ids.

        A network of several persons has one stream for all of them. Raises: ValueError where there is no stream.
        """
        snapshot = self.snapshot()
        if ids is not None and self.persons == 1:
            snapshot = snapshot._replace(held=snapshot.held.only(ids))
        skeleton_streams.save(snapshot, self._sizes, path, self._owner())
        return list(snapshot.held.ids)

    def packed_streams(self, snapshot: Snapshot) -> bytes:
        """The file that `save_streams` would write of what `snapshot` gave once."""
        return skeleton_streams.packed_streams(snapshot, self._sizes, self._owner())

    def load_streams(self, path: Path | str) -> list[str]:
        """Replace all streams by those of a file that `save_streams` wrote; returns their ids.

        Raises:
            ValueError: for a damaged file or one of another model (weights or classes); then nothing has changed.
            FileNotFoundError: where there is none.
        """
        snapshot = skeleton_streams.load(path, self._sizes, self._fresh_state(1), self._owner())
        self.restore(snapshot)
        return list(snapshot.held.ids)

    def _infer_frame(self, poses: Sequence[Pose]) -> list[Category]:
        ids = [pose.id for pose in poses]
        if len(set(ids)) < len(ids):
            raise ValueError(f"ids repeat among the poses of one frame: {sorted(ids)}. Each person needs its own")
        if not poses and self.persons == 1:
            return []
        inputs = frame_input(poses, self.variant, self._slots)
        ids = [SCENE] if self.persons > 1 else ids
        frames = inputs.values.swapaxes(0, 1)  # (people or 1, C, V, M)
        self._pool.admit(ids)
        streams, ready, stride = dict(self._streams), {}, self._sizes.stride
        for id, frame, present, complete in zip(ids, frames, inputs.present, inputs.whole, strict=True):
            stream = streams.get(id, SkeletonStream())
            waiting = (*stream.waiting, frame)
            if len(waiting) == stride:
                ready[id], waiting = np.stack(waiting, 1), ()
            presence = stream.presence.append(bool(present.any()), self._sizes.memory)
            whole = stream.whole.append(bool(complete.any()), self._sizes.memory)
            streams[id] = SkeletonStream(waiting, stream.frames + 1, presence, whole, stream.logits)
        for id, logits in self._pool.step(ready).items():
            # The first answers of a network that pads describe the time before the first frame.
            real = streams[id].frames // stride > self._facts.lag
            streams[id] = streams[id]._replace(logits=logits if real else None)
        self._retain(streams)
        return [self._category(self._streams[id]) for id in ids]

    def _category(self, stream: SkeletonStream) -> Category:
        facts, newest = self._facts, stream.frames - 1
        field, described = facts.receptive_field, (stream.frames // facts.stride - 1 - facts.lag) * facts.stride
        if stream.logits is None:
            # The first answer has one more frame than `delay`.
            return self._without_score(min(stream.presence.total, facts.delay) / field)
        late = newest - described - facts.delay  # frames that came after the last it is computed from
        present = stream.presence.count(field, skip=late)
        if not present:
            return self._without_score(0.0, newest - described)
        whole = stream.whole.count(field, skip=late) / field
        doubtful = not stream.presence.now or not stream.whole.count(LOST_FRAMES) or whole < self.min_progress
        return self._score(stream.logits, present / field, newest - described, doubtful=doubtful)

    def _infer_clip(self, sequence: SkeletonSequence) -> Category:
        values, present, whole = clip_input(sequence, self.variant)
        occupied = present.any(1)  # (T,) frames that show a person
        if not occupied.any():
            return self._without_score(0.0)
        logits, own_hz = self._classify(values), self.variant.rate_hz
        rate_hz = sequence.rate_hz or own_hz  # a single frame needs no rate
        real = min(1.0, rate_hz / own_hz)  # of a slower clip frames are repeated
        answer = self._score(logits, real, doubtful=whole.any(1).mean() < self.min_progress)
        frames = sequence.data.shape[1] / rate_hz * own_hz
        presence = min(1.0, frames / self.variant.clip) * float(occupied.mean())
        first, *others = (dataclasses.replace(each, progress=real * presence) for each in answer.each_group())
        return dataclasses.replace(first, others=tuple(others))

    def _owner(self) -> StreamOwner:
        return StreamOwner(self.variant.name, self.digest())

    def _retain(self, streams: Mapping[str, SkeletonStream]) -> None:
        """Drop the streams that the pool has dropped."""
        self._streams = {id: streams[id] for id in self._pool.ids}
