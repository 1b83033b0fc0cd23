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
from safetensors.torch import save as to_bytes
from torch import Tensor

from co_perception.continual.layer import Streaming
from co_perception.continual.pipeline import Pipeline
from co_perception.engine.data import Video
from co_perception.engine.target import Category, Status
from co_perception.learners import weights
from co_perception.learners.base import StepperFactory, host_array
from co_perception.learners.bundle_writer import make_video_bundle
from co_perception.learners.head_examples import HeadExamples, Progress, head_examples
from co_perception.learners.metadata import MOST, Metadata, VideoMetadata, own_fields, restored
from co_perception.learners.options import OptionKeywords
from co_perception.learners.preprocess_video import VideoExamples, clip_frames, clip_input, to_input
from co_perception.learners.scoring import THRESHOLD
from co_perception.learners.stream_features import FeatureExtractor, trunk_digest
from co_perception.learners.trainable import Pairs, TrainableLearner
from co_perception.learners.video_inference import Stages, VideoInference, VideoStepFacts
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.heads import STANDARD, build_head
from co_perception.networks.inception import published_names
from co_perception.networks.oadtr import Standardize
from co_perception.networks.variants import (
    CENTER,
    HEADS,
    LINEAR,
    HeadVariant,
    MovinetVariant,
    PooledVariant,
    VideoVariant,
    video_variant,
)
from co_perception.networks.video import HEAD, VideoNetwork
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

    With `head` the published classifier makes way for a head on the features of the network, its trunk. In mode "head"
    of the settings `fit` trains that alone: features are computed once and stored in `features`, an attribute (None:
    the package's store), and `progress`, another, gets what is done, in frames. `save` writes the head and the name of
    the trunk where that has published weights, and all weights else.

    Args:
        network: name of a video network.
        window: frames that its head averages, where that is a choice; None: the published clip length.
        head: kind of the head, one of `networks.variants.HEADS`, or its record; None: the published classifier.
        crop: what of a frame the network sees, one of `networks.variants.CROPS`; it is saved with the model.
        options: the fields of `LearnerOptions`.
    """

    kind = VideoMetadata
    model: VideoNetwork
    variant: VideoVariant
    augment = ClipAugment()
    features: Path | None = None
    progress: Progress | None = None
    _trunk_reference = ("", "")  # published weights that are the trunk's, and its digest; empty: others, or not known

    def __init__(
        self,
        network: str = "coi3d_inception",
        *,
        window: int | None = None,
        head: str | HeadVariant | None = None,
        crop: str = CENTER,
        **options: Unpack[OptionKeywords],
    ) -> None:
        record = HeadVariant(head) if isinstance(head, str) else head
        variant = dataclasses.replace(video_variant(network, window=window, head=record), crop=crop)
        TrainableLearner.__init__(self, variant, **options)
        if record is not None:  # an answer stands when the trunk's field is full, however far the head looks back
            self._choose_limits(
                variant.min_progress * self.model.trunk.receptive_field / self.receptive_field, THRESHOLD
            )

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

    def saved_content(self) -> tuple[Metadata, bytes]:
        metadata, content = super().saved_content()
        if isinstance(metadata, VideoMetadata) and metadata.trunk:
            own = {name: each.contiguous() for name, each in self.model.state_dict().items() if name.startswith(HEAD)}
            content = to_bytes(own)
        return metadata, content

    def classifier_names(self) -> set[str]:
        if self.variant.head is None:
            return super().classifier_names()
        return {name for name in self.model.state_dict() if name.startswith(f"{HEAD}.")}

    def start_from(self, path: Path | str | None = None, *, classes: int | None = None) -> None:
        super().start_from(path, classes=classes)
        if path is None and self.variant.head and self.variant.weights:
            self._trunk_reference = (self.variant.weights, trunk_digest(self.model))

    def _training_network(self, config: TrainConfig, examples: Examples) -> Streaming:
        if not isinstance(examples, HeadExamples):
            return super()._training_network(config, examples)
        if not (self._loaded or self.begun):
            raise ValueError(
                "mode 'head' trains a head on features of a trunk, and this one has random weights: start_from() takes "
                "the published ones, start_from(path) those of a model"
            )
        if self._loaded:
            return copy.deepcopy(self.model.classifier_head).requires_grad_(True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            head = build_head(cast(HeadVariant, self.variant.head), examples.rows().shape[1], self.variant.classes)
        cast(Standardize, head.get_submodule(STANDARD)).measure(torch.from_numpy(examples.rows()))
        return head.requires_grad_(True)

    def _trained_part(self, config: TrainConfig) -> Streaming:
        if config.mode != "head":
            return self.model
        if self.variant.head is None:
            raise ValueError(
                f"mode 'head' trains a head on features, and this learner has the classifier of {self.variant.name}: "
                f"build it with head= one of {', '.join(HEADS)}"
            )
        return self.model.classifier_head

    def _head_examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> HeadExamples:
        extractor = FeatureExtractor(self.model, self.device, self.features)
        head = cast(HeadVariant, self.variant.head)
        context = 0 if head.kind == LINEAR else head.window
        return head_examples(dataset, labels, extractor, config.min_progress, context, self.progress)

    def _examples(self, dataset: Pairs, labels: Sequence[int], config: TrainConfig) -> Examples:
        """Clips of a multiple of the stride, by default as long as the network's authors used; or their features."""
        if config.mode == "head":
            self._trained_part(config)
            return self._head_examples(dataset, labels, config)
        least = self._shortest(config)
        published = max(self.variant.window if isinstance(self.variant, PooledVariant) else TRAINED, least)
        wanted = published if config.frames is None else config.frames
        if wanted < least:
            raise ValueError(f"{self.variant.name} answers after {least} frames in mode {config.mode!r}, got {wanted}")
        frames = wanted // self.stride * self.stride
        return VideoExamples(dataset, labels, self.variant, frames, self.augment, self.stride)

    def _evaluation_examples(self, examples: Examples, config: TrainConfig) -> Examples:
        """Whole Videos, as `infer` takes them; of long ones the receptive field in the middle."""
        if isinstance(examples, HeadExamples):
            return examples
        most = max(self.receptive_field, self._shortest(config)) if config.mode == "clip" else sys.maxsize
        most = min(most, config.frames or most)
        return dataclasses.replace(cast(VideoExamples, examples), frames=self._shortest(config), most=most)

    def _shortest(self, config: TrainConfig) -> int:
        """Frames of the shortest clip that has an answer."""
        return least_frames(self.model, config.min_progress) if config.mode == "step" else self.model.shortest_clip

    def _published_classes(self) -> int:
        return video_variant(self.variant.name).classes

    def _source_variant(self, classes: int) -> VideoVariant:
        return dataclasses.replace(self.variant, classes=classes, head=None)

    def _network(self) -> VideoNetwork:
        return build_video(self.variant)

    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        name, digest = self._trunk_reference
        if not name or not all(each.startswith(f"{HEAD}.") for each in checkpoint):
            load_checkpoint(self.model, checkpoint, source)
            return
        trunk, own = weights.read_checkpoint(weights.locate_converted(name)), self.model.trunk.state_dict()
        named = {each: value for each, value in published_names(trunk).items() if each in own}
        load_checkpoint(self.model, {**named, **checkpoint}, source)
        if trunk_digest(self.model) != digest:
            raise ValueError(
                f"{source} has a head on a trunk of digest {digest}, and {name} in the store gives "
                f"{trunk_digest(self.model)}: fetch the weights that it was trained on, or train the head again"
            )

    def _use(self, network: VideoNetwork, make: StepperFactory) -> None:
        self._running = network
        self._pipeline = Pipeline(network, make, self.frame_shape)
        self._run_with(self._pipeline.steps)  # type: ignore[arg-type]  # they are what `make` made
        self._begin(video_step_facts(network, self._pipeline))

    def _meaning(self) -> dict[str, Any]:
        """Crop and window are left out where they are as published, which digests of earlier versions do not name."""
        meaning, head = super()._meaning(), self.variant.head
        if self.variant.crop == CENTER:
            del meaning["crop"]
        published = video_variant(self.variant.name)
        if isinstance(self.variant, PooledVariant) and self.variant.window != getattr(published, "window", None):
            meaning["pool_window"] = self.variant.window
        return meaning if head is None else meaning | {"head": [head.kind, head.width, head.window, head.depth]}

    def _metadata(self, **common: Any) -> Metadata:
        head, own = self.variant.head, own_fields(self.variant, VideoMetadata)
        window = self.variant.window if isinstance(self.variant, PooledVariant) else None
        if head is None:
            return VideoMetadata(**common, **own, pool_window=window)
        trunk, digest = self._trunk_reference
        if digest != trunk_digest(self.model):  # it was trained too
            trunk = digest = ""
        return VideoMetadata(
            **common, **own, pool_window=window, head_kind=head.kind, head_width=head.width, head_window=head.window,
            head_depth=head.depth, head_dropout=head.dropout, trunk=trunk, trunk_digest=digest,
        )  # fmt: skip

    def _restored(self, saved: Metadata) -> VideoVariant:
        variant = restored(self.variant, saved)
        if not isinstance(saved, VideoMetadata):
            return variant
        if isinstance(variant, PooledVariant):
            window = variant.window if saved.pool_window is None else saved.pool_window
            if window < 1:
                raise ValueError(f"pool_window is a number of frames, got {window}")
            if window > MOST and not isinstance(variant, MovinetVariant):  # which keeps a sum, the others the frames
                raise ValueError(f"pool_window has {window}, of a network that keeps at most {MOST} frames")
            variant = dataclasses.replace(variant, window=window)
        self._trunk_reference = saved.trunk, saved.trunk_digest
        size = saved.head_kind, saved.head_width, saved.head_window, saved.head_depth, saved.head_dropout
        return dataclasses.replace(variant, head=HeadVariant(*size) if saved.head_kind else None)

    def _file_needs(self, saved: Metadata) -> set[str]:
        names = super()._file_needs(saved)
        return {name for name in names if name.startswith(f"{HEAD}.")} if getattr(saved, "trunk", "") else names


def video_step_facts(network: VideoNetwork, pipeline: Pipeline) -> VideoStepFacts:
    """What `VideoInference` has to know of a network that is stepped by this pipeline."""
    timing, shapes = network.timing, pipeline.stage_shapes(network.variant.frame_shape)
    return VideoStepFacts(timing.stride, timing.receptive_field, timing.before, network.lag_after(0), tuple(shapes))
