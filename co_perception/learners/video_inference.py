"""Recognition of the activity in a video stream, frame by frame, whatever steps the network; without torch."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.array_library import Array, library_of
from co_perception.engine.data import Image, Video
from co_perception.engine.stages import StageState
from co_perception.engine.state_tree import fitted, state_bytes
from co_perception.engine.target import Category, Status
from co_perception.learners import video_streams
from co_perception.learners.scoring import ScoringLearner
from co_perception.learners.skeleton_streams import StreamOwner
from co_perception.learners.video_streams import VideoStream, VideoStreamSizes
from co_perception.networks.variants import VideoVariant

VideoFrame = Image | NDArray[np.uint8]
Stages = tuple[StageState, ...]


class VideoStepFacts(NamedTuple):
    """What is known of a network's step, in frames; see `continual.timing.Timing`."""

    stride: int
    receptive_field: int
    padding: int  # frames before the first that the network sees as zeros
    lag: int  # answers that come before the first real one
    stage_shapes: tuple[tuple[int, ...], ...]  # (C, *space) of the frames that each stage is given


class VideoInference(ScoringLearner):
    """One stream of images, and the answers to it. One thread at a time.

    A subclass gives the step of its network, and calls `_begin` before the first frame and whenever the step is
    another.
    """

    variant: VideoVariant

    # What a subclass gives

    @abstractmethod
    def _input(self, pixels: NDArray[np.uint8]) -> Array:
        """The network's input (1, 3, size, size) from an image (H, W, 3)."""

    @abstractmethod
    def _step(self, x: Array, stages: Stages) -> tuple[Array | None, Stages]:
        """Logits (1, classes) after one frame x (1, 3, size, size), None where none are due, and the next state."""

    @abstractmethod
    def _fresh_stages(self) -> Stages:
        """The state of a stream before its first frame."""

    @abstractmethod
    def _host(self, logits: Array) -> NDArray[np.float32]:
        """Logits as NumPy's."""

    @abstractmethod
    def _infer_clip(self, video: Video) -> Category:
        """The answer to a whole clip."""

    @abstractmethod
    def _need_weights(self) -> None:
        """Raises: RuntimeError where there are none."""

    @abstractmethod
    def digest(self) -> str:
        """Digest of weights, class names and preprocessing."""

    def _begin(self, facts: VideoStepFacts) -> None:
        """Forget the stream; from now on the step is one of these facts."""
        self._facts = facts
        self.reset()

    # What a user asks

    @property
    def groups(self) -> tuple[str, ...]:
        return ()

    def infer(self, data: VideoFrame | Sequence[VideoFrame] | Video) -> list[Category]:
        """Answer frames of the stream, or a whole clip.

        Each frame is one tick of the network's clock: give `rate_hz` frames a second, whatever the camera gives. The
        recognizers of `online` and the nodes choose them by their stamps.

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
            return [self._infer_clip(data)]
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
        if not isinstance(stream, VideoStream) or len(stream.stages) != len(self._facts.stage_shapes):
            raise ValueError(f"expected what snapshot() of a {self.variant.name} learner gave, got {_kind(stream)}")
        fresh = self._fresh_stages()
        if library_of(fresh[0].age) is not library_of(stream.stages[0].age):  # from a bundle, or to one
            stream = _adopted(stream, fresh)
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
        return VideoStream(self._fresh_stages(), 0, 0, None)

    def _sizes(self) -> VideoStreamSizes:
        owner = StreamOwner(self.variant.name, self.digest())
        return VideoStreamSizes(owner, self._fresh_stream(), self._facts.stage_shapes, len(self.labels))

    def _infer_frame(self, frame: VideoFrame) -> Category:
        x = self._input(frame.data if isinstance(frame, Image) else frame)
        facts, (stages, frames, answers, logits) = self._facts, self._stream
        answer, stages = self._step(x, stages)
        if answer is not None:
            answers += 1
            # The first answers describe the time before the first frame.
            logits = answer[0] if answers > facts.lag else None
        self._stream = VideoStream(stages, frames + 1, answers, logits)
        field, padding = facts.receptive_field, facts.padding
        if logits is None:
            return Category(-1, status=Status.WARMING_UP, progress=min(frames + 1, field - padding - 1) / field)
        described = (answers - 1 - facts.lag) * facts.stride
        return self._score(
            self._host(logits), min(field, field - padding + described) / field, delay=frames - described
        )


def _adopted(stream: VideoStream, fresh: Stages) -> VideoStream:
    """A stream in the library of another runtime, whose fresh state this is. Raises: as `state_tree.fitted`."""
    like = fresh[0].age
    adopt = library_of(like).adopt
    stages = tuple(
        StageState(
            adopt(given.age, like), tuple(adopt(x, like) for x in given.waiting), fitted(given.layers, own.layers)
        )
        for given, own in zip(stream.stages, fresh, strict=True)
    )
    return stream._replace(stages=stages, logits=None if stream.logits is None else adopt(stream.logits, like))


def _kind(value: object) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (f" {tuple(shape)}" if shape is not None else "")
