"""Which frames of a stream a network gets: its clock is the frame count, the camera's is the stamp.

A streaming network knows time only as "one frame later". So frames are admitted by the instant they were taken, not
by their arrival: on a grid of `rate_hz` ticks, each tick takes one frame, an early frame is skipped, a tick without a
frame is missing, and after a jump the past means nothing any more. Which ticks are missing is for those to find out
who process the frames: between here and there a frame may still be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NANO = 1_000_000_000


class Verdict(Enum):
    """What becomes of one frame."""

    TAKE = "taken"
    EARLY = "early"  # the tick has its frame already: the camera is faster than the network's rate
    DUPLICATE = "duplicate"  # the stamp of the frame before


@dataclass(frozen=True)
class Admission:
    """The verdict on a frame, the epoch it belongs to, and its tick there, counted from 0.

    `jump_s` is the step between stamps that ended the epoch before, None where this frame ended none.
    """

    verdict: Verdict
    epoch: int
    tick: int = 0
    jump_s: float | None = None


class Pacer:
    """Admits frames by stamp.

    Args:
        rate_hz: ticks a second; 0: every frame that is newer than the one before is a tick.
        max_gap_s: a longer step between stamps ends the epoch, as does any step backwards.

    Every change of `epoch` means: what a network remembers of the stream is worthless, reset it.
    """

    def __init__(self, rate_hz: float, max_gap_s: float) -> None:
        if rate_hz < 0:
            raise ValueError(f"rate_hz is frames per second, or 0 for every frame, got {rate_hz}.")
        if max_gap_s <= 0:
            raise ValueError(f"max_gap_s is a time above 0, got {max_gap_s}.")
        self.rate_hz = rate_hz
        self.max_gap_s = max_gap_s
        self.epoch = 0
        self._origin_ns: int | None = None
        self._seen_ns = 0
        self._tick = 0

    def admit(self, stamp_ns: int) -> Admission:
        """Judges the next frame of the stream, taken at `stamp_ns`."""
        if self._origin_ns is None:
            return self._begin(stamp_ns)
        step_ns, self._seen_ns = stamp_ns - self._seen_ns, stamp_ns
        if step_ns == 0:
            return Admission(Verdict.DUPLICATE, self.epoch, self._tick)
        if step_ns < 0 or step_ns > self.max_gap_s * NANO:
            self.restart()
            return self._begin(stamp_ns, step_ns / NANO)
        if self.rate_hz == 0:
            return self._on_grid(self._tick + 1)
        return self._on_grid(round((stamp_ns - self._origin_ns) * self.rate_hz / NANO))

    def restart(self) -> None:
        """Ends the epoch: the next frame is the first of a new stream."""
        self.epoch += 1
        self._origin_ns = None

    def _begin(self, stamp_ns: int, jump_s: float | None = None) -> Admission:
        self._origin_ns = self._seen_ns = stamp_ns
        self._tick = 0
        return Admission(Verdict.TAKE, self.epoch, jump_s=jump_s)

    def _on_grid(self, tick: int) -> Admission:
        if tick <= self._tick:
            return Admission(Verdict.EARLY, self.epoch, self._tick)
        self._tick = tick
        return Admission(Verdict.TAKE, self.epoch, tick)
