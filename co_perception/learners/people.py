"""Several people through one learner: each keeps a stream of its own, whatever the others do, and time goes on for all.

A pose estimator misses people now and then, cameras lose frames, people come and go. What a stream is given for the
ticks in between is a policy; everything that happened can be read off the answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from co_perception.engine.target import Category, Status
from co_perception.learners.pacing import NANO
from co_perception.learners.recognition import Answer, History, StreamingLearner

Missing = Literal["skip", "hold", "zero"]
MISSING: tuple[Missing, ...] = ("skip", "hold", "zero")


class Seen(Protocol):
    """What is seen of one person in one frame: an `engine.target.Pose`, or a `learners.crops.Glimpse`."""

    @property
    def id(self) -> str:
        """Whose."""

    @property
    def confidence(self) -> float:
        """That this is a person, 0..1."""

    @property
    def kind(self) -> Hashable:
        """Those of one kind may be given to a learner together."""

    def blank(self) -> Seen:
        """The same person with nothing to be seen."""


Sight = tuple[Seen, ...]
"""What one stream gets of one frame: one person, or everybody where the network looks at the whole scene."""


class Streams(Protocol):
    """A stream for every id.

    `infer` takes the people of one frame and steps the stream of each one's id: a category for each, in their order. A
    network that looks at several persons at once has one stream, and gives one category.
    """

    @property
    def persons(self) -> int:
        """Persons that the network looks at together; 1: each one alone."""

    def infer(self, data: Any) -> Sequence[Category]: ...

    def reset(self, id: str | None = None) -> None: ...

    def release(self, id: str) -> None: ...

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]: ...

    def load_streams(self, path: Path | str) -> list[str]: ...


class PeopleLearner(Streams, StreamingLearner, Protocol):
    """A learner that has them; `learners.skeleton.ContinualSkeletonLearner` is one."""

    def reset(self, id: str | None = None) -> None: ...


@dataclass(frozen=True)
class Policy:
    """What becomes of people who are not seen.

    Args:
        missing: what a stream is given for ticks it missed, once its person is back: nothing (`skip`: its clock stood
            still), what was seen before (`hold`), or nothing (`zero`).
        max_hold_frames: missed ticks that are filled so; those beyond are lost to the stream.
        max_gap_s: who is away for longer comes back to a fresh state.
        expire_s: who is away for longer is forgotten; until then the last scores are told as STALE.
        max_people: people that are remembered; the memory they take is bounded by it. Those already followed come
            first, then the surest; who has been away longest is forgotten for them.
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
    """One stream: None stands for what is not known of one that was just restored."""

    history: History
    sight: Sight = ()
    tick: int | None = None
    seen_ns: int | None = None
    answer: Answer | None = None


