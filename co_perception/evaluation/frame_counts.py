"""Counts of annotated and of judged frames, with the reasons why others are not: the last stages of `StageCounts`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from co_perception.data.annotations.assignment import count_seen
from co_perception.data.annotations.intervals import Interval
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import GroundTruth, Protocol
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.subject_track import TrackedRecording


def count_judged(recordings: Sequence[TrackedRecording], protocol: Protocol, counts: StageCounts) -> None:
    """Adds the frames of these recordings: which are annotated, and which of those are judged by an answer.

    Annotated seconds without a person are counted too.
    """
    absent = [part for recording in recordings for part in recording.truth.absent]
    count_seen(sum(recording.truth.annotated_ns for recording in recordings), absent, counts)
    for recording in recordings:
        annotated = _AnnotatedTime(recording.truth)
        for track in recording.tracks:
            for record in track.records:
                if record.dropped or record.status == Status.STALE:
                    continue
                if record.truth is None:
                    at_ns = record.stamp_ns - (record.delay_ns if protocol.described else 0)
                    counts.lose(Stage.ANNOTATED, annotated.why_unknown(track.subject, at_ns))
                else:
                    counts.add(Stage.ANNOTATED)
                    _count_answer(record, counts)


def why_nothing_is_judged(counts: StageCounts) -> str:
    """The sentence for a run without any judged frame: the stage that let nothing pass, and those that lost much."""
    losses = counts.losses()
    if losses:
        return "no frame can be judged. " + " ".join(map(str, losses))
    passed = ", ".join(f"{title} {count}" for title, count, _, _ in counts.rows()) or "there are no messages at all"
    return f"no frame can be judged. Nothing came to the stage behind the last of these: {passed}."


def _count_answer(record: FrameRecord, counts: StageCounts) -> None:
    if record.answered:
        counts.add(Stage.JUDGED)
    elif record.status == Status.WARMING_UP:
        counts.leave_out(Stage.JUDGED, "warm-up of a stream")
    else:
        counts.lose(Stage.JUDGED, "answers without scores")


class _AnnotatedTime:
    """The time that some annotation of a recording covers, to look up why the truth of a frame is unknown."""

    def __init__(self, truth: GroundTruth) -> None:
        self._doubtful = {subject: _Union(parts) for subject, parts in truth.unknown.items()}
        self._known = _Union([*truth.unseen, *truth.doubtful, *(i for each in truth.activities.values() for i in each)])

    def why_unknown(self, subject: str, at_ns: int) -> str:
        if subject in self._doubtful and at_ns in self._doubtful[subject]:
            return "frames of which it is doubtful whose the annotation is, as several people are or were in sight"
        if at_ns in self._known:
            return "frames whose annotation is about another subject"
        return "frames that no annotation covers"


class _Union:
    """Instants [ns] in any of some intervals."""

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for each in sorted(intervals, key=lambda interval: interval.start_ns):
            if self._ends and each.start_ns <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], each.end_ns)
            else:
                self._starts.append(each.start_ns)
                self._ends.append(each.end_ns)

    def __contains__(self, at_ns: int) -> bool:
        place = bisect_right(self._starts, at_ns) - 1
        return place >= 0 and at_ns < self._ends[place]
