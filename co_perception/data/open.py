"""One door to all data sets: what lies there is told by its looks."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from co_perception.data.kinetics_skeleton import kinetics_samples
from co_perception.data.ntu import ntu_samples
from co_perception.data.pyskl import pyskl_samples
from co_perception.data.samples import Samples
from co_perception.data.skipped import Skipped
from co_perception.data.video_folder import ENDINGS, video_samples

Reader = Callable[..., tuple[Samples, Skipped]]
READERS: dict[str, Reader] = {
    "kinetics": kinetics_samples,
    "ntu": ntu_samples,
    "pyskl": pyskl_samples,
    "video": video_samples,
}


def open_samples(path: Path | str, kind: str | None = None, **options: Any) -> tuple[Samples, Skipped]:
    """The data set at `path`, and what of it was left out.

    Args:
        kind: ntu, kinetics, pyskl or video; None to guess it.
        options: those of the reader: `ntu_samples`, `kinetics_samples`, `pyskl_samples`, `video_samples`.

    Raises: FileNotFoundError; ValueError for a kind that is none or cannot be guessed, an option that the reader does
        not have, and whatever the reader finds wrong.
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
    """The kind of what lies at `path`, by names and endings. Raises ValueError where they say nothing."""
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
    raise ValueError(
        f"{path} is none of: a folder of NTU .skeleton files, a folder of Kinetics-Skeleton JSON files, a PYSKL .pkl, "
        "a folder with a folder of videos for each class, a .csv or .json table of videos. Name its kind if it is one. "
        "Recordings (bags) are read by `co_perception.data.bags`."
    )
