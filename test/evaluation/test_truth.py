"""Whose activity an annotation tells: people, tracks that change their id, the scene."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.data.annotations import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.truth import deal, joined, sightings

S = 1_000_000_000


def between(start_s: float, end_s: float, label: str, subject: str = "") -> Interval:
    return Interval(round(start_s * S), round(end_s * S), label, subject)


def seen(**spans: tuple[int, int]) -> dict[str, np.ndarray]:
    """Frames at 10 Hz from the first to just before the last second; "scene" is the subject without a name."""
    return {
        "" if name == "scene" else name: np.arange(start * 10, end * 10, dtype=np.int64) * S // 10
        for name, (start, end) in spans.items()
    }


def test_a_subjects_own_annotation_goes_before_everybodys_and_holds_out_of_sight_too() -> None:
    told = [between(2, 4, "wave", "p1"), between(0, 10, "walk")]
    truth = deal(told, seen(p1=(3, 20), p2=(0, 20)))
    assert truth.activities["p1"] == (between(2, 4, "wave", "p1"), between(4, 10, "walk"))
    assert truth.activities["p2"] == (between(0, 10, "walk"),)
    assert [truth.label("p1", t * S) for t in (1, 2, 4, 10)] == [None, "wave", "walk", None]
    assert truth.label("p3", S) is None


def test_a_persons_name_means_whoever_is_in_sight_even_when_the_track_changes() -> None:
    truth = deal([between(1, 9, "wave", "anna")], seen(t1=(0, 5), t2=(6, 20)))
    assert truth.activities == {"t1": (between(1, 5, "wave", "anna"),), "t2": (between(6, 9, "wave", "anna"),)}
    assert not truth.doubtful


def test_nobody_can_tell_who_is_meant_with_two_in_sight_or_two_names() -> None:
    named = between(1, 3, "wave", "anna")
    both = seen(t1=(0, 9), t2=(2, 9))
    truth = deal([named, between(5, 6, "sit")], both, background="none")
    assert truth.doubtful == (named,)
    assert [truth.label("t1", t * S) for t in (0, 2, 4, 5)] == ["none", None, "none", "sit"]
    assert deal([named, between(2, 4, "wave", "ben")], seen(t1=(0, 9))).activities == {"t1": ()}
    # It is known of who has a name of their own.
    assert deal([named, between(1, 3, "sit", "t1")], both).label("t1", 2 * S) == "sit"


def test_doubt_goes_before_what_is_said_of_everybody() -> None:
    truth = deal([between(1, 3, "wave", "anna"), between(0, 9, "walk")], seen(t1=(0, 9), t2=(0, 9)))
    assert [truth.label("t1", t * S) for t in (0, 2, 4)] == ["walk", None, "walk"]


def test_the_scene_does_what_all_agree_on() -> None:
    waves = [between(0, 4, "wave", "a"), between(2, 6, "wave", "b")]
    told = [*waves, between(5, 8, "walk", "c"), between(8, 9, "walk", "c")]
    truth = deal(told, seen(scene=(0, 20)), background="none")
    # "walk" ends and begins again at 8: two events, as annotated.
    assert truth.activities[""] == (between(0, 5, "wave"), between(6, 8, "walk"), between(8, 9, "walk"))
    assert [truth.label("", round(t * S)) for t in (5.5, 7, 9.5)] == [None, "walk", "none"]


def test_known_time_is_all_of_it_with_a_background_and_the_annotated_without() -> None:
    told = [between(1, 3, "wave"), between(3, 4, "walk"), between(6, 7, "walk")]

    def spans(background: str) -> list[tuple[int, int]]:
        known = deal(told, seen(p=(0, 9)), background).known("p", 0, 9 * S)
        return [(part.start_ns // S, part.end_ns // S) for part in known]

    assert spans("") == [(1, 4), (6, 7)]
    assert spans("none") == [(0, 9)]


def test_the_background_may_be_annotated_or_left_out() -> None:
    told = [between(1, 3, "wave"), between(3, 5, "none")]
    truth = deal(told, seen(p=(0, 9)), "none")
    assert truth == deal(told[:1], seen(p=(0, 9)), "none")
    assert truth.label("p", 4 * S) == "none"


def test_annotations_while_nobody_is_there_are_told_apart() -> None:
    lost = between(20, 30, "wave", "anna")
    assert deal([lost], seen(p=(0, 9))).unseen == (lost,)


def test_overlap_and_times_without_an_origin_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        deal([between(0, 2, "wave"), between(1, 3, "walk")], seen(p=(0, 9)))
    with pytest.raises(ValueError, match="shifted"):
        deal([Interval(0, S, "wave", relative=True)], seen(p=(0, 9)))


def test_records_are_joined_at_their_stamp_or_at_what_they_describe() -> None:
    records = [FrameRecord(t * S, "p", delay_ns=S) for t in range(4)]
    truth = deal([between(2, 3, "wave", "p")], sightings(records))
    assert [record.truth for record in joined(records, truth)] == [None, None, "wave", None]
    assert [record.truth for record in joined(records, truth, described=True)] == [None, None, None, "wave"]


def test_who_is_stale_or_dropped_is_not_in_sight() -> None:
    statuses = [Status.VALID, Status.STALE, None, Status.WARMING_UP]
    found = sightings([FrameRecord(n, "p", status) for n, status in enumerate(statuses)])
    assert found["p"].tolist() == [0, 3]
