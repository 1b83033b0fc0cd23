"""Rate of a recognizer's input: measured by stamps, and said once in words where it is too low for a label."""

from __future__ import annotations

from collections import deque

from co_perception.engine.time import NANO

LEAST_STEPS, MOST_STEPS = 8, 32  # between frames that are measured
TOLERANCE = 0.97  # of the rate that is needed: stamps tremble


class InputRate:
    """Rate at which frames reach a network, against the rate that a label needs.

    A network of a clock fills ticks without a frame by copies, which are no real input: `progress` is the share of real
    input, and a label needs `min_progress` of it. So frames must come at that share of the network's rate.

    Args:
        rate_hz: ticks of the network's clock; 0: every frame is a tick, and no rate is too low.
        min_progress: share of the receptive field that is real input behind a valid label.
        max_gap_s: longer steps between stamps are pauses and not the rate, unless most steps are so long.
    """

    def __init__(self, rate_hz: float, min_progress: float, max_gap_s: float) -> None:
        self._rate_hz, self._min_progress, self._max_gap_s = rate_hz, min_progress, max_gap_s
        self._steps_s: deque[float] = deque(maxlen=MOST_STEPS)
        self._last_ns: int | None = None
        self.first_warning = ""
        """The first `warning` there was; it stays."""

    @property
    def needed_hz(self) -> float:
        """Least rate for a label."""
        return self._min_progress * self._rate_hz

    def note(self, stamp_ns: int) -> None:
        """Takes the stamp of a frame that the network gets."""
        if self._last_ns is not None and stamp_ns > self._last_ns:
            self._steps_s.append((stamp_ns - self._last_ns) / NANO)
        self._last_ns = stamp_ns
        self.first_warning = self.first_warning or self.warning

    @property
    def hz(self) -> float | None:
        """Frames per second of late, the longest eighth of the steps left out; None before there are enough."""
        steps = sorted(self._steps_s)
        if len(steps) < LEAST_STEPS:
            return None
        short = [step for step in steps if step <= self._max_gap_s]
        steps = short if 2 * len(short) > len(steps) else steps
        steps = steps[: len(steps) - len(steps) // 8]
        return len(steps) / sum(steps)

    @property
    def warning(self) -> str:
        """What is wrong with the present rate, and which rate would do; empty while nothing is."""
        hz = self.hz
        return "" if hz is None else self.warning_of(hz)

    def warning_of(self, hz: float) -> str:
        """What is wrong with this rate, as `warning`."""
        if hz >= TOLERANCE * self.needed_hz:
            return ""
        return (
            f"Frames come at {hz:.3g} Hz, which is too slow. The network steps at {self._rate_hz:g} Hz, and a label "
            f"needs real input in {self._min_progress:.0%} of its steps: at least {self.needed_hz:.3g} Hz. Raise the "
            "rate of the camera or the pose estimator, or lower model_rate_hz or min_progress."
        )
