"""Base of the learners with one streaming network: options, weights, class names, and answers from scores."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save as to_bytes
from torch import Tensor

from co_perception.continual.layer import Streaming
from co_perception.continual.norm import fold_batch_norm
from co_perception.data.content_sketch import ContentSketch
from co_perception.data.parsing import parse_errors
from co_perception.engine.files import write_files
from co_perception.engine.label_groups import names_of
from co_perception.engine.target import label_set_name
from co_perception.engine.target import labels as read_labels
from co_perception.learners import weights
from co_perception.learners.metadata import FILE, Metadata, own_fields, restored, saved_folder
from co_perception.learners.options import LearnerOptions, OptionKeywords
from co_perception.learners.scoring import THRESHOLD, ScoringLearner
from co_perception.networks.variants import VideoVariant
from co_perception.networks.variants_features import FeatureVariant
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.runtime.steppers.choose import TOLERANCE, difference, stepper
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.options import AUTO, FLOAT32, StepOptions
from co_perception.runtime.steppers.stepper import EagerStepper, Stepper
from co_perception.runtime.trim_memory import trim_memory

if TYPE_CHECKING:
    from typing import Unpack  # from Python 3.11 on

NetworkVariant = VideoVariant | SkeletonVariant | FeatureVariant
StepperFactory = Callable[..., Stepper]  # of (network, shape of its frames, lag)
NARROWER = 200  # times as many numbers as a pruned network, of one in fourteen channels, may have been pruned from
OWN = "own"  # label set of classes that the caller named


class NetworkLearner(ScoringLearner):
    """A learner around one streaming network, `model`, built from its record, `variant`, and from `LearnerOptions`.

    The interface is that of OpenDR (Passalis et al., arXiv:2203.00403). Weights come with `load` or `fit`, never in the
    constructor.
    """

    kind: ClassVar[type[Metadata]]
    model: Streaming
    variant: NetworkVariant
    pruned = False  # layers are narrower than the record says
    trained_on = ContentSketch.of(())  # what the recordings showed that the weights were trained on; empty: not known
    _name = ""  # computed when it is first asked for: a digest takes a tenth of a second

    def __init__(self, variant: NetworkVariant, **options: Unpack[OptionKeywords]) -> None:
        self.options = LearnerOptions(**options)
        self.threads = self.options.threads
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        self.device = torch.device(self.options.device)
        self.variant, self.label_set, classes = variant, variant.labels, self.options.classes
        if classes is None:
            self.labels = read_labels(self.label_set) if self.label_set else ()
        else:
            names = tuple(classes)
            if len(names) < 2 or len(set(names)) < len(names) or isinstance(classes, str):
                raise ValueError(f"classes are at least two different names, got {classes!r}")
            self.labels, self.label_set = names, label_set_name(OWN, names)
            self.variant = dataclasses.replace(variant, classes=len(names), labels=self.label_set)
        self._choose_limits(variant.min_progress, THRESHOLD)
        self._build()

    @abstractmethod
    def _network(self) -> Streaming:
        """The network of `variant`, with random weights."""

    @abstractmethod
    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        """Put a checkpoint's tensors into `model`, all of them or none. Raises: ValueError that names `source`."""

    @abstractmethod
    def _use(self, network: Any, make: StepperFactory) -> None:
        """Run this network, which is `model` or an equivalent of it, in steppers from `make`; forget all streams."""

    @property
    def name(self) -> str:
        """Network, label set and `digest`, as `/activity` names its recognizer; without weights no digest.

        "costgcn_short/own@1f0c2a6b9d3e4857": two trainings of one network never share a name.
        """
        if not self._name:
            named = f"{self.variant.name}/{self.label_set.partition('@')[0]}"
            if not self._loaded:
                return named
            self._name = f"{named}@{self.digest()}"
        return self._name

    def digest(self) -> str:
        """Digest of weights, class names and preprocessing, which together say what a score means; 16 hex digits."""
        meaning = [self.variant.name, self.labels, self.rate_hz, self._meaning()]
        digest = hashlib.sha256(json.dumps(meaning, sort_keys=True).encode())
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()[:16]

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each label; empty where all are one group, see `engine.label_groups`."""
        return tuple(getattr(self.variant, "groups", ()))

    @property
    def receptive_field(self) -> int:
        """Frames that an answer is computed from."""
        return self.model.receptive_field

    @property
    def stride(self) -> int:
        """Frames between answers."""
        return self.model.timing.stride

    @property
    def rate_hz(self) -> float:
        """Frames per second of the clips the network was trained on."""
        return float(self.variant.rate_hz)

    @property
    def loaded(self) -> bool:
        """Whether there are weights: loaded or trained."""
        return self._loaded

    @property
    @abstractmethod
    def frame_shape(self) -> tuple[int, ...]:
        """(C, *space) of an input frame."""

    def download(self, path: Path | str | None = None, *, trust_first: bool = False) -> None:
        """Fetch, verify and convert the published weights. The only method that uses the Internet.

        Args:
            path: folder that takes the learner as `save` writes it; None: the local store alone.
            trust_first: take the file, and pin its checksum, where its authors have published none.

        Raises:
            As `weights.prepare`.
        """
        source = weights.prepare(self._asset(), trust=(lambda *what: True) if trust_first else None)
        if path is not None:
            self._read(source)
            self.save(path)

    def load(self, path: Path | str | None = None) -> None:
        """Load weights and reset all streams.

        Args:
            path: a folder that `save` or `fit` wrote, the name of a shipped model or of published weights in the local
                store, or a checkpoint file (`.pyth`, `.ckpt`, `.pth`, `.safetensors`); None: the weights that are the
                network's own.

        Raises:
            FileNotFoundError: says how to get what is missing.
            ValueError: for weights of another network.
        """
        if path is None or weights.is_published(path) or Path(path).is_file():
            self._read(self._checkpoint_file(path))
            self.trained_on = ContentSketch.of(())
            return
        path = saved_folder(path)
        saved = Metadata.read(path)
        if saved.network != self.variant.name or not isinstance(saved, self.kind):
            raise ValueError(
                f"{path} holds {saved.network}, this learner is {self.variant.name}: "
                f"{type(self).__name__}({saved.network!r})"
            )
        self.variant, self.pruned = self._restored(saved), saved.pruned
        self.labels, self.label_set = saved.labels, self.variant.labels
        self._choose_limits(saved.min_progress, saved.limit)
        file = path / saved.weights
        with torch.device("meta"):  # a damaged record may describe more than the memory holds: none is built then
            names = self._file_needs(saved)
            needs = sum(value.numel() for name, value in self._network().named_parameters() if name in names)
        if file.is_file() and needs > file.stat().st_size * (NARROWER if self.pruned else 1):
            raise ValueError(f"{file} is too small for the network of {needs} numbers that the JSON describes")
        with parse_errors(path / FILE, "what a learner's save() wrote"):
            trained_on = ContentSketch.from_text(saved.trained_on)
        self._build()
        self._read(file)
        self.trained_on = trained_on

    def save(self, path: Path | str) -> None:
        """Write weights and metadata into the folder `path`; a second save replaces the first."""
        folder = Path(path)
        metadata, content = self.saved_content()
        folder.mkdir(parents=True, exist_ok=True)
        write_files({folder / metadata.weights: content, folder / FILE: metadata.to_json().encode()})

    def saved_content(self) -> tuple[Metadata, bytes]:
        """The metadata and the file of weights that `save` writes."""
        self._need_weights()
        metadata = self._metadata(
            network=self.variant.name,
            labels=self.labels,
            label_set=self.label_set,
            rate_hz=self.rate_hz,
            window=self.receptive_field,
            stride=self.stride,
            min_progress=self.min_progress,
            threshold=self.threshold,
            thresholds=tuple(self.thresholds[name] for name in names_of(self.groups)) if self.thresholds else (),
            pruned=self.pruned,
            trained_on=self.trained_on.to_text(),
        )
        return metadata, to_bytes({name: value.contiguous() for name, value in self.model.state_dict().items()})

    def optimize(self, backend: str = AUTO, *, threads: int | None = None, precision: str = FLOAT32) -> None:
        """Step by the fastest backend on this machine; answers stay the network's to 1e-4. Resets all streams.

        Args:
            backend: one of `runtime.steppers.options.BACKENDS`, or "auto", which falls back to the network itself
                where nothing else works.
            threads: of the backend; None: the learner's.
            precision: "float32"; with any other answers change.

        The property `backend` says which was taken, why, and how far its answers are off.

        Raises:
            As `runtime.steppers.choose.stepper`.
            RuntimeError: where there are no weights yet.
        """
        self._need_weights()
        folded = fold_batch_norm(self.model)
        off = difference(EagerStepper(folded, self.frame_shape), network=self.model)
        if not off <= TOLERANCE:
            raise RuntimeError(f"the folded network differs by {off:.2g} of the largest number; it is not used")

        def make(network: Streaming, shape: tuple[int, ...], lag: int = 0) -> Stepper:
            return stepper(network, shape, backend, StepOptions(threads or self.threads, precision, lag))

        self._use(folded, make)
        trim_memory()

    @property
    def backend(self) -> str:
        """The backend that steps the network, why, and how far its answers are off."""
        return self._backend

    def export(self, path: Path | str) -> None:
        """Write the step as an ONNX file for programs without this package.

        Inputs are x, age and the state's leaves by name, outputs y and the new leaves; the rest is in its metadata
        (`runtime.steppers.program`).

        Raises:
            ValueError: where ONNX Runtime does not step the network, or where it is stepped in several parts.
        """
        steppers = self._steppers
        if len(steppers) != 1 or not isinstance(steppers[0], OnnxStepper):
            raise ValueError(
                f"one step in ONNX Runtime can be written, here is {self.backend}: call optimize('onnxruntime') first. "
                "A network of a temporal stride is stepped in parts; continual.export writes such a step whole"
            )
        labels = json.dumps(list(self.labels))
        steppers[0].save(path, {"network": self.name, "labels": labels, "rate_hz": str(self.rate_hz)})

    def _file_needs(self, saved: Metadata) -> set[str]:
        """Names of the parameters that are in the file of a saved model."""
        del saved
        return {name for name, _ in self._network().named_parameters()}

    def _metadata(self, **common: Any) -> Metadata:
        """Metadata of this learner, given the fields that all kinds share."""
        return self.kind(**common, **own_fields(self.variant, self.kind))

    def _meaning(self) -> dict[str, Any]:
        """What of the network's record changes its answers, beside name, classes and rate; part of the digest."""
        return own_fields(self.variant, self.kind)

    def _restored(self, saved: Metadata) -> NetworkVariant:
        return restored(self.variant, saved)

    def _run_with(self, steppers: Sequence[Stepper]) -> None:
        """Use these steppers from now on."""
        self._name = ""  # the weights may be others
        self._steppers = list(steppers)
        self._backend = "; ".join(dict.fromkeys(made.summary for made in steppers))

    def _build(self) -> None:
        self.model = self._network().eval().requires_grad_(False).to(self.device)
        self._loaded = False
        self._use(self.model, eager)

    def load_tensors(self, tensors: Mapping[str, Any], source: str) -> None:
        """Take weights by their names and reset all streams. Raises: ValueError that names `source`, as `load`."""
        self._load_weights(tensors, source)
        self._loaded = True
        self._use(self.model, eager)

    def _read(self, path: Path) -> None:
        self.load_tensors(weights.read_checkpoint(path), str(path))

    def _checkpoint_file(self, path: Path | str | None) -> Path:
        """The file of a checkpoint, of published weights by name, or (None) of the network's own ones."""
        if path is None:
            return weights.locate_converted(self._asset())
        return weights.locate_for(str(path), self.variant.name) if weights.is_published(path) else Path(path)

    def _asset(self) -> str:
        """The name of the published weights, where they can be fetched."""
        if self.variant.weights is None:
            raise FileNotFoundError(
                f"no weights of {self.variant.name} can be fetched from here. Download a checkpoint of its authors "
                "yourself and give it to load(path)"
            )
        return str(self.variant.weights)

    def _need_weights(self) -> None:
        if not self._loaded:
            how = "load(path of a checkpoint), or fit() on your own"
            if self.variant.weights:
                how = f"load() (after `co-perception weights fetch {self.variant.weights}`), or fit() on your own"
            raise RuntimeError(f"{self.variant.name} has no weights yet: call {how}")


def host_array(numbers: Tensor) -> NDArray[np.float32]:
    """Numbers, such as logits, as NumPy's in float32."""
    return numbers.float().cpu().numpy()


def eager(network: Streaming, shape: tuple[int, ...], lag: int = 0) -> Stepper:
    """Steps by the network itself."""
    return EagerStepper(network, shape, StepOptions(lag=lag))
