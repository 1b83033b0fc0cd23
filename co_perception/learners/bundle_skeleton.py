"""A skeleton recognizer that runs from a bundle, with NumPy and ONNX Runtime alone; torch is not imported.

    learner = BundleSkeletonLearner()
    learner.load("cotcn_everyday")           # a shipped model, a model's folder with a bundle in it, or a bundle
    [answer] = learner.infer([Pose(joints, "coco17", id="anna")])

It answers as the `ContinualSkeletonLearner` that wrote the bundle, and streams go on in either with the files of the
other.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.state_tree import State
from co_perception.learners.bundle_file import Bundle
from co_perception.learners.bundle_learner import BundleLearner
from co_perception.learners.metadata import Metadata, SkeletonMetadata, restored
from co_perception.learners.scoring import Limit
from co_perception.learners.skeleton_inference import SkeletonInference, StepFacts
from co_perception.networks.variants_skeleton import COSTGCN_SHORT, COTCN, SkeletonVariant
from co_perception.runtime.pool import WhenFull
from co_perception.runtime.steppers.bundle_step import BundleStep


class BundleSkeletonLearner(BundleLearner, SkeletonInference):
    """Recognizes what people do from their poses, frame by frame; see `SkeletonInference`.

    Args:
        capacity: people remembered at once.
        when_full: what happens beyond the capacity, see `StreamPool`.
        min_progress, threshold, threads: as of `BundleLearner`.
    """

    kind = SkeletonMetadata
    torch_learner = "ContinualSkeletonLearner"
    variant: SkeletonVariant

    def __init__(
        self,
        *,
        capacity: int = 64,
        when_full: WhenFull = "oldest",
        min_progress: float | None = None,
        threshold: Limit | None = None,
        threads: int | None = None,
    ) -> None:
        SkeletonInference.__init__(self, capacity, when_full)
        self.variant = COSTGCN_SHORT
        BundleLearner.__init__(self, min_progress, threshold, threads)

    def _record(self, model: Metadata) -> SkeletonVariant:
        like = COTCN if isinstance(model, SkeletonMetadata) and model.dilations else COSTGCN_SHORT
        return restored(dataclasses.replace(like, name=model.network), model)

    def _run(self, bundle: Bundle, steps: tuple[BundleStep, ...]) -> None:
        if len(steps) != 1:
            raise ValueError(f"a skeleton network is stepped as one, this bundle has {len(steps)} stages")
        [self._stepper] = steps
        step = self._stepper.format
        facts = StepFacts(step.stride, bundle.model.window, bundle.delay, bundle.lag, step.frame_shape)
        self._begin(facts, len(bundle.model.labels))

    def _step(self, x: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        return self._stepper(x, state)

    def _fresh_state(self, streams: int) -> State:
        return self._stepper.init_state(streams)

    def _classify(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        raise self._no_clips()
