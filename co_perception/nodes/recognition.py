"""One stream through one learner: what a recogniser node does with a frame, without ROS."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from co_perception.engine.data import Image
from co_perception.engine.target import Category, Status


class StreamingLearner(Protocol):
    """What the node asks of a learner; `co_perception.learners.video.ContinualVideoLearner` is one."""

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

    def optimize(self) -> None: ...


@dataclass(frozen=True)
class Answer:
    """What stands after one frame.

    `described_ns` is the stamp of the frame the scores describe, `since_ns` the stamp of the frame that first brought
    the present label (None where there is no label).
    """

    category: Category
    epoch: int
    described_ns: int
    since_ns: int | None

    @property
    def label(self) -> str:
        """The best label where it can be acted on, else the empty string."""
        return valid_label(self.category)


class Recognition:
    """Feeds frames to a learner and keeps what its answers need to be understood later: stamps, and when a label began.

    Args:
        learner: stepped one frame at a time; reset whenever the epoch changes, before the first frame too.
        remember: stamps kept, in network frames; more than the longest delay the learner reports.
    """

    def __init__(self, learner: StreamingLearner, remember: int = 512) -> None:
        self.learner = learner
        self._stamps: deque[int] = deque(maxlen=remember)
        self._epoch: int | None = None
        self._frame: Image | None = None
        self._label = ""
        self._since_ns: int | None = None

    def answer(self, frame: Image, epoch: int = 0, hold: int = 0) -> Answer:
        """Steps the learner by one frame.

        Args:
            frame: the newest picture; its `stamp_ns` must be known.
            epoch: the stream this frame belongs to, see `pacing.Pacer`.
            hold: how often the frame before is shown again first, in place of frames that never came.
        """
        if frame.stamp_ns is None:
            raise ValueError("a frame of a stream needs its stamp: Image(pixels, stamp_ns=...).")
        if epoch != self._epoch:
            self._begin(epoch)
        for held in [self._frame] * hold:
            if held is not None:
                self._step(held, held.stamp_ns or 0)
        category = self._step(frame, frame.stamp_ns)
        self._frame = frame
        return self._understand(category, epoch, frame.stamp_ns)

    def _begin(self, epoch: int) -> None:
        self.learner.reset()
        self._stamps.clear()
        self._frame, self._epoch = None, epoch
        self._label, self._since_ns = "", None

    def _step(self, frame: Image, stamp_ns: int) -> Category:
        (category,) = self.learner.infer(frame)
        self._stamps.append(stamp_ns)
        return category

    def _understand(self, category: Category, epoch: int, stamp_ns: int) -> Answer:
        described_ns = self._stamps[-1 - min(category.delay, len(self._stamps) - 1)]
        label = valid_label(category)
        if label != self._label:
            self._label, self._since_ns = label, stamp_ns if label else None
        return Answer(category, epoch, described_ns, self._since_ns)


def valid_label(category: Category) -> str:
    """The label where it can be acted on, else the empty string."""
    return (category.description or "") if category.status == Status.VALID else ""
