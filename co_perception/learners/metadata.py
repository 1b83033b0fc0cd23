"""What a saved learner consists of: a weights file and a JSON beside it that says everything needed to use it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, get_args, get_type_hints

from co_perception.data.damage import bounded_json, reading

FILE = "metadata.json"
FORMAT = 1
MOST_BYTES = 16 * 1024 * 1024
MOST = 1 << 16  # frames, pixels, channels or layers; what is larger is damage, and would be asked of the memory


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Written by `save`, read by `load`. Keys of OpenDR's metadata where it has them; class names, rate and window
    besides.

    kind: which learner it is; labels: names of the classes, label_set: what they are called together; rate_hz: frames
    per second of the network's clock; window: frames of the receptive field; stride: frames between answers;
    weights: file name beside the JSON; pruned: layers are as wide as its tensors, not as the record says.
    """

    kind: ClassVar[str]

    network: str
    labels: tuple[str, ...]
    label_set: str
    rate_hz: float
    window: int
    stride: int
    min_progress: float
    threshold: float
    weights: str = "weights.safetensors"
    framework: str = "pytorch"
    version: int = FORMAT
    pruned: bool = False

    def write(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps({"kind": self.kind, **asdict(self)}, indent=1))

    @staticmethod
    def read(folder: Path) -> Metadata:
        """ValueError says which key is missing or unknown; FileNotFoundError where there is no saved learner."""
        path = folder / FILE
        if not path.is_file():
            raise FileNotFoundError(f"no {FILE} in {folder}: give the folder that save(path) wrote")
        with reading(path, "what a learner's save() wrote"):
            content = bounded_json(path, MOST_BYTES)
            if not isinstance(content, dict) or content.get("version") != FORMAT:
                raise ValueError(f"it is not of format {FORMAT}; save the learner again with this version")
            return _of_kind(content)


@dataclass(frozen=True, kw_only=True)
class VideoMetadata(Metadata):
    """size, short_side: in pixels, as in `VideoVariant`; mean, std: of pixel values in [0, 1]; pool_window: frames that
    the head averages, where that is a choice."""

    kind = "video"

    size: int
    short_side: int
    mean: float
    std: float
    pool_window: int | None = None


@dataclass(frozen=True, kw_only=True)
class SkeletonMetadata(Metadata):
    """The fields of a `SkeletonVariant`, so that a folder outlives a change of the record."""

    kind = "skeleton"

    layout: str
    persons: int
    inputs: int
    normalisation: str
    mixers: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    kernel: int
    padded: bool
    pool: int
    pool_padding: int
    dropout: float
    clip: int


@dataclass(frozen=True, kw_only=True)
class FeatureMetadata(Metadata):
    """The fields of a `FeatureVariant`, likewise."""

    kind = "features"

    features: int
    depth: int
    width: int
    heads: int
    feedforward: int
    table: int
    learned: bool
    standardised: bool
    dropout: float
    stem: tuple[int, ...] = ()


KINDS: dict[str, type[Metadata]] = {known.kind: known for known in (VideoMetadata, SkeletonMetadata, FeatureMetadata)}


def own_fields(record: Any, kind: type[Metadata]) -> dict[str, Any]:
    """What metadata of this kind, and not of every kind, take over from a network's record under the same name."""
    common = {field.name for field in fields(Metadata)}
    return {f.name: getattr(record, f.name) for f in fields(kind) if f.name not in common and hasattr(record, f.name)}


def restored(record: Any, saved: Metadata) -> Any:
    """The record with what was saved in place of its own."""
    known = {field.name for field in fields(record)}
    kept = {name: value for name, value in own_fields(saved, type(saved)).items() if name in known}
    return dataclasses.replace(record, classes=len(saved.labels), labels=saved.label_set, rate_hz=saved.rate_hz, **kept)


def _of_kind(content: dict[str, Any]) -> Metadata:
    kind = content.pop("kind", VideoMetadata.kind)  # the first learners were all of this kind and did not say so
    if kind not in KINDS:
        raise ValueError(f"it is of a learner of kind {kind!r}; there are: {', '.join(KINDS)}")
    known = fields(KINDS[kind])
    names, needed = {f.name for f in known}, {f.name for f in known if f.default is MISSING}
    if not needed <= content.keys() <= names:
        raise ValueError(f"missing {sorted(needed - content.keys())}, unknown {sorted(content.keys() - names)}")
    types = get_type_hints(KINDS[kind])
    values = {key: _checked(key, value, types[key]) for key, value in content.items()}
    if len(values["labels"]) < 2 or len(set(values["labels"])) < len(values["labels"]):
        raise ValueError("labels are at least two different names")
    if Path(values.get("weights", "file")).name != values.get("weights", "file"):
        raise ValueError(f"weights is the name of a file beside it, got {values['weights']!r}")
    return KINDS[kind](**values)


def _checked(name: str, value: Any, wanted: Any) -> Any:
    """The value as a field of this type has it. ValueError where it is of another type, or beyond all measure."""
    several = get_args(wanted)[1:] == (...,)
    if several != isinstance(value, list):
        raise ValueError(f"{name} has {value!r:.50}, expected {'a list' if several else 'a single value'}")
    if several:
        return tuple(_checked(name, item, get_args(wanted)[0]) for item in value)
    allowed = get_args(wanted) or (wanted,)
    if float in allowed and type(value) is int:
        allowed = (*allowed, int)
    if type(value) not in allowed:
        raise ValueError(f"{name} has {value!r:.50}, expected {' or '.join(kind.__name__ for kind in allowed)}")
    if type(value) in (int, float) and not abs(value) <= MOST:
        raise ValueError(f"{name} has {value!r:.50}, which is no number between -{MOST} and {MOST}")
    return value
