"""How a training goes: one frozen record, from Python, a YAML file or the command line."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from co_perception.data.damage import has_anchors

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

Mode = Literal["clip", "step"]
Measure = Literal["loss", "accuracy", "balanced_accuracy", "f1"]
MOST = 2**31  # of whole numbers: what is larger is a slip, and would be asked of the memory
MOST_BYTES = 64 * 1024
EXTRA = "training needs the extra 'train': pip install 'co_perception[train]'"


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training. Raises ValueError where one is out of its range.

    epochs: passes over the examples; batch_size: examples per step and device.
    lr: the highest learning rate, after `warmup` (share of all steps) of linear rise; schedule: how it falls from
    there, "cosine" to zero, "step" to a tenth at one half and a hundredth at three quarters, or not at all.
    momentum: of sgd alone. clip_gradient: largest norm of a step's gradient, None for any.
    label_smoothing: share of the target spread over all classes. balance: draw every class equally often.
    precision: as in Lightning; the mixed ones are quicker where the hardware knows them.
    patience: epochs without a better `select` before it stops, None for never; it takes validation examples.
    select: the measure on the validation examples that decides which epoch's weights are kept.
    seed: of order, augmentation, dropout, and of a network's first weights.
    mode: "clip" trains on whole clips, which is quick; "step" streams them from a fresh state and trains every answer
    that stands from `min_progress` of the receptive field on, with norms as they are: fine-tuning under the conditions
    of the robot. chunk: steps that are streamed at once there; answers do not depend on it, time and memory do.
    frames: of a training clip, None for the network's own length.
    workers: processes that load examples. accelerator, devices, nodes, strategy: for Lightning's launcher.
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
        for name in ("epochs", "batch_size", "chunk", "devices", "nodes"):
            self._need(name, getattr(self, name) >= 1, "at least 1")
            self._need(name, getattr(self, name) < MOST, f"below {MOST}")
        for name in ("seed", "workers"):
            self._need(name, getattr(self, name) >= 0, "at least 0")
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
        """The same with other values; ValueError for a name that there is not."""
        unknown = sorted(set(changes) - {field.name for field in dataclasses.fields(self)})
        if unknown:
            raise ValueError(f"no setting {', '.join(unknown)}; there are: {', '.join(asdict(self))}")
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_yaml(cls, path: Path | str) -> TrainConfig:
        """From a YAML file of these names; what it leaves out keeps its default.

        Raises: FileNotFoundError; ValueError that names an unknown setting or one of the wrong type, and for a file
        with anchors: what they stand for may be more than any memory holds."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"no settings at {path}; TrainConfig().to_yaml(path) writes some to edit")
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1).decode("utf-8")
        if len(text) > MOST_BYTES or has_anchors(text):
            raise ValueError(f"{path}: settings are plain values without anchors (&, *), {MOST_BYTES} bytes at most")
        return from_arguments([f"--train={path}"])

    def to_yaml(self, path: Path | str) -> None:
        """Write all settings, so that `from_yaml` gives them back."""
        parser = _bare_parser()
        parser.add_class_arguments(TrainConfig)
        Path(path).write_text(parser.dump(parser.parse_object(asdict(self)), skip_unset=False))


def asdict(config: TrainConfig) -> dict[str, Any]:
    """Settings by name, of plain numbers, texts and None."""
    return dataclasses.asdict(config)


def from_arguments(arguments: Sequence[str], base: TrainConfig | None = None) -> TrainConfig:
    """From the command line: `--train file.yaml`, `--train.lr 1e-3`, `--train.mode=step`; later ones win.

    base: what arguments leave as it is. Raises: ValueError for anything else, and for values of the wrong type.
    """
    from jsonargparse import ArgumentError

    parser = _parser()
    given = parser.parse_object({"train": asdict(base or TrainConfig())})
    try:
        return parser.instantiate(parser.parse_args(list(arguments), namespace=given)).train
    except ArgumentError as error:
        raise ValueError(f"training settings: {error.message}") from None


def _parser() -> ArgumentParser:
    parser = _bare_parser()
    parser.add_argument("--train", type=TrainConfig, default=TrainConfig(), sub_configs=True)
    return parser


def _bare_parser() -> ArgumentParser:
    try:
        from jsonargparse import ArgumentParser
    except ImportError as error:
        raise ImportError(EXTRA) from error
    return ArgumentParser(prog="train", exit_on_error=False)
