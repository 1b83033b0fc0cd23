"""Video activity recognition, frame by frame, under OpenDR's learner interface."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from co_perception.continual.pipeline import Pipeline
from co_perception.continual.state import state_bytes
from co_perception.engine.data import Image, Video
from co_perception.engine.target import Category, Status
from co_perception.learners import video_streams
from co_perception.learners.base import StepperFactory, host_array
from co_perception.learners.metadata import Metadata, VideoMetadata, own_fields, restored
from co_perception.learners.options import OptionKeywords
from co_perception.learners.preprocess_video import VideoExamples, clip_frames, clip_input, to_input
from co_perception.learners.skeleton_streams import StreamOwner
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.learners.video_streams import VideoStream, VideoStreamSizes
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import PooledVariant, VideoVariant, video_variant
from co_perception.networks.video import VideoNetwork
from co_perception.training.augment import ClipAugment
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Examples
from co_perception.training.modes import least_frames

if TYPE_CHECKING:
    from typing import Unpack  # from Python 3.11 on

VideoFrame = Image | NDArray[np.uint8]
TRAINED = 64  # frames of a training clip where the network has no window, as Inception-I3D was trained


class ContinualVideoLearner(TrainableLearner):
    """Recognizes the activity in a video stream; every frame is answered with the latest scores.

    It learns from Videos (3, T, H, W) of uint8 with their Category. `augment`, an attribute, says how they are varied;
    left and right are not exchanged by default, because gestures have sides. One stream; one thread at a time.

    Args:
        network: name of a video network.
        window: frames that its head averages, where that is a choice; None: the published clip length.
        options: the fields of `LearnerOptions`.
    """

    kind = VideoMetadata
    model: VideoNetwork
    variant: VideoVariant
    augment = ClipAugment()

    def __init__(
        self, network: str = "coi3d_inception", *, window: int | None = None, **options: Unpack[OptionKeywords]
    ) -> None:
        super().__init__(video_variant(network, window=window), **options)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(3, H, W) of an input frame."""
        return self.variant.frame_shape

    @torch.no_grad()
    def infer(self, data: VideoFrame | Sequence[VideoFrame] | Video) -> list[Category]:
        """Answer frames of the stream, or a whole clip.

        Args:
            data: frames, each an Image or an array (H, W, 3) of uint8 in RGB order, of any size. Or a Video (3, T, H,
                W) of uint8, resampled to the network's rate where it has its own, T cut to a multiple of the stride; it
                leaves the stream as it is (the offline answer).

        Returns:
            One Category per frame, the latest scores after it; for a Video one Category.

        Raises:
            ValueError: for anything else.
        """
        self._need_weights()
        if isinstance(data, Video):
            frames = clip_frames(data, self.variant, self.model.shortest_clip)
            whole = len(frames) // self.stride * self.stride
            inputs = clip_input(frames[:whole], self.variant, device=self.device)
            logits = self._running.classify(inputs.unsqueeze(0))[0]
            real = min(1.0, (data.rate_hz or self.rate_hz) / self.rate_hz)  # of a slower clip frames are repeated
            answer = self._score(host_array(logits), real * min(whole / self.receptive_field, 1.0))
            enough = real >= self.min_progress
            return [dataclasses.replace(answer, status=Status.VALID if enough else Status.WARMING_UP)]
        if isinstance(data, Image) or (isinstance(data, np.ndarray) and data.ndim == 3):
            return [self._infer_frame(data)]
        if isinstance(data, str) or not isinstance(data, Sequence):
            raise ValueError(f"expected a frame (H, W, 3) uint8, a list of frames, or a Video, got {_kind(data)}")
        return [self._infer_frame(frame) for frame in data]

    def reset(self) -> None:
        self._stream = self._fresh_stream()

    def snapshot(self) -> VideoStream:
        """The stream as a value, which nothing that happens later changes."""
        return self._stream

    def restore(self, stream: VideoStream) -> None:
        """Go on from a snapshot of this learner, or of another with the same weights."""
        if not isinstance(stream, VideoStream) or len(stream.stages) != len(self._pipeline.stages):
            raise ValueError(f"expected what snapshot() of a {self.variant.name} learner gave, got {_kind(stream)}")
        self._stream = stream

    @property
    def stream_bytes(self) -> int:
        """Memory of the stream [bytes]: past frames, and those that wait for their step."""
        return state_bytes(self._stream.stages)

    def save_streams(self, path: Path | str, streams: Mapping[str, VideoStream], notes: Mapping[str, object]) -> None:
        """Write snapshots by name to a safetensors file, each with a note for JSON. Raises as `video_streams.save`."""
        video_streams.save(streams, self._sizes(), path, notes)

    def load_streams(self, path: Path | str) -> dict[str, tuple[VideoStream, object]]:
        """Snapshots that `save_streams` wrote, each with its note. Raises as `video_streams.load`."""
        return video_streams.load(path, self._sizes())

    def _fresh_stream(self) -> VideoStream:
        like = torch.empty(0, device=self.device)
        return VideoStream(self._pipeline.init_state(1, self.frame_shape, like), 0, 0, None)

    def _sizes(self) -> VideoStreamSizes:
        shapes = self._pipeline.stage_shapes(self.frame_shape)
        owner = StreamOwner(self.variant.name, self.digest())
        return VideoStreamSizes(owner, self._fresh_stream(), shapes, len(self.labels))

    def _infer_frame(self, frame: VideoFrame) -> Category:
        pixels = frame.data if isinstance(frame, Image) else frame
        x = to_input(pixels, self.variant, device=self.device)
        stages, frames, answers, logits = self._stream
        answer, stages = self._pipeline(x.unsqueeze(0), stages)
        if answer is not None:
            answers += 1
            # The first answers describe the time before the first frame.
            logits = answer[0] if answers > self._lag else None
        self._stream = VideoStream(stages, frames + 1, answers, logits)
        field, padding = self.model.timing.receptive_field, self.model.timing.before
        if logits is None:
            return Category(-1, status=Status.WARMING_UP, progress=min(frames + 1, field - padding - 1) / field)
        described = (answers - 1 - self._lag) * self.stride
        return self._score(
            host_array(logits), min(field, field - padding + described) / field, delay=frames - described
        )

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> VideoExamples:
        """Clips of a multiple of the stride, by default as long as the network's authors used."""
        least = self._shortest(config)
        published = least if isinstance(self.variant, PooledVariant) else max(TRAINED, least)
        wanted = published if config.frames is None else config.frames
        if wanted < least:
            raise ValueError(f"{self.variant.name} answers after {least} frames in mode {config.mode!r}, got {wanted}")
        frames = wanted // self.stride * self.stride
        return VideoExamples(dataset, labels, self.variant, frames, self.augment, self.stride)

    def _evaluation_examples(self, examples: Examples, config: TrainConfig) -> VideoExamples:
        """Whole Videos, as `infer` takes them; of long ones the receptive field in the middle."""
        most = max(self.receptive_field, self._shortest(config)) if config.mode == "clip" else sys.maxsize
        most = min(most, config.frames or most)
        return dataclasses.replace(cast(VideoExamples, examples), frames=self._shortest(config), most=most)

    def _shortest(self, config: TrainConfig) -> int:
        """Frames of the shortest clip that has an answer."""
        return least_frames(self.model, config.min_progress) if config.mode == "step" else self.model.shortest_clip

    def _published_classes(self) -> int:
        return video_variant(self.variant.name).classes

    def _network(self) -> VideoNetwork:
        return build_video(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        load_checkpoint(self.model, checkpoint, source)

    def _use(self, network: VideoNetwork, make: StepperFactory) -> None:
        self._running = network
        self._pipeline = Pipeline(network, make, self.frame_shape)
        self._run_with(self._pipeline.steps)  # type: ignore[arg-type]  # they are what `make` made
        self._lag = network.lag_after(0)
        self.reset()

    def _metadata(self, **common: Any) -> Metadata:
        window = self.variant.window if isinstance(self.variant, PooledVariant) else None
        return VideoMetadata(**common, **own_fields(self.variant, VideoMetadata), pool_window=window)

    def _restored(self, saved: Metadata) -> VideoVariant:
        variant = restored(self.variant, saved)
        if isinstance(saved, VideoMetadata) and isinstance(variant, PooledVariant):
            return dataclasses.replace(variant, window=saved.pool_window or variant.window)
        return variant


def _kind(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" {tuple(shape)}" if shape is not None else "")
