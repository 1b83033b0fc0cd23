"""Steps one stream per person through a shared learner, and fills the ticks in which a person was missed.

A pose estimator misses people now and then, cameras lose frames, people come and go. What a stream gets for the ticks
in between is a policy; the answers tell everything that happened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from co_perception.engine.target import Category, Status
from co_perception.engine.time import NANO
from co_perception.online.input_memory import InputMemory, StateOwner
from co_perception.online.recognizer import Answer, History, StreamingLearner

Missing = Literal["skip", "hold", "zero"]
MISSING: tuple[Missing, ...] = ("skip", "hold", "zero")


class Observation(Protocol):
    """One person in one frame: an `engine.target.Pose`, or an `online.crops.PersonCrop`."""

    @property
    def id(self) -> str: ...

    @property
    def confidence(self) -> float: ...

    @property
    def kind(self) -> Hashable:
        """Observations of one kind may be given to a learner together."""

    def blank(self) -> Observation:
        """The same person without content: no joint found, or a black image."""


StreamInput = tuple[Observation, ...]
"""What one stream gets of one frame: one person, or all people where the network looks at the whole scene."""


class Streams(Protocol):
    """A stream for every id.

    `infer` takes the people of one frame and steps the stream of each one's id: a category for each, in their order. A
    network that looks at several `persons` together has one stream, and gives one category.
    """

    @property
    def persons(self) -> int: ...

    @property
    def rate_hz(self) -> float: ...

    @property
    def receptive_field(self) -> int: ...

    @property
    def min_progress(self) -> float: ...

    def infer(self, data: Any) -> Sequence[Category]: ...

    def reset(self, id: str | None = None) -> None: ...

    def release(self, id: str) -> None: ...

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]: ...

    def load_streams(self, path: Path | str) -> list[str]: ...


class PeopleLearner(Streams, StreamingLearner, Protocol):
    """A learner with a stream for every id; `learners.skeleton.ContinualSkeletonLearner` is one."""

    def reset(self, id: str | None = None) -> None: ...


@dataclass(frozen=True)
class Policy:
    """Rules for people who are out of sight.

    Args:
        missing: what a stream gets for ticks it missed, once its person is back. `skip`: no step, as if its clock had
            stood still. `hold`: the last observation again. `zero`: an empty one.
        max_hold_frames: missed ticks that are filled so; those beyond are lost to the stream.
        max_gap_s: after a longer absence a person comes back to a fresh state.
        expire_s: after a longer absence a person is forgotten; until then the last scores are published as STALE.
        max_people: people that are remembered, which bounds memory. Those already followed come first, then those with
            the highest confidence; to make room, the ones absent longest are forgotten.

    Raises:
        ValueError: where one of them is out of its range.
    """

    missing: Missing = "hold"
    max_hold_frames: int = 15
    max_gap_s: float = 1.0
    expire_s: float = 5.0
    max_people: int = 32

    def __post_init__(self) -> None:
        if self.missing not in MISSING:
            raise ValueError(f"missing is one of {', '.join(MISSING)}, got {self.missing!r}.")
        if self.max_hold_frames < 0 or self.max_people < 1:
            raise ValueError(
                f"max_hold_frames is at least 0 and max_people at least 1, got {self.max_hold_frames} and "
                f"{self.max_people}."
            )
        if self.max_gap_s <= 0 or self.expire_s <= 0:
            raise ValueError(f"max_gap_s and expire_s are above 0, got {self.max_gap_s} and {self.expire_s}.")


@dataclass
class _Subject:
    """Memory of one stream; None: not known, as the stream was just restored from a file."""

    history: History
    newest: StreamInput = ()
    tick: int | None = None
    last_ns: int | None = None
    answers: Sequence[Answer] = ()


class People:
    """Steps the streams of the people in sight, frame by frame.

    Args:
        learner: has a stream for each id; reset whenever the epoch changes, before the first frame too.
        policy: may be exchanged between two frames.
    """

    def __init__(self, learner: Streams, policy: Policy | None = None) -> None:
        self.learner = learner
        self.policy = policy or Policy()
        self.crowded_out = 0
        """People refused because there were more than `max_people` in one frame."""
        self.epoch = -1
        """Of the stream being followed, as `pacing.Pacer` counts; -1 before the first."""
        self.memory: InputMemory | None = None
        """Notes what the streams of single people are given, where one is set before the first frame."""
        self._together = learner.persons > 1
        self._subjects: dict[str, _Subject] = {}
        self._tick = -1
        self._resets = 0

    @property
    def state_epoch(self) -> int:
        """How often state was reset: all of it (a new epoch), or one subject's."""
        return max(self.epoch, 0) + self._resets

    @property
    def subjects(self) -> list[str]:
        """Ids that are remembered, longest known first."""
        return list(self._subjects)

    def answer(
        self, people: Sequence[Observation], stamp_ns: int, epoch: int = 0, tick: int | None = None
    ) -> list[Answer]:
        """Answers one frame: everyone in sight in the order given, then those in sight lately, as STALE.

        Of a label set in groups there is an answer for each subject and group.

        Args:
            people: those found; of two with one id the first counts. A frame without people is a frame like others.
            stamp_ns: when the frame was taken.
            epoch: the stream this frame belongs to, see `pacing.Pacer`; a new one forgets everyone.
            tick: its place there; None: the tick after the one before.
        """
        if self.memory is not None:
            self.memory.stamp_ns = stamp_ns
        if epoch != self.epoch:
            if self.memory is not None:
                self.memory.forget()
            self.learner.reset()
            self._subjects.clear()
            self.epoch, self._tick = epoch, -1
        self._tick = self._tick + 1 if tick is None else tick
        for id, subject in list(self._subjects.items()):
            if subject.last_ns is None:
                subject.last_ns = stamp_ns  # restored: its absence begins with the first frame
            elif stamp_ns - subject.last_ns > self.policy.expire_s * NANO:
                self._forget(id)
        inputs = self._inputs(people)
        missed = {id: self._missed_ticks(id, stamp_ns) for id in inputs}
        self._fill(inputs, missed)
        state_epoch, answers = self.state_epoch, list[Answer]()
        for (id, newest), category in zip(inputs.items(), self._infer(list(inputs.values())), strict=True):
            subject = self._subjects[id]
            subject.newest, subject.tick, subject.last_ns = newest, self._tick, stamp_ns
            subject.answers = subject.history.answers(category, state_epoch, stamp_ns, missed[id])
            answers += subject.answers
        for id, subject in self._subjects.items():
            for last in subject.answers if id not in inputs else ():
                # Without a label, although one may go on when the subject is back.
                category = dataclasses.replace(last.category, status=Status.STALE)
                answers.append(Answer(category, state_epoch, last.described_ns, None, subject=id))
        return answers

    def reset(self, ids: Iterable[str]) -> list[str]:
        """Forgets these subjects, who begin afresh with their next frame. Returns the ids that are not known."""
        wanted = dict.fromkeys(ids)
        known = wanted.keys() & self._subjects.keys()
        for id in known:
            self._forget(id)
        self._resets += bool(known)
        return [id for id in wanted if id not in known]

    def save(self, path: Path | str, ids: Sequence[str] = ()) -> list[str]:
        """Writes the streams of `ids`, or all, to a file; returns the ids written.

        Raises:
            ValueError: for an id that is not known; else as the learner's `save_streams`.
        """
        unknown = [id for id in ids if id not in self._subjects]
        if unknown:
            raise ValueError(f"no stream of {unknown} here; there are {self.subjects}.")
        return self.learner.save_streams(path, list(dict.fromkeys(ids)) or None)

    def load(self, path: Path | str, epoch: int, rate_hz: float = 0.0) -> list[str]:
        """Continues streams that `save` wrote: their next frame follows their last one, however much later it comes.

        The stamps before that are not known; they are taken to lie at `rate_hz` (0: the network's) before the next one,
        so that the delay of the scores is as long as before. All others are forgotten. `epoch` is that of the stream
        that the next frame will belong to. Returns the ids.

        Raises:
            ValueError, OSError: as the learner's `load_streams`; then everything stays as it was.
        """
        ids = self.learner.load_streams(path)
        rate_hz = rate_hz or self.learner.rate_hz
        before_ns = NANO / rate_hz if rate_hz > 0 else 0.0
        self._subjects = {id: _Subject(History(self.learner, id, before_ns=before_ns)) for id in ids}
        self.epoch, self._tick = epoch, -1
        return ids

    # One frame

    def _inputs(self, people: Sequence[Observation]) -> dict[str, StreamInput]:
        """What each stream gets, at most `max_people` streams or, in a scene of one stream, people; makes room."""
        first: dict[str, Observation] = {}
        for person in people:
            first.setdefault(person.id, person)
        # sorted() is stable: equals stay in the order given.
        ranked = sorted(first.values(), key=lambda person: (person.id not in self._subjects, -person.confidence))
        chosen = {person.id for person in ranked[: self.policy.max_people]}
        self.crowded_out += len(first) - len(chosen)
        followed = [person for person in first.values() if person.id in chosen]
        inputs: dict[str, StreamInput] = {person.id: (person,) for person in followed}
        if self._together:
            inputs = {"": tuple(followed)} if followed else {}
        excess = len(self._subjects.keys() | inputs.keys()) - self.policy.max_people
        absent = sorted((s.last_ns or 0, id) for id, s in self._subjects.items() if id not in inputs)
        for _, id in absent[: max(excess, 0)]:
            self._forget(id)
        return inputs

    def _missed_ticks(self, id: str, stamp_ns: int) -> int:
        """Ticks that a subject in sight has missed. A new one, or one absent for too long, gets a fresh state."""
        subject = self._subjects.get(id)
        if subject is not None and stamp_ns - (subject.last_ns or stamp_ns) > self.policy.max_gap_s * NANO:
            self._forget(id)
            self._resets += 1
            subject = None
        if subject is None:
            subject = self._subjects[id] = _Subject(History(self.learner, id))
        return 0 if subject.tick is None else self._tick - subject.tick - 1

    def _fill(self, inputs: Mapping[str, StreamInput], missed: Mapping[str, int]) -> None:
        """Steps the streams through the ticks they missed, all streams that miss the same one in a batch."""
        if self.policy.missing == "skip":
            return
        for index in range(min(max(missed.values(), default=0), self.policy.max_hold_frames)):
            behind = [self._subjects[id] for id in inputs if missed[id] > index]
            held = [subject.newest for subject in behind]
            if self.policy.missing == "zero":
                held = [tuple(person.blank() for person in newest) for newest in held]
            self._infer(held)
            for subject in behind:
                subject.history.add(subject.last_ns or 0)

    def _infer(self, inputs: Sequence[StreamInput]) -> Sequence[Category]:
        if self._together:
            return self.learner.infer(list(inputs[0])) if inputs else []
        # There is more than one kind where two pose estimators share a topic.
        kinds: dict[Hashable, list[Observation]] = {}
        for (person,) in inputs:
            kinds.setdefault(person.kind, []).append(person)
        categories = {
            person.id: category
            for people in kinds.values()
            for person, category in zip(people, self._step(people), strict=True)
        }
        return [categories[person.id] for (person,) in inputs]

    def _step(self, people: Sequence[Observation]) -> Sequence[Category]:
        if self.memory is None:
            return self.learner.infer(people)
        self.memory.before(cast(StateOwner, self.learner), people)
        categories = self.learner.infer(people)
        self.memory.after(people, categories)
        return categories

    def _forget(self, id: str) -> None:
        del self._subjects[id]
        if self.memory is not None:
            self.memory.forget(id)
        if self._together:
            self.learner.reset()
        else:
            self.learner.release(id)
