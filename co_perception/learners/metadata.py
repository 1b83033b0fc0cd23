"""Metadata of a saved learner: the JSON file beside its weights; and the models that come with the package."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_args, get_type_hints

from co_perception.data.parsing import parse_errors, read_json
from co_perception.engine.label_groups import names_of
from co_perception.engine.names import no_such
from co_perception.engine.target import label_set_name
from co_perception.skeletons.body import PARTS

if TYPE_CHECKING:
    from co_perception.learners.base import NetworkVariant

V = TypeVar("V", bound="NetworkVariant")
FILE = "metadata.json"
MODEL = "model"  # folder of the trained learner in the folder of its training
SHIPPED = Path(__file__).parents[1] / "models"  # folders as a learner's `save` writes them, each with a model card
FORMAT = 1
MOST_BYTES = 16 * 1024 * 1024
MOST_FADING = 1 << 31  # frames of a mean that takes no memory for each; of one that does, see `learners.video`
MOST = 1 << 16  # frames, pixels, channels or layers; what is larger is damage, and would be asked of the memory


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Everything that is needed to use the weights. Keys are those of OpenDR (arXiv:2203.00403) where it has them."""

    kind: ClassVar[str]  # of the learner

    network: str  # its name
    labels: tuple[str, ...]  # class names
    label_set: str  # name of the classes together
    rate_hz: float  # frames per second of the network
    window: int  # frames of the receptive field
    stride: int  # frames between answers
    min_progress: float  # share of the receptive field that must be real for a VALID label
    threshold: float  # least probability of a VALID label; with `thresholds` the lowest of them
    thresholds: tuple[float, ...] = ()  # that of each group of labels in their order; empty: one for all
    weights: str = "weights.safetensors"  # file beside the JSON
    framework: str = "pytorch"
    version: int = FORMAT  # of this format
    pruned: bool = False  # layers are as wide as the tensors, not as the network's record says
    trained_on: str = ""  # what recordings it was trained on showed, a `ContentSketch` as text; empty: not known

    def to_json(self) -> str:
        """Content of the JSON file."""
        return json.dumps({"kind": self.kind, **asdict(self)}, indent=1)

    @staticmethod
    def read(folder: Path) -> Metadata:
        """The metadata in a folder.

        Raises:
            ValueError: says which key is missing or unknown.
            FileNotFoundError: where there is no saved learner.
        """
        path = folder / FILE
        if not path.is_file():
            what = f"there is no {FILE} in {folder}" if folder.is_dir() else f"there is no folder {folder}"
            meant = f"its {MODEL}/" if (folder / MODEL / FILE).is_file() else "the folder that save(path) wrote"
            raise FileNotFoundError(f"{what}: give {meant}")
        with parse_errors(path, "what a learner's save() wrote"):
            return Metadata.from_content(read_json(path, MOST_BYTES))

    @staticmethod
    def from_content(content: Any) -> Metadata:
        """The metadata that `to_json` wrote, from what is in its JSON. Raises: ValueError, or what stumbles over it."""
        if not isinstance(content, dict) or content.get("version") != FORMAT:
            raise ValueError(f"it is not of format {FORMAT}; save the learner again with this version")
        kind = content.get("kind", VideoMetadata.kind)  # which the first files did not name
        if kind not in KINDS:
            raise ValueError(f"it is of a learner of kind {kind!r}; there are: {', '.join(KINDS)}")
        known = fields(KINDS[kind])
        names, needed = {f.name for f in known}, {f.name for f in known if f.default is MISSING}
        for name in content.keys() - names - {"kind"}:
            raise ValueError(no_such("key", name, names))
        if missing := needed - content.keys():
            raise ValueError(f"missing {sorted(missing)}")
        types = get_type_hints(KINDS[kind])
        values = {key: _checked(key, value, types[key]) for key, value in content.items() if key != "kind"}
        if len(values["labels"]) < 2 or len(set(values["labels"])) < len(values["labels"]):
            raise ValueError("labels are at least two different names")
        groups = names_of(values.get("groups", ()))
        if values.get("thresholds") and len(values["thresholds"]) != len(groups):
            raise ValueError(f"thresholds are one of each group of labels, {len(groups)}, or none")
        if Path(values.get("weights", "file")).name != values.get("weights", "file"):
            raise ValueError(f"weights is the name of a file beside it, got {values['weights']!r}")
        # Files of earlier versions name classes of the caller "own", whatever they are.
        values["label_set"] = label_set_name(values["label_set"], values["labels"])
        return KINDS[kind](**values)

    @property
    def limit(self) -> float | Mapping[str, float]:
        """The threshold, or that of each group of labels."""
        names = names_of(getattr(self, "groups", ()))
        return dict(zip(names, self.thresholds, strict=True)) if self.thresholds else self.threshold


