"""Annotations from topics of a bag and from files: events and strings, open ends, clocks that differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from helpers.bag_writer import SECOND, header, ours, store, write_messages

from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.data.annotations.sources import annotations_for, read_any, topic_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.recorded_file import BagError

STORE = store()
STRING = "std_msgs/msg/String"


def event(stamp_s: float, kind: int, label: str, subject: str, began_s: float, at_s: float, types: Any = STORE) -> Any:
    stamp, began, at = (header(types, round(seconds * SECOND)) for seconds in (stamp_s, began_s, at_s))
    return ours(
        types, "ActivityEvent", header=stamp, recognizer="annotator", label_set="", subject_id=subject, group="",
        kind=kind, label=label, score=1.0, began=began.stamp, at=at.stamp,
    )  # fmt: skip


def write(path: Path, rows: Sequence[tuple[str, float, Any]], storage: Literal["mcap", "sqlite3"] = "mcap") -> Path:
    """A bag of (topic, seconds at which it was recorded, message or text)."""
    topics: dict[str, list[tuple[int, Any]]] = defaultdict(list)
    for topic, at_s, what in rows:
        message = STORE.types[STRING](data=what) if isinstance(what, str) else what
        topics[topic].append((round(at_s * SECOND), message))
    return write_messages(path, topics, storage, STORE)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_string_begins_a_label_and_ends_the_one_before(tmp_path: Path, storage: Literal["mcap", "sqlite3"]) -> None:
    rows = [
        ("/other", 100.0, "the recording begins"), ("/truth", 101.0, "wave"), ("/truth", 102.0, " wave "),
        ("/truth", 103.5, "walk"), ("/truth", 105.0, ""), ("/truth", 107.0, "sit"), ("/other", 110.0, "and ends"),
    ]  # fmt: skip
    with Bag(write(tmp_path / "bag", rows, storage)) as bag:
        found = topic_annotations(bag, "/truth")
        with pytest.raises(BagError, match="several topics"):
            topic_annotations(bag)
    seconds = [(each.start_ns / SECOND, round(each.end_ns / SECOND, 6), each.label) for each in found]
    assert seconds == [(1, 3.5, "wave"), (3.5, 5, "walk"), (7, 10, "sit")]
    assert all(each.relative and not each.subject for each in found)


def test_events_tell_who_by_stamps_whatever_clock_recorded_them(tmp_path: Path) -> None:
    """Stamps are of simulated time here; the recorder's clock is at 1000 s more."""
    rows = [
        ("/truth", 1005.5, event(5.5, 0, "wave", "p1", 5.0, 5.0)),
        ("/truth", 1006.0, event(6.0, 0, "walk", "p2", 6.0, 6.0)),
        ("/truth", 1008.5, event(8.5, 1, "wave", "p1", 5.0, 8.0)),
        ("/truth", 1009.0, event(9.0, 1, "sit", "p1", 1.0, 4.0)),  # it began before the recording did
        ("/truth", 1009.5, event(9.5, 0, "sit", "p1", 9.25, 9.25)),
        ("/other", 1012.0, "the end"),
    ]
    with Bag(write(tmp_path / "bag", rows)) as bag:
        found = topic_annotations(bag, "/truth")
    assert all(not each.relative for each in found)
    seconds = [(each.subject, each.label, each.start_ns / SECOND, round(each.end_ns / SECOND, 6)) for each in found]
    assert sorted(seconds) == [
        ("p1", "sit", 1, 4), ("p1", "sit", 9.25, 12), ("p1", "wave", 5, 8), ("p2", "walk", 6, 12),
    ]  # fmt: skip


def test_two_activities_of_one_subject_are_refused(tmp_path: Path) -> None:
    rows = [("/truth", 5.0, event(5, 0, "wave", "p", 5, 5)), ("/truth", 6.0, event(6, 0, "walk", "p", 6, 6))]
    rows += [("/truth", 8.0, event(8, 1, "wave", "p", 5, 8)), ("/truth", 9.0, event(9, 1, "walk", "p", 6, 9))]
    with Bag(write(tmp_path / "bag", rows)) as bag, pytest.raises(ValueError, match="/truth: .*overlap"):
        topic_annotations(bag)


def test_annotations_come_from_a_file_or_from_the_recording(tmp_path: Path) -> None:
    rows = [("/truth", 1.0, "wave"), ("/truth", 2.0, "")]
    wave = Interval(0, SECOND, "wave", relative=True)
    others = Interval(0, SECOND, "walk", relative=True, recording="another")
    write_annotations(tmp_path / "all.csv", [wave, others])
    (tmp_path / "all.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nwave\n")
    with Bag(write(tmp_path / "bag", rows)) as bag:
        for source in ("topic:/truth", "topic:", str(tmp_path / "all.csv"), str(tmp_path / "all.vtt")):
            assert annotations_for(source, bag) == [wave]
        with pytest.raises(BagError, match="no topic /lies"):
            annotations_for("topic:/lies", bag)
    assert read_any(tmp_path / "all.csv") == [wave, others]
    with pytest.raises(
        ValueError, match=r"annotations end in \.csv, \.json, \.eaf, \.vtt, \.xml, \.mcap, got 'all\.txt'"
    ):
        read_any(tmp_path / "all.txt")
