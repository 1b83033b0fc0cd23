"""Recordings become one run: annotations that can be used, and records with their truth in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.data.annotations import Interval
from co_perception.evaluation.gathering import gather, records_in, usable_annotations
from co_perception.evaluation.records import FrameRecord, read_records, write_records
from co_perception.evaluation.tracks import Protocol, Replayed

CLASSES = ("walk", "wave")
SECOND = 1_000_000_000
ORIGIN = 100 * SECOND
SPAN = (100 * SECOND, 110 * SECOND)


def walk(start_s: int, end_s: int, label: str = "walk", relative: bool = True) -> Interval:
    return Interval(start_s * SECOND, end_s * SECOND, label, relative=relative)


def test_seconds_become_stamps_and_what_lies_outside_is_told() -> None:
    inside = [walk(0, 2), walk(9, 20), walk(103, 104, "wave", relative=False)]
    found, wrong = usable_annotations([*inside, walk(50, 51), walk(60, 61)], ORIGIN, SPAN, CLASSES)
    assert [(each.start_ns, each.label) for each in found] == [
        (100 * SECOND, "walk"), (109 * SECOND, "walk"), (103 * SECOND, "wave"),
    ]  # fmt: skip
    assert len(wrong) == 1
    assert "'walk' from 50.000 to 51.000 s and 1 more" in wrong[0]
    assert "from 0.000 to 10.000 s" in wrong[0]


def test_unknown_labels_and_no_annotation_at_all_are_told() -> None:
    found, (wrong,) = usable_annotations([walk(0, 1), walk(1, 2, "wav")], ORIGIN, SPAN, CLASSES)
    assert found == []
    assert "'wav' (meant: 'wave'?)" in wrong
    assert usable_annotations([], ORIGIN, SPAN, CLASSES)[1][0].startswith("nobody says")
    assert usable_annotations([walk(0, 1)], ORIGIN, None, CLASSES) == ([], [])


def test_a_run_is_written_with_its_truth_and_read_back_with_its_latencies(tmp_path: Path) -> None:
    scores = np.array([0.5, 0.5], np.float32)
    for name in ("x", "y"):
        common: dict[str, Any] = {"probabilities": scores, "recording": name, "latency_s": 0.25}
        records = [FrameRecord(ORIGIN + n * SECOND, "a", **common) for n in range(4)]
        write_records(tmp_path / name, CLASSES, records)
    told = {"x": [walk(101, 103, relative=False)], "y": []}
    parts = (Replayed(name, records_in(tmp_path / name), told[name]) for name in told)
    replayed = gather(parts, CLASSES, tmp_path / "run", Protocol())
    assert [(each.name, len(each.records)) for each in replayed] == [("x", 4), ("y", 4)]
    assert {record.latency_s for each in replayed for record in each.records} == {0.25}
    written = list(read_records(tmp_path / "run"))
    assert [record.truth for record in written] == [None, "walk", "walk", None, None, None, None, None]
    assert [record.recording for record in written] == ["x"] * 4 + ["y"] * 4
    assert {record.latency_s for record in records_in(tmp_path / "run")} == {0.25}


def test_annotations_that_overlap_are_refused(tmp_path: Path) -> None:
    twice = [walk(100, 103, relative=False), walk(102, 104, "wave", relative=False)]
    with pytest.raises(ValueError, match="overlap"):
        gather([Replayed("x", [], twice)], CLASSES, tmp_path, Protocol())
