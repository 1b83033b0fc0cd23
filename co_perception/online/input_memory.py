"""Memory of what the streams of people were given lately, with states from which that can be replayed bit for bit."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from co_perception.engine.target import Category


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


@dataclass(frozen=True, eq=False)
class RememberedStep:
    """One step of a stream.

    Args:
        stamp_ns: of the frame in which it was made; a step that fills a missed tick has that of the next frame.
        observation: what the stream was given.
        category: what it answered.
        before: its state before the step; None: it was fresh, where `stored` says so, or was not stored here.
        stored: whether the state before the step is known.
    """

    stamp_ns: int
    observation: Any
    category: Category
    before: Any
    stored: bool


class InputMemory:
    """The last steps of each stream, with its state before every so many of them; memory is bounded by both.

    Args:
        steps: remembered of each stream.
        every: steps between two stored states.

    Raises:
        ValueError: where a state would be forgotten before the next one is stored.
    """

    def __init__(self, steps: int, every: int) -> None:
        if not 0 < 2 * every <= steps:
            raise ValueError(f"steps is at least twice every, which is at least 1, got {steps} and {every}")
        self._steps, self._every = steps, every
        self._streams: dict[str, deque[RememberedStep]] = {}
        self._since: dict[str, int] = {}  # steps since a state was stored
        self._before: dict[str, Any] = {}
        self.stamp_ns = 0
        """Of the frame that is being answered."""

    def before(self, learner: StateOwner, people: Sequence[Remembered]) -> None:
        """Stores the states of those whose turn it is, before the learner steps these people."""
        known = set(learner.ids)
        for id in (person.id for person in people):
            if id not in known or id not in self._streams or self._since[id] >= self._every:
                self._before[id] = learner.snapshot(id) if id in known else None
                self._since[id] = 0

    def after(self, people: Sequence[Remembered], categories: Sequence[Category]) -> None:
        """Notes what they were given and what was answered."""
        for person, category in zip(people, categories, strict=True):
            id, stored = person.id, person.id in self._before
            step = RememberedStep(self.stamp_ns, person, category, self._before.pop(id, None), stored)
            self._streams.setdefault(id, deque(maxlen=self._steps)).append(step)
            self._since[id] += 1

    def forget(self, id: str | None = None) -> None:
        """Forgets one stream; None: all."""
        for each in [id] if id is not None else list(self._streams):
            self._streams.pop(each, None)

    def steps(self, id: str, stamp_ns: int, least: int) -> list[RememberedStep]:
        """The steps of a stream up to the frame of this stamp, from a stored state that is `least` steps older or more.

        Where there is no state that old, it is the oldest one that is remembered.

        Raises:
            ValueError: for a frame that is not remembered, with what is.
        """
        known = [step for step in self._streams.get(id, ()) if step.stamp_ns <= stamp_ns]
        if not known or known[-1].stamp_ns != stamp_ns:
            stamps = [step.stamp_ns for step in self._streams.get(id, ())]
            span = f"from {stamps[0]} to {stamps[-1]} ns" if stamps else f"nothing; there are {sorted(self._streams)}"
            raise ValueError(f"no frame of {id!r} at {stamp_ns} ns is remembered, but {span}")
        stored = [place for place, step in enumerate(known) if step.stored]
        if not stored:
            raise ValueError(f"no state of {id!r} before {stamp_ns} ns is remembered any more")
        old = [place for place in stored if len(known) - place >= least]
        return known[old[-1] if old else stored[0] :]
