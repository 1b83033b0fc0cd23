"""Ground truth by subject: people, tracks that change their id, the scene; annotations that can be used; records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import (
    Protocol,
    Replayed,
    ground_truth,
    label_records,
    sightings,
    usable_annotations,
)
from co_perception.evaluation.records import FrameRecord, read_run, write_records

S = 1_000_000_000


def between(start_s: float, end_s: float, label: str, subject: str = "") -> Interval:
    return Interval(round(start_s * S), round(end_s * S), label, subject)


def tracks(**spans: tuple[int, int]) -> dict[str, np.ndarray]:
    """Frames at 10 Hz from the first to just before the last second; "scene" is the subject without a name."""
    return {
        "" if name == "scene" else name: np.arange(start * 10, end * 10, dtype=np.int64) * S // 10
        for name, (start, end) in spans.items()
    }


def test_a_subjects_own_annotation_goes_before_everybodys_and_holds_out_of_sight_too() -> None:
    annotations = [between(2, 4, "wave", "p1"), between(0, 10, "walk")]
    truth = ground_truth(annotations, tracks(p1=(3, 20), p2=(0, 20)))
    assert truth.activities["p1"] == (between(2, 4, "wave", "p1"), between(4, 10, "walk"))
    assert truth.activities["p2"] == (between(0, 10, "walk"),)
    assert [truth.label("p1", t * S) for t in (1, 2, 4, 10)] == [None, "wave", "walk", None]
    assert truth.label("p3", S) is None


def test_a_persons_name_means_whoever_is_in_sight_even_when_the_track_changes() -> None:
    truth = ground_truth([between(1, 9, "wave", "anna")], tracks(t1=(0, 5), t2=(6, 20)))
    assert truth.activities == {"t1": (between(1, 5, "wave", "anna"),), "t2": (between(6, 9, "wave", "anna"),)}
    assert not truth.doubtful


def test_nobody_can_tell_who_is_meant_with_two_in_sight_or_two_names() -> None:
    named = between(1, 3, "wave", "anna")
    both = tracks(t1=(0, 9), t2=(2, 9))
    truth = ground_truth([named, between(5, 6, "sit")], both, background="none")
    assert not truth.doubtful
    assert [truth.label("t1", t * S) for t in (0, 1, 2, 4, 5)] == ["none", "wave", None, "none", "sit"]
    assert ground_truth([between(2, 3, "wave", "anna")], both).doubtful == (between(2, 3, "wave", "anna"),)
    truth = ground_truth([named, between(2, 4, "wave", "ben")], tracks(t1=(0, 9)))
    assert [truth.label("t1", t * S) for t in (1, 2, 3)] == ["wave", None, "wave"]
    # It is known of who has a name of their own.
    assert ground_truth([named, between(1, 3, "sit", "t1")], both).label("t1", 2 * S) == "sit"


def test_doubt_goes_before_what_is_said_of_everybody() -> None:
    truth = ground_truth([between(1, 3, "wave", "anna"), between(0, 9, "walk")], tracks(t1=(0, 9), t2=(0, 9)))
    assert [truth.label("t1", t * S) for t in (0, 2, 4)] == ["walk", None, "walk"]


def test_the_scene_does_what_all_agree_on() -> None:
    waves = [between(0, 4, "wave", "a"), between(2, 6, "wave", "b")]
    annotations = [*waves, between(5, 8, "walk", "c"), between(8, 9, "walk", "c")]
    truth = ground_truth(annotations, tracks(scene=(0, 20)), background="none")
    # "walk" ends and begins again at 8: two events, as annotated.
    assert truth.activities[""] == (between(0, 5, "wave"), between(6, 8, "walk"), between(8, 9, "walk"))
    assert [truth.label("", round(t * S)) for t in (5.5, 7, 9.5)] == [None, "walk", "none"]


def test_known_time_is_all_of_it_with_a_background_and_the_annotated_without() -> None:
    annotations = [between(1, 3, "wave"), between(3, 4, "walk"), between(6, 7, "walk")]

    def spans(background: str) -> list[tuple[int, int]]:
        known = ground_truth(annotations, tracks(p=(0, 9)), background).known("p", 0, 9 * S)
        return [(part.start_ns // S, part.end_ns // S) for part in known]

    assert spans("") == [(1, 4), (6, 7)]
    assert spans("none") == [(0, 9)]


def test_the_background_may_be_annotated_or_left_out() -> None:
    annotations = [between(1, 3, "wave"), between(3, 5, "none")]
    truth = ground_truth(annotations, tracks(p=(0, 9)), "none")
    assert truth == ground_truth(annotations[:1], tracks(p=(0, 9)), "none")
    assert truth.label("p", 4 * S) == "none"


def test_annotations_while_nobody_is_there_are_told_apart() -> None:
    lost = between(20, 30, "wave", "anna")
    assert ground_truth([lost], tracks(p=(0, 9))).unseen == (lost,)


def test_seconds_of_a_partly_covered_annotation_without_a_person_are_told() -> None:
    """The fault: only annotations with nobody for their whole time were told."""
    gap = {"p": np.concatenate([tracks(p=(0, 3))["p"], tracks(p=(8, 9))["p"]])}
    truth = ground_truth([between(1, 12, "wave", "anna"), between(12, 14, "sit")], gap)
    assert [(part.start_ns / S, part.end_ns / S) for part in truth.absent] == [(3, 8), (9, 12), (12, 14)]
    assert truth.annotated_ns == 13 * S and truth.unseen == (between(12, 14, "sit"),)
    # Of a subject that it names, nobody else is meant.
    both = tracks(p1=(0, 4), p2=(0, 9))
    assert ground_truth([between(1, 6, "wave", "p1")], both).absent == (between(4, 6, "wave", "p1"),)
    assert not ground_truth([between(1, 6, "wave", "anna")], both).absent


def test_overlap_and_times_without_an_origin_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        ground_truth([between(0, 2, "wave"), between(1, 3, "walk")], tracks(p=(0, 9)))
    with pytest.raises(ValueError, match="shifted"):
        ground_truth([Interval(0, S, "wave", relative=True)], tracks(p=(0, 9)))


def test_records_are_joined_at_their_stamp_or_at_what_they_describe() -> None:
    records = [FrameRecord(t * S, "p", delay_ns=S) for t in range(4)]
    replayed = Replayed("x", records, [between(2, 3, "wave", "p")])
    for described, truth in ((False, [None, None, "wave", None]), (True, [None, None, None, "wave"])):
        labeled = label_records(replayed, Protocol(described=described))
        assert labeled.name == "x" and [record.truth for record in labeled.records] == truth


def test_who_is_stale_or_dropped_is_not_in_sight() -> None:
    statuses = [Status.VALID, Status.STALE, None, Status.WARMING_UP]
    found = sightings([FrameRecord(n, "p", status) for n, status in enumerate(statuses)])
    assert found["p"].tolist() == [0, 3]


ORIGIN = 100 * S
SPAN = (100 * S, 110 * S)


def after(start_s: float, end_s: float, label: str = "walk") -> Interval:
    """An annotation in seconds after the start of its recording."""
    return Interval(round(start_s * S), round(end_s * S), label, relative=True)


def test_what_lies_outside_is_told() -> None:
    inside = [after(0, 2).shifted(ORIGIN), after(9, 20).shifted(ORIGIN), between(103, 104, "wave")]
    found, wrong = usable_annotations(
        [*inside, *(after(n, n + 1).shifted(ORIGIN) for n in (50, 60))], ORIGIN, SPAN, ("walk", "wave")
    )
    assert [(each.start_ns, each.label) for each in found] == [
        (100 * S, "walk"), (109 * S, "walk"), (103 * S, "wave"),
    ]  # fmt: skip
    assert len(wrong) == 1
    assert "'walk' from 50.000 to 51.000 s and 1 more" in wrong[0]
    assert "from 0.000 to 10.000 s" in wrong[0]


def test_unknown_labels_and_no_annotation_at_all_are_told() -> None:
    classes = ("walk", "wave")
    found, (wrong,) = usable_annotations([after(0, 1), after(1, 2, "wav")], ORIGIN, SPAN, classes)
    assert found == []
    assert "'wav' (meant: 'wave'?)" in wrong
    assert usable_annotations([], ORIGIN, SPAN, classes)[1][0].startswith("nobody says")
    assert usable_annotations([after(0, 1)], ORIGIN, None, classes) == ([], [])


def test_a_run_is_written_with_its_truth_and_read_back_with_its_latencies(tmp_path: Path) -> None:
    scores, reported = np.array([0.5, 0.5], np.float32), {"x": [between(101, 103, "walk")], "y": []}
    labeled = [
        label_records(
            Replayed(name, [
                FrameRecord(ORIGIN + n * S, "a", probabilities=scores, recording=name, latency_s=0.25) for n in range(4)
            ], annotations), Protocol(),
        )
        for name, annotations in reported.items()
    ]  # fmt: skip
    write_records(tmp_path, ("walk", "wave"), (record for each in labeled for record in each.records))
    found = read_run(tmp_path)
    assert [record.truth for record in found] == [None, "walk", "walk", None, None, None, None, None]
    assert [record.recording for record in found] == ["x"] * 4 + ["y"] * 4
    assert {record.latency_s for record in found} == {0.25}
