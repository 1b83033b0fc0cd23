"""Video activity recognition, frame by frame, under OpenDR's learner interface."""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from co_perception.continual.pipeline import Pipeline
from co_perception.engine.data import Video
from co_perception.engine.target import Category, Status
from co_perception.learners.base import StepperFactory, host_array
from co_perception.learners.bundle_writer import make_video_bundle
from co_perception.learners.metadata import Metadata, VideoMetadata, own_fields, restored
from co_perception.learners.options import OptionKeywords
from co_perception.learners.preprocess_video import VideoExamples, clip_frames, clip_input, to_input
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.learners.video_inference import Stages, VideoInference, VideoStepFacts
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import PooledVariant, VideoVariant, video_variant
from co_perception.networks.video import VideoNetwork
from co_perception.training.augment import ClipAugment
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Examples
from co_perception.training.modes import least_frames

if TYPE_CHECKING:
    from typing import Unpack  # from Python 3.11 on

TRAINED = 64  # frames of a training clip where the network has no window, as Inception-I3D was trained


class ContinualVideoLearner(TrainableLearner, VideoInference):
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
        TrainableLearner.__init__(self, video_variant(network, window=window), **options)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(3, H, W) of an input frame."""
        return self.variant.frame_shape

    def bundle(self, path: Path | str) -> None:
        """Write a bundle, with which a robot runs this recognizer without torch: `BundleVideoLearner`.

        Raises:
            RuntimeError: where there are no weights yet, or the programs answer otherwise than the network.
            UnsupportedOperationError, ImportError: where there is no program of the network.
        """
        metadata, weights = self.saved_content()
        network = copy.deepcopy(self.model).cpu().eval()
        make_video_bundle(network, metadata, self.digest(), sha256(weights).hexdigest()).write(Path(path))

    @torch.no_grad()
    def _infer_clip(self, video: Video) -> Category:
        frames = clip_frames(video, self.variant, self.model.shortest_clip)
        whole = len(frames) // self.stride * self.stride
        inputs = clip_input(frames[:whole], self.variant, device=self.device)
        logits = self._running.classify(inputs.unsqueeze(0))[0]
        real = min(1.0, (video.rate_hz or self.rate_hz) / self.rate_hz)  # of a slower clip frames are repeated
        answer = self._score(host_array(logits), real * min(whole / self.receptive_field, 1.0))
        enough = real >= self.min_progress
        return dataclasses.replace(answer, status=Status.VALID if enough else Status.WARMING_UP)

    def _input(self, pixels: NDArray[np.uint8]) -> Tensor:
        return to_input(pixels, self.variant, device=self.device).unsqueeze(0)

    @torch.no_grad()
    def _step(self, x: Tensor, stages: Stages) -> tuple[Tensor | None, Stages]:
        return self._pipeline(x, stages)

    def _fresh_stages(self) -> Stages:
        return self._pipeline.init_state(1, self.frame_shape, torch.empty(0, device=self.device))

    def _host(self, logits: Tensor) -> NDArray[np.float32]:
        return host_array(logits)

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
        self._begin(video_step_facts(network, self._pipeline))

    def _metadata(self, **common: Any) -> Metadata:
        window = self.variant.window if isinstance(self.variant, PooledVariant) else None
        return VideoMetadata(**common, **own_fields(self.variant, VideoMetadata), pool_window=window)

    def _restored(self, saved: Metadata) -> VideoVariant:
        variant = restored(self.variant, saved)
        if isinstance(saved, VideoMetadata) and isinstance(variant, PooledVariant):
            return dataclasses.replace(variant, window=saved.pool_window or variant.window)
        return variant


def video_step_facts(network: VideoNetwork, pipeline: Pipeline) -> VideoStepFacts:
    """What `VideoInference` has to know of a network that is stepped by this pipeline."""
    timing, shapes = network.timing, pipeline.stage_shapes(network.variant.frame_shape)
    return VideoStepFacts(timing.stride, timing.receptive_field, timing.before, network.lag_after(0), tuple(shapes))
