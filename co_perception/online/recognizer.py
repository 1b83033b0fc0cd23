"""Recognizer: the frame pacing, learner and stream state that a node and a replay of recordings both own.

A frame passes through two calls, in a node on two threads:

    callback thread   admission = recognizer.admit(stamp_ns)                          cheap, never waits
    worker thread     answers = recognizer.answer(observation, stamp_ns, admission)   steps the network

What the observation is depends on the recognizer: an image, the poses of one message, or an image with the people in
it. `SceneRecognizer` is here; those that follow several people are in `people_recognizers`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from co_perception.data.messages.people import Box
from co_perception.engine.data import Image
from co_perception.engine.label_groups import joined_caption
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.engine.target import Category, Status
from co_perception.online.input_rate import InputRate
from co_perception.online.pacing import Admission, Pacer, Verdict

Obs_contra = TypeVar("Obs_contra", contravariant=True)
NO_STAMP = "frames without a stamp (it is 0)"
NOT_TAKEN = {
    Verdict.DUPLICATE: "frames with the stamp of the one before",
    Verdict.LATE: "frames that a newer one overtook",
}


class StreamingLearner(Protocol):
    """Learner that a recognizer steps frame by frame; `learners.video.ContinualVideoLearner` is one."""

    @property
    def name(self) -> str:
        """Network, label set and digest of the model, e.g. "coi3d_inception/kinetics400@5d41402abc4b2a76"."""

    @property
    def label_set(self) -> str:
        """Name of the label set that class indices refer to, e.g. "kinetics400" or "own@f826af9f"."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of all classes."""

    @property
    def receptive_field(self) -> int:
        """Frames that one answer depends on."""

    @property
    def rate_hz(self) -> float:
        """Frames per second of the clips it was trained on."""

    @property
    def threshold(self) -> float:
        """Least probability of a valid label."""

    @property
    def min_progress(self) -> float:
        """Least share of the receptive field behind a valid label."""

    def infer(self, data: Any) -> Sequence[Category]: ...

    def reset(self) -> None: ...

    def load(self, path: Path | str | None = None) -> None: ...

    def optimize(self, backend: str = ..., *, precision: str = ...) -> None: ...


def label_groups(learner: StreamingLearner) -> tuple[str, ...]:
    """The group of each label of a learner; empty where all are one group, as of learners that know no groups."""
    return tuple(getattr(learner, "groups", ()))


@dataclass(frozen=True)
class Answer:
    """What is known of one subject after one frame; of a label set in groups, the answer to one of its questions.

    Args:
        category: scores, label and status.
        epoch: of the stream's state; a change means that the state was reset.
        described_ns: stamp of the frame that the scores describe.
        since_ns: stamp of the frame that first brought the present label; None where there is no label.
        missing: ticks just before this frame that had none.
        subject: whose activity this is; empty: the whole scene's.
    """

    category: Category
    epoch: int
    described_ns: int
    since_ns: int | None
    missing: int = 0
    subject: str = ""

    @property
    def label(self) -> str:
        """The best label where it can be acted on, else the empty string."""
        return valid_label(self.category)


def valid_label(category: Category) -> str:
    """The best label where it can be acted on, else the empty string."""
    return (category.description or "") if category.status == Status.VALID else ""


def caption(answers: Sequence[Answer]) -> str:
    """What one subject does, or why that is not known; see `joined_caption`."""
    why = answers[0].category.status.name.lower().replace("_", " ")
    return joined_caption([(answer.label, answer.category.group, answer.label or why) for answer in answers])


class InputLimits(Protocol):
    """What of a learner says how much real input a label needs."""

    @property
    def receptive_field(self) -> int: ...

    @property
    def min_progress(self) -> float: ...


