"""One stream through one learner: what a recogniser node does with a frame, and what is known after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from co_perception.engine.data import Image
from co_perception.engine.target import Category, Status


class StreamingLearner(Protocol):
    """What a recogniser node asks of its learner; `learners.video.ContinualVideoLearner` is one."""

    @property
    def name(self) -> str:
        """Network and label set, e.g. "coi3d_inception/kinetics400"."""

    @property
    def label_set(self) -> str:
        """Which classes an index counts in."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of all classes."""

    @property
    def receptive_field(self) -> int:
        """Frames one answer looks back on."""

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

    def load(self, path: Any = None) -> None: ...

    def optimize(self, backend: str = ..., *, precision: str = ...) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What stands after one frame.

    `described_ns` is the stamp of the frame the scores describe, `since_ns` the stamp of the frame that first brought
    the present label (None where there is no label), `missing` the ticks just before this frame that had none, and
    `subject` whose activity this is (empty: the whole scene's).
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


class History:
    """What the answers of one stream need to be understood later: the stamps of its frames, and when a label began.

    Args:
        subject: whose stream it is.
        remember: stamps kept, in network frames; more than the longest delay the learner reports.
    """

    def __init__(self, subject: str = "", remember: int = 512) -> None:
        self.subject = subject
        self._stamps: deque[int] = deque(maxlen=remember)
        self._label = ""
        self._since_ns: int | None = None

    def stepped(self, stamp_ns: int, times: int = 1) -> None:
        """The learner was given the frame of that stamp, so many times."""
        self._stamps.extend([stamp_ns] * times)

    def tell(self, category: Category, epoch: int, stamp_ns: int, missing: int = 0) -> Answer:
        """What stands after the newest frame, whose stamp is `stamp_ns`."""
        described_ns = self._stamps[-1 - min(category.delay, len(self._stamps) - 1)]
        label = valid_label(category)
        if label != self._label:
            self._label, self._since_ns = label, stamp_ns if label else None
        return Answer(category, epoch, described_ns, self._since_ns, missing, self.subject)


class Recognition:
    """Feeds the frames of one stream to a learner, and fills ticks that had no frame.

    Args:
        learner: stepped one frame at a time; reset whenever the epoch changes, before the first frame too.
    """

    def __init__(self, learner: StreamingLearner) -> None:
        self.learner = learner
        self._history = History()
        self._epoch: int | None = None
        self._frame: Image | None = None
        self._tick = -1

    def answer(self, frame: Image, epoch: int = 0, tick: int | None = None, max_hold: int = 0) -> Answer:
        """Steps the learner by one frame.

        Args:
            frame: the newest picture; its `stamp_ns` must be known.
            epoch: the stream this frame belongs to, see `pacing.Pacer`.
            tick: its place there; None: the tick after the one before.
            max_hold: how many missing ticks may be filled by showing the frame before again.
        """
        if frame.stamp_ns is None:
            raise ValueError("a frame of a stream needs its stamp: Image(pixels, stamp_ns=...).")
        if epoch != self._epoch:
            self._begin(epoch)
        tick = self._tick + 1 if tick is None else tick
        # What was lost on the way here has left its tick empty too: only the frames that arrive are counted.
        missing = 0 if self._frame is None else tick - self._tick - 1
        for held in [self._frame] * min(missing, max_hold):
            if held is not None:
                self._step(held, held.stamp_ns or 0)
        category = self._step(frame, frame.stamp_ns)
        self._frame, self._tick = frame, tick
        return self._history.tell(category, epoch, frame.stamp_ns, missing)

    def _begin(self, epoch: int) -> None:
        self.learner.reset()
        self._history = History()
        self._frame, self._epoch, self._tick = None, epoch, -1

    def _step(self, frame: Image, stamp_ns: int) -> Category:
        (category,) = self.learner.infer(frame)
        self._history.stepped(stamp_ns)
        return category


def valid_label(category: Category) -> str:
    """The label where it can be acted on, else the empty string."""
    return (category.description or "") if category.status == Status.VALID else ""
