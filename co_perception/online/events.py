"""Event detector: onsets and offsets of activities out of scores that flicker.

A behavior that reacts to every change of the best label reacts to noise. Here a label must lead with a score of at
least `on`, without a break, for `min_on_s`; from then on it holds until its score has been below `off` for `min_off_s`
or another label has led that long: hysteresis with dwell times, as in the trigger of Schmitt (A thermionic trigger,
Journal of Scientific Instruments, 1938). Events have the time of the change, not of the decision, so that they can be
compared with annotations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from co_perception.engine.label_groups import SubjectGroup, is_none
from co_perception.engine.settings import setting
from co_perception.engine.stamp_order import GAP_S, Order, StampOrder
from co_perception.engine.target import Status
from co_perception.engine.time import NANO


class EventKind(IntEnum):
    """Beginning or end; the numbers are those of `co_perception/msg/ActivityEvent`."""

    ONSET = 0
    OFFSET = 1


@dataclass(frozen=True)
class Event:
    """A change of one subject's activity.

    Args:
        kind: onset or offset.
        subject: whose activity.
        label: the activity.
        at_ns: stamp of the first frame of the change.
        began_ns: stamp of the activity's first frame; `at_ns` for an onset.
        decided_ns: stamp of the frame with which it was certain.
        score: at an onset the label's score in that frame, at an offset the best it had.
        group: of the label set that the label is of; empty where all labels are one group.
    """

    kind: EventKind
    subject: str
    label: str
    at_ns: int
    began_ns: int
    decided_ns: int
    score: float
    group: str = ""


@dataclass(frozen=True)
class Rules:
    """Thresholds of the event detector.

    Args:
        on: least score with which an activity begins, probability 0..1.
        off: score below which it ends, at most `on`.
        min_on_s: time between stamps for which it must have led [s].
        min_off_s: time for which its score must have been low [s].
        most_subjects: subjects that are remembered, which bounds memory.
        max_gap_s: a longer gap between frames ends what held before [s].
        of_labels: labels with thresholds of their own, of which the first four count.

    Raises:
        ValueError: where they contradict each other.
    """

    on: float = 0.5
    off: float = 0.35
    min_on_s: float = 0.3
    min_off_s: float = 0.3
    most_subjects: int = 64
    max_gap_s: float = GAP_S
    of_labels: tuple[tuple[str, Rules], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.off <= self.on <= 1:
            raise ValueError(f"expected 0 <= off <= on <= 1, got off {self.off} and on {self.on}: off is the lower one")
        if self.min_on_s < 0 or self.min_off_s < 0:
            raise ValueError(f"dwell times are 0 or more, got {self.min_on_s} and {self.min_off_s} s")
        if self.most_subjects < 1:
            raise ValueError(f"most_subjects is at least 1, got {self.most_subjects}")


@dataclass(frozen=True)
class EventRuleSettings:
    """Settings of the detector, the same in the nodes, in the node `score` and in `co-perception evaluate --set`."""

    event_on: float = setting(Rules.on, "Least score with which an activity begins, probability 0..1.", 0.0, 1.0)
    event_off: float = setting(
        Rules.off, "Score below which an activity ends, at most event_on, probability 0..1.", 0.0, 1.0
    )
    event_min_on_s: float = setting(
        Rules.min_on_s, "Time it must lead without a break before it is reported [s].", 0.0, 60.0
    )
    event_min_off_s: float = setting(
        Rules.min_off_s, "Time its score must be low before its end is reported [s].", 0.0, 60.0
    )

    event_rules: str = setting(
        "",
        "Labels with thresholds of their own, as co-perception tune writes them: 'label: on, off, min_on_s, min_off_s; "
        "...'.",
    )

    def rules(self, max_gap_s: float = Rules.max_gap_s) -> Rules:
        """The thresholds; `max_gap_s` is the recognizer's. Raises as `Rules` and `label_rules`."""
        levels, spans_s = (self.event_on, self.event_off), (self.event_min_on_s, self.event_min_off_s)
        of_labels = tuple(label_rules(self.event_rules).items())
        return Rules(*levels, *spans_s, max_gap_s=max_gap_s, of_labels=of_labels)