class History:
    """Stamps of one stream's frames, and since when its label holds: what turns a `Category` into an `Answer`.

    Steps that fill ticks are copies of input: they do not count in `progress`, and the status follows it.

    Args:
        limits: of the learner.
        subject: whose stream it is.
        remember: stamps retained, in network frames; more than the longest delay the learner reports.
        before_ns: period of the frames before the first stamp, of a stream that was restored from a file [ns]; 0: there
            were none. The file does not tell which of them filled a tick: all count as real.
    """

    def __init__(self, limits: InputLimits, subject: str = "", remember: int = 512, before_ns: float = 0.0) -> None:
        self.subject = subject
        self._limits = limits
        self._before_ns = before_ns
        self._stamps: deque[int] = deque(maxlen=remember)
        field = limits.receptive_field
        self._real: deque[bool] = deque([True] * field if before_ns else [], maxlen=field)  # steps by a new frame
        self._labels: dict[str, tuple[str, int | None]] = {}  # of each group: the label, and since when it holds

    def add(self, stamp_ns: int) -> None:
        """Notes that the learner was stepped once more by the frame of that stamp, to fill a tick."""
        self._stamps.append(stamp_ns)
        self._real.append(False)

    def answers(self, category: Category, epoch: int, stamp_ns: int, missing: int = 0) -> list[Answer]:
        """The answers after the learner was stepped by the frame of that stamp: one for each group of its labels."""
        self._stamps.append(stamp_ns)
        self._real.append(True)
        known = min(category.delay, len(self._stamps) - 1)
        described_ns = self._stamps[-1 - known] - round((category.delay - known) * self._before_ns)
        found = []
        for one in map(self._with_real_progress, category.each_group()):
            label, (before, since_ns) = valid_label(one), self._labels.get(one.group, ("", None))
            if label != before:
                since_ns = stamp_ns if label else None
            self._labels[one.group] = label, since_ns
            found.append(Answer(one, epoch, described_ns, since_ns, missing, self.subject))
        return found

    def _with_real_progress(self, category: Category) -> Category:
        """The category with the progress of real input alone; without enough of it, its status is WARMING_UP."""
        if all(self._real):
            return category
        progress = min(category.progress, sum(self._real) / self._limits.receptive_field)
        status = category.status if progress >= self._limits.min_progress else Status.WARMING_UP
        return replace(category, progress=progress, status=status)


@dataclass(frozen=True)
class FrameAnswers:
    """The result of one frame: an answer for each subject."""

    answers: Sequence[Answer]
    state_epoch: int  # how often state was reset until then
    regions: Mapping[str, Box] = field(default_factory=dict)  # of each subject in sight, by id; none for a scene
    positions: Mapping[str, PersonPosition] = field(default_factory=dict)  # of each whose place in space is known


class Recognizer(ABC, Generic[Obs_contra]):
    """Paces the frames of a stream, steps a learner by those it takes, and answers each of them.

    `pacer` and `admit` belong to the thread that receives frames, everything else to the thread that works on them. A
    new recognizer has a fresh state. `counts` has what became of frames, people and windows; whoever reads messages
    adds what became of those.

    Args:
        learner: reset whenever the epoch changes, before the first frame too.
        rate_hz, max_gap_s: ticks of the network's clock, and the step between stamps that ends an epoch; see `Pacer`.
        max_hold_frames: missing ticks that are filled at most; may be changed between two frames.
    """

    def __init__(self, learner: StreamingLearner, rate_hz: float, max_gap_s: float, max_hold_frames: int) -> None:
        self.learner = learner
        self.pacer = Pacer(rate_hz, max_gap_s)
        self.input_rate = InputRate(rate_hz, learner.min_progress, max_gap_s)
        """Of the frames that were answered."""
        self.max_hold_frames = max_hold_frames
        self.counts = StageCounts()
        self._admitted = Admission(Verdict.EARLY, -1)  # the newest frame that was taken
        self._rejected = 0  # frames since then that were not, for their stamps
        self._jump = Admission(Verdict.EARLY, -1)  # the newest one whose stamp ended an epoch

    def admit(self, stamp_ns: int) -> Admission:
        """What the pacer says of the next frame, see `Pacer.admit`; it is counted, and so are ticks without a frame."""
        admission, before = self.pacer.admit(stamp_ns), self._admitted
        if admission.verdict == Verdict.EARLY:
            self.counts.leave_out(Stage.CLOCK, "frames between two ticks of the network's clock")
        elif admission.verdict != Verdict.TAKE:
            self._rejected += 1
            self.counts.lose(Stage.CLOCK, NO_STAMP if stamp_ns == 0 else NOT_TAKEN[admission.verdict])
        else:
            self.counts.add(Stage.CLOCK)
            if admission.epoch == before.epoch:
                what = f"ticks of the network's clock ({self.pacer.rate_hz:g} Hz) for which no frame came"
                self.counts.lose(Stage.CLOCK, what, admission.tick - before.tick - 1 - self._rejected)
            self._admitted, self._rejected = admission, 0
            self._jump = self._jump if admission.jump_s is None else admission
        return admission

    def count_windows(self, answers: Sequence[Answer], epoch: int) -> None:
        """Counts which answers of one frame in an epoch of the pacer have a full window behind them.

        The warm-up of a stream is no loss. One that a gap or a step back of the stamps made necessary is.
        """
        jump_s = self._jump.jump_s if self._jump.epoch == epoch else None
        statuses = {
            answer.subject: answer.category.status for answer in answers
        }  # of any group: the window is the same
        for status in statuses.values():
            if status in (Status.VALID, Status.UNCERTAIN):
                self.counts.add(Stage.WINDOWS)
            elif status == Status.WARMING_UP and jump_s is None:
                self.counts.leave_out(Stage.WINDOWS, "warm-up of a stream")
            elif status == Status.WARMING_UP:
                cause = "stamps went back" if (jump_s or 0) < 0 else f"a gap of more than {self.pacer.max_gap_s:g} s"
                self.counts.lose(Stage.WINDOWS, f"warm-up once more, after {cause}")

    @contextmanager
    def counted_refusal(self) -> Iterator[None]:
        """Counts a frame that the learner refuses inside with a ValueError, which goes on."""
        try:
            yield
        except ValueError as error:
            self.counts.lose(Stage.WINDOWS, "frames that the network cannot use", detail=str(error))
            raise

    @abstractmethod
    def answer(self, observation: Obs_contra, stamp_ns: int, admission: Admission) -> FrameAnswers | None:
        """Steps the learner by one frame.

        Args:
            observation: content of the frame.
            stamp_ns: when it was taken.
            admission: what the pacer gave for it.

        Returns:
            The answers; None for a frame that waited for the worker while a newer stream was restored from a file.

        Raises:
            ValueError: for an observation that cannot be used.
        """

    @abstractmethod
    def reset(self, ids: Sequence[str]) -> list[str]:
        """Makes these subjects begin afresh with their next frame. Returns the ids that are not known."""

    def erase_inputs(self, ids: Sequence[str] = ()) -> None:
        """Erases past input of these subjects, of nobody: of all, where some is remembered, see `InputMemory`."""

    @abstractmethod
    def describe(self, answers: Sequence[Answer]) -> str:
        """The newest answers on one line."""


