"""A skeleton recognizer that runs from a bundle, with NumPy and ONNX Runtime alone; torch is not imported.

    learner = BundleSkeletonLearner()
    learner.load("cotcn_everyday")           # a shipped model, a model's folder with a bundle in it, or a bundle
    [answer] = learner.infer([Pose(joints, "coco17", id="anna")])

It answers as the `ContinualSkeletonLearner` that wrote the bundle, and streams go on in either with the files of the
other.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.content_sketch import ContentSketch
from co_perception.engine.files import write_files
from co_perception.engine.state_tree import State
from co_perception.learners.bundle_file import FILE, FOLDER, Bundle, find_bundle, sha256_of
from co_perception.learners.metadata import FILE as METADATA
from co_perception.learners.metadata import Metadata, SkeletonMetadata, restored, shipped, shipped_names
from co_perception.learners.options import LearnerOptions
from co_perception.learners.scoring import MIN_PROGRESS, THRESHOLD, Limit
from co_perception.learners.skeleton_inference import SkeletonInference, StepFacts
from co_perception.networks.variants_skeleton import COSTGCN_SHORT, COTCN, SkeletonVariant
from co_perception.runtime.pool import WhenFull
from co_perception.runtime.steppers.bundle_step import BundleStep
from co_perception.runtime.steppers.options import AUTO, FLOAT32


class BundleSkeletonLearner(SkeletonInference):
    """Recognizes what people do from their poses, frame by frame; see `SkeletonInference`.

    It has no weights to train: clips are answered, and weights changed, by `ContinualSkeletonLearner`.

    Args:
        capacity: people remembered at once.
        when_full: what happens beyond the capacity, see `StreamPool`.
        min_progress, threshold: as of `LearnerOptions`; None: those of the model.
        threads: CPU threads of a step; None: `onnx_session.default_threads`.
    """

    labels: tuple[str, ...] = ()
    label_set = ""

    def __init__(
        self,
        *,
        capacity: int = 64,
        when_full: WhenFull = "oldest",
        min_progress: float | None = None,
        threshold: Limit | None = None,
        threads: int | None = None,
    ) -> None:
        super().__init__(capacity, when_full)
        self.options = LearnerOptions(min_progress=min_progress, threshold=threshold, threads=threads)
        self.variant, self._folder = COSTGCN_SHORT, Path()
        self._bundle: Bundle | None = None
        self._set_limits(MIN_PROGRESS, THRESHOLD)  # until there is a model

    def load(self, path: Path | str | None = None) -> None:
        """Load a bundle and forget all streams.

        Args:
            path: the name of a shipped model, a model's folder with a bundle in it, or a bundle's folder.

        Raises:
            FileNotFoundError: where there is none.
            ValueError: for a bundle that is damaged, of a later version, or of other weights than those beside it.
            ImportError: without ONNX Runtime.
        """
        if path is None:
            raise FileNotFoundError("a bundle is loaded from its folder: load(path), or load(name of a shipped model)")
        given = shipped(str(path)) if str(path) in shipped_names() else Path(path)
        folder = find_bundle(given)
        if folder is None:
            raise FileNotFoundError(f"there is no bundle in {given}: make one with `co-perception bundle {path}`")
        bundle = Bundle.read(folder)
        if folder != given:
            check_owner(bundle, given)
        step = BundleStep(bundle.step, bundle.programs, bundle.constants, self.options.threads)
        record = record_of(bundle.model)
        trained_on = ContentSketch.from_text(bundle.model.trained_on)
        # What the step has made of them is enough.
        self._bundle = dataclasses.replace(bundle, programs={}, constants={})
        self._folder, self._stepper, self.variant = folder, step, record
        self.labels, self.label_set, self.trained_on = bundle.model.labels, record.labels, trained_on
        self._choose_limits(bundle.model.min_progress, bundle.model.limit)
        facts = StepFacts(step.format.stride, bundle.model.window, bundle.delay, bundle.lag, step.format.frame_shape)
        self._begin(facts, step.format.classes)

    def save(self, path: Path | str) -> None:
        """Write the bundle into the folder `path`."""
        self._need_weights()
        Path(path).mkdir(parents=True, exist_ok=True)
        write_files({Path(path) / file.name: file.read_bytes() for file in self._folder.iterdir() if file.is_file()})

    def optimize(self, backend: str = AUTO, *, precision: str = FLOAT32) -> None:
        """Nothing: a bundle is made for ONNX Runtime. Raises: ValueError for another backend or precision."""
        if backend not in (AUTO, BundleStep.name) or precision != FLOAT32:
            raise ValueError(
                f"a bundle is stepped by {BundleStep.name} in {FLOAT32}, got {backend!r} in {precision!r}: load the "
                "model's weights with ContinualSkeletonLearner for another"
            )

    @property
    def name(self) -> str:
        """Network, label set and digest, those of the learner that wrote the bundle."""
        return self._loaded.name

    def digest(self) -> str:
        return self._loaded.digest

    @property
    def loaded(self) -> bool:
        """Whether there is a bundle."""
        return self._bundle is not None

    @property
    def backend(self) -> str:
        """What steps the network, and how far its answers were off where the bundle was made."""
        off = max(self._loaded.parity.values(), default=0.0)
        return f"{BundleStep.name} in {FLOAT32} from a bundle, within {off:.1g} of the network where it was made"

    @property
    def rate_hz(self) -> float:
        """Frames per second of the clips the network was trained on."""
        return float(self.variant.rate_hz)

    @property
    def receptive_field(self) -> int:
        """Frames that an answer is computed from."""
        return self._loaded.model.window

    @property
    def stride(self) -> int:
        """Frames between answers."""
        return self._loaded.model.stride

    @property
    def _loaded(self) -> Bundle:
        self._need_weights()
        assert self._bundle is not None
        return self._bundle

    def _need_weights(self) -> None:
        if self._bundle is None:
            raise RuntimeError("there is no bundle yet: call load(folder of a bundle, or name of a shipped model)")

    def _step(self, x: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], State]:
        return self._stepper(x, state)

    def _fresh_state(self, streams: int) -> State:
        return self._stepper.init_state(streams)

    def _classify(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        raise ValueError(
            "a bundle answers frame by frame, infer([Pose(...)]); whole clips are answered by the model itself, which "
            "ContinualSkeletonLearner loads"
        )


def record_of(model: Metadata) -> SkeletonVariant:
    """The record of a skeleton network, as far as its preprocessing needs it. Raises: ValueError for another kind."""
    if not isinstance(model, SkeletonMetadata):
        raise ValueError(f"the bundle is of a learner of kind {model.kind!r}, expected one of skeletons")
    like = COTCN if model.dilations else COSTGCN_SHORT
    return restored(dataclasses.replace(like, name=model.network), model)


def check_owner(bundle: Bundle, folder: Path) -> None:
    """Raises: ValueError where a bundle is of another model than the one in whose folder it lies."""
    saved = Metadata.read(folder) if (folder / METADATA).is_file() else None
    if saved is None or not (folder / saved.weights).is_file():
        return  # the bundle alone was copied
    if saved != bundle.model or sha256_of(folder / saved.weights) != bundle.weights_sha256:
        raise ValueError(
            f"{folder / FOLDER / FILE} is of other weights or settings than those in {folder}: make it anew with "
            f"`co-perception bundle {folder}`, or remove it"
        )
