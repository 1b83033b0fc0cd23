"""Takes: recordings of one person who does one thing, in a common form, whatever data set they come from.

Data sets differ in joints, axes, units and file formats. Here all have the thirteen joints that every one of them has
(the head stands for the nose), the axes of a camera's optical frame, and one reader each.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import STUMBLES, Skipped

Floats = NDArray[np.float64]

JOINTS = (
    "nose", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
"""The joints of a `Take`, in the order of COCO; "nose" is the head where a set has no nose."""
LEAST_FRAMES = 4
FARTHEST = 1e6  # m or pixels: more is damage, and overflows where it is squared
MOST_FILES = 20_000  # in one archive


@dataclass(frozen=True, eq=False)
class Take:
    """A recording of one person.

    Args:
        joints: (T, 13, 3) in m, x to the right, y downwards, z away from the camera, or (T, 13, 2) in a picture, x to
            the right, y downwards; NaN where a joint is not known.
        rate_hz: frames per second.
        action: what is done, in the words of the data set.
        person: who does it; a set that names nobody has one name per take.
        dataset: short name of the set.
        source: file, or place in a file.

    Raises:
        ValueError: for joints of another shape, too few of them, or out of range.
    """

    joints: NDArray[np.float32]
    rate_hz: float
    action: str
    person: str
    dataset: str
    source: str = ""

    def __post_init__(self) -> None:
        shape = self.joints.shape
        if len(shape) != 3 or shape[1] != len(JOINTS) or shape[2] not in (2, 3):
            raise ValueError(f"expected joints (T, {len(JOINTS)}, 2 or 3), got {shape}")
        if shape[0] < LEAST_FRAMES or not np.isfinite(self.joints).any():
            raise ValueError(f"a take has at least {LEAST_FRAMES} frames and a joint, got {shape[0]} frames")
        if not (np.isnan(self.joints) | (np.abs(self.joints) < FARTHEST)).all():
            raise ValueError("a joint is farther away than any camera sees")

    def __len__(self) -> int:
        return len(self.joints)

    def at_rate(self, rate_hz: float) -> Take:
        """The same recording at another rate: linear between frames."""
        seconds = np.arange(len(self.joints)) / self.rate_hz
        return Take(evenly(self.joints, seconds, rate_hz), rate_hz, self.action, self.person, self.dataset, self.source)


def evenly(joints: NDArray, seconds: Floats, rate_hz: float) -> NDArray[np.float32]:
    """Joints (T, ...) that were recorded at `seconds` (T,), at even times from the first to the last.

    Rows of one time count once. A joint is unknown (NaN) between two frames of which one does not know it.
    """
    seconds, first = np.unique(seconds, return_index=True)
    joints = joints[first]
    if len(seconds) < 2:
        raise ValueError("the frames have no two different times")
    times = np.arange(seconds[0], seconds[-1] + 1e-9, 1 / rate_hz)
    after = np.clip(np.searchsorted(seconds, times, side="right"), 1, len(seconds) - 1)
    share = (times - seconds[after - 1]) / (seconds[after] - seconds[after - 1])
    share = share.reshape(-1, *[1] * (joints.ndim - 1))
    at_frame = np.where(share < 1e-6, joints[after - 1], joints[after])  # a NaN in the other frame does not count here
    between = joints[after - 1] * (1 - share) + joints[after] * share
    return np.where((share < 1e-6) | (share > 1 - 1e-6), at_frame, between).astype(np.float32)


def gathered(
    files: Iterable[Path], read: Callable[[Path], Take | Sequence[Take]], usual: str, where: Path
) -> tuple[list[Take], Skipped]:
    """The takes of all files, and which files were left out and why.

    Raises:
        ValueError: where there is no take at all; `usual` is the usual mistake.
    """
    takes, skipped = list[Take](), Skipped()
    for path in sorted(files):
        try:
            found = read(path)
            takes += [found] if isinstance(found, Take) else found
        except (ValueError, *STUMBLES) as error:
            skipped.add(path.name, error)
    skipped.require(takes, where, usual)
    return takes, skipped


def numbers(text: str, columns: int, separator: str | None = None) -> Floats:
    """(rows, columns) of a table of numbers; ValueError for rows of another length."""
    rows = [line.split(separator) for line in text.splitlines() if line.strip()]
    wrong = next((row for row in rows if len(row) != columns), None)
    if wrong is not None:
        raise ValueError(f"expected rows of {columns} numbers, got {len(wrong)}")
    return np.array([[float(cell) for cell in row] for row in rows]).reshape(-1, columns)


def mat_arrays(path: Path, names: Sequence[str]) -> list[NDArray]:
    """Arrays of a file of MATLAB by name. Raises: ValueError for a damaged file, and for one that is missing."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=list(names))
    except Exception as error:  # scipy stumbles over damage in many ways
        raise ValueError(f"cut off, damaged or no file of MATLAB ({type(error).__name__}: {error})") from error
    missing = [name for name in names if name not in content]
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    return [content[name] for name in names]


def npz_arrays(path: Path, names: Sequence[str]) -> list[NDArray]:
    """Arrays of an .npz file by name, without any pickle in it. Raises: ValueError for one that is missing."""
    with zipfile.ZipFile(path) as archive:
        missing = [name for name in names if f"{name}.npy" not in archive.namelist()]
        if missing:
            raise ValueError(f"{path} has no array {', '.join(missing)}")
        found = []
        for name in names:
            with archive.open(f"{name}.npy") as file:
                found.append(np.lib.format.read_array(file, allow_pickle=False))
        return found


def unpacked(data: Path, name: str, cache: Path) -> Path:
    """The folder or file of a data set: DATA/NAME, or DATA/NAME.tar.xz unpacked into the cache, once.

    Raises:
        FileNotFoundError: where there is neither.
        ValueError: for an archive that writes outside its folder, or has far more files than such a set.
    """
    for found in (data / name, data / f"{name}.npz"):
        if found.exists():
            return found
    archive, target = data / f"{name}.tar.xz", cache / name
    if not archive.is_file():
        raise FileNotFoundError(
            f"no {name}, {name}.npz or {name}.tar.xz in {data}: get the set from its authors (docs/recipes.md)"
        )
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=cache))
        with tarfile.open(archive) as tar:
            members = list(_bounded(tar, archive))
            tar.extractall(part, members=members, filter="data")
        try:
            part.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(part)
            if not target.exists():
                raise
    return target


def _bounded(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(tar):
        if count > MOST_FILES:
            raise ValueError(f"{archive} has more than {MOST_FILES} files, which no such set has")
        yield member