@dataclass(frozen=True, kw_only=True)
class VideoMetadata(Metadata):
    """Metadata of a video learner."""

    kind = "video"

    size: int  # height and width of the input [pixels]
    short_side: int  # what a frame's shorter side is scaled to [pixels]
    mean: float  # of pixel values in [0, 1]
    std: float  # of pixel values in [0, 1]
    crop: str = "center"  # what of a frame is seen, see `VideoVariant`
    pool_window: int | None = None  # frames that the head averages, where that is a choice
    head_kind: str = ""  # of the head in place of the published classifier; empty: there is none
    head_width: int = 0
    head_window: int = 0
    head_depth: int = 0
    head_dropout: float = 0.0
    trunk: str = ""  # published weights of all but the head, by their name in the store; empty: they are in the file
    trunk_digest: str = ""  # of that trunk, see `learners.stream_features`


@dataclass(frozen=True, kw_only=True)
class SkeletonMetadata(Metadata):
    """Metadata of a skeleton learner: the fields of a `SkeletonVariant`, so that a folder outlives a change of it."""

    kind = "skeleton"

    layout: str
    persons: int
    inputs: int
    normalization: str
    mixers: tuple[str, ...]
    channels: tuple[int, ...]
    strides: tuple[int, ...]
    kernel: int
    padded: bool
    pool: int
    pool_padding: int
    dropout: float
    clip: int
    needs: tuple[str, ...] = PARTS  # models of earlier versions do not name theirs
    groups: tuple[str, ...] = ()  # of each class, see `SkeletonVariant`
    width: int = 0  # of a `TemporalVariant`
    dilations: tuple[int, ...] = ()
    body_memory: int = 0
    memory: int = 0  # of a `GalleryVariant`
    dims: int = 0


@dataclass(frozen=True, kw_only=True)
class FeatureMetadata(Metadata):
    """Metadata of a learner of features: the fields of a `FeatureVariant`."""

    kind = "features"

    features: int
    depth: int
    width: int
    heads: int
    feedforward: int
    table: int
    learned: bool
    standardized: bool
    dropout: float
    stem: tuple[int, ...] = ()
    deep: bool = False


KINDS: dict[str, type[Metadata]] = {known.kind: known for known in (VideoMetadata, SkeletonMetadata, FeatureMetadata)}


def own_fields(record: object, kind: type[Metadata]) -> dict[str, Any]:
    """Values of the fields that only this kind of metadata has and that a network's record has under the same name."""
    common = {field.name for field in fields(Metadata)}
    return {f.name: getattr(record, f.name) for f in fields(kind) if f.name not in common and hasattr(record, f.name)}


def restored(record: V, saved: Metadata) -> V:
    """The record of a network with the saved values in place of its own."""
    known = {field.name for field in fields(record)}
    own = {name: value for name, value in own_fields(saved, type(saved)).items() if name in known}
    own |= {"classes": len(saved.labels), "labels": label_set_name(saved.label_set, saved.labels)}
    return dataclasses.replace(record, rate_hz=saved.rate_hz, **own)


def shipped_names() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(found.parent.name for found in SHIPPED.glob(f"*/{FILE}")))


def shipped(name: str) -> Path:
    """The folder of a shipped model, for `load`; FileNotFoundError names those there are."""
    if name not in shipped_names():
        raise FileNotFoundError(f"no model {name!r} is shipped; there are: {', '.join(shipped_names()) or 'none'}")
    return SHIPPED / name


def saved_folder(path: Path | str) -> Path:
    """Where a model lies: by the name of a shipped one, in the folder of a training, or the folder itself. May not
    exist."""
    if str(path) in shipped_names():
        return shipped(str(path))
    folder = Path(path)
    trained = folder / MODEL
    return trained if (trained / FILE).is_file() and not (folder / FILE).is_file() else folder


def _checked(name: str, value: object, wanted: Any) -> Any:
    """The value as a field of type `wanted` has it. Raises: ValueError for another type, or a number out of bounds."""
    several = get_args(wanted)[1:] == (...,)
    if several != isinstance(value, list):
        raise ValueError(f"{name} has {value!r:.50}, expected {'a list' if several else 'a single value'}")
    if isinstance(value, list):
        return tuple(_checked(name, item, get_args(wanted)[0]) for item in value)
    allowed = get_args(wanted) or (wanted,)
    if float in allowed and type(value) is int:
        allowed = (*allowed, int)
    if type(value) not in allowed:
        raise ValueError(f"{name} has {value!r:.50}, expected {' or '.join(kind.__name__ for kind in allowed)}")
    most = MOST_FADING if name == "pool_window" else MOST
    if isinstance(value, int | float) and not abs(value) <= most:
        raise ValueError(f"{name} has {value!r:.50}, which is no number between -{most} and {most}")
    return value
