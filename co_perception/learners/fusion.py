"""Two recognisers, one belief: what they say of the same frame is brought together, then averaged label by label.

Late fusion, as two-stream networks do it (Simonyan and Zisserman, NIPS 2014), for recognisers that may know different
labels: the mean of a label's probabilities is taken over those who know the label. With equal label sets that is the
plain mean; a label that one alone knows keeps the probability it gave.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

NANO = 1_000_000_000
JUMP_NS = NANO  # a stamp that is older by more than this than the one before of the same sender begins a new stream

T = TypeVar("T")
Scores = Mapping[str, float]


def fuse(scores: Mapping[str, Scores], known: Mapping[str, Collection[str]], weights: Mapping[str, float]) -> Scores:
    """Probability of each label that anybody named.

    scores: of each recogniser, by label, at least the best ones; one that it knows and does not name counts as 0.
    known: labels of each recogniser. weights: of each; those without are not heard.
    """
    heard = {name: given for name, given in scores.items() if weights.get(name, 0.0) > 0}
    labels = dict.fromkeys(label for given in heard.values() for label in given)
    fused = {}
    for label in labels:
        voters = {name: weights[name] for name in heard if label in known[name] or label in heard[name]}
        total = sum(weight * heard[name].get(label, 0.0) for name, weight in voters.items())
        fused[label] = total / sum(voters.values())
    return dict(sorted(fused.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class Joined(Generic[T]):
    """What was said of one frame. parts: by recogniser; a missing one did not answer in time."""

    stamp_ns: int
    parts: Mapping[str, T]


@dataclass
class _Waiting(Generic[T]):
    since_s: float
    parts: dict[str, T] = field(default_factory=dict)


class Joiner(Generic[T]):
    """Brings together what several recognisers say of frames with the same stamp, in the order of the stamps.

    A frame is complete when all have spoken, and given up when it has waited for `max_wait_s`, when a later one is
    complete, or when more than `most` wait. names: of the recognisers. `late` counts what came after its frame had
    gone out: nothing is said twice of a frame. Stamps of a recogniser that jump back, as those of a bag do that is
    played again, begin a new stream; around the jump frames may be told of each recogniser alone.
    """

    def __init__(self, names: Collection[str], max_wait_s: float, most: int = 64) -> None:
        if len(set(names)) < 2 or max_wait_s < 0 or most < 1:
            raise ValueError(f"expected two names or more, a time and a bound, got {names}, {max_wait_s} s, {most}")
        self._names, self._max_wait_s, self._most = frozenset(names), max_wait_s, most
        self._waiting: OrderedDict[int, _Waiting[T]] = OrderedDict()
        self._told_ns: int | None = None
        self._newest_ns: dict[str, int] = {}
        self._behind: set[str] = set()  # who still speaks of the stream before the jump
        self.late = 0

    @property
    def waiting(self) -> int:
        """Frames that wait for somebody to speak."""
        return len(self._waiting)

    def put(self, name: str, stamp_ns: int, part: T, now_s: float) -> list[Joined[T]]:
        """Takes what `name` says of a frame; returns the frames that can go out now. now_s: on a steady clock."""
        if name not in self._names:
            raise ValueError(f"no recogniser {name!r} here, there are {sorted(self._names)}")
        before = self._follow_jump(name, stamp_ns)
        if name in self._behind:
            return [Joined(stamp_ns, {name: part})]
        if self._told_ns is not None and stamp_ns <= self._told_ns:
            self.late += 1
            return self.overdue(now_s)
        waiting = self._waiting.setdefault(stamp_ns, _Waiting(now_s))
        waiting.parts[name] = part
        complete = len(waiting.parts) == len(self._names)
        return before + (self._tell_until(stamp_ns) if complete else self.overdue(now_s))

    def _follow_jump(self, name: str, stamp_ns: int) -> list[Joined[T]]:
        """Whether the stamps of `name` jump back, or are the first and far behind; who is merely slow goes on in order,
        however far behind the others. Returns what waited until then."""
        others_ns = [ns for other, ns in self._newest_ns.items() if other != name and other not in self._behind]
        before_ns = self._newest_ns.get(name, max(others_ns, default=stamp_ns))
        self._newest_ns[name] = stamp_ns
        if name in self._behind:
            if stamp_ns - max(others_ns, default=stamp_ns) <= JUMP_NS:
                self._behind.discard(name)
            return []
        if before_ns - stamp_ns <= JUMP_NS:
            return []
        self._behind = {other for other, ns in self._newest_ns.items() if ns - stamp_ns > JUMP_NS}
        return self.restart()

    def overdue(self, now_s: float) -> list[Joined[T]]:
        """The frames that have waited too long, and all before them."""
        given_up = [stamp for stamp, w in self._waiting.items() if now_s - w.since_s >= self._max_wait_s]
        given_up += sorted(self._waiting)[: max(len(self._waiting) - self._most, 0)]
        return self._tell_until(max(given_up)) if given_up else []

    def restart(self) -> list[Joined[T]]:
        """The stream is over: tells what waits and forgets the rest."""
        told = self._tell_until(max(self._waiting)) if self._waiting else []
        self._told_ns = None
        return told

    def _tell_until(self, stamp_ns: int) -> list[Joined[T]]:
        ready = sorted(stamp for stamp in self._waiting if stamp <= stamp_ns)
        self._told_ns = stamp_ns
        return [Joined(stamp, self._waiting.pop(stamp).parts) for stamp in ready]