class People:
    """Steps the streams of the people in sight, frame by frame.

    Args:
        learner: has a stream for each id; reset whenever the epoch changes, before the first frame too.
        policy: see there; it may be exchanged between two frames.
    """

    def __init__(self, learner: Streams, policy: Policy | None = None) -> None:
        self.learner = learner
        self.policy = policy or Policy()
        self.crowded_out = 0
        """People refused because there were more than `max_people` in one frame."""
        self._subjects: dict[str, _Subject] = {}
        self._stream: int | None = None
        self._tick = -1
        self._resets = 0

    @property
    def epoch(self) -> int:
        """How often state was reset: all of it (a new stream) or one subject's."""
        return (self._stream or 0) + self._resets

    @property
    def stream(self) -> int:
        """The epoch of the stream being followed, -1 before the first."""
        return -1 if self._stream is None else self._stream

    @property
    def subjects(self) -> list[str]:
        """Who is remembered, longest known first."""
        return list(self._subjects)

    def answer(self, people: Sequence[Seen], stamp_ns: int, epoch: int = 0, tick: int | None = None) -> list[Answer]:
        """What stands after one frame: everybody in sight in the order given, then those lately seen, as STALE.

        Args:
            people: those found; of two with one id the first counts. None at all is a frame like others.
            stamp_ns: when the frame was taken.
            epoch: the stream this frame belongs to, see `pacing.Pacer`; a new one forgets everybody.
            tick: its place there; None: the tick after the one before.
        """
        if epoch != self._stream:
            self._begin(epoch)
        self._tick = self._tick + 1 if tick is None else tick
        self._forget_expired(stamp_ns)
        sights = self._sights(people)
        self._make_room(sights)
        missed = {id: self._meet(id, stamp_ns) for id in sights}
        self._fill(sights, missed)
        fresh = self._step(sights, stamp_ns, missed)
        return fresh + [self._stale(s.answer) for id, s in self._subjects.items() if id not in sights and s.answer]

    def reset(self, ids: Iterable[str]) -> list[str]:
        """Forgets these subjects, who begin afresh with their next frame. Returns those that are not known."""
        wanted = list(ids)
        known = [id for id in wanted if id in self._subjects]
        for id in known:
            self._forget(id)
        self._resets += bool(known)
        return [id for id in wanted if id not in known]

    def save(self, path: Path | str, ids: Sequence[str] = ()) -> list[str]:
        """Writes the streams of `ids`, or of everybody, as the learner's `save_streams`. Returns whose."""
        unknown = [id for id in ids if id not in self._subjects]
        if unknown:
            raise ValueError(f"nothing is known of {unknown}; there are {self.subjects}.")
        return self.learner.save_streams(path, list(ids) or None)

    def load(self, path: Path | str, epoch: int) -> list[str]:
        """Continues streams that `save` wrote: their next frame follows their last one, whatever time lies between.

        Args:
            path: the file.
            epoch: of the stream that the next frame will belong to.

        Returns: whose streams they are; everybody else is forgotten. Raises as the learner's `load_streams`, and then
            everything is as it was before.
        """
        ids = self.learner.load_streams(path)
        self._subjects = {id: _Subject(History(id)) for id in ids}
        self._stream, self._tick = epoch, -1
        return ids

    # One frame

    def _begin(self, stream: int) -> None:
        self.learner.reset()
        self._subjects.clear()
        self._stream, self._tick = stream, -1

    def _sights(self, people: Sequence[Seen]) -> dict[str, Sight]:
        """What each stream gets, at most `max_people` streams or, in a scene of one stream, people."""
        first: dict[str, Seen] = {}
        for person in people:
            first.setdefault(person.id, person)
        # sorted() is stable: equals stay in the order given.
        ranked = sorted(first.values(), key=lambda person: (person.id not in self._subjects, -person.confidence))
        kept = {person.id for person in ranked[: self.policy.max_people]}
        self.crowded_out += len(first) - len(kept)
        chosen = [person for person in first.values() if person.id in kept]
        if self.learner.persons > 1:
            return {"": tuple(chosen)} if chosen else {}
        return {person.id: (person,) for person in chosen}

    def _make_room(self, sights: Mapping[str, Sight]) -> None:
        new = sum(id not in self._subjects for id in sights)
        excess = len(self._subjects) + new - self.policy.max_people
        away = sorted((s.seen_ns or 0, id) for id, s in self._subjects.items() if id not in sights)
        for _, id in away[: max(excess, 0)]:
            self._forget(id)

    def _meet(self, id: str, stamp_ns: int) -> int:
        """Ticks that a subject in sight has missed; a fresh state where it is new or was away for too long."""
        subject = self._subjects.get(id)
        if subject is not None and stamp_ns - (subject.seen_ns or stamp_ns) > self.policy.max_gap_s * NANO:
            self._forget(id)
            self._resets += 1
            subject = None
        if subject is None:
            subject = self._subjects[id] = _Subject(History(id))
        return 0 if subject.tick is None else self._tick - subject.tick - 1

    def _fill(self, sights: Mapping[str, Sight], missed: Mapping[str, int]) -> None:
        """Steps the streams through the ticks they missed, those of one number together."""
        if self.policy.missing == "skip":
            return
        most = min(max(missed.values(), default=0), self.policy.max_hold_frames)
        for index in range(most):
            behind = [id for id in sights if missed[id] > index]
            self._infer([self._filler(id) for id in behind])
            for id in behind:
                subject = self._subjects[id]
                subject.history.stepped(subject.seen_ns or 0)

    def _filler(self, id: str) -> Sight:
        before = self._subjects[id].sight
        if self.policy.missing == "hold":
            return before
        return tuple(person.blank() for person in before)

    def _step(self, sights: Mapping[str, Sight], stamp_ns: int, missed: Mapping[str, int]) -> list[Answer]:
        answers = []
        for (id, sight), category in zip(sights.items(), self._infer(list(sights.values())), strict=True):
            subject = self._subjects[id]
            subject.history.stepped(stamp_ns)
            subject.sight, subject.tick, subject.seen_ns = sight, self._tick, stamp_ns
            subject.answer = subject.history.tell(category, self.epoch, stamp_ns, missed[id])
            answers.append(subject.answer)
        return answers

    def _infer(self, sights: Sequence[Sight]) -> Sequence[Category]:
        if self.learner.persons > 1:
            return self.learner.infer(list(sights[0])) if sights else []
        # There is more than one kind where two pose estimators share a topic.
        kinds: dict[Hashable, list[Seen]] = {}
        for (person,) in sights:
            kinds.setdefault(person.kind, []).append(person)
        said = {
            person.id: category
            for people in kinds.values()
            for person, category in zip(people, self.learner.infer(people), strict=True)
        }
        return [said[person.id] for (person,) in sights]

    def _stale(self, answer: Answer) -> Answer:
        """The last answer as it stands while its subject is away: no label, though one may hold on when it is back."""
        category = dataclasses.replace(answer.category, status=Status.STALE)
        return dataclasses.replace(answer, category=category, epoch=self.epoch, since_ns=None, missing=0)

    # Forgetting

    def _forget_expired(self, stamp_ns: int) -> None:
        for id, subject in list(self._subjects.items()):
            if subject.seen_ns is None:
                subject.seen_ns = stamp_ns  # restored: its time away begins with the first frame
            elif stamp_ns - subject.seen_ns > self.policy.expire_s * NANO:
                self._forget(id)

    def _forget(self, id: str) -> None:
        del self._subjects[id]
        if self.learner.persons > 1:
            self.learner.reset()
        else:
            self.learner.release(id)
