"""Rules of the event detector, tried on recordings with annotations: misses, delays and false alarms of each label.

Every rule of a grid is tried by the detector of the nodes, and counted in parts of five minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.evaluation.ground_truth import LabeledRecording
from co_perception.evaluation.metrics.segments import (
    Segment,
    overlapping,
    segments_of_annotations,
    segments_of_events,
    within,
)
from co_perception.evaluation.subject_track import detected_events, detector_frames
from co_perception.online.events import Rules

ON = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
LASTING = ((0.7, 0.3), (0.5, 1.0))  # off as a share of on, and min_off_s
MIN_ON_S = (0.2, 0.5, 1.0, 2.0)
PART_NS = 300_000_000_000  # of a recording, in which is counted
HOUR_NS = 3_600_000_000_000
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def rule_grid() -> list[Rules]:
    """All rules that are tried, the less strict first."""
    return [
        Rules(on=on, off=round(on * share, 3), min_on_s=min_on_s, min_off_s=min_off_s)
        for on, min_on_s, (share, min_off_s) in product(ON, MIN_ON_S, LASTING)
    ]


@dataclass(frozen=True, eq=False)
class TrialTable:
    """What became of each label under each rule in each part of the recordings.

    Args:
        labels: (L,) in order.
        rules: (G,) that were tried.
        hours: (N,) length of each part.
        false: (L, G, N) onsets with nothing of the label about them.
        missed: (L, G, N) true activities that were not found before they were over.
        delay_s: (L, G, N) sum of the delays of those that were found [s].
        true: (L, N) activities.
    """

    labels: tuple[str, ...]
    rules: tuple[Rules, ...]
    hours: Floats
    false: Ints
    missed: Ints
    delay_s: Floats
    true: Ints

    def of(self, parts_of_time: Sequence[int] | Ints) -> TrialTable:
        """The same of some parts; one may come several times."""
        place = np.asarray(parts_of_time)
        parts: list[Any] = [each[..., place] for each in (self.hours, self.false, self.missed, self.delay_s, self.true)]
        return TrialTable(self.labels, self.rules, *parts)


def trials(
    recordings: Sequence[LabeledRecording],
    labels: Sequence[str],
    classes: Sequence[str],
    report: Callable[[float], None] = lambda share: None,
    grid: Sequence[Rules] = (),
) -> TrialTable:
    """Tries each rule on the records of one group of labels.

    Args:
        recordings: narrowed to the group, with what is true.
        labels: whose events count, without those of none.
        classes: of the group, in the order of the probabilities.
        report: takes the share that is done.
        grid: rules; none: `rule_grid`.
    """
    rules = tuple(grid or rule_grid())
    tables = []
    for n, recording in enumerate(recordings):

        def share(done: float, n: int = n) -> None:
            report((n + done) / len(recordings))

        tables.append(_trials_of(recording, labels, classes, rules, share))
    names = "hours", "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables], axis=-1) for name in names]
    return TrialTable(tuple(labels), rules, *parts)


def _trials_of(
    recording: LabeledRecording,
    labels: Sequence[str],
    classes: Sequence[str],
    rules: tuple[Rules, ...],
    report: Callable[[float], None],
) -> TrialTable:
    """The table of one recording, a column for each part of it."""
    frames, last_ns = detector_frames(recording.records, classes)
    first_ns = min((stamp_ns for _, stamp_ns, _ in frames), default=last_ns)
    parts = max(1, round((last_ns - first_ns) / PART_NS))
    width_ns = max((last_ns - first_ns) / parts, 1.0)

    def part(at_ns: int) -> int:
        return min(max(int((at_ns - first_ns) / width_ns), 0), parts - 1)

    shape = len(labels), len(rules), parts
    false, missed, delay_s = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
    true, hours = np.zeros((shape[0], parts), np.int64), np.full(parts, width_ns / HOUR_NS)
    subjects = _subjects(recording, first_ns, last_ns)
    for truth, _ in subjects.values():
        for each in truth:
            if each.label in labels:
                true[labels.index(each.label), part(each.start_ns)] += 1
    for g, rule in enumerate(rules):
        found = segments_of_events(detected_events(frames, rule, recording.group, last_ns))
        for subject, (truth, known) in subjects.items():
            detected = within(sorted(found.get(subject, []), key=lambda each: each.start_ns), known)
            for k, label in enumerate(labels):
                wrong, delays = _outcome(label, truth, detected)
                for start_ns in wrong:
                    false[k, g, part(start_ns)] += 1
                for start_ns, seconds in delays:
                    missed[k, g, part(start_ns)] += seconds is None
                    delay_s[k, g, part(start_ns)] += seconds or 0.0
        report((g + 1) / len(rules))
    return TrialTable(tuple(labels), rules, hours, false, missed, delay_s, true)


def _subjects(recording: LabeledRecording, first_ns: int, last_ns: int) -> dict[str, tuple[list[Segment], Any]]:
    """The true segments of each subject, and when it is known what they do."""
    names = sorted({record.subject for record in recording.records if not record.dropped})
    truth = recording.truth
    return {
        name: (
            list(segments_of_annotations(truth.activities.get(name, ()))),
            truth.known(name, first_ns, last_ns + 1),
        )
        for name in names
    }  # fmt: skip


def _outcome(
    label: str, truth: Sequence[Segment], detected: Sequence[Segment]
) -> tuple[list[int], list[tuple[int, float | None]]]:
    """Of one label and subject: the stamps of false alarms, and each activity's stamp and delay [s]; None: missed."""
    own = [each for each in truth if each.label == label]
    onsets = [each for each in detected if each.label == label]
    false = [each.start_ns for each in onsets if not overlapping(each, own)]
    delays = list[tuple[int, float | None]]()
    for each in own:
        about = [onset.decided_ns for onset in onsets if overlapping(onset, [each])]
        decided = [decided_ns for decided_ns in about if decided_ns < each.end_ns]
        delays.append((each.start_ns, max(min(decided) - each.start_ns, 0) / 1e9 if decided else None))
    return false, delays


def joined(tables: Sequence[TrialTable]) -> TrialTable:
    """The tables of several groups of labels, of the same recordings and rules, as one."""
    first = tables[0]
    names = "false", "missed", "delay_s", "true"
    parts: list[Any] = [np.concatenate([getattr(each, name) for each in tables]) for name in names]
    return TrialTable(tuple(label for each in tables for label in each.labels), first.rules, first.hours, *parts)
