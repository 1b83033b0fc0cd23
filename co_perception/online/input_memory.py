"""Memory of what the streams of people were given lately, with states from which that can be replayed bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.target import Category
from co_perception.engine.time import NANO

OLD = 1_000_000  # steps, of a stream whose age is not known: it was restored from a file
NEAR_NS = NANO  # an answer is one of a moment where it is at most so much older


@runtime_checkable
class StateOwner(Protocol):
    """A learner whose streams are values, such as `learners.skeleton_inference.SkeletonInference`."""

    @property
    def ids(self) -> Sequence[str]: ...

    def snapshot(self, id: str | None = None) -> Any: ...


class Remembered(Protocol):
    """What a stream gets of one frame."""

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> Hashable: ...


class BatchRow(NamedTuple):
    """Place of a stream among those that were stepped together, on which the last bits of an answer may depend.

    streams: how many. row: which. youngest: steps that the newest of them had made before; another program may step
    those that have just begun.
    """

    streams: int = 1
    row: int = 0
    youngest: int = 0


@dataclass(frozen=True, eq=False, slots=True)
class RememberedStep:
    """One step of a stream.

    Args:
        stamp_ns: of the frame in which it was made; a step that fills a missed tick has that of the next frame.
        observation: what the stream was given.
        probabilities: (classes,) what it answered, of all groups; None: no score stood.
        before: its state before the step; None: it was fresh, where `stored` says so, or was not stored here.
        stored: whether the state before the step is known.
        run: number of the stream: who is forgotten comes back as another one.
        batch: its place among those that were stepped together.
    """

    stamp_ns: int
    observation: Any
    probabilities: NDArray[np.float32] | None
    before: Any
    stored: bool
    run: int = 0
    batch: BatchRow = BatchRow()


@dataclass(slots=True)
class _Run:
    """A stream that goes on: its number, steps since a state of it was stored, and steps that it has made."""

    number: int
    since: int
    age: int


class InputMemory:
    """The last steps of all streams in one ring, with the state of each stream before every so many of its steps.

    Memory is bounded by time and by the number of steps, whoever made them. Steps of people who have been forgotten
    stay until their time is over.

    Args:
        span_s: for which steps are remembered [s].
        every: steps of a stream between two stored states.
        most: steps of all streams together.

    Raises:
        ValueError: for a number that is not above 0.
    """

    def __init__(self, span_s: float, every: int, most: int) -> None:
        if not (span_s > 0 and every > 0 and most > 0):
            raise ValueError(f"span_s, every and most are above 0, got {span_s}, {every} and {most}")
        self._span_ns, self._every = round(span_s * NANO), every
        self._ring: deque[RememberedStep] = deque(maxlen=most)
        self._runs: dict[str, _Run] = {}
        self._count = 0  # of streams so far
        self._before: dict[str, Any] = {}
        self._batch: dict[str, BatchRow] = {}
        self.stamp_ns = 0
        """Of the frame that is being answered."""

    def __len__(self) -> int:
        return len(self._ring)

    def before(self, learner: StateOwner, people: Sequence[Remembered]) -> None:
        """Stores the states of those whose turn it is, before the learner steps these people."""
        known = {id: row for row, id in enumerate(learner.ids)}
        ids = [person.id for person in people]
        for id in ids:
            run = self._runs.get(id)
            if run is None or id not in known:
                self._count += 1
                run = self._runs[id] = _Run(self._count, self._every, OLD if id in known else 0)
            if run.since >= self._every:
                self._before[id] = learner.snapshot(id) if id in known else None
                run.since = 0
        youngest = min((self._runs[id].age for id in ids), default=0)
        ordered = sorted(ids, key=lambda id: known.get(id, len(known)))  # newcomers come last, in the order given
        self._batch = {id: BatchRow(len(ids), row, youngest) for row, id in enumerate(ordered)}

    def after(self, people: Sequence[Remembered], categories: Sequence[Category]) -> None:
        """Notes what they were given and what was answered."""
        for person, category in zip(people, categories, strict=True):
            run, stored = self._runs[person.id], person.id in self._before
            before = self._before.pop(person.id, None)
            scores, batch = category.all_probabilities(), self._batch[person.id]
            self._ring.append(RememberedStep(self.stamp_ns, person, scores, before, stored, run.number, batch))
            run.since, run.age = run.since + 1, min(run.age + 1, OLD)
        # Of a clock that was set back, what came before is over too.
        while self._ring and not 0 <= self.stamp_ns - self._ring[0].stamp_ns <= self._span_ns:
            self._ring.popleft()

    def forget(self, id: str | None = None) -> None:
        """Ends one stream, None: all; what they were given stays for its time."""
        for each in [id] if id is not None else list(self._runs):
            self._runs.pop(each, None)

    def erase(self, ids: Collection[str]) -> None:
        """Erases everything that these people's streams were given; of nobody: of all."""
        left = [step for step in self._ring if ids and step.observation.id not in ids]
        self._ring = deque(left, maxlen=self._ring.maxlen)
        for id in ids or list(self._runs):
            self.forget(id)

    def subject_at(self, stamp_ns: int, subject: str = "") -> str:
        """Who had an answer at a stamp, or in the second before it; that subject, or without one the only one there.

        Raises:
            ValueError: where there is nobody, or more than one, with their ids.
        """
        near = {step.observation.id for step in self._answered(stamp_ns)}
        if subject:
            near &= {subject}
        if len(near) != 1:
            who = f"{len(near)} people ({', '.join(sorted(near))})" if near else "nobody"
            asked = f" {subject!r}" if subject else ""
            advice = ": --subject names one" if near else ""
            raise ValueError(f"{who}{asked} had an answer in the second before that moment{advice}")
        return str(near.pop())

    def steps(self, id: str, stamp_ns: int, least: int) -> list[RememberedStep]:
        """The steps of a stream up to its last answer at this stamp or in the second before.

        They begin with a stored state that is `least` steps older or more; where there is none so old, with the oldest.

        Raises:
            ValueError: for a moment that is not remembered, with what is.
        """
        last = next((step for step in self._answered(stamp_ns) if step.observation.id == id), None)
        if last is None:
            raise ValueError(f"no answer to {id!r} at {stamp_ns} ns is remembered, {self._content(id)}")
        run = [step for step in self._ring if step.run == last.run and step.stamp_ns <= last.stamp_ns]
        stored = [place for place, step in enumerate(run) if step.stored]
        if not stored:
            raise ValueError(f"no state of {id!r} before {stamp_ns} ns is remembered any more, {self._content(id)}")
        old = [place for place in stored if len(run) - place >= least]
        return run[old[-1] if old else stored[0] :]

    def _answered(self, stamp_ns: int) -> Iterable[RememberedStep]:
        """Steps with a score at this stamp or in the second before, the newest first."""
        for step in reversed(self._ring):
            if 0 <= stamp_ns - step.stamp_ns <= NEAR_NS and step.probabilities is not None:
                yield step

    def _content(self, id: str) -> str:
        stamps = [step.stamp_ns for step in self._ring if step.observation.id == id]
        if stamps:
            return f"but what it was given from {stamps[0]} to {stamps[-1]} ns"
        known = sorted({step.observation.id for step in self._ring})
        return f"and nothing else of it; there are {', '.join(known) or 'none'}"
