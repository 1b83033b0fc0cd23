"""The data sets of the everyday model by name, read from the folder that the caller gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from co_perception.data.parsing import Skipped
from recipes.readers import kinect_sets, mocap_sets, video_sets
from recipes.readers.takes import Take, unpacked
from recipes.report import ROOT

CACHE = ROOT / "out" / "recipes" / "data"  # of unpacked archives; nothing of it is committed
FOLDS = 5  # by person
Reader = Callable[[Path], tuple[list[Take], Skipped]]
TRAIN: dict[str, tuple[str, Reader]] = {
    "utd_mhad": ("utd_mhad", kinect_sets.utd_mhad),
    "kinder_gator": ("kinder_gator", kinect_sets.kinder_gator),
    "jhmdb": ("jhmdb", partial(video_sets.jhmdb, part="train")),
    "ui_prmd": ("ui_prmd_vicon", mocap_sets.ui_prmd),
    "vicon_physical": ("vicon_physical", mocap_sets.vicon_physical),
    "cmu_mocap": ("cmu_subset", mocap_sets.cmu_mocap),
    "lzq_poses": ("lzq_poses", video_sets.lzq_poses),
}
"""File in DATA/train and reader of each set whose terms allow what is shipped."""
TEST: dict[str, tuple[str, Reader]] = {
    "nw_ucla": ("nw_ucla", kinect_sets.nw_ucla),
    "utkinect": ("utkinect", kinect_sets.utkinect),
    "msr_action3d": ("msr_action3d", kinect_sets.msr_action3d),
    "sbu": ("sbu", kinect_sets.sbu),
    "penn_action": ("penn_action", video_sets.penn_action),
    "up_fall": ("up_fall", video_sets.up_fall),
}
"""The same for DATA/test: sets to measure with, on which nothing is trained."""


def train_takes(data: Path, names: Iterable[str] = tuple(TRAIN)) -> list[Take]:
    """Takes of the sets in DATA/train. Raises: FileNotFoundError for one that is not there."""
    return [take for name in names for take in _read(data / "train", *TRAIN[name])]


def test_takes(data: Path, name: str) -> list[Take]:
    """Takes of one set in DATA/test, or the test part of "jhmdb", which lies in DATA/train."""
    if name == "jhmdb":
        return _read(data / "train", "jhmdb", partial(video_sets.jhmdb, part="test"))
    return _read(data / "test", *TEST[name])


def _read(folder: Path, file: str, reader: Reader) -> list[Take]:
    CACHE.mkdir(parents=True, exist_ok=True)
    takes, skipped = reader(unpacked(folder, file, CACHE))
    if skipped:
        print(f"{file}: {skipped.report(3)}", flush=True)
    return takes


def person_folds(takes: Sequence[Take], count: int, fold: int) -> tuple[list[Take], list[Take]]:
    """Takes to train on, and those of the people of one fold; of every set each fold has as many people."""
    number: dict[tuple[str, str], int] = {}
    for dataset in sorted({take.dataset for take in takes}):
        people = sorted({take.person for take in takes if take.dataset == dataset})
        number.update({(dataset, person): place for place, person in enumerate(people)})
    parts: tuple[list[Take], list[Take]] = ([], [])
    for take in takes:
        parts[number[take.dataset, take.person] % count == fold].append(take)
    return parts
