"""When an activity began and when it ended: one event each, out of scores that flicker.

A behaviour that reacts to every change of the best label reacts to noise. Here a label must lead with a score of at
least `on`, without a break, for `min_on_s`; from then on it holds until its score has been below `off` for `min_off_s`
or another label has led that long: hysteresis with dwell times, as in Schmitt's trigger (1938). Events say when
things changed, not when it was decided, so that they can be compared with annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

NANO = 1_000_000_000


class Kind(IntEnum):
    """The numbers are those of `co_perception/msg/ActivityEvent`."""

    ONSET = 0
    OFFSET = 1


@dataclass(frozen=True)
class Event:
    """A change of one subject's activity.

    at_ns: stamp of the first frame of the change; began_ns: of the activity's first frame, the same for an onset;
    decided_ns: of the frame with which it was certain; score: at an onset the label's score in that frame, at an
    offset the best it had.
    """

    kind: Kind
    subject: str
    label: str
    at_ns: int
    began_ns: int
    decided_ns: int
    score: float


@dataclass(frozen=True)
class Rules:
    """Scores are probabilities, times seconds between stamps; `most_subjects` bounds memory. Nobody knows what went on
    in a gap longer than `max_gap_s`: what held before has ended."""

    on: float = 0.5
    off: float = 0.35
    min_on_s: float = 0.3
    min_off_s: float = 0.3
    most_subjects: int = 64
    max_gap_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.off <= self.on <= 1:
            raise ValueError(f"expected 0 <= off <= on <= 1, got off {self.off} and on {self.on}: off is the lower one")
        if self.min_on_s < 0 or self.min_off_s < 0:
            raise ValueError(f"dwell times are 0 or more, got {self.min_on_s} and {self.min_off_s} s")
        if self.most_subjects < 1:
            raise ValueError(f"most_subjects is at least 1, got {self.most_subjects}")


@dataclass(frozen=True)
class Seen:
    """What one subject's scores are in one frame. scores: by label, the best ones suffice; empty while none stand.
    valid: whether a new label may be believed; one that holds goes by the scores alone."""

    scores: Mapping[str, float]
    valid: bool = True

    @property
    def best(self) -> str:
        """The leading label, of equals the first; empty where there is none."""
        return max(self.scores, key=lambda label: self.scores[label], default="")


NOTHING = Seen({})


@dataclass
class _Subject:
    label: str = ""
    began_ns: int = 0
    peak: float = 0.0
    candidate: str = ""
    candidate_ns: int = 0
    low_ns: int | None = None
    """Since when the label that holds is below `off`."""
    last_ns: int = field(default=0)


class EventDetector:
    """Frames of one stream in, events out; a state for every subject, at most `rules.most_subjects`."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._subjects: dict[str, _Subject] = {}

    def holding(self, subject: str) -> str:
        """The label that holds for a subject; empty for none."""
        known = self._subjects.get(subject)
        return known.label if known else ""

    def update(self, stamp_ns: int, seen: Mapping[str, Seen]) -> list[Event]:
        """Takes the next frame. A subject that is missing from it counts as one without scores; a step backwards in
        time or over a gap ends everything first, at the last stamp that was known."""
        events = []
        if any(self._interrupted(stamp_ns - known.last_ns) for known in self._subjects.values()):
            events += self.end()
        for name in [*seen, *(name for name in self._subjects if name not in seen)]:
            events += self._subject(name, seen.get(name, NOTHING), stamp_ns)
        return events + self._forget(seen, stamp_ns)

    def end(self) -> list[Event]:
        """Ends all that holds, at the last frame each subject had: the stream is over, or its state was reset."""
        events = [
            _offset(name, known, known.last_ns, known.last_ns) for name, known in self._subjects.items() if known.label
        ]
        self._subjects.clear()
        return events

    def _interrupted(self, step_ns: int) -> bool:
        return not 0 <= step_ns <= self.rules.max_gap_s * NANO

    def _subject(self, name: str, seen: Seen, now_ns: int) -> Iterator[Event]:
        known = self._subjects.setdefault(name, _Subject(last_ns=now_ns))
        self._consider(known, seen, now_ns)
        ripe = bool(known.candidate) and now_ns - known.candidate_ns >= self.rules.min_on_s * NANO
        faded = known.low_ns is not None and now_ns - known.low_ns >= self.rules.min_off_s * NANO
        if known.label and (ripe or faded):
            # A successor takes over from its own first frame; what faded before that ended when it faded.
            ends_ns = known.candidate_ns if known.low_ns is None else known.low_ns
            yield _offset(name, known, ends_ns, now_ns)
            known.label, known.low_ns = "", None
        if ripe:
            score = seen.scores[known.candidate]
            known.label, known.began_ns, known.peak, known.candidate = known.candidate, known.candidate_ns, score, ""
            yield Event(Kind.ONSET, name, known.label, known.began_ns, known.began_ns, now_ns, score)
        known.last_ns = now_ns

    def _consider(self, known: _Subject, seen: Seen, now_ns: int) -> None:
        best = seen.best
        leads = seen.valid and bool(best) and seen.scores[best] >= self.rules.on and best != known.label
        if not leads:
            known.candidate = ""
        elif best != known.candidate:
            known.candidate, known.candidate_ns = best, now_ns
        score = seen.scores.get(known.label, 0.0)
        known.peak = max(known.peak, score)
        if not known.label or score >= self.rules.off:
            known.low_ns = None
        elif known.low_ns is None:
            known.low_ns = now_ns

    def _forget(self, seen: Mapping[str, Seen], now_ns: int) -> list[Event]:
        """Who is away and does nothing needs no memory. Beyond the bound go those who do nothing, then those away."""
        for name in [name for name, known in self._subjects.items() if name not in seen and not known.label]:
            del self._subjects[name]
        excess = len(self._subjects) - self.rules.most_subjects
        dispensable = sorted(self._subjects, key=lambda name: (bool(self._subjects[name].label), name in seen))
        dropped = [(name, self._subjects.pop(name)) for name in dispensable[: max(excess, 0)]]
        return [_offset(name, known, now_ns, now_ns) for name, known in dropped if known.label]


def _offset(name: str, known: _Subject, at_ns: int, now_ns: int) -> Event:
    return Event(Kind.OFFSET, name, known.label, at_ns, known.began_ns, now_ns, known.peak)