def label_rules(text: str) -> dict[str, Rules]:
    """The thresholds of single labels, as the setting `event_rules` has them.

    Raises:
        ValueError: for a text that is not written so, or thresholds that contradict each other, with the label.

    >>> label_rules("wave: 0.8, 0.5, 0.4, 0.3; throwing axe: 0.9, 0.6, 1, 0.3")["throwing axe"].min_on_s
    1.0
    """
    found: dict[str, Rules] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        label, colon, numbers = part.rpartition(":")
        label = label.strip()
        try:
            on, off, min_on_s, min_off_s = map(float, numbers.split(","))
            rules = Rules(on, off, min_on_s, min_off_s)
        except ValueError as error:
            raise ValueError(
                f"event_rules has 'label: on, off, min_on_s, min_off_s; ...', such as 'wave: 0.8, 0.5, 0.4, 0.3', got "
                f"{part!r}: {error}"
            ) from error
        if not colon or not label or label in found:
            raise ValueError(f"event_rules names each label once, before a colon, got {part!r}")
        found[label] = rules
    return found


def label_rules_text(rules: Mapping[str, Rules]) -> str:
    """The setting `event_rules` for these labels. Raises ValueError for a label that it cannot hold.

    >>> label_rules_text({"wave": Rules(0.8, 0.5, 0.4, 0.3)})
    'wave: 0.8, 0.5, 0.4, 0.3'
    """
    if wrong := [label for label in rules if ";" in label or ":" in label]:
        raise ValueError(f"a label with a semicolon or a colon cannot have rules of its own: {wrong[0]!r}")
    numbers = {name: (each.on, each.off, each.min_on_s, each.min_off_s) for name, each in rules.items()}
    return "; ".join(f"{name}: {', '.join(f'{value:g}' for value in each)}" for name, each in numbers.items())


@dataclass(frozen=True)
class LabelScores:
    """One subject's scores in one frame."""

    scores: Mapping[str, float]  # by label, all of them: one that is not the best may still hold; empty: there are none
    valid: bool = True  # whether a new label may be believed; one that holds goes by the scores alone

    @classmethod
    def of(cls, status: int, scores: Mapping[str, float]) -> LabelScores:
        """The scores as far as this status lets them count: those of warming up and stale subjects are none."""
        return cls(scores, valid=status == Status.VALID) if status in (Status.VALID, Status.UNCERTAIN) else NO_SCORES


NO_SCORES = LabelScores({})


@dataclass
class _Activity:
    """The label that holds for a subject, and the candidate that may follow it."""

    label: str = ""
    began_ns: int = 0
    peak: float = 0.0
    candidate: str = ""
    candidate_ns: int = 0
    low_ns: int | None = None
    """Since when the label that holds is below `off`."""
    last_ns: int = 0


