"""A video recognizer that runs from a bundle, with NumPy and ONNX Runtime alone; torch is not imported.

    learner = BundleVideoLearner()           # its bundle is made by: co-perception bundle coi3d_inception
    learner.load()
    [answer] = learner.infer(frame)          # (H, W, 3) uint8, RGB

It answers as the `ContinualVideoLearner` that wrote the bundle, and streams go on in either with the files of the
other.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Video
from co_perception.engine.target import Category
from co_perception.learners.bundle_file import Bundle
from co_perception.learners.bundle_learner import BundleLearner
from co_perception.learners.metadata import Metadata, VideoMetadata, restored
from co_perception.learners.preprocess_image import image_input
from co_perception.learners.scoring import Limit
from co_perception.learners.video_inference import Stages, VideoInference, VideoStepFacts
from co_perception.learners.weights import bundle_path_of
from co_perception.networks.variants import COI3D_INCEPTION, VideoVariant, video_variant
from co_perception.runtime.steppers.bundle_step import BundlePipeline, BundleStep


class BundleVideoLearner(BundleLearner, VideoInference):
    """Recognizes the activity in a video stream; see `VideoInference`.

    Args:
        network: whose published weights `load()` without a path takes the bundle of.
        min_progress, threshold, threads: as of `BundleLearner`.
    """

    kind = VideoMetadata
    torch_learner = "ContinualVideoLearner"
    variant: VideoVariant

    def __init__(
        self,
        network: str = "coi3d_inception",
        *,
        min_progress: float | None = None,
        threshold: Limit | None = None,
        threads: int | None = None,
    ) -> None:
        self.variant = video_variant(network)
        BundleLearner.__init__(self, min_progress, threshold, threads)

    def _given(self, path: Path | str | None) -> Path:
        if path is None and self.variant.weights:
            return bundle_path_of(self.variant.name, self.variant.weights)
        return super()._given(path)

    def _record(self, model: Metadata) -> VideoVariant:
        return restored(dataclasses.replace(COI3D_INCEPTION, name=model.network, weights=None), model)

    def _run(self, bundle: Bundle, steps: tuple[BundleStep, ...]) -> None:
        if steps[0].format.frame_shape != self.variant.frame_shape:
            raise ValueError(f"the bundle takes frames {steps[0].format.frame_shape}, its model {self.variant.size}")
        self._pipeline = BundlePipeline(steps)
        shapes = tuple(step.format.frame_shape for step in steps)
        self._begin(VideoStepFacts(bundle.model.stride, bundle.model.window, bundle.padding, bundle.lag, shapes))

    def _input(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return image_input(pixels, self.variant)[None]

    def _step(self, x: NDArray[np.float32], stages: Stages) -> tuple[NDArray[np.float32] | None, Stages]:
        return self._pipeline(x, stages)

    def _fresh_stages(self) -> Stages:
        return self._pipeline.init_state(1)

    def _host(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits

    def _infer_clip(self, video: Video) -> Category:
        raise self._no_clips()
