"""Plan of what a performer is told to do, activity by activity with rests between, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_LABELS, MOST_REPEATS, MOST_S = 30, 100, 600.0
LEAST_S = 0.5


@dataclass(frozen=True)
class PerformanceState:
    """Where a performance stands.

    Args:
        label: what is done now; empty in a rest and at the end.
        left_s: until the next change; 0 at the end.
        following: what comes next; empty for nothing.
        number: of activities that were begun.
        count: of activities in all.
        over: whether all is done.
    """

    label: str
    left_s: float
    following: str
    number: int
    count: int
    over: bool = False


@dataclass(frozen=True)
class Performance:
    """All labels in turn, again and again, so that the shows of one activity differ.

    Args:
        labels: in the order in which they are done.
        repeats: how often each.
        act_s: length of an activity [s].
        rest_s: before each of them [s].

    Raises:
        ValueError: for numbers out of range, and for no labels.
    """

    labels: tuple[str, ...]
    repeats: int = 3
    act_s: float = 5.0
    rest_s: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.labels) <= MOST_LABELS or not 1 <= self.repeats <= MOST_REPEATS:
            raise ValueError(
                f"a plan has 1 to {MOST_LABELS} labels, each done 1 to {MOST_REPEATS} times, got {len(self.labels)} "
                f"labels and {self.repeats} times"
            )
        if not all(LEAST_S <= seconds <= MOST_S for seconds in (self.act_s, self.rest_s)):
            raise ValueError(
                f"an activity and a rest take {LEAST_S:g} to {MOST_S:g} s, got {self.act_s:g} s and {self.rest_s:g} s"
            )

    @property
    def order(self) -> Sequence[str]:
        """The activities one after the other."""
        return self.labels * self.repeats

    @property
    def duration_s(self) -> float:
        """How long it takes, with a last rest, in which nothing is marked."""
        return len(self.order) * (self.act_s + self.rest_s)

    def changes(self, after_s: float, until_s: float) -> Iterator[tuple[float, str]]:
        """When it changes, after one time and up to another, and to which label; empty to a rest."""
        each_s = self.act_s + self.rest_s
        for number, label in enumerate(self.order):
            for change_s, begun in ((number * each_s + self.rest_s, label), ((number + 1) * each_s, "")):
                if after_s < change_s <= until_s:
                    yield change_s, begun

    def at(self, seconds: float) -> PerformanceState:
        """Where it stands so long after its begin."""
        order, each_s = self.order, self.act_s + self.rest_s
        number = int(seconds // each_s)
        if number >= len(order):
            return PerformanceState("", 0.0, "", len(order), len(order), over=True)
        within_s = seconds - number * each_s
        if within_s < self.rest_s:
            return PerformanceState("", self.rest_s - within_s, order[number], number, len(order))
        following = order[number + 1] if number + 1 < len(order) else ""
        return PerformanceState(order[number], each_s - within_s, following, number + 1, len(order))
