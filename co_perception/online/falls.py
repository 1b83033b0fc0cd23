"""Fall detector: a person who was upright, then fell, and now lies. It is no safety function.

The rule needs a label set that asks for a posture with the answer "lying" and for a motion with the answer "falling".
Whoever lies with a score of at least `lying` for `lying_s` has fallen, if they did not lie before, and if the scores of
falling of the last `before_s` add up to the certainty of `falling_s`. Whoever lies down slowly, or is lying when they
come into sight, has not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.settings import setting
from co_perception.engine.stamp_order import GAP_S, Order, StampOrder
from co_perception.engine.time import NANO
from co_perception.online.events import NO_SCORES, Event, EventKind, LabelScores

POSTURE, MOTION, LYING, FALLING, FALL = "posture", "motion", "lying", "falling", "fall"
"""Groups and labels that the rule goes by; the group and the label of its events are `FALL`."""
MOST_FRAMES = 200  # of a person's last `before_s` that are remembered


@dataclass(frozen=True)
class FallRules:
    """Thresholds of the fall detector, chosen on simulated falls and movements that are none.

    Args:
        lying: least score of lying from which somebody lies, probability 0..1.
        upright: score of lying below which nobody lies, at most `lying`.
        lying_s: time for which they must lie [s].
        falling_s: sum of the scores of falling, each times the time since the frame before [s]: 0.15 is a score of 0.5
            for 0.3 s.
        before_s: time before somebody has lain for `lying_s` in which falling counts [s].
        upright_s: time for which the person must have been seen not lying before [s].
        min_off_s: time after which a fall ends whose person lies no more, or is lost [s].
        max_gap_s: a longer gap between frames ends what held before [s].
        most_subjects: subjects that are remembered, which bounds memory.

    Raises:
        ValueError: where they contradict each other.
    """

    lying: float = 0.75
    upright: float = 0.5
    lying_s: float = 0.5
    falling_s: float = 0.15
    before_s: float = 1.5
    upright_s: float = 0.3
    min_off_s: float = 1.0
    max_gap_s: float = GAP_S
    most_subjects: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.upright <= self.lying <= 1:
            raise ValueError(
                f"expected 0 <= upright <= lying <= 1, got upright {self.upright} and lying {self.lying}: both are "
                "scores of lying, and upright is the lower one"
            )
        times = (self.lying_s, self.falling_s, self.before_s, self.upright_s, self.min_off_s)
        if min(times) < 0:
            raise ValueError(f"times are 0 or more, got {times} s")
        if self.most_subjects < 1:
            raise ValueError(f"most_subjects is at least 1, got {self.most_subjects}")


@dataclass(frozen=True)
class FallRuleSettings:
    """Settings of the fall detector of a node."""

    falls: bool = setting(True, "Report falls on activity_events, where the labels know lying and falling.")
    fall_lying: float = setting(
        FallRules.lying, "Least score of lying with which somebody lies after a fall.", 0.5, 1.0
    )
    fall_lying_s: float = setting(FallRules.lying_s, "Time they must lie before a fall is reported [s].", 0.0, 60.0)
    fall_falling_s: float = setting(
        FallRules.falling_s, "Least sum of the scores of falling, each times its time, before that [s].", 0.0, 60.0
    )

    def fall_rules(self, max_gap_s: float) -> FallRules:
        """The thresholds; `max_gap_s` is the recognizer's."""
        return FallRules(
            lying=self.fall_lying, lying_s=self.fall_lying_s, falling_s=self.fall_falling_s, max_gap_s=max_gap_s
        )


@dataclass
class _FallHistory:
    """What is remembered of a subject; times in ns."""

    last_ns: int
    present_ns: int = 0  # when they were last in sight
    upright_ns: int = 0  # not lying for so long
    falling: deque[tuple[int, float]] = field(
        default_factory=lambda: deque(maxlen=MOST_FRAMES)
    )  # stamps, score times ns
    lying_ns: int | None = None  # since when they lie
    decided: bool = False  # whether it is clear how they came to lie
    fall_ns: int | None = None  # the beginning of a fall that holds
    peak: float = 0.0
    low_ns: int | None = None  # since when somebody who fell lies no more


