"""Records on disk: the same bytes for the same run, read back as they were, damage named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Category, Status
from co_perception.evaluation.ground_truth import Replayed
from co_perception.evaluation.records import (
    FrameRecord,
    RecordWriter,
    read_classes,
    read_records,
    read_run,
    write_records,
)
from co_perception.evaluation.result_folder import FRAMES, LATENCIES
from co_perception.evaluation.summary import summarize

CLASSES = ("walk", "wave", "sit – down")


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


RECORDS = [
    FrameRecord(5, "p1", Status.WARMING_UP, 0.125, probabilities=scores(1 / 3, 1 / 3, 1 / 3), latency_s=0.0123),
    FrameRecord(5, "p2", Status.VALID, 1.0, 40, scores(0.1, 0.7, 0.2), 2, 0.0456, "wave", "b"),
    FrameRecord(9, "p1", None, 0.0),
    FrameRecord(1_700_000_000_000_000_001, "", Status.STALE, 0.5, truth="sit – down", steps_back=2),
]


def test_what_is_written_comes_back_as_it_was(tmp_path: Path) -> None:
    write_records(tmp_path, CLASSES, RECORDS)
    assert read_classes(tmp_path) == CLASSES
    found = read_run(tmp_path)
    assert found == RECORDS
    for ours, theirs in zip(RECORDS, found, strict=True):
        if ours.probabilities is None or theirs.probabilities is None:
            assert ours.probabilities is theirs.probabilities
        else:
            assert theirs.probabilities.tolist() == ours.probabilities.tolist()


def test_map_rounded_scores_read_from_a_file_rank_as_those_of_the_network(tmp_path: Path) -> None:
    """Wave is surer where it is wave, by less than a millionth; what `evaluate` reads scores as what `score` has."""
    second, records = 10**9, []
    for n in range(20):
        rest = np.float32(1e-7 if n < 10 else 4e-7)
        records.append(FrameRecord(n * second, "p", probabilities=np.array([1 - rest, rest], np.float32)))
    done = [Interval(0, 10 * second, "wave", "p"), Interval(10 * second, 20 * second, "squat", "p")]
    write_records(tmp_path, ("wave", "squat"), records)
    for found in (records, list(read_records(tmp_path))):
        assert summarize([Replayed("day", found, done)], ("wave", "squat")).overall["map"] == 1.0


@given(st.floats(0, 1, width=32))
def test_every_score_comes_back_as_it_was(score: float) -> None:
    with TemporaryDirectory() as folder:
        write_records(folder, ("wave",), [FrameRecord(0, probabilities=np.array([score], np.float32))])
        (found,) = read_records(folder)
    assert found.probabilities is not None and found.probabilities[0] == np.float32(score)


def test_a_second_run_gives_the_same_bytes_whatever_its_latencies(tmp_path: Path) -> None:
    for name, factor in (("one", 1.0), ("two", 1.5)):
        with RecordWriter(tmp_path / name, CLASSES) as writer:
            for record in RECORDS:
                writer.write(replace(record, latency_s=factor * (record.latency_s or 0)))
    one, two = ((tmp_path / name / FRAMES).read_bytes() for name in ("one", "two"))
    assert one == two
    assert (tmp_path / "one" / LATENCIES).read_bytes() != (tmp_path / "two" / LATENCIES).read_bytes()
    assert b"latency" not in one and b"\r" not in one


def test_a_line_says_what_a_reader_wants_to_know(tmp_path: Path) -> None:
    write_records(tmp_path, CLASSES, RECORDS)
    lines = (tmp_path / FRAMES).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(RECORDS)
    rows = [json.loads(line) for line in lines[1:]]
    assert list(rows[0]) == sorted(rows[0])
    assert [row["status"] for row in rows] == ["warming_up", "valid", "dropped", "stale"]
    assert [row["label"] for row in rows] == ["", "wave", "", ""]  # only what is valid can be acted on
    assert rows[0]["probabilities"] == [0.33333334] * 3


def test_an_answer_of_a_learner_becomes_a_record() -> None:
    category = Category(1, probabilities=scores(0.4, 0.6), status=Status.UNCERTAIN, progress=0.5, delay=3)
    record = FrameRecord.of(category, 100, 70, subject="p", missing=1)
    assert (record.delay_ns, record.status, record.progress, record.missing) == (30, Status.UNCERTAIN, 0.5, 1)
    assert (record.best, record.answered, record.dropped, record.label(["a", "b"])) == (1, True, False, "")


def test_of_equal_scores_the_first_is_the_best() -> None:
    assert FrameRecord(0, probabilities=scores(0.5, 0.5)).label(["a", "b"]) == "a"
    assert FrameRecord(0, probabilities=scores(0.25, 0.5, 0.25)).top(2) == [(1, 0.5), (0, 0.25)]
    assert (FrameRecord(0).label(["a", "b"]), FrameRecord(0).top(2)) == ("", [])


@pytest.mark.parametrize(
    ("damage", "predicted"),
    [
        (lambda text: text[:-20], "line 5 is not JSON.*ended"),
        (lambda text: text.replace("[0.1,0.7,0.2]", "[0.1,0.7]"), "line 3 .*2 probabilities of 3 classes"),
        (lambda text: text.replace('"status":"valid"', '"status":"sure"'), "line 3 is no record.*SURE"),
        (lambda text: text.replace('"delay_ns":40', '"delay_ns":-1'), "line 3 .*0 or more"),
        (lambda text: text.replace("co_perception frames 1", "something"), "does not begin with"),
        (lambda text: text.replace('"progress":1.0', '"progress":"all"'), "line 3 is no record"),
        (lambda text: "[1]\n" + text, "line 1 is no JSON object"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, damage: object, predicted: str) -> None:
    write_records(tmp_path, CLASSES, RECORDS)
    path = tmp_path / FRAMES
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(ValueError, match=predicted):
        list(read_records(tmp_path))


def test_probabilities_of_another_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="3 classes were named, and a record scores 2"):
        write_records(tmp_path, CLASSES, [FrameRecord(0, probabilities=scores(0.5, 0.5))])


@pytest.mark.parametrize(
    "wrong", [{"progress": 1.5}, {"delay_ns": -1}, {"missing": -1}, {"probabilities": scores(np.nan)}]
)
def test_values_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="0..1|0 or more|finite"):
        FrameRecord(0, **wrong)
