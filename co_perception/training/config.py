"""Training settings: one frozen record, from Python, a YAML file or the command line."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from co_perception.data.parsing import has_anchors
from co_perception.engine.names import no_such

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

Mode = Literal["clip", "step", "head"]
Measure = Literal["loss", "accuracy", "balanced_accuracy", "f1"]
MOST = 2**31  # of whole numbers: what is larger is a slip, and would be asked of the memory
MOST_BYTES = 64 * 1024
EXTRA = "training needs the extra 'train': pip install 'co_perception[train]'"


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training.

    Args:
        epochs: passes over the examples.
        batch_size: examples per step and device.
        lr: the highest learning rate.
        optimizer: which one.
        momentum: of sgd alone.
        weight_decay: of weights; scales and biases do not decay.
        schedule: how the learning rate falls after the warm-up: "cosine" to zero, "step" to a tenth at one half and a
            hundredth at three quarters, or not at all.
        warmup: share of all steps in which the learning rate rises linearly.
        clip_gradient: largest norm of a step's gradient, None for any.
        label_smoothing: share of the target spread over all classes (arXiv:1512.00567).
        balance: draw every class equally often.
        precision: as in Lightning; the mixed ones are faster where the hardware has them.
        patience: epochs without a better `select` before training stops, None for never; needs validation examples.
        select: the measure on the validation examples that decides which epoch's weights are used.
        seed: of order, augmentation, dropout, and of a network's first weights.
        mode: "clip" trains on whole clips, which is fast; "step" streams them from a fresh state and trains every
            answer from `min_progress` of the receptive field on, with norms as they are: fine-tuning under the
            conditions of the robot; "head" trains the head of a video network alone, on features of its trunk that are
            computed once and stored.
        min_progress: share of the receptive field that must be real in modes "step" and "head".
        chunk: steps that are streamed at once in step mode; answers do not depend on it, time and memory do.
        frames: of a training clip, None for the network's own length. Of poses in mode "step": most of an example; what
            is shorter ends with frames that do not count.
        workers: processes that load examples.
        accelerator: as in Lightning.
        devices: per machine.
        nodes: machines.
        strategy: as in Lightning.

    Raises:
        ValueError: for a setting that is out of its range.
    """

    epochs: int = 30
    batch_size: int = 32
    lr: float = 1e-3
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    momentum: float = 0.9
    weight_decay: float = 1e-3
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup: float = 0.05
    clip_gradient: float | None = None
    label_smoothing: float = 0.0
    balance: bool = False
    precision: Literal["32", "16-mixed", "bf16-mixed"] = "32"
    patience: int | None = None
    select: Measure = "balanced_accuracy"
    seed: int = 0
    mode: Mode = "clip"
    min_progress: float = 0.75
    chunk: int = 16
    frames: int | None = None
    workers: int = 0
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            self._need(name, getattr(self, name) is not None or type(None) in get_args(kind), "never None")
        counts = {"epochs": 1, "batch_size": 1, "chunk": 1, "devices": 1, "nodes": 1, "seed": 0, "workers": 0}
        for name, least in counts.items():
            self._need(name, getattr(self, name) >= least, f"at least {least}")
            self._need(name, getattr(self, name) < MOST, f"below {MOST}")
        self._need("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0")
        for name in ("momentum", "warmup", "label_smoothing"):
            self._need(name, 0 <= getattr(self, name) < 1, "a share from 0 to below 1")
        for name, kind in get_type_hints(type(self)).items():
            if get_origin(kind) is Literal:
                self._need(name, getattr(self, name) in get_args(kind), f"one of {', '.join(get_args(kind))}")
        self._need("lr", 0 < self.lr < math.inf, "above 0")
        self._need("min_progress", 0 <= self.min_progress <= 1, "a share 0..1")
        for name, without in (("patience", "to never stop early"), ("frames", "for the network's own")):
            value = getattr(self, name)
            self._need(name, value is None or 1 <= value < MOST, f"at least 1, or None {without}")
        self._need("clip_gradient", self.clip_gradient is None or 0 < self.clip_gradient < math.inf, "above 0, or None")

    def _need(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{name} is {what}, got {getattr(self, name)!r}")

    def replace(self, **changes: Any) -> TrainConfig:
        """A copy with other values; ValueError for an unknown name."""
        _check_names(changes)
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_yaml(cls, path: Path | str) -> TrainConfig:
        """Settings from a YAML file; names that it leaves out keep their defaults.

        Raises:
            FileNotFoundError: where there is no such file.
            ValueError: names an unknown setting or one of the wrong type, and for a file with anchors: what they
                stand for may be more than any memory holds.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no settings at {path}; TrainConfig().to_yaml(path) writes some to edit")
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode("utf-8")
        if len(text) > MOST_BYTES or has_anchors(text):
            raise ValueError(f"{path}: settings are plain values without anchors (&, *), {MOST_BYTES} bytes at most")
        return from_arguments([f"--train={path}"])

    def to_yaml(self, path: Path | str) -> None:
        """Write all settings, so that `from_yaml` gives them back. Raises OSError that names the file."""
        parser = _parser()
        parser.add_class_arguments(TrainConfig)
        from co_perception.engine.files import write_files

        text = parser.dump(parser.parse_object(dataclasses.asdict(self)), skip_unset=False)
        write_files({Path(path): text.encode()})


def from_arguments(arguments: Sequence[str], base: TrainConfig | None = None) -> TrainConfig:
    """Settings from the command line: `--train file.yaml`, `--train.lr 1e-3`, `--train.mode=step`; later ones win.

    `base` has those that no argument names. Raises: ValueError for any other argument, and values of the wrong type.
    """
    from jsonargparse import ArgumentError

    named = [argument.partition("=")[0] for argument in arguments]
    _check_names(name.removeprefix("--train.") for name in named if name.startswith("--train."))
    parser = _parser()
    parser.add_argument("--train", type=TrainConfig, default=TrainConfig(), sub_configs=True)
    given = parser.parse_object({"train": dataclasses.asdict(base or TrainConfig())})
    try:
        return parser.instantiate(parser.parse_args(list(arguments), namespace=given)).train
    except ArgumentError as error:
        _check_names(re.findall(r"does not accept option '([^']+)'", error.message))  # of a file
        raise ValueError(f"training settings: {error.message}") from None


def _check_names(names: Iterable[str]) -> None:
    known = [field.name for field in dataclasses.fields(TrainConfig)]
    for name in names:
        if name not in known:
            raise ValueError(f"{no_such('setting', name, known)}.")


def _parser() -> ArgumentParser:
    try:
        from jsonargparse import ArgumentParser
    except ImportError as error:
        raise ImportError(EXTRA) from error
    return ArgumentParser(prog="train", exit_on_error=False)
