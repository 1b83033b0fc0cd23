"""Video activity recognition, frame by frame, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from co_perception.continual.spread import Spread
from co_perception.continual.state import state_bytes
from co_perception.engine.data import Image, Video
from co_perception.engine.target import Category, Status
from co_perception.learners import video_streams
from co_perception.learners.base import Make
from co_perception.learners.clips import VideoExamples, clip_frames, clip_input
from co_perception.learners.frames import to_input
from co_perception.learners.metadata import Metadata, VideoMetadata, own_fields, restored
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.learners.video_streams import Form, Stream
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import PooledVariant, VideoVariant, video_variant
from co_perception.networks.video import VideoNetwork
from co_perception.training.config import TrainConfig
from co_perception.training.modes import least_frames
from co_perception.training.views import ClipAugment

Frame = Image | NDArray[np.uint8]
TRAINED = 64  # frames of a training clip where the network has no window, as Inception-I3D was trained


class ContinualVideoLearner(TrainableLearner):
    """Recognises the activity in a video stream; every frame is answered with the scores that stand.

    network: name of a video network; window: frames that its head averages, where that is a choice (None: the published
    clip length); the others as in `NetworkLearner`. One stream; one thread at a time.

    It learns from Videos (3, T, H, W) of uint8 with their Category. `augment`, an attribute, says how they are varied;
    left and right are not exchanged unless it says so, because gestures have sides.
    """

    kind = VideoMetadata
    model: VideoNetwork
    augment = ClipAugment()

    def __init__(
        self,
        network: str = "coi3d_inception",
        *,
        window: int | None = None,
        classes: Sequence[str] | None = None,
        device: str = "cpu",
        min_progress: float | None = None,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            video_variant(network, window=window),
            classes=classes,
            device=device,
            min_progress=min_progress,
            threshold=threshold,
            threads=threads,
        )

    # Inference

    @torch.no_grad()
    def infer(self, data: Frame | Sequence[Frame] | Video) -> list[Category]:
        """One Category per frame given, the scores that stand after it; for a Video one Category of the whole clip
        (the offline answer).

        A frame is an Image or an array (H, W, 3) of uint8 in RGB order, of any size. A Video is (3, T, H, W) uint8,
        taken at the network's rate where it names its own, T cut to a multiple of the stride; it leaves the stream as
        it is."""
        self._need_weights()
        if isinstance(data, Video):
            return [self._infer_clip(data)]
        if isinstance(data, Image) or (isinstance(data, np.ndarray) and data.ndim == 3):
            return [self._infer_frame(data)]
        if isinstance(data, str) or not isinstance(data, Sequence):
            raise ValueError(f"expected a frame (H, W, 3) uint8, a list of frames, or a Video, got {_kind(data)}")
        return [self._infer_frame(frame) for frame in data]

    def reset(self) -> None:
        """Forget the stream: the next frame is its first."""
        like = torch.empty(0, device=self.device)
        self._stream = Stream(self._spread.init_state(1, self.variant.frame_shape, like), 0, 0, None)

    def snapshot(self) -> Stream:
        """The stream as it stands. It is a value: nothing that happens later changes it."""
        return self._stream

    def restore(self, stream: Stream) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights."""
        if not isinstance(stream, Stream) or len(stream.stages) != len(self._spread.stages):
            raise ValueError(f"expected what snapshot() of a {self.variant.name} learner gave, got {_kind(stream)}")
        self._stream = stream

    @property
    def stream_bytes(self) -> int:
        """Memory of the stream as it stands: past frames, and those that wait for their step."""
        return state_bytes(self._stream.stages)

    def save_streams(self, path: Path | str, streams: Mapping[str, Stream], notes: Mapping[str, Any]) -> None:
        """Write snapshots by name to a safetensors file, each with a note for JSON. Raises as `video_streams.save`."""
        video_streams.save(streams, self._form(), path, notes)

    def load_streams(self, path: Path | str) -> dict[str, tuple[Stream, Any]]:
        """What `save_streams` wrote, each with its note. Raises as `video_streams.load`."""
        return video_streams.load(path, self._form())

    # Inside

    def _form(self) -> Form:
        shape = self.variant.frame_shape
        fresh = Stream(self._spread.init_state(1, shape, torch.empty(0, device=self.device)), 0, 0, None)
        return Form(self.name, fresh, self._spread.stage_shapes(shape), len(self.labels))

    def _infer_frame(self, frame: Frame) -> Category:
        pixels = frame.data if isinstance(frame, Image) else frame
        x = to_input(pixels, self.variant, device=self.device)
        stages, frames, answers, logits = self._stream
        answer, stages = self._spread(x.unsqueeze(0), stages)
        if answer is not None:
            answers += 1
            # The first answers describe the time before the first frame.
            logits = answer[0] if answers > self._lag else None
        self._stream = Stream(stages, frames + 1, answers, logits)
        return self._category()

    def _category(self) -> Category:
        _, frames, answers, logits = self._stream
        field, padding = self.model.timing.receptive_field, self.model.timing.before
        if logits is None:
            return Category(-1, status=Status.WARMING_UP, progress=min(frames, field - padding - 1) / field)
        described = (answers - 1 - self._lag) * self.stride
        progress = min(field, field - padding + described) / field
        return self._score(logits, progress, delay=frames - 1 - described)

    def _infer_clip(self, video: Video) -> Category:
        frames = clip_frames(video, self.variant, self.model.shortest_clip)
        whole = len(frames) // self.stride * self.stride
        inputs = clip_input(frames[:whole], self.variant, device=self.device)
        logits = self._running.classify(inputs.unsqueeze(0))[0]
        return dataclasses.replace(self._score(logits, min(whole / self.receptive_field, 1.0)), status=Status.VALID)

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> VideoExamples:
        frames = self._training_frames(config)
        return VideoExamples(dataset, labels, self.variant, frames, self.augment, self.stride)

    def _judged(self, examples: Any, config: TrainConfig) -> VideoExamples:
        """Whole Videos, as `infer` takes them; of long ones the receptive field in the middle."""
        most = max(self.receptive_field, self._shortest(config)) if config.mode == "clip" else sys.maxsize
        wanted = config.frames or most
        return dataclasses.replace(examples, frames=self._shortest(config), most=min(most, wanted))

    def _training_frames(self, config: TrainConfig) -> int:
        """Of every training clip, a multiple of the stride: those that its authors trained on, if nothing is said."""
        least = self._shortest(config)
        published = least if isinstance(self.variant, PooledVariant) else max(TRAINED, least)
        wanted = published if config.frames is None else config.frames
        if wanted < least:
            raise ValueError(f"{self.variant.name} answers after {least} frames in mode {config.mode!r}, got {wanted}")
        return wanted // self.stride * self.stride

    def _shortest(self, config: TrainConfig) -> int:
        """Frames of the shortest clip that can be answered."""
        step = config.mode == "step"
        return least_frames(self.model, config.min_progress) if step else self.model.shortest_clip

    def _published_classes(self) -> int:
        return video_variant(self.variant.name).classes

    def _network(self) -> VideoNetwork:
        return build_video(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        load_checkpoint(self.model, checkpoint, source)

    def _use(self, network: VideoNetwork, make: Make) -> None:
        self._running = network
        self._spread = Spread(network, make, self.variant.frame_shape)
        self._run_with(self._spread.steps)  # type: ignore[arg-type]  # they are what `make` made
        self._lag = network.lag_after(0)
        self.reset()

    def _frame_shape(self) -> tuple[int, ...]:
        return self.variant.frame_shape

    def _metadata(self, **common: Any) -> Metadata:
        pooled = isinstance(self.variant, PooledVariant)
        return VideoMetadata(
            **common, **own_fields(self.variant, VideoMetadata), pool_window=self.variant.window if pooled else None
        )

    def _restored(self, saved: Metadata) -> VideoVariant:
        variant: VideoVariant = restored(self.variant, saved)
        if isinstance(saved, VideoMetadata) and isinstance(variant, PooledVariant):
            return dataclasses.replace(variant, window=saved.pool_window or variant.window)
        return variant


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" {tuple(shape)}" if shape is not None else "")