class FallDetector:
    """Turns the scores of posture and motion into onsets and offsets of "fall", with a state for each subject.

    An onset has the time of the first frame in which the person lies; the fall holds while they lie.

    Args:
        rules: thresholds; None: the defaults.
    """

    def __init__(self, rules: FallRules | None = None) -> None:
        self.rules = rules or FallRules()
        self._order = StampOrder(self.rules.max_gap_s)
        self._people: dict[str, _FallHistory] = {}

    @staticmethod
    def applies_to(labels: Sequence[str], groups: Sequence[str]) -> bool:
        """Whether a label set with these labels, of these groups, can tell a fall."""
        return {(POSTURE, LYING), (MOTION, FALLING)} <= set(zip(groups, labels, strict=False))

    def update(self, stamp_ns: int, scores: Mapping[SubjectGroup, LabelScores], epoch: int = 0) -> list[Event]:
        """Takes the next frame, in the order that `GroupEventDetector.update` keeps.

        Args:
            stamp_ns: of the frame.
            scores: by subject and group; what is missing counts as without scores.
            epoch: that the frame belongs to, where the recognizer counts.
        """
        order = self._order.place(stamp_ns, epoch).order
        if order in (Order.LATE, Order.DUPLICATE):
            return []
        events = self.end() if order == Order.JUMP else []
        present = dict.fromkeys(subject for subject, group in scores if group in (POSTURE, MOTION))
        for name in [*present, *(name for name in self._people if name not in present)]:
            person = self._people.setdefault(name, _FallHistory(stamp_ns))
            posture, motion = (scores.get((name, group), NO_SCORES) for group in (POSTURE, MOTION))
            self._observe(person, posture, motion.scores.get(FALLING, 0.0), stamp_ns)
            events += self._changes(name, person, posture.scores.get(LYING, 0.0), stamp_ns)
            person.last_ns = stamp_ns
            person.present_ns = stamp_ns if name in present else person.present_ns
        return events + self._forget(present, stamp_ns)

    def end(self, subjects: Collection[str] | None = None) -> list[Event]:
        """Ends the falls of these subjects (None: all), at the last frame of each: the stream is over or reset."""
        names = [name for name in self._people if subjects is None or name in subjects]
        held = {name: self._people.pop(name) for name in names}
        return [
            event for name, person in held.items() for event in _offset(name, person, person.last_ns, person.last_ns)
        ]

    def _observe(self, person: _FallHistory, posture: LabelScores, falling: float, now_ns: int) -> None:
        """Remembers the scores of a frame: falling, since when somebody lies, and for how long they did not."""
        rules, passed_ns = self.rules, now_ns - person.last_ns
        person.falling.append((now_ns, falling * passed_ns))
        while person.falling[0][0] < now_ns - rules.before_s * NANO:
            person.falling.popleft()
        if not posture.scores:
            return
        lying = posture.scores.get(LYING, 0.0)
        if lying < rules.upright:
            person.upright_ns, person.lying_ns, person.decided = person.upright_ns + passed_ns, None, False
        elif lying >= rules.lying and posture.valid and person.lying_ns is None:
            person.lying_ns = now_ns

    def _changes(self, name: str, person: _FallHistory, score: float, now_ns: int) -> Iterator[Event]:
        rules = self.rules
        if person.fall_ns is not None:
            person.peak = max(person.peak, score)
            low = score < rules.upright
            person.low_ns = (now_ns if person.low_ns is None else person.low_ns) if low else None
            if person.low_ns is not None and now_ns - person.low_ns >= rules.min_off_s * NANO:
                yield from _offset(name, person, person.low_ns, now_ns)
        if person.lying_ns is None or person.decided or now_ns - person.lying_ns < rules.lying_s * NANO:
            return
        if score < rules.upright:  # out of sight just now: told once they are seen to lie
            return
        fell = sum(score_ns for _, score_ns in person.falling) >= rules.falling_s * NANO
        fell = fell and person.upright_ns >= rules.upright_s * NANO
        person.decided, person.upright_ns = True, 0
        if fell and person.fall_ns is None:
            person.fall_ns, person.peak = person.lying_ns, score
            yield Event(EventKind.ONSET, name, FALL, person.fall_ns, person.fall_ns, now_ns, score, FALL)

    def _forget(self, present: Collection[str], now_ns: int) -> list[Event]:
        """Drops who has been out of sight for `before_s` and has not fallen. Beyond the bound go those without a fall,
        then absent ones."""
        before_ns = now_ns - self.rules.before_s * NANO
        for name in [name for name, person in self._people.items() if person.present_ns < before_ns]:
            if self._people[name].fall_ns is None:
                del self._people[name]
        excess = len(self._people) - self.rules.most_subjects
        dispensable = sorted(self._people, key=lambda name: (self._people[name].fall_ns is not None, name in present))
        dropped = [(name, self._people.pop(name)) for name in dispensable[: max(excess, 0)]]
        return [event for name, person in dropped for event in _offset(name, person, now_ns, now_ns)]


def _offset(name: str, person: _FallHistory, at_ns: int, now_ns: int) -> Iterator[Event]:
    """The end of the fall that holds, if one does."""
    if person.fall_ns is not None:
        yield Event(EventKind.OFFSET, name, FALL, at_ns, person.fall_ns, now_ns, person.peak, FALL)
    person.fall_ns = person.low_ns = None
