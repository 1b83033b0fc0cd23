"""What learners with one streaming network have in common: weights, class names, and from scores to an answer."""

from __future__ import annotations

import dataclasses
import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import save_file
from torch import Tensor

from co_perception.continual.fold import fold_batch_norm
from co_perception.engine.labels import labels as read_labels
from co_perception.engine.learners import Learner
from co_perception.engine.target import Category, Status
from co_perception.learners import weights
from co_perception.learners.checkpoint_file import read_checkpoint
from co_perception.learners.metadata import Metadata, own_fields, restored
from co_perception.learners.shipped import shipped, shipped_names
from co_perception.networks.variants import VideoVariant
from co_perception.networks.variants_features import FeatureVariant
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.runtime.allocator import give_back
from co_perception.runtime.backends import AUTO, FLOAT32
from co_perception.runtime.choose import TOLERANCE, difference, stepper
from co_perception.runtime.onnx_stepper import OnnxStepper
from co_perception.runtime.stepper import EagerStepper, Stepper

MIN_PROGRESS, THRESHOLD = 0.75, 0.0
Variant = VideoVariant | SkeletonVariant | FeatureVariant
Make = Callable[..., Stepper]  # of (network, shape of its frames, lag)
NARROWER = 200  # times as many numbers as a pruned network, of one in fourteen channels, may have been pruned from
OWN = "own"  # label set of classes that the caller named


