"""Recordings of drawn figures with their annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bag_writing import SECOND, Frame, Person, write_bag
from drawn_people import performance

from co_perception.data.annotations import Interval, write_annotations

T0 = 1_700_000_000 * SECOND


def recording(path: Path, seed: int, rounds: int = 3, storage: Literal["mcap", "sqlite3"] = "mcap") -> Path:
    """A bag with waving and squatting figures and its annotations beside it."""
    frames, said = [], []
    for figure, instants in performance(rounds, 3.0, ("wave", "squat"), seed):
        seen = [Frame(T0 + round(at_s * SECOND), [Person("body_1", figure.frame(at_s))]) for at_s in instants]
        said.append(Interval(seen[0].stamp_ns, seen[-1].stamp_ns + 1, figure.activity))
        frames += seen
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bag(path, {"/skeletons": frames}, storage)
    write_annotations(path / "annotations.csv", said)
    return path
