"""Networks as directed acyclic graphs of layers; where values meet, early ones wait for late ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.history import hold, hold_frames
from co_perception.continual.layer import Branched, Frames, Streaming, check_clip, share_registration, through
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing, envelope

V = TypeVar("V")


class DagNode(NamedTuple):
    """A layer of a `Dag` and the numbers of the values it takes: 0 is the network's input, i that of the i-th node."""

    layer: Streaming
    inputs: tuple[int, ...]


class Dag(Streaming):
    """A directed acyclic graph of layers; the value of the last node is the answer.

    A layer of several inputs is one that treats frames alone (`Reduce`, for one) and takes a tuple of values. It is fed
    values that describe the same frame: those that come early wait until the latest is there.

    Args:
        nodes: in an order in which they can be computed.
        owner: the module whose parameters, buffers and children become this layer's, under the names they have there.
        frame_shape: (C, *space) of the only frames that it takes; None for all that its layers take.
    """

    def __init__(self, nodes: Sequence[DagNode], owner: nn.Module, frame_shape: tuple[int, ...] | None = None) -> None:
        super().__init__()
        share_registration(self, owner)
        self._frame_shape = frame_shape
        self._nodes = list(nodes)
        last_use = {i: number for number, node in enumerate(self._nodes) for i in node.inputs}
        # For each node the values that none after it needs.
        self._spent = [tuple(i for i, last in last_use.items() if last == at) for at in range(len(self._nodes))]
        self.timing, self._waiting = self._along((Timing(), 0), reach)

    @property
    def delay(self) -> int:
        return self.timing.delay + self._waiting

    def clip(self, x: Tensor) -> Tensor:
        check_clip(self, x)
        return self._along(x, lambda layer, values: layer.clip(_one_or_all(values)))

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        remaining, histories = iter(past), []

        def run(layer: Streaming, arrived: list[tuple[Tensor, Clock]]) -> tuple[Tensor, Clock]:
            own, waiting = next(remaining)
            aligned = [hold(value, early) for (value, _), early in zip(arrived, waiting, strict=True)]
            lags = [clock.lag for _, clock in arrived]
            slowest = arrived[lags.index(max(lags))][1]
            y, own = layer.stream(_one_or_all([value for value, _ in aligned]), own, slowest)
            histories.append((own, tuple(early for _, early in aligned)))
            return y, through(layer, slowest)

        y, _ = self._along((x, clock), run)
        return y, tuple(histories)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        remaining, histories = iter(past), []

        def run(layer: Streaming, arrived: list[tuple[Frames, Clock]]) -> tuple[Frames, Clock]:
            own, waiting = next(remaining)
            aligned = [hold_frames(value, early) for (value, _), early in zip(arrived, waiting, strict=True)]
            slowest = max((clock for _, clock in arrived), key=lambda clock: clock.lag)
            values = [value for value, _ in aligned]
            together = values[0] if len(values) == 1 else tuple(zip(*values, strict=True))
            answers, own = layer.unrolled(together, own, slowest)
            histories.append((own, tuple(early for _, early in aligned)))
            return answers, through(layer, slowest)

        answers, _ = self._along((frames, clock), run)
        return answers, tuple(histories)

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
        if self._frame_shape not in (None, tuple(signal.shape)):
            raise ValueError(
                f"this network computes with the size of its frames, {self._frame_shape}, and is given frames of "
                f"{tuple(signal.shape)}. Convert the plain network with an example of that size"
            )
        histories = []

        def lay_out(layer: Streaming, signals: list[Signal]) -> Signal:
            lag = max(signal.lag for signal in signals)
            arriving = Signal(_one_or_all([signal.shape for signal in signals]), lag)
            waiting = tuple(history.init(batch_size, lag - signal.lag, signal, like) for signal in signals)
            histories.append((layer.init_history(batch_size, arriving, like), waiting))
            return Signal(layer.frame_out(arriving.shape), layer.lag_after(lag))

        self._along(signal, lay_out)
        return tuple(histories)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self._along(shape, lambda layer, shapes: layer.frame_out(_one_or_all(shapes)))

    def length(self, frames: Tensor) -> Tensor:
        return self._along(frames, lambda layer, lengths: layer.length(lengths[0]))

    def lag_after(self, lag: int) -> int:
        return self._along(lag, lambda layer, lags: layer.lag_after(max(lags)))

    def _along(self, first: V, compute: Callable[[Streaming, list[V]], V]) -> V:
        """Propagate `first` from the network's input to its answer; `compute` gives a layer's value from its inputs."""
        values = {0: first}
        for number, (node, spent) in enumerate(zip(self._nodes, self._spent, strict=True), start=1):
            values[number] = compute(node.layer, [values[i] for i in node.inputs])
            for i in spent:
                del values[i]
        return values[len(self._nodes)]


def _one_or_all(values: Sequence[Branched]) -> Branched:
    return values[0] if len(values) == 1 else tuple(values)


def reach(layer: Streaming, inputs: list[tuple[Timing, int]]) -> tuple[Timing, int]:
    """Timing from the network's input to a layer's output, and input frames waited beyond it (by `Delay` layers).

    Raises:
        ValueError: if the inputs differ in stride or length, so that they cannot meet.
    """
    timings = [timing for timing, _ in inputs]
    strides = {timing.stride for timing in timings}
    if len(strides) > 1:
        raise ValueError(
            f"values of temporal strides {sorted(strides)} meet; they describe the same frames only if equal"
        )
    stride = strides.pop()
    # Outputs by which a long clip's answer is shorter than the clip's steps.
    shorter = {-((t.before + t.after - t.receptive_field) // stride) - 1 for t in timings}
    if len(shorter) > 1:
        raise ValueError(
            f"values meet that are {sorted(shorter)} frames shorter than the clip; pad or crop them to one length"
        )
    meeting = envelope(timings)
    waiting = max(timing.delay + waiting for timing, waiting in inputs) - meeting.delay
    return meeting.then(layer.timing), waiting + (layer.delay - layer.timing.delay) * stride
