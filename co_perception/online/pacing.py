"""Frame pacing: which frames of a stream a network gets, by their stamps.

A streaming network knows time only as "one frame later". So frames are admitted by the instant they were taken, not by
their arrival: on a grid of `rate_hz` ticks, each tick takes one frame, an early frame is skipped, a tick without a
frame is missing, and after a jump the state means nothing any more. Which frames are late, and what is a jump:
docs/stamps.md. Which ticks are missing is found out where the frames are processed: between here and there a frame may
still be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.engine.time import NANO


class Verdict(Enum):
    """What becomes of one frame."""

    TAKE = "taken"
    EARLY = "early"  # the tick has its frame already: the camera is faster than the network's rate
    DUPLICATE = Order.DUPLICATE.value
    LATE = Order.LATE.value


@dataclass(frozen=True)
class Admission:
    """The verdict on a frame.

    Args:
        verdict: whether the network gets it.
        epoch: that it belongs to.
        tick: its place in the epoch, counted from 0.
        jump_s: step between stamps that ended the epoch before; None where this frame ended none.
    """

    verdict: Verdict
    epoch: int
    tick: int = 0
    jump_s: float | None = None


class Pacer:
    """Admits frames by stamp. Each new `epoch` means: reset what the network remembers of the stream.

    With `rate_hz=10` a tick comes every 100 ms after the epoch's first frame, and a frame belongs to the nearest one:

        tick      0         :         1         :         2         :         3         :         4   ...   0
        stamp     0           60        110 (twice)                                             390 ms      2000 ms
                  |           |         |                                                       |           |
        verdict   TAKE        TAKE      EARLY: tick 1 has its frame                             TAKE        TAKE
                  tick 0      tick 1    DUPLICATE: same stamp again                             tick 4      tick 0
                                                                    ticks 2, 3 are missing ->               epoch 1

    A frame that a newer one overtook is LATE and changes nothing.

    >>> pacer = Pacer(rate_hz=10, max_gap_s=1.0)
    >>> for stamp_ms in (0, 60, 110, 110, 140, 390, 370, 2000):
    ...     admission = pacer.admit(stamp_ms * 1_000_000)
    ...     print(stamp_ms, admission.verdict.name, admission.epoch, admission.tick)
    0 TAKE 0 0
    60 TAKE 0 1
    110 EARLY 0 1
    110 DUPLICATE 0 1
    140 EARLY 0 1
    390 TAKE 0 4
    370 LATE 0 4
    2000 TAKE 1 0

    Args:
        rate_hz: ticks a second; 0: every frame that is newer than the one before is a tick.
        max_gap_s: a longer step between stamps ends the epoch, see `StampOrder`.

    Raises:
        ValueError: where one of them is out of its range.
    """

    def __init__(self, rate_hz: float, max_gap_s: float) -> None:
        if rate_hz < 0:
            raise ValueError(f"rate_hz is frames per second, or 0 for every frame, got {rate_hz}.")
        if max_gap_s <= 0:
            raise ValueError(f"max_gap_s is a time above 0, got {max_gap_s}.")
        self.rate_hz = rate_hz
        self.max_gap_s = max_gap_s
        self.epoch = 0
        self._order = StampOrder(max_gap_s)
        self._origin_ns = self._tick = 0

    def admit(self, stamp_ns: int) -> Admission:
        """Judges the next frame of the stream, taken at `stamp_ns`."""
        placement = self._order.place(stamp_ns)
        if placement.order in (Order.DUPLICATE, Order.LATE):
            return Admission(Verdict(placement.order.value), self.epoch, self._tick)
        if placement.order != Order.NEXT:
            jumped = placement.order == Order.JUMP
            self.epoch += jumped
            self._origin_ns, self._tick = stamp_ns, 0
            return Admission(Verdict.TAKE, self.epoch, jump_s=placement.step_ns / NANO if jumped else None)
        tick = round((stamp_ns - self._origin_ns) * self.rate_hz / NANO) if self.rate_hz else self._tick + 1
        if tick <= self._tick:
            return Admission(Verdict.EARLY, self.epoch, self._tick)
        self._tick = tick
        return Admission(Verdict.TAKE, self.epoch, tick)

    def restart(self) -> None:
        """Ends the epoch: the next frame is the first of a new stream."""
        self.epoch += 1
        self._order.restart()
