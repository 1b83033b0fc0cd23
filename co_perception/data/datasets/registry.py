"""Opens any data set of a known format; guesses the format from names and endings where it is not given."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path

from co_perception.data.datasets.estimator_json import coco_samples, openpose_samples
from co_perception.data.datasets.kinetics_skeleton import kinetics_samples
from co_perception.data.datasets.ntu import ntu_samples
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.data.datasets.video_folder import ENDINGS, video_samples
from co_perception.data.parsing import Skipped
from co_perception.data.pose_json import pose_data_set, pose_json_refusal
from co_perception.data.samples import Samples

Reader = Callable[..., tuple[Samples, Skipped]]
READERS: dict[str, Reader] = {
    "coco": coco_samples,
    "kinetics": kinetics_samples,
    "ntu": ntu_samples,
    "openpose": openpose_samples,
    "pyskl": pyskl_samples,
    "video": video_samples,
}


def open_samples(path: Path | str, kind: str | None = None, **options: object) -> tuple[Samples, Skipped]:
    """The data set at `path`, and what of it was left out.

    `kind` is a name of `READERS`, guessed by default. The options are those of its reader.

    Raises FileNotFoundError where there is nothing at `path`, and ValueError for another kind or one that cannot be
    guessed, an option that the reader does not have, and as the reader.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no data at {path}.")
    kind = kind or guess(path)
    if kind not in READERS:
        raise ValueError(f"no kind of data is called {kind!r}; there are: {', '.join(READERS)}.")
    reader = READERS[kind]
    known = list(signature(reader).parameters)[1:]
    if unknown := [name for name in options if name not in known]:
        raise ValueError(f"data of kind {kind} has no option {unknown[0]!r}; it has: {', '.join(known)}.")
    return reader(path, **options)


def guess(path: Path) -> str:
    """The format of the data at `path`, by names and endings. Raises ValueError where they fit none."""
    if refusal := pose_json_refusal(path):
        raise ValueError(refusal)
    if path.is_file():
        by_ending = {".pkl": "pyskl", ".pickle": "pyskl", ".csv": "video", ".json": "video"}
        if kind := by_ending.get(path.suffix.lower()):
            return kind
    elif next(path.rglob("*.skeleton"), None):
        return "ntu"
    elif any(file.suffix.lower() in ENDINGS for file in path.glob("*/**/*")):
        return "video"
    elif next(path.glob("*.json"), None):
        return "kinetics"
    elif kind := pose_data_set(path):
        return kind
    raise ValueError(
        f"{path} is none of: a folder of NTU .skeleton files, a folder of Kinetics-Skeleton JSON files, a PYSKL .pkl, "
        "a folder with a folder of videos, of OpenPose's or of COCO's JSON for each class, a .csv or .json table of "
        f"videos. If it is one, name its kind ({', '.join(READERS)}: --kind, in Python kind=). Joints in files of "
        "another form become samples with a few lines of Python: docs/data.md, Files of your own. Recordings (bags) "
        "are read by `co-perception train` and by `bag_samples` of co_perception.data.bags.labeled_bags."
    )
