"""Base of the learners that run from a bundle, with NumPy and ONNX Runtime alone; torch is not imported."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from co_perception.data.content_sketch import ContentSketch
from co_perception.engine.files import write_files
from co_perception.learners.bundle_file import FILE, FOLDER, Bundle, find_bundle
from co_perception.learners.metadata import FILE as METADATA
from co_perception.learners.metadata import Metadata, saved_folder
from co_perception.learners.options import LearnerOptions
from co_perception.learners.scoring import THRESHOLD, Limit, ScoringLearner
from co_perception.networks.variants import MIN_PROGRESS
from co_perception.runtime.steppers.bundle_step import BundleStep
from co_perception.runtime.steppers.optimized_cache import file_digest
from co_perception.runtime.steppers.options import AUTO, FLOAT32


class BundleLearner(ScoringLearner):
    """Loads a bundle. It has no weights to train: those are changed by the learner that wrote the bundle.

    Args:
        min_progress, threshold: as of `LearnerOptions`; None: those of the model.
        threads: CPU threads of a step; None: `onnx_session.default_threads`.
    """

    kind: ClassVar[type[Metadata]]
    torch_learner: ClassVar[str]  # name of the learner that wrote it
    variant: Any
    labels: tuple[str, ...] = ()
    label_set = ""

    def __init__(self, min_progress: float | None, threshold: Limit | None, threads: int | None) -> None:
        self.options = LearnerOptions(min_progress=min_progress, threshold=threshold, threads=threads)
        self._folder = Path()
        self._bundle: Bundle | None = None
        self._set_limits(MIN_PROGRESS, THRESHOLD)  # until there is a model

    @abstractmethod
    def _record(self, model: Metadata) -> Any:
        """The record of the model's network, as far as its preprocessing needs it."""

    @abstractmethod
    def _run(self, bundle: Bundle, steps: tuple[BundleStep, ...]) -> None:
        """Step by these from now on, of each stage of the network; forget all streams."""

    def load(self, path: Path | str | None = None) -> None:
        """Load a bundle and forget all streams.

        Args:
            path: the name of a shipped model, a model's folder with a bundle in it, or a bundle's folder.

        Raises:
            FileNotFoundError: where there is none.
            ValueError: for a bundle that is damaged, of a later version, of another kind of model, or of other weights
                than those beside it.
            ImportError: without ONNX Runtime.
        """
        given = self._given(path)
        folder = find_bundle(given)
        if folder is None:
            raise FileNotFoundError(f"there is no bundle in {given}: make one with `co-perception bundle {path}`")
        bundle = Bundle.read(folder)
        if not isinstance(bundle.model, self.kind):
            raise ValueError(f"{folder} is of a model of kind {bundle.model.kind!r}, expected {self.kind.kind!r}")
        if folder != given:
            check_owner(bundle, given)
        each = zip(bundle.steps, bundle.programs, strict=True)
        steps = tuple(BundleStep(step, made, bundle.constants, self.options.threads) for step, made in each)
        bundle.constants.release()
        record, trained_on = self._record(bundle.model), ContentSketch.from_text(bundle.model.trained_on)
        # What the steps have made of the programs is enough.
        self._bundle = dataclasses.replace(bundle, programs=())
        self._folder, self.variant, self.trained_on = folder, record, trained_on
        self.labels, self.label_set = bundle.model.labels, record.labels
        self._choose_limits(bundle.model.min_progress, bundle.model.limit)
        self._run(bundle, steps)

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
                f"model's weights with {self.torch_learner} for another"
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

    def _given(self, path: Path | str | None) -> Path:
        """The folder that `load` is to look into. Raises: FileNotFoundError for None where there is no default."""
        if path is None:
            raise FileNotFoundError("a bundle is loaded from its folder: load(path), or load(name of a shipped model)")
        return saved_folder(path)

    @property
    def _loaded(self) -> Bundle:
        self._need_weights()
        assert self._bundle is not None
        return self._bundle

    def _need_weights(self) -> None:
        if self._bundle is None:
            raise RuntimeError("there is no bundle yet: call load(folder of a bundle, or name of a shipped model)")

    def _no_clips(self) -> ValueError:
        return ValueError(
            "a bundle answers frame by frame; whole clips are answered by the model itself, which "
            f"{self.torch_learner} loads"
        )


def check_owner(bundle: Bundle, folder: Path) -> None:
    """Raises: ValueError where a bundle is of another model than the one in whose folder it lies."""
    saved = Metadata.read(folder) if (folder / METADATA).is_file() else None
    if saved is None or not (folder / saved.weights).is_file():
        return  # the bundle alone was copied
    if saved != bundle.model or file_digest(folder / saved.weights) != bundle.weights_sha256:
        raise ValueError(
            f"{folder / FOLDER / FILE} has other weights or settings than {saved.weights} and {METADATA} in {folder}. "
            f"If the model was trained anew, make the bundle anew: `co-perception bundle {folder}`, or remove it. If "
            "one of the files was damaged, copy the whole folder again"
        )
