"""From records to segments: what a robot acted on, what the detector told, as far as the truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from helpers.synthetic_recordings import tracked

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import Protocol, Replayed
from co_perception.evaluation.metrics.segments import Segment
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import SubjectTrack, segments_with_records
from co_perception.online.events import Rules

CLASSES = ("walk", "wave", "none")
S = 1_000_000_000
PROTOCOL = Protocol("rest")


def record(
    at_s: float, scores: Sequence[float] | None, status: Status | None = Status.VALID, subject: str = "p"
) -> FrameRecord:
    probabilities = None if scores is None else np.array(scores, np.float32)
    return FrameRecord(round(at_s * S), subject, status, probabilities=probabilities)


def wave(at_s: float, score: float = 0.9, subject: str = "p") -> FrameRecord:
    return record(at_s, (1 - score, score, 0.0), subject=subject)


def of_one(
    records: Sequence[FrameRecord], annotations: Sequence[Interval] = (), protocol: Protocol = PROTOCOL
) -> SubjectTrack:
    [track] = tracked(Replayed("a", records, annotations), CLASSES, protocol).tracks
    return track


def seconds(segments: Sequence[Segment]) -> list[tuple[float, float, str, float]]:
    return [(each.start_ns / S, each.end_ns / S, each.label, each.decided_ns / S) for each in segments]


def test_frames_say_at_once_what_the_detector_tells_when_it_is_certain() -> None:
    """At 10 Hz: a wave of a second whose score drops once, and comes to rest."""
    records = [wave(n / 10, 0.9 if n != 5 else 0.45) for n in range(10)]
    records[5] = record(0.5, (0.3, 0.45, 0.25), Status.UNCERTAIN)
    records += [record(n / 10, (0.4, 0.2, 0.4), Status.UNCERTAIN) for n in range(10, 20)]
    track = of_one(records)
    assert seconds(track.predicted) == [(0, 0.5, "wave", 0), (0.6, 1.0, "wave", 0.6)]
    assert seconds(track.detected) == [(0, 1.0, "wave", 0.3)]  # 0.45 is above `off`
    assert track.labels[4:7] == ("wave", "", "wave")


def test_what_holds_at_the_end_stands_as_long_as_its_last_frame() -> None:
    track = of_one([wave(n / 10) for n in range(10)])
    assert seconds(track.predicted) == [(0, 1.0, "wave", 0)]
    assert seconds(track.detected) == [(0, 1.0, "wave", 0.3)]


def test_a_gap_ends_what_frames_say_and_a_dropped_frame_does_not() -> None:
    times = [0, 0.5, 1.0, 4.0, 4.5]
    track = of_one([wave(at) if at != 0.5 else record(at, None, None) for at in times])
    assert seconds(track.predicted) == [(0, 2.0, "wave", 0), (4.0, 5.0, "wave", 4.0)]  # no longer than max_gap_s


def test_the_detector_sees_who_leaves() -> None:
    """p is gone after the first second, q stays: p's wave is over though no record says so."""
    records = [wave(n / 10, subject=name) for n in range(30) for name in "pq" if name == "q" or n < 10]
    found = tracked(Replayed("a", records, []), CLASSES, PROTOCOL).tracks
    assert {track.subject: seconds(track.detected) for track in found} == {
        "p": [(0, 1.0, "wave", 0.3)],
        "q": [(0, 3.0, "wave", 0.3)],
    }


def test_warm_up_and_stale_say_nothing() -> None:
    rules = Rules(min_on_s=0, min_off_s=0)
    statuses = [Status.WARMING_UP, Status.VALID, Status.STALE, Status.VALID]
    records = [record(n, (0.1, 0.9, 0.0), status) for n, status in enumerate(statuses)]
    track = of_one(records, protocol=Protocol("rest", rules=rules))
    assert [each[:3] for each in seconds(track.predicted)] == [(1, 2, "wave"), (3, 4, "wave")]
    assert [each[:3] for each in seconds(track.detected)] == [(1, 2, "wave"), (3, 4, "wave")]


def test_background_is_no_event_and_unknown_time_has_none() -> None:
    records = [record(n / 10, (0.1, 0.0, 0.9) if n < 10 else (0.1, 0.9, 0.0)) for n in range(30)]
    annotations = [Interval(2 * S, 9 * S, "wave", "p")]
    assert [each[:3] for each in seconds(of_one(records, annotations, Protocol("none")).detected)] == [(1, 3, "wave")]
    track = of_one(records, annotations, Protocol())
    assert [each[:3] for each in seconds(track.detected)] == [(2, 3, "wave")]
    assert seconds(track.true) == [(2, 9, "wave", 2)]
    assert [row.truth for row in track.records[18:22]] == [None, None, "wave", "wave"]


def test_subjects_that_were_never_seen_are_no_tracks() -> None:
    records = [wave(0), record(1, None, None, subject="")]
    assert of_one(records).subject == "p"
    with pytest.raises(ValueError, match="two records of 'p' at 0 ns"):
        of_one([wave(0), wave(0)])


def test_segments_have_their_records_and_end_where_a_subject_was_not_seen() -> None:
    cold = record(0, None, Status.WARMING_UP)
    records = [cold, record(0.1, None, Status.UNCERTAIN), wave(0.2, 0.6), wave(0.4, 0.75), wave(1.5), wave(1.6, 0.1)]
    of_all, of_pieces = (
        [(each.label or each.kind.value, [r.stamp_ns / S for r in inside]) for each, inside in found]
        for found in (segments_with_records(records, CLASSES), segments_with_records(records, CLASSES, S // 2))
    )
    start = [("warming up", [0.0]), ("no label", [0.1])]
    assert of_all == [*start, ("wave", [0.2, 0.4, 1.5]), ("walk", [1.6])]
    assert of_pieces == [*start, ("wave", [0.2, 0.4]), ("wave", [1.5]), ("walk", [1.6])]
    assert list(segments_with_records([], CLASSES)) == []