class SceneRecognizer(Recognizer[Image]):
    """Recognizes the activity of a whole scene: one stream, whose subject is the empty id.

    Ticks without a frame are filled with the frame before, at most `max_hold_frames` of them. `turn` makes pictures
    upright.
    """

    def __init__(
        self,
        learner: StreamingLearner,
        rate_hz: float,
        max_gap_s: float,
        max_hold_frames: int,
        turn: PictureTurn = UPRIGHT,
    ) -> None:
        super().__init__(learner, rate_hz, max_gap_s, max_hold_frames)
        self._turn = turn
        self._history = History(learner)
        self._epoch, self._tick = -1, -1
        self._frame: Image | None = None

    def answer(self, observation: Image, stamp_ns: int, admission: Admission) -> FrameAnswers:
        self.input_rate.note(stamp_ns)
        if admission.epoch != self._epoch:
            self.learner.reset()
            self._history = History(self.learner)
            self._frame, self._epoch, self._tick = None, admission.epoch, -1
        missing = 0
        if self._frame is not None:
            # Frames lost between the pacer and here leave their tick empty too: only what arrives here counts.
            missing = admission.tick - self._tick - 1
            for _ in range(min(missing, self.max_hold_frames)):
                self.learner.infer(self._frame)
                self._history.add(self._frame.stamp_ns or 0)
        frame = observation
        if self._turn or observation.stamp_ns != stamp_ns:
            frame = Image(self._turn.upright(observation.data), stamp_ns)
        with self.counted_refusal():
            (category,) = self.learner.infer(frame)
        self._frame, self._tick = frame, admission.tick
        answers = self._history.answers(category, self._epoch, stamp_ns, missing)
        self.count_windows(answers, admission.epoch)
        return FrameAnswers(answers, self._epoch)

    def reset(self, ids: Sequence[str]) -> list[str]:
        """Ends the epoch where `ids` has the empty id. Returns all others."""
        if "" in ids:
            self.pacer.restart()
        return [id for id in ids if id]

    def describe(self, answers: Sequence[Answer]) -> str:
        """The label of each group, or why there is none."""
        if not answers:
            return "waiting for the first frame"
        return caption(answers)
