"""Recognizers that keep a stream for each person: their base, and the one that goes by the poses of a message."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from co_perception.data.messages.people import DetectedPeople, Refusal
from co_perception.engine.stage_counts import NOBODY, Stage
from co_perception.engine.target import Status
from co_perception.online.input_memory import InputMemory, StateOwner
from co_perception.online.input_rate import InputRate
from co_perception.online.pacing import Admission
from co_perception.online.people import Observation, People, PeopleLearner, Policy
from co_perception.online.recognizer import Answer, FrameAnswers, Recognizer, StreamingLearner, caption

CROWD = 8  # people for whom what streams are given is remembered in full
Obs_contra = TypeVar("Obs_contra", contravariant=True)
Reading = tuple[DetectedPeople, Sequence[Refusal], Sequence[Observation]]
"""The people's message, who of them cannot be used, and what the streams get."""
RefusalObserver = Callable[[Sequence[Refusal], int, int], None]
"""Takes the people of one frame that could not be used, or not completely; how many were beyond `max_people`; that."""


class PeopleRecognizer(Recognizer[Obs_contra]):
    """Base of the recognizers that keep a stream for each person, see `people.People`.

    Args:
        learner: names, classes and rate.
        people: steps the streams.
        rate_hz: ticks of the network's clock, as `Pacer` takes it.
        observer: called after each frame with the people who could not be used; None: they are ignored.
    """

    def __init__(
        self, learner: StreamingLearner, people: People, rate_hz: float, observer: RefusalObserver | None = None
    ) -> None:
        super().__init__(learner, rate_hz, people.policy.max_gap_s, people.policy.max_hold_frames)
        self.people = people
        self._observer = observer

    def answer(self, observation: Obs_contra, stamp_ns: int, admission: Admission) -> FrameAnswers | None:
        """Steps the streams of everyone in sight; their answers, then STALE ones of those in sight lately."""
        people = self.people
        if admission.epoch < people.epoch:
            return None
        self.input_rate.note(stamp_ns)
        reading, refused, visible = self._read(observation, stamp_ns)
        if people.policy.max_hold_frames != self.max_hold_frames:
            people.policy = replace(people.policy, max_hold_frames=self.max_hold_frames)
        crowded_out = people.crowded_out
        self._count_people(visible, refused)
        try:
            reading.check()
            with self.counted_refusal():
                answers = people.answer(visible, stamp_ns, admission.epoch, admission.tick)
        finally:
            surplus = people.crowded_out - crowded_out
            self.counts.add(Stage.POSES, -surplus)
            self.counts.lose(Stage.POSES, f"more people than max_people ({people.policy.max_people})", surplus)
            if self._observer is not None:
                self._observer(refused, surplus, people.policy.max_people)
        self.count_windows(answers, admission.epoch)
        return FrameAnswers(answers, people.state_epoch, reading.regions, reading.positions)

    def _count_people(self, visible: Sequence[Observation], refused: Sequence[Refusal]) -> None:
        """Counts one frame with or without people, and who of them can be used."""
        if visible or refused:
            self.counts.add(Stage.PEOPLE)
        else:
            self.counts.lose(Stage.PEOPLE, NOBODY)
        self.counts.add(Stage.POSES, len(visible))
        for refusal in refused:
            if refusal.whole:
                self.counts.lose(Stage.POSES, refusal.kind, detail=refusal.why)

    def reset(self, ids: Sequence[str]) -> list[str]:
        return self.people.reset(ids)

    def erase_inputs(self, ids: Sequence[str] = ()) -> None:
        if self.people.memory is not None:
            self.people.memory.erase(ids)

    def load(self, path: Path | str) -> list[str]:
        """Continues streams that `people.save` wrote with the next frame, which begins an epoch, see `People.load`.

        The thread that receives frames must not admit one meanwhile.
        """
        ids = self.people.load(path, self.pacer.epoch + 1, self.pacer.rate_hz)
        self.pacer.restart()
        return ids

    def describe(self, answers: Sequence[Answer]) -> str:
        """How many people are in sight, and how many of them do what."""
        visible: dict[str, list[Answer]] = {}
        for answer in answers:
            if answer.category.status != Status.STALE:
                visible.setdefault(answer.subject, []).append(answer)
        labels = Counter(caption(each) if any(one.label for one in each) else "no label" for each in visible.values())
        counts = ", ".join(f"{label}: {count}" for label, count in labels.most_common(5))
        return f"{len(visible)} in sight" + (f" ({counts})" if counts else "")

    @abstractmethod
    def _read(self, observation: Obs_contra, stamp_ns: int) -> Reading: ...


class SkeletonRecognizer(PeopleRecognizer[DetectedPeople]):
    """Recognizes each person's activity from the joints in a `DetectedPeople` a frame."""

    def __init__(
        self, learner: PeopleLearner, policy: Policy, rate_hz: float, observer: RefusalObserver | None = None
    ) -> None:
        super().__init__(learner, People(learner, policy), rate_hz, observer)
        self._remembered_s = 0.0

    def remember(self, seconds: float) -> None:
        """Remembers from the next frame on what the streams are given, for so long, see `InputMemory`; 0: nothing.

        There is room for `CROWD` people all the time; of more, less time is remembered. Of networks that take several
        people at once nothing is: one answer cannot be told apart in them.
        """
        self._remembered_s, learner, people = seconds, self.people.learner, self.people
        people.memory = None
        if seconds > 0 and learner.persons == 1 and isinstance(learner, StateOwner):
            most = round(CROWD * seconds * max(self.pacer.rate_hz, 1.0))
            people.memory = InputMemory(seconds, learner.receptive_field, most)

    def exchange(self, learner: PeopleLearner) -> None:
        """Makes another learner answer from the next frame on, which begins an epoch."""
        self.learner, self.people = learner, People(learner, self.people.policy)
        self.remember(self._remembered_s)
        self.input_rate = InputRate(self.pacer.rate_hz, learner.min_progress, self.pacer.max_gap_s)
        self.pacer.restart()

    def _read(self, observation: DetectedPeople, stamp_ns: int) -> Reading:
        return observation, observation.refused, observation.still_poses
