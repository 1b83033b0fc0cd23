"""What a saved learner consists of: a weights file and a JSON beside it that says everything needed to use it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

FILE = "metadata.json"
FORMAT = 1


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
        try:
            content: dict[str, Any] = json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON ({error}); was the copy cut short?") from error
        if not isinstance(content, dict) or content.get("version") != FORMAT:
            raise ValueError(f"{path} is not of format {FORMAT}; save the learner again with this version")
        return _of_kind(content, path)


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


def _of_kind(content: dict[str, Any], path: Path) -> Metadata:
    kind = content.pop("kind", VideoMetadata.kind)  # the first learners were all of this kind and did not say so
    if kind not in KINDS:
        raise ValueError(f"{path} is of a learner of kind {kind!r}; there are: {', '.join(KINDS)}")
    known = fields(KINDS[kind])
    names, needed = {f.name for f in known}, {f.name for f in known if f.default is MISSING}
    if not needed <= content.keys() <= names:
        raise ValueError(f"{path}: missing {sorted(needed - content.keys())}, unknown {sorted(content.keys() - names)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in content.items()}
    return KINDS[kind](**values)
