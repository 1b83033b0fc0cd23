"""Containers: layers one after the other, or side by side with their delays made equal."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.delay import hold
from co_perception.continual.framewise import streaming
from co_perception.continual.layer import Clock, Signal, Streaming, through
from co_perception.continual.state import Tree
from co_perception.continual.timing import Timing

Reduce = Callable[[Sequence[Tensor]], Tensor]


def _sum(branches: Sequence[Tensor]) -> Tensor:
    total = branches[0]
    for branch in branches[1:]:
        total = total + branch
    return total


def _concat(branches: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(branches), dim=1)


REDUCTIONS: dict[str, Reduce] = {"sum": _sum, "concat": _concat}


class Sequential(Streaming):
    """Layers one after the other: positional, or an OrderedDict of names as in `torch.nn.Sequential`."""

    def __init__(self, *layers: nn.Module | Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = _adopt(self, layers)
        self.timing = Timing()
        for layer in self.layers:
            self.timing = self.timing.then(layer.timing)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> nn.Module:
        return list(self.children())[index]

    def replace(self, name: str, layer: nn.Module) -> None:
        """Put another layer of the same timing in the place called `name`."""
        place = [known for known, _ in self.named_children()].index(name)
        replacement = streaming(layer)
        if replacement.timing != self.layers[place].timing:
            raise ValueError(f"{name} has {self.layers[place].timing}, the replacement {replacement.timing}: they must be equal")
        self.add_module(name, layer)
        self.layers[place] = replacement

    @property
    def delay(self) -> int:
        return self.timing.delay + _waiting(self.layers)

    def clip(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer.clip(x)
        return x

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        kept = []
        for layer, own in zip(self.layers, past, strict=True):
            x, own = layer.stream(x, own, clock)
            clock = through(layer, clock)
            kept.append(own)
        return x, tuple(kept)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        past = []
        for layer in self.layers:
            past.append(layer.init_history(batch_size, signal, like))
            signal = Signal(layer.frame_out(signal.shape), layer.lag_after(signal.lag))
        return tuple(past)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        for layer in self.layers:
            shape = layer.frame_out(shape)
        return shape

    def length(self, frames: Tensor) -> Tensor:
        for layer in self.layers:
            frames = layer.length(frames)
        return frames

    def lag_after(self, lag: int) -> int:
        for layer in self.layers:
            lag = layer.lag_after(lag)
        return lag


class Parallel(Streaming):
    """Branches fed the same frames; those that answer early wait for the slowest, then all are reduced.

    reduce: "sum", "concat" (channels), or a function of the list of outputs (B, C, T', *space). Branches have one stride.
    """

    def __init__(self, *branches: nn.Module | Mapping[str, nn.Module], reduce: str | Reduce = "sum") -> None:
        super().__init__()
        self.layers = _adopt(self, branches)
        self._reduce = REDUCTIONS[reduce] if isinstance(reduce, str) and reduce in REDUCTIONS else reduce
        if not callable(self._reduce):
            raise ValueError(f"reduce is one of {sorted(REDUCTIONS)} or a function, got {reduce!r}")
        self.timing = _envelope([branch.timing for branch in self.layers])

    @property
    def delay(self) -> int:
        return max(branch.delay for branch in self.layers)

    def clip(self, x: Tensor) -> Tensor:
        outputs = [branch.clip(x) for branch in self.layers]
        if len({output.shape[2] for output in outputs}) > 1:
            raise ValueError(f"branches give {[output.shape[2] for output in outputs]} frames for a clip of {x.shape[2]}: pad or Crop them to one length")
        return self._reduce(outputs)

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        outputs, kept = [], []
        for branch, (own, waiting) in zip(self.layers, past, strict=True):
            y, own = branch.stream(x, own, clock)
            y, waiting = hold(y, waiting)
            outputs.append(y)
            kept.append((own, waiting))
        return self._reduce(outputs), tuple(kept)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        slowest = self.lag_after(signal.lag)
        past = []
        for branch in self.layers:
            lag = branch.lag_after(signal.lag)
            answer = Signal(branch.frame_out(signal.shape), lag)
            past.append((branch.init_history(batch_size, signal, like), history.init(batch_size, slowest - lag, answer, like)))
        return tuple(past)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        # Shapes follow the reduction; one empty-batch frame of each branch tells what it does to them.
        frames = [torch.empty(0, shape[0], 1, *shape[1:]) for shape in (branch.frame_out(shape) for branch in self.layers)]
        reduced = self._reduce(frames)
        return (reduced.shape[1], *reduced.shape[3:])

    def length(self, frames: Tensor) -> Tensor:
        return self.layers[0].length(frames)

    def lag_after(self, lag: int) -> int:
        return max(branch.lag_after(lag) for branch in self.layers)


class Residual(Parallel):
    """body(x) + shortcut(x), the shortcut (identity unless given) delayed as long as the body takes."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__(OrderedDict(body=body, shortcut=shortcut or nn.Identity()), reduce="sum")


def _adopt(parent: nn.Module, modules: Sequence[nn.Module | Mapping[str, nn.Module]]) -> list[Streaming]:
    """Register the modules under their names and return them as layers of the contract, in order."""
    if len(modules) == 1 and isinstance(modules[0], Mapping):
        named = dict(modules[0])
    else:
        named = {str(index): module for index, module in enumerate(modules)}
    if not named:
        raise ValueError(f"{type(parent).__name__} needs at least one layer")
    for name, module in named.items():
        parent.add_module(name, module)
    return [streaming(module) for module in named.values()]


def _envelope(timings: Sequence[Timing]) -> Timing:
    """The timing of branches together: from the first input that any of them needs to the last."""
    strides = {timing.stride for timing in timings}
    if len(strides) > 1:
        raise ValueError(f"parallel branches have temporal strides {sorted(strides)}; they must be equal for their outputs to meet")
    before = max(timing.before for timing in timings)
    reach = max(timing.receptive_field - timing.before for timing in timings)
    return Timing(before + reach, strides.pop(), before, max(timing.after for timing in timings))


def _waiting(layers: Sequence[Streaming]) -> int:
    """Input frames that layers wait beyond what their timing needs."""
    waiting, stride = 0, 1
    for layer in layers:
        waiting += (layer.delay - layer.timing.delay) * stride
        stride *= layer.timing.stride
    return waiting