class EventDetector:
    """Turns the frames of one stream into events, with a state for each subject.

    >>> detector = EventDetector(Rules(on=0.5, off=0.35, min_on_s=0.2, min_off_s=0.2))
    >>> for tick, score in enumerate([0.2, 0.6, 0.7, 0.8, 0.3, 0.6, 0.3, 0.2, 0.1]):
    ...     for event in detector.update(tick * 100_000_000, {"anna": LabelScores({"wave": score})}):
    ...         print(event.kind.name, event.label, event.at_ns / 1e9, event.decided_ns / 1e9)
    ONSET wave 0.1 0.3
    OFFSET wave 0.6 0.8

    Args:
        rules: thresholds; None: the defaults.
        group: of the label set that the scores are of. The label of none of its activities (`is_none`) ends what held,
            as any other does, and has no onset.
    """

    def __init__(self, rules: Rules | None = None, group: str = "") -> None:
        self.rules = rules or Rules()
        self.group = group
        self._of_labels = dict(self.rules.of_labels)
        self._order = StampOrder(self.rules.max_gap_s)
        self._subjects: dict[str, _Activity] = {}

    @property
    def subjects(self) -> Collection[str]:
        """Those that are remembered."""
        return self._subjects.keys()

    def update(self, stamp_ns: int, scores: Mapping[str, LabelScores], epoch: int = 0) -> list[Event]:
        """Takes the next frame.

        A late or doubled one changes nothing; a jump ends everything first, at each subject's last stamp, see
        `StampOrder`.

        Args:
            stamp_ns: of the frame.
            scores: by subject; a subject that is missing counts as one without scores.
            epoch: that the frame belongs to, where the recognizer counts.
        """
        order = self._order.place(stamp_ns, epoch).order
        if order in (Order.LATE, Order.DUPLICATE):
            return []
        return (self.end() if order == Order.JUMP else []) + self.follow(stamp_ns, scores)

    def follow(self, stamp_ns: int, scores: Mapping[str, LabelScores]) -> list[Event]:
        """The events of a frame that continues the epoch."""
        events = list[Event]()
        for name in [*scores, *(name for name in self._subjects if name not in scores)]:
            events += self._changes(name, scores.get(name, NO_SCORES), stamp_ns)
        return events + self._forget(scores, stamp_ns)

    def end(self, subjects: Collection[str] | None = None) -> list[Event]:
        """Ends what holds for these subjects (None: all), at the last frame of each: the stream is over or reset."""
        names = [name for name in self._subjects if subjects is None or name in subjects]
        held = {name: self._subjects.pop(name) for name in names}
        return [self._offset(name, known, known.last_ns, known.last_ns) for name, known in held.items() if known.label]

    def _changes(self, name: str, frame: LabelScores, now_ns: int) -> Iterator[Event]:
        known = self._subjects.setdefault(name, _Activity(last_ns=now_ns))
        self._consider(known, frame, now_ns)
        ripe = bool(known.candidate) and now_ns - known.candidate_ns >= self._rules_of(known.candidate).min_on_s * NANO
        faded = known.low_ns is not None and now_ns - known.low_ns >= self._rules_of(known.label).min_off_s * NANO
        if known.label and (ripe or faded):
            # A successor takes over from its own first frame; what faded before that ended when it faded.
            ends_ns = known.candidate_ns if known.low_ns is None else known.low_ns
            yield self._offset(name, known, ends_ns, now_ns)
            known.label, known.low_ns = "", None
        if ripe and is_none(known.candidate, self.group):
            known.candidate = ""
        elif ripe:
            score, began_ns = frame.scores[known.candidate], known.candidate_ns
            known.label, known.began_ns, known.peak, known.candidate = known.candidate, began_ns, score, ""
            yield Event(EventKind.ONSET, name, known.label, began_ns, began_ns, now_ns, score, self.group)
        known.last_ns = now_ns

    def _consider(self, known: _Activity, frame: LabelScores, now_ns: int) -> None:
        """Updates the candidate, and since when the label that holds is low."""
        scores = frame.scores
        best = max(scores, key=lambda label: scores[label], default="")  # of equals the first
        leads = frame.valid and bool(best) and scores[best] >= self._rules_of(best).on and best != known.label
        if not leads:
            known.candidate = ""
        elif best != known.candidate:
            known.candidate, known.candidate_ns = best, now_ns
        score = scores.get(known.label, 0.0)
        known.peak = max(known.peak, score)
        if not known.label or score >= self._rules_of(known.label).off:
            known.low_ns = None
        elif known.low_ns is None:
            known.low_ns = now_ns

    def _rules_of(self, label: str) -> Rules:
        return self._of_labels.get(label, self.rules)

    def _forget(self, scores: Mapping[str, LabelScores], now_ns: int) -> list[Event]:
        """Drops absent subjects without a label. Beyond the bound go those without a label, then absent ones."""
        for name in [name for name, known in self._subjects.items() if name not in scores and not known.label]:
            del self._subjects[name]
        excess = len(self._subjects) - self.rules.most_subjects
        dispensable = sorted(self._subjects, key=lambda name: (bool(self._subjects[name].label), name in scores))
        dropped = [(name, self._subjects.pop(name)) for name in dispensable[: max(excess, 0)]]
        return [self._offset(name, known, now_ns, now_ns) for name, known in dropped if known.label]

    def _offset(self, name: str, known: _Activity, at_ns: int, now_ns: int) -> Event:
        return Event(EventKind.OFFSET, name, known.label, at_ns, known.began_ns, now_ns, known.peak, self.group)


class GroupEventDetector:
    """An event detector for each group of a label set, by the same rules; memory is bounded by `most_subjects` of each.

    Args:
        rules: thresholds; None: the defaults.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.overtaken = False
        """Whether the newest frame given came late or twice, and changed nothing."""
        self._order = StampOrder(self.rules.max_gap_s)
        self._detectors: dict[str, EventDetector] = {}

    def update(self, stamp_ns: int, scores: Mapping[SubjectGroup, LabelScores], epoch: int = 0) -> list[Event]:
        """Takes the next frame, see `EventDetector.update`; what is missing counts as without scores."""
        order = self._order.place(stamp_ns, epoch).order
        self.overtaken = order in (Order.LATE, Order.DUPLICATE)
        if self.overtaken:
            return []
        by_group: dict[str, dict[str, LabelScores]] = {group: {} for group in self._detectors}
        for (subject, group), given in scores.items():
            by_group.setdefault(group, {})[subject] = given
        events = self.end() if order == Order.JUMP else []
        for group, given_scores in by_group.items():
            detector = self._detectors.setdefault(group, EventDetector(self.rules, group))
            events += detector.follow(stamp_ns, given_scores)
            if not detector.subjects:
                del self._detectors[group]
        return events

    def end(self, subjects: Collection[str] | None = None) -> list[Event]:
        """Ends what holds in every group for these subjects, see `EventDetector.end`."""
        return [event for detector in self._detectors.values() for event in detector.end(subjects)]
