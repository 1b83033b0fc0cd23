"""Two runs side by side: where they say the same, where they part, and what one of them lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from co_perception.engine.target import Status
from co_perception.evaluation.comparison import Comparison, compare
from co_perception.evaluation.records import FrameRecord, write_records

CLASSES = ("walk", "wave")


def record(stamp: int, walk: float | None = 0.75, subject: str = "a", recording: str = "x") -> FrameRecord:
    status = Status.WARMING_UP if walk is None else Status.VALID
    scores = None if walk is None else np.array([walk, 1 - walk], np.float32)
    return FrameRecord(stamp, subject, status, probabilities=scores, recording=recording)


def compared(folder: Path, first: list[FrameRecord], second: list[FrameRecord]) -> Comparison:
    write_records(folder / "1", CLASSES, first)
    write_records(folder / "2", CLASSES, second)
    return compare(folder / "1", folder / "2")


def test_the_same_run_agrees_wholly(tmp_path: Path) -> None:
    run = [record(1, None), record(1, 0.2, "b"), record(2), record(1, recording="y")]
    found = compared(tmp_path, run, run)
    assert found == Comparison(both=4, same_label=4, same_status=4)
    assert (found.agreement, found.as_dict()["agreement"]) == (1.0, 1.0)


def test_differences_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    first = [record(1, 0.75), record(2, 0.75), record(3, None), record(4, 0.75)]
    second = [record(1, 0.625), record(2, 0.25), record(3, 0.75), record(4, 0.75)]
    found = compared(tmp_path, first, second)
    assert (found.both, found.same_label, found.same_status) == (4, 2, 3)
    assert found.largest_difference == 0.5
    assert found.first_parting == ("x", 2, "a")


def test_what_one_run_lacks_does_not_shift_the_rest(tmp_path: Path) -> None:
    first = [record(1), record(2), record(2, subject="b"), record(4)]
    first += [record(9, recording="y"), record(1, recording="z")]
    second = [record(2), record(3), record(4, subject="b"), record(4), record(5), record(1, recording="z")]
    found = compared(tmp_path, first, second)
    assert (found.both, found.only_first, found.only_second) == (3, 3, 3)
    assert found.same_label == 3


def test_nothing_in_common_has_no_agreement(tmp_path: Path) -> None:
    found = compared(tmp_path, [record(1)], [])
    assert (found.only_first, found.as_dict()["agreement"]) == (1, None)


def test_other_classes_cannot_be_compared(tmp_path: Path) -> None:
    write_records(tmp_path / "1", CLASSES, [])
    write_records(tmp_path / "2", CLASSES[::-1], [])
    with pytest.raises(ValueError, match="different classes"):
        compare(tmp_path / "1", tmp_path / "2")
