"""Annotation files: hand-written ones, a round trip through writer and reader, and errors by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from co_perception.data.annotations.intervals import (
    Interval,
    check_labels,
    disjoint,
    label_at,
    of_recording,
    read_annotations,
    write_annotations,
)


def write(tmp_path: Path, text: str, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_seconds_count_from_the_start_of_the_recording(tmp_path: Path) -> None:
    path = write(tmp_path, 'start,end,label,subject\n9,12.000000001,"sit, down",p1\n2.5,7.25,wave,\n')
    assert read_annotations(path) == [
        Interval(2_500_000_000, 7_250_000_000, "wave", relative=True),
        Interval(9_000_000_000, 12_000_000_001, "sit, down", "p1", relative=True),
    ]
    assert read_annotations(path)[0].shifted(100).start_ns == 2_500_000_100
    # Stamps are taken as they are, even where they are small.
    path = write(tmp_path, "\ufeffstart_ns, end_ns, label\n5,1700000000000000001,wave\n")
    (interval,) = read_annotations(path)
    assert interval == Interval(5, 1_700_000_000_000_000_001, "wave")
    assert interval.shifted(100) is interval


def test_json_has_the_same_keys(tmp_path: Path) -> None:
    rows = [{"start": 0.1, "end": 3, "label": "wave", "recording": "b"}, {"start": 0, "end": 2, "label": "walk"}]
    path = write(tmp_path, json.dumps(rows), "a.json")
    walk, wave = read_annotations(path)
    assert (wave.start_ns, wave.end_ns, walk.end_ns) == (100_000_000, 3_000_000_000, 2_000_000_000)
    assert of_recording([walk, wave], "b") == [walk, wave]
    assert of_recording([walk, wave], "c") == [walk]


@pytest.mark.parametrize("ending", ["csv", "json"])
@pytest.mark.parametrize("relative", [False, True])
def test_what_is_written_comes_back(tmp_path: Path, ending: str, relative: bool) -> None:
    intervals = [
        Interval(1, 2_000_000_003, 'say "hi", go', "", relative),
        Interval(2_000_000_003, 3_000_000_000, "stehen – ruhig", "p1", relative, "bag_1"),
    ]
    path = tmp_path / f"a.{ending}"
    write_annotations(path, intervals)
    assert read_annotations(path) == intervals
    write_annotations(path, [])
    assert read_annotations(path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("start,end,label\n3,2,wave\n", "row 2.*not after its start"),
        ("start,end,label\n1,4,wave\n3,5,walk\n", "'wave'.*'walk'.*overlap"),
        ("start,end,label,subject\n1,4,wave,p\n3,5,walk,p\n", "of p overlap"),
        ("start,end,label,sujbect\n1,4,wave,p\n", r"unknown: sujbect \(meant: 'subject'\?\)"),
        ("start,end_ns,label\n1,4,wave\n", "needs the columns"),
        ("begin;end;label\n", "unknown: begin;end;label"),
        ("", "got none"),
        ("start,end,label\n1,soon,wave\n", "row 2.*end is a number of seconds"),
        ("start,end,label\n1700000000,1700000009,wave\n", "row 2.*start_ns and end_ns"),
        ("start,end,label\n1,nan,wave\n", "no such time"),
        ("start,end,label\n-1,2,wave\n", "no such time"),
        ("start_ns,end_ns,label\n1.5,2.5,wave\n", "whole nanoseconds"),
        ("start,end,label\n1,2,\n", "needs a label"),
        ("start,end,label\n1,2,sit, down\n", "more cells than columns"),
        ("start,end,label\n1,2\n", "needs a label"),
        ('start,end,label\n1,2,"wave\n3,4,walk\n5,6,sit\n', "unexpected end of data"),
        ('start,end,label\n1,2,"wave\n3,4,"walk"\n', "expected after"),
        ("start,end,label,label\n1,2,wave,walk\n", "two columns 'label'"),
        ("start,end,label\n1,2,gr\u00fc\u00df\n".encode("cp1252"), "no text in UTF-8"),
        ("start,end,label\n1,2,wave\n".encode("utf-16"), "no text in UTF-8"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=rf"(?s)a\.csv.*{message}"):
        read_annotations(path)


@pytest.mark.parametrize("value", ['["a"]', '{"a": 1}', "true"])
@pytest.mark.parametrize("key", ["label", "subject", "start"])
def test_json_has_texts_and_numbers_and_nothing_else(tmp_path: Path, key: str, value: str) -> None:
    cells = {"start": "1", "end": "2", "label": '"a"', key: value}
    text = ", ".join(f'"{name}": {cell}' for name, cell in cells.items())
    with pytest.raises(ValueError, match=rf"row 1: {key} is a text or a number, got "):
        read_annotations(write(tmp_path, f"[{{{text}}}]", "a.json"))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_files_of_windows_are_read(tmp_path: Path, line_end: str) -> None:
    table, objects = tmp_path / "a.csv", tmp_path / "a.json"
    table.write_bytes(f"start,end,label{line_end}1,2,gr\u00fc\u00df{line_end}{line_end}".encode("utf-8-sig"))
    objects.write_bytes(f'[{line_end}{{"start": 1, "end": 2, "label": "gr\u00fc\u00df"}}]'.encode("utf-8-sig"))
    for path in (table, objects):
        assert read_annotations(path) == [Interval(10**9, 2 * 10**9, "gr\u00fc\u00df", relative=True)]


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="list of objects"):
        read_annotations(write(tmp_path, "{}", "a.json"))
    with pytest.raises(ValueError, match="not JSON"):
        read_annotations(write(tmp_path, "[", "a.json"))
    with pytest.raises(ValueError, match=r"\.csv or a \.json"):
        read_annotations(write(tmp_path, "", "a.txt"))
    with pytest.raises(FileNotFoundError):
        read_annotations(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="shifted"):
        write_annotations(tmp_path / "a.csv", [Interval(0, 1, "a"), Interval(2, 3, "b", relative=True)])


def test_label_at_asks_for_one_subject_at_one_instant() -> None:
    intervals = [Interval(10, 20, "walk"), Interval(15, 18, "wave", "p1"), Interval(30, 40, "sit", "p2")]
    wanted = {(9, "p1"): None, (10, "p1"): "walk", (15, "p1"): "wave", (15, "p2"): "walk", (20, "p1"): None}
    wanted |= {(35, ""): None, (35, "p2"): "sit"}
    assert {key: label_at(intervals, *key) for key in wanted} == wanted
    assert label_at(intervals, 35) is None


def test_unknown_labels_are_named_with_what_was_meant() -> None:
    intervals = [Interval(0, 1, label) for label in ("Wave", "wave", "swim", "walkk")]
    message = r"'Wave' \(meant: 'wave'\?\), 'swim', 'walkk' \(meant: 'walk'\?\)\. The known ones are walk, wave\."
    with pytest.raises(ValueError, match=message):
        check_labels(intervals, ("walk", "wave"))
    with pytest.raises(ValueError, match="and 388 more"):
        check_labels(intervals, [f"class {n}" for n in range(400)])
    check_labels(intervals[1:2], ("walk", "wave"))


def test_null_in_json_is_an_empty_cell_and_no_person_called_none(tmp_path: Path) -> None:
    rows = [{"start": 0, "end": 1, "label": "wave", "subject": None}]
    assert read_annotations(write(tmp_path, json.dumps(rows), "a.json"))[0].subject == ""
    rows[0]["label"] = None
    with pytest.raises(ValueError, match="an interval needs a label"):
        read_annotations(write(tmp_path, json.dumps(rows), "a.json"))


def test_at_a_stamp_that_has_an_annotation_the_first_one_stays() -> None:
    given = [Interval(10, 20, "wave"), Interval(5, 15, "walk"), Interval(12, 30, "sit", "anna"), Interval(0, 40, "run")]
    assert disjoint(given) == [
        Interval(0, 5, "run"),
        Interval(5, 10, "walk"),
        Interval(10, 20, "wave"),
        Interval(12, 30, "sit", "anna"),
        Interval(20, 40, "run"),
    ]
