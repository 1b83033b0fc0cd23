"""Reader of shoulder exercises recorded by a watch: the `watch_dataset.npy` of seglearn.

Burns et al., Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a smartwatch,
Physiological Measurement 2018. Ten healthy people, both arms, seven exercises of 20 repetitions,
acceleration in g and angular velocity in rad/s at 50 Hz. Recordings of the left wrist are mirrored to the right one:
the mirror image of a body turns the watch's x axis, which points along the forearm, and the rotations about the two
other axes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from co_perception.data.parsing import Skipped, parse_errors
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import Timeseries
from co_perception.runtime.untrusted.unpickle import load

RATE_HZ = 50.0
CHANNELS = ("ax", "ay", "az", "wx", "wy", "wz")
EXERCISES = {
    "PEN": "pendulum",
    "ABD": "abduction",
    "FEL": "forward elevation",
    "IR": "internal rotation",
    "ER": "external rotation",
    "TRAP": "trapezius extension",
    "ROW": "upright row",
}
MIRROR = np.array([-1, 1, 1, 1, -1, -1], np.float32)
RIGHT, LEFT = 1, 0


def watch_samples(path: Path | str, *, one_side: bool = True) -> tuple[Samples, Skipped]:
    """The 140 recordings as `Timeseries` (time, 6), each with its person as subject and a group of its own.

    Args:
        path: the file.
        one_side: mirror the left arm to the right one, so that a network need not learn everything twice.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a file that is no such data set.
    """
    skipped, items = Skipped(), list[Sample]()
    with parse_errors(path, "seglearn's watch data"):
        content = _content(Path(path))
        rows = zip(content["X"], content["y"], content["subject"], content["side"], strict=True)
        for number, (values, label, subject, side) in enumerate(rows):
            source = f"recording {number}"
            with np.errstate(over="ignore"):  # a huge number becomes infinite, and is found below
                found = values.astype(np.float32)
            if found.ndim != 2 or found.shape[1] != len(CHANNELS) or not np.isfinite(found).all():
                skipped.add(source, f"expected finite (time, {len(CHANNELS)}), got {found.shape}")
                continue
            data = Timeseries(found * MIRROR if one_side and side == LEFT else found, RATE_HZ)
            items.append(Sample(data, int(label), f"P{int(subject):02}", source, source))
        skipped.require(items, path, "Is it another file than seglearn's watch_dataset.npy?")
        return Samples(items, [EXERCISES.get(name, str(name)) for name in content["y_labels"]]), skipped


def _content(path: Path) -> dict[str, Any]:
    """The dict in the file, read without running anything in it."""
    with path.open("rb") as file:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("it is not of the first version of .npy, which seglearn's data set is.")
        try:
            np.lib.format.read_array_header_1_0(file)
        except Exception as error:  # NumPy reads it as a piece of Python, which can be damaged in any way
            raise ValueError(f"its header is damaged: {error}") from error
        content = load(file, str(path))
    wanted = {"X", "y", "y_labels", "subject", "side", "X_labels"}
    if not isinstance(content, dict) or not wanted <= content.keys() or tuple(content["X_labels"]) != CHANNELS:
        raise ValueError(f"not seglearn's watch data: expected a dict with {sorted(wanted)}.")
    return content