class NetworkLearner(Learner):
    """A learner around one streaming network, `model`, built from its record, `variant`.

    classes: names of the caller's own classes (None: those the record names); device: where it runs; min_progress:
    share of the receptive field that must be real before a label counts as VALID; threshold: least probability of a
    VALID label (None: those of a saved learner that is loaded, else 0.75 and 0); threads: CPU threads of torch in this
    process (None: as they are). Weights come with `load` or `fit`, never in the constructor.
    """

    kind: ClassVar[type[Metadata]]
    model: Any
    labels: tuple[str, ...]
    label_set: str
    pruned = False  # layers are narrower than the record says

    def __init__(
        self,
        variant: Variant,
        *,
        classes: Sequence[str] | None = None,
        device: str = "cpu",
        min_progress: float | None = None,
        threshold: float | None = None,
        threads: int | None = None,
    ) -> None:
        for name, share in (("min_progress", min_progress), ("threshold", threshold)):
            if share is not None and not 0 <= share <= 1:
                raise ValueError(f"{name} is a share 0..1, got {share}")
        if threads is not None:
            torch.set_num_threads(threads)
        self.threads = threads
        self.device = torch.device(device)
        self._asked = (min_progress, threshold)
        self._settle(MIN_PROGRESS, THRESHOLD)
        self.variant: Any = variant
        self._name_classes(classes)
        self._build()

    # What a learner of its own kind gives

    @abstractmethod
    def _network(self) -> Any:
        """The network of `variant`, with random weights."""

    @abstractmethod
    def _load_weights(self, checkpoint: Mapping[str, Any], source: str) -> None:
        """Put a checkpoint's tensors into `model`: all of them or none. ValueError names `source`."""

    @abstractmethod
    def _use(self, network: Any, make: Make) -> None:
        """Run this network, which is `model` or answers like it, stepped by what `make` makes of it; forget all
        streams."""

    # What the network is

    @property
    def name(self) -> str:
        """Network and label set, as `/activity` names its recogniser."""
        return f"{self.variant.name}/{self.label_set}"

    @property
    def receptive_field(self) -> int:
        """Frames that an answer is computed from."""
        return int(self.model.receptive_field)

    @property
    def stride(self) -> int:
        """Frames between answers."""
        return int(self.model.timing.stride)

    @property
    def rate_hz(self) -> float:
        """Frames per second of the clips the network was trained on."""
        return float(self.variant.rate_hz)

    @property
    def loaded(self) -> bool:
        """Whether there are weights: loaded or trained."""
        return self._loaded

    # Weights

    def download(self, path: Path | str | None = None) -> None:
        """Fetch the published weights, verify and convert them. The only method that uses the network; raises as
        `weights.prepare`."""
        source = weights.prepare(self._asset())
        if path is not None:
            self._read(source)
            self.save(path)

    def load(self, path: Path | str | None = None) -> None:
        """Read a folder that `save` wrote, the shipped model of that name, a published checkpoint file (`.pyth`,
        `.ckpt`, `.pth`, `.safetensors`), or (None) the published weights from the local store. Resets all streams.

        Raises FileNotFoundError that says how to get what is missing; ValueError for weights of another network.
        """
        if path is None or Path(path).is_file():
            self._read(weights.locate_converted(self._asset()) if path is None else Path(path))
            return
        path = shipped(str(path)) if str(path) in shipped_names() else Path(path)
        saved = Metadata.read(path)
        if saved.network != self.variant.name or not isinstance(saved, self.kind):
            raise ValueError(
                f"{path} holds {saved.network}, this learner is {self.variant.name}: "
                f"{type(self).__name__}({saved.network!r})"
            )
        self.variant, self.pruned = self._restored(saved), saved.pruned
        self.labels, self.label_set = saved.labels, saved.label_set
        self._settle(saved.min_progress, saved.threshold)
        self._check_size(path / saved.weights)
        self._build()
        self._read(path / saved.weights)

    def save(self, path: Path | str) -> None:
        """Write weights and metadata into the folder `path`; a second save replaces the first."""
        self._need_weights()
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        metadata = self._metadata(
            network=self.variant.name,
            labels=self.labels,
            label_set=self.label_set,
            rate_hz=self.rate_hz,
            window=self.receptive_field,
            stride=self.stride,
            min_progress=self.min_progress,
            threshold=self.threshold,
            pruned=self.pruned,
        )
        save_file(self._weights(), folder / metadata.weights)
        metadata.write(folder)

    def optimize(self, backend: str = AUTO, *, threads: int | None = None, precision: str = FLOAT32) -> None:
        """Step by the fastest means there are here; answers stay the network's to 1e-4. `backend` tells which was
        taken, and why. Resets all streams.

        backend: of `runtime.backends.BACKENDS`, or "auto", which falls back to the network itself where nothing else
        works. threads: of the backend (None: the learner's). precision: "float32"; other than that answers change, and
        `backend` tells by how much.
        Raises: as `runtime.choose.stepper`; RuntimeError where there are no weights yet.
        """
        self._need_weights()
        folded = self._folded()
        self._use(folded, partial(self._stepper, backend, threads or self.threads, precision))
        give_back()

    @property
    def backend(self) -> str:
        """What steps the network, and how far its answers are off."""
        return self._said

    def export(self, path: Path | str) -> None:
        """Write the step as an ONNX file for programs without this package: inputs x, age and the state's leaves by
        name, outputs y and the leaves that are new, the rest in its metadata (`runtime.program`).

        Raises: ValueError where `optimize` has not put ONNX Runtime in charge, or where the network is stepped in
        several parts."""
        steppers = self._steppers
        if len(steppers) != 1 or not isinstance(steppers[0], OnnxStepper):
            raise ValueError(
                f"one step in ONNX Runtime can be written, here is {self.backend}: call optimize('onnxruntime') first. "
                "A network of a temporal stride is stepped in parts; continual.export writes such a step whole"
            )
        labels = json.dumps(list(self.labels))
        steppers[0].save(path, {"network": self.name, "labels": labels, "rate_hz": str(self.rate_hz)})

    # Inside

    def _frame_shape(self) -> tuple[int, ...]:
        """(C, *space) of an input frame."""
        return tuple(self.model.frame_shape)

    def _metadata(self, **common: Any) -> Metadata:
        """What `save` writes, given the fields that metadata of every kind have."""
        return self.kind(**common, **own_fields(self.variant, self.kind))

    def _restored(self, saved: Metadata) -> Any:
        """The record that was saved."""
        return restored(self.variant, saved)

    def _weights(self) -> dict[str, Tensor]:
        """What `save` writes beside the metadata."""
        return {name: value.contiguous() for name, value in self.model.state_dict().items()}

    def _score(self, logits: Tensor, progress: float, delay: int = 0, *, doubtful: bool = False) -> Category:
        """An answer from logits (classes,). doubtful: whatever the scores are, they do not stand for the newest
        frame."""
        probabilities = torch.softmax(logits.float(), 0).cpu().numpy()
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        sure = confidence >= self.threshold and not doubtful
        status = Status.VALID if sure else Status.UNCERTAIN
        return Category(
            best,
            description=self.labels[best] if self.labels else None,
            confidence=min(confidence, 1.0),
            probabilities=probabilities,
            status=status if progress >= self.min_progress else Status.WARMING_UP,
            progress=progress,
            delay=delay,
        )

    def _name_classes(self, classes: Sequence[str] | None) -> None:
        """Let the record have the caller's classes, or take the names from its label list."""
        self.label_set = self.variant.labels
        if classes is None:
            self.labels = read_labels(self.label_set) if self.label_set else ()
            return
        names = tuple(classes)
        if len(names) < 2 or len(set(names)) < len(names) or isinstance(classes, str):
            raise ValueError(f"classes are at least two different names, got {classes!r}")
        self.variant = dataclasses.replace(self.variant, classes=len(names), labels=OWN)
        self.labels, self.label_set = names, OWN

    def _folded(self) -> Any:
        """The network with its norms folded, kept only if its answers on random frames are the same."""
        folded = fold_batch_norm(self.model)
        off = difference(EagerStepper(folded, self._frame_shape()), network=self.model)
        if not off <= TOLERANCE:
            raise RuntimeError(f"the folded network differs by {off:.2g} of the largest number; it is not used")
        return folded

    def _stepper(
        self, backend: str, threads: int | None, precision: str, network: Any, shape: tuple[int, ...], lag: int = 0
    ) -> Stepper:
        return stepper(network, shape, backend, threads=threads, precision=precision, lag=lag)

    def _run_with(self, steppers: Sequence[Stepper]) -> None:
        """These step the network now."""
        self._steppers = list(steppers)
        self._said = "; ".join(dict.fromkeys(made.said for made in steppers))

    def _build(self) -> None:
        self.model = self._network().eval().requires_grad_(False).to(self.device)
        self._loaded = False
        self._use(self.model, eager)

    def _check_size(self, weights_file: Path) -> None:
        """Raises ValueError where the record describes a network that its weights cannot fill: none is built then."""
        with torch.device("meta"):
            blank = self._network()
        needs = sum(value.numel() for value in blank.parameters())
        most = NARROWER if self.pruned else 1
        if weights_file.is_file() and needs > weights_file.stat().st_size * most:
            raise ValueError(f"{weights_file} is too small for the network of {needs} numbers that the JSON describes")

    def _read(self, path: Path) -> None:
        self._load_weights(read_checkpoint(path), str(path))
        self._loaded = True
        self._use(self.model, eager)

    def _settle(self, min_progress: float, threshold: float) -> None:
        """What the caller asked for stands; these are for what it left open."""
        asked_progress, asked_threshold = self._asked
        self.min_progress = min_progress if asked_progress is None else asked_progress
        self.threshold = threshold if asked_threshold is None else asked_threshold

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
            asset = self.variant.weights
            fetch = f"load() (after `co-perception weights fetch {asset}`)"
            how = fetch if asset else "load(path of a checkpoint), or fit() on your own"
            raise RuntimeError(f"{self.variant.name} has no weights yet: call {how}")


def eager(network: Any, shape: tuple[int, ...], lag: int = 0) -> Stepper:
    plain = EagerStepper(network, shape, lag=lag)
    plain.said = "eager"
    return plain
