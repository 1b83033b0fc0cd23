"""Skeleton-based activity recognition, frame by frame and person by person, under OpenDR's learner interface."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from co_perception.continual.layer import TIME
from co_perception.engine.state_tree import State
from co_perception.learners.base import NetworkVariant, StepperFactory, host_array
from co_perception.learners.bundle_writer import SkeletonNetwork, make_bundle
from co_perception.learners.metadata import Metadata, SkeletonMetadata, restored
from co_perception.learners.options import OptionKeywords
from co_perception.learners.pose_examples import AUGMENT, PoseExamples
from co_perception.learners.skeleton_inference import SkeletonInference, StepFacts
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.networks import stgcn, temporal
from co_perception.networks.checkpoints import unwrap
from co_perception.networks.gallery import CoGallery
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants_skeleton import (
    SKELETON_VARIANTS,
    GalleryVariant,
    SkeletonVariant,
    TemporalVariant,
    skeleton_variant,
)
from co_perception.runtime.pool import WhenFull
from co_perception.skeletons.body import PARTS
from co_perception.training.augment import SkeletonAugment
from co_perception.training.config import TrainConfig
from co_perception.training.examples import Examples

if TYPE_CHECKING:
    from typing import Unpack  # from Python 3.11 on


class ContinualSkeletonLearner(TrainableLearner, SkeletonInference):
    """Recognizes what people do from their poses; every frame is answered with the latest scores.

    What its streams and answers are is described in `SkeletonInference`.

    Args:
        network: name of a skeleton network, or a record of one's own.
        layout: joints of the network, where they are not to be those of the record. Poses of any layout are accepted
            and mapped by joint name.
        persons: of the network, where they are not to be those of the record.
        capacity: people remembered at once.
        when_full: what happens beyond the capacity, see `StreamPool`.
        augment: random changes of examples in `fit`, None for none.
        needs: parts of the body that a label needs, such as ("hip", "knee"), see `skeletons.body.whole`; none: (). The
            default is what the model was trained with: `fit` leaves out parts that most of its frames do not show.
        options: the fields of `LearnerOptions`.
    """

    kind = SkeletonMetadata
    model: SkeletonNetwork
    variant: SkeletonVariant

    def __init__(
        self,
        network: str | SkeletonVariant = "costgcn_short",
        *,
        layout: str | None = None,
        persons: int | None = None,
        capacity: int = 64,
        when_full: WhenFull = "oldest",
        augment: SkeletonAugment | None = AUGMENT,
        needs: Sequence[str] | None = None,
        **options: Unpack[OptionKeywords],
    ) -> None:
        SkeletonInference.__init__(self, capacity, when_full)
        self.augment = augment
        self._needs = None if needs is None else tuple(needs)
        TrainableLearner.__init__(
            self, self._with_needs(skeleton_variant(network, layout=layout, persons=persons)), **options
        )

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """(C, V, M) of an input frame."""
        return self.model.frame_shape

    def bundle(self, path: Path | str) -> None:
        """Write a bundle, with which a robot runs this recognizer without torch: `BundleSkeletonLearner`.

        Raises:
            RuntimeError: where there are no weights yet, or the programs answer otherwise than the network.
            UnsupportedOperationError, ImportError: where there is no program of the network.
        """
        metadata, weights = self.saved_content()
        network = copy.deepcopy(self.model).cpu().eval()
        make_bundle(network, self.variant, metadata, self.digest(), sha256(weights).hexdigest()).write(Path(path))

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> PoseExamples:
        frames = config.frames if config.mode == "step" else None
        return PoseExamples(dataset, labels, self.labels, self.variant, self.augment, frames)

    def _note_training(self, examples: Examples) -> None:
        if self._needs is None and isinstance(examples, PoseExamples):
            self.variant = dataclasses.replace(self.variant, needs=examples.parts(PARTS))

    def _restored(self, saved: Metadata) -> SkeletonVariant:
        return self._with_needs(restored(self.variant, saved))

    def _begun_variant(self, source: NetworkVariant) -> SkeletonVariant:
        """A causal temporal network has the sizes of the one that it begins with: they differ between models."""
        if not (isinstance(self.variant, TemporalVariant) and isinstance(source, TemporalVariant)):
            return self.variant
        sizes = {name: getattr(source, name) for name in ("width", "dilations", "kernel", "body_memory")}
        return dataclasses.replace(self.variant, **sizes)

    def _with_needs(self, variant: SkeletonVariant) -> SkeletonVariant:
        return variant if self._needs is None else dataclasses.replace(variant, needs=self._needs)

    def _network(self) -> SkeletonNetwork:
        if isinstance(self.variant, GalleryVariant):
            return CoGallery(self.variant)
        return CoTcn(self.variant) if isinstance(self.variant, TemporalVariant) else CoStGcn(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        if isinstance(self.model, CoGallery):
            self.model.load_weights(unwrap(checkpoint), f"{source} is not for {self.variant.name}")
        elif isinstance(self.model, CoTcn):
            temporal.load_checkpoint(self.model, checkpoint, source)
        else:
            stgcn.load_checkpoint(self.model, checkpoint, source)

    def _use(self, network: SkeletonNetwork, make: StepperFactory) -> None:
        self._running, self._stepper = network, make(network, network.frame_shape)
        self._run_with([self._stepper])
        self._begin(step_facts(network), self.variant.classes)

    def _step(self, x: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        y, state = self._stepper(torch.from_numpy(x).to(self.device), state)
        return host_array(y.squeeze(TIME)), state

    def _fresh_state(self, streams: int) -> State:
        return self._stepper.init_state(streams)

    @torch.no_grad()
    def _classify(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return host_array(self._running.classify(torch.from_numpy(x).to(self.device)[None])[0])

    def _published_classes(self) -> int:
        return SKELETON_VARIANTS.get(self.variant.name, self.variant).classes


def step_facts(network: SkeletonNetwork) -> StepFacts:
    """What `SkeletonInference` has to know of a network."""
    timing = network.timing
    return StepFacts(timing.stride, timing.receptive_field, timing.delay, network.lag_after(0), network.frame_shape)
