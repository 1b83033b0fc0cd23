"""A network of any shape: layers wired as a graph without loops, early values waiting for late ones where they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.delay import hold, hold_frames
from co_perception.continual.layer import Clock, Frames, Signal, Streaming, through
from co_perception.continual.state import Tree
from co_perception.continual.timing import Timing

V = TypeVar("V")


class Step(NamedTuple):
    """layer: computes a value. inputs: of which values; 0 is the network's input, i the value of the i-th step."""

    layer: Streaming
    inputs: tuple[int, ...]


class Dag(Streaming):
    """Steps in an order in which they can be computed; the value of the last is the answer.

    A layer of several inputs is one that treats frames alone (`Reduce`, for one) and takes a tuple of values. It is fed
    values that describe the same frame: those that come early are kept until the latest is there.
    owner: the module whose parameters, buffers and children become this layer's, under the names they have there.
    """

    def __init__(self, steps: Sequence[Step], owner: nn.Module) -> None:
        super().__init__()
        # The very dictionaries: steps refer to modules and weights inside owner, which must move as this layer moves.
        for place in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            self.__dict__[place] = owner.__dict__[place]
        self._steps = list(steps)
        self._spent = _spent(self._steps)
        self.timing, self._waiting = self._along((Timing(), 0), reach)

    @property
    def delay(self) -> int:
        return self.timing.delay + self._waiting

    def clip(self, x: Tensor) -> Tensor:
        return self._along(x, lambda layer, values: layer.clip(_one_or_all(values)))

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        remaining, kept = iter(past), []

        def run(layer: Streaming, arrived: list[tuple[Tensor, Clock]]) -> tuple[Tensor, Clock]:
            own, waiting = next(remaining)
            held = [hold(value, early) for (value, _), early in zip(arrived, waiting, strict=True)]
            lags = [clock.lag for _, clock in arrived]
            slowest = arrived[lags.index(max(lags))][1]
            y, own = layer.stream(_one_or_all([value for value, _ in held]), own, slowest)
            kept.append((own, tuple(early for _, early in held)))
            return y, through(layer, slowest)

        y, _ = self._along((x, clock), run)
        return y, tuple(kept)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        remaining, kept = iter(past), []

        def run(layer: Streaming, arrived: list[tuple[Frames, Clock]]) -> tuple[Frames, Clock]:
            own, waiting = next(remaining)
            held = [hold_frames(value, early) for (value, _), early in zip(arrived, waiting, strict=True)]
            slowest = max((clock for _, clock in arrived), key=lambda clock: clock.lag)
            values = [value for value, _ in held]
            together = values[0] if len(values) == 1 else tuple(zip(*values, strict=True))
            answers, own = layer.unrolled(together, own, slowest)
            kept.append((own, tuple(early for _, early in held)))
            return answers, through(layer, slowest)

        answers, _ = self._along((frames, clock), run)
        return answers, tuple(kept)

    def settles(self, lag: int) -> int:
        needed = 0

        def run(layer: Streaming, arrived: list[tuple[int, int]]) -> tuple[int, int]:
            nonlocal needed
            slowest, stride = max(lag for lag, _ in arrived), arrived[0][1]
            needed = max(needed, layer.settles(slowest) * stride)
            return layer.lag_after(slowest), stride * layer.timing.stride

        self._along((lag, 1), run)
        return needed

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        kept = []

        def lay_out(layer: Streaming, signals: list[Signal]) -> Signal:
            lag = max(signal.lag for signal in signals)
            arriving = Signal(_one_or_all([signal.shape for signal in signals]), lag)
            waiting = tuple(history.init(batch_size, lag - signal.lag, signal, like) for signal in signals)
            kept.append((layer.init_history(batch_size, arriving, like), waiting))
            return Signal(layer.frame_out(arriving.shape), layer.lag_after(lag))

        self._along(signal, lay_out)
        return tuple(kept)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._along(shape, lambda layer, shapes: layer.frame_out(_one_or_all(shapes)))

    def length(self, frames: Tensor) -> Tensor:
        return self._along(frames, lambda layer, lengths: layer.length(lengths[0]))

    def lag_after(self, lag: int) -> int:
        return self._along(lag, lambda layer, lags: layer.lag_after(max(lags)))

    def _along(self, first: V, compute: Callable[[Streaming, list[V]], V]) -> V:
        """What becomes of `first` at the network's input, `compute` saying what a layer makes of its inputs."""
        values = {0: first}
        for number, (step, spent) in enumerate(zip(self._steps, self._spent, strict=True), start=1):
            values[number] = compute(step.layer, [values[i] for i in step.inputs])
            for i in spent:
                del values[i]
        return values[len(self._steps)]


def _spent(steps: Sequence[Step]) -> list[tuple[int, ...]]:
    """For each step the values that none after it needs."""
    last = {i: number for number, step in enumerate(steps) for i in step.inputs}
    return [tuple(i for i, number in last.items() if number == at) for at in range(len(steps))]


def _one_or_all(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def reach(layer: Streaming, inputs: list[tuple[Timing, int]]) -> tuple[Timing, int]:
    """Timing from the network's input to a layer's output, and input frames waited beyond it (by `Delay` layers)."""
    meeting = _meeting([timing for timing, _ in inputs])
    waiting = max(timing.delay + waiting for timing, waiting in inputs) - meeting.delay
    return meeting.then(layer.timing), waiting + (layer.delay - layer.timing.delay) * meeting.stride


def _meeting(timings: Sequence[Timing]) -> Timing:
    """The timing of values together: from the first frame that any of them needs to the last."""
    strides = {timing.stride for timing in timings}
    if len(strides) > 1:
        raise ValueError(
            f"values of temporal strides {sorted(strides)} meet; they describe the same frames only if equal"
        )
    stride = strides.pop()
    shorter = {-((t.before + t.after - t.receptive_field) // stride) - 1 for t in timings}
    if len(shorter) > 1:
        raise ValueError(
            f"values meet that are {sorted(shorter)} frames shorter than the clip; pad or crop them to one length"
        )
    before = max(timing.before for timing in timings)
    reach = max(timing.receptive_field - timing.before for timing in timings)
    return Timing(before + reach, stride, before, max(timing.after for timing in timings))
