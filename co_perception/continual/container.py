"""Containers: layers one after the other, or side by side with their delays made equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce as fold_left
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.delay import Crop, hold, hold_frames
from co_perception.continual.framewise import EachFrame, streaming
from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming, through
from co_perception.continual.state import Tree
from co_perception.continual.timing import Timing

Reduction = Callable[[Sequence[Tensor]], Tensor]


def _sum(branches: Sequence[Tensor]) -> Tensor:
    return fold_left(torch.add, branches)


def _product(branches: Sequence[Tensor]) -> Tensor:
    return fold_left(torch.mul, branches)


def _maximum(branches: Sequence[Tensor]) -> Tensor:
    return fold_left(torch.maximum, branches)


def _concat(branches: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(branches), dim=1)


REDUCTIONS: dict[str, Reduction] = {"sum": _sum, "mul": _product, "max": _maximum, "concat": _concat}


class Sequential(Streaming):
    """Layers one after the other: positional, or an OrderedDict of names as in `torch.nn.Sequential`."""

    def __init__(self, *layers: nn.Module | Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = _adopt(self, layers)
        _check_apart(self.layers)
        self.timing = Timing()
        for layer in self.layers:
            self.timing = self.timing.then(layer.timing)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> nn.Module:
        return list(self.children())[index]

    def replace(self, name: str, layer: nn.Module) -> None:
        """Put another layer of the same timing in the place called `name`."""
        place = [child for child, _ in self.named_children()].index(name)
        replacement = streaming(layer)
        if replacement.timing != self.layers[place].timing:
            known = self.layers[place].timing
            raise ValueError(f"{name} has {known}, the replacement {replacement.timing}: they must be equal")
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

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        kept = []
        for layer, own in zip(self.layers, past, strict=True):
            frames, own = layer.unrolled(frames, own, clock)
            clock = through(layer, clock)
            kept.append(own)
        return frames, tuple(kept)

    def settles(self, lag: int) -> int:
        needed, stride = 0, 1
        for layer in self.layers:
            needed = max(needed, layer.settles(lag) * stride)
            lag, stride = layer.lag_after(lag), stride * layer.timing.stride
        return needed

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

    reduce: "sum", "concat" (channels), "mul", "max", or a function of the list of outputs (B, C, T', *space).
    Branches have one stride. After `Broadcast` each branch takes a part of its own, and unless `reduce` is given the
    answers stay apart for a `Reduce`. Known as `BroadcastReduce` in continual-inference.
    """

    def __init__(self, *branches: nn.Module | Mapping[str, nn.Module], reduce: str | Reduction | None = None) -> None:
        super().__init__()
        self.layers = _adopt(self, branches)
        self._reduce = None if reduce is None else reduction(reduce)
        self.timing = _envelope([branch.timing for branch in self.layers])

    @property
    def delay(self) -> int:
        return max(branch.delay for branch in self.layers)

    def clip(self, x: Any) -> Any:
        outputs = [branch.clip(part) for branch, part in zip(self.layers, self._parts(x), strict=True)]
        lengths = [output.shape[TIME] for output in outputs]
        if len(set(lengths)) > 1:
            raise ValueError(f"branches give {lengths} frames for one clip: pad them or Crop them to one length")
        return self._together(outputs, x)

    def stream(self, x: Any, past: Tree, clock: Clock) -> tuple[Any, Tree]:
        outputs, kept = [], []
        for branch, part, (own, waiting) in zip(self.layers, self._parts(x), past, strict=True):
            y, own = branch.stream(part, own, clock)
            y, waiting = hold(y, waiting)
            outputs.append(y)
            kept.append((own, waiting))
        return self._together(outputs, x), tuple(kept)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        parts = [self._parts(frame) for frame in frames]
        outputs, kept = [], []
        for place, (branch, (own, waiting)) in enumerate(zip(self.layers, past, strict=True)):
            answers, own = branch.unrolled(tuple(part[place] for part in parts), own, clock)
            answers, waiting = hold_frames(answers, waiting)
            outputs.append(answers)
            kept.append((own, waiting))
        together = zip(*outputs, strict=True)
        if not self._stays_apart(isinstance(frames[0], tuple)):
            return tuple(reduced_frame(self._reduction, list(answers)) for answers in together), tuple(kept)
        return tuple(together), tuple(kept)

    def settles(self, lag: int) -> int:
        return max(branch.settles(lag) for branch in self.layers)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        slowest = self.lag_after(signal.lag)
        past = []
        for branch, shape in zip(self.layers, self._shapes(signal.shape), strict=True):
            lag = branch.lag_after(signal.lag)
            answer = Signal(branch.frame_out(shape), lag)
            waiting = history.init(batch_size, slowest - lag, answer, like)
            past.append((branch.init_history(batch_size, Signal(shape, signal.lag), like), waiting))
        return tuple(past)

    def frame_out(self, shape: Any) -> Any:
        shapes = tuple(branch.frame_out(part) for branch, part in zip(self.layers, self._shapes(shape), strict=True))
        return shapes if self._stays_apart(isinstance(shape[0], tuple)) else reduced_shape(self._reduction, shapes)

    def length(self, frames: Tensor) -> Tensor:
        return self.layers[0].length(frames)

    def lag_after(self, lag: int) -> int:
        return max(branch.lag_after(lag) for branch in self.layers)

    @property
    def _reduction(self) -> Reduction:
        return self._reduce or REDUCTIONS["sum"]

    def _stays_apart(self, came_apart: bool) -> bool:
        return came_apart and self._reduce is None

    def _together(self, outputs: list[Tensor], x: Any) -> Any:
        return tuple(outputs) if self._stays_apart(isinstance(x, tuple)) else self._reduction(outputs)

    def _parts(self, x: Any) -> tuple[Tensor, ...]:
        return x if isinstance(x, tuple) else (x,) * len(self.layers)

    def _shapes(self, shape: Any) -> tuple[tuple[int, ...], ...]:
        return shape if isinstance(shape[0], tuple) else (shape,) * len(self.layers)


BroadcastReduce = Parallel


class Broadcast(EachFrame):
    """Hand x to each branch of the `Parallel` that follows in a `Sequential`, before a `Reduce`.

    streams: how many; taken from the `Parallel` unless given. `Parallel` by itself does all three.
    """

    def __init__(self, streams: int | None = None) -> None:
        super().__init__()
        self.streams = streams

    def clip(self, x: Tensor) -> Any:
        return (x,) * self._known()

    def each(self, frame: Tensor) -> Any:
        return self.clip(frame)

    def frame_out(self, shape: tuple[int, ...]) -> Any:
        return (shape,) * self._known()

    def _known(self) -> int:
        if self.streams is None:
            raise ValueError("Broadcast(streams=None) takes the number from a Parallel right after it in a Sequential")
        return self.streams


class Reduce(EachFrame):
    """One tensor of the answers of a `Parallel`: "sum", "concat" (channels), "mul", "max", or a function of them."""

    def __init__(self, reduce: str | Reduction = "sum") -> None:
        super().__init__()
        self._reduce = reduction(reduce)

    def clip(self, x: Any) -> Tensor:
        return self._reduce(x)

    def each(self, frame: Any) -> Tensor:
        return reduced_frame(self._reduce, frame)

    def frame_out(self, shape: Any) -> tuple[int, ...]:
        return reduced_shape(self._reduce, shape)


class Residual(Parallel):
    """body(x) + shortcut(x), the shortcut (identity unless given) delayed as long as the body takes.

    align: which frame of the shortcut meets an answer of a body that pads less than its receptive field spans. "equal":
    such a body is refused. "centred": the middle one, "lagging": the oldest, "leading": the newest, for which nothing
    waits. The clip form leaves out frames of the shortcut at both ends, at the end or at the start.
    reduce: as in `Parallel`.
    """

    def __init__(
        self,
        body: nn.Module,
        shortcut: nn.Module | None = None,
        *,
        align: str = "equal",
        reduce: str | Reduction = "sum",
    ) -> None:
        super().__init__({"body": body, "shortcut": shortcut or nn.Identity()}, reduce=reduce)
        through_body, beside = self.layers
        missing = _missing(through_body.timing) - _missing(beside.timing)
        crop = _crop(align, missing, beside.timing.stride)
        if crop:
            # Beside the registered shortcut, not around it, so that its parameters keep their names.
            self.layers[1] = Sequential(crop, beside)
            self.timing = _envelope([branch.timing for branch in self.layers])


def reduction(how: str | Reduction) -> Reduction:
    """A reduction by its name, or the function itself."""
    if isinstance(how, str) and how in REDUCTIONS:
        return REDUCTIONS[how]
    if not callable(how):
        raise ValueError(f"reduce is one of {sorted(REDUCTIONS)} or a function of the list of answers, got {how!r}")
    return how


def reduced_frame(reduce: Reduction, frames: Sequence[Tensor]) -> Tensor:
    """A reduction of single frames (B, C, *space). One that the caller wrote expects an axis of time."""
    if reduce in REDUCTIONS.values():
        return reduce(frames)
    return reduce([frame.unsqueeze(TIME) for frame in frames]).squeeze(TIME)


def reduced_shape(reduce: Reduction, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Shape of a frame that a reduction makes of frames of these shapes; an empty batch tells."""
    reduced = reduce([torch.empty(0, shape[0], 1, *shape[1:]) for shape in shapes])
    return (reduced.shape[1], *reduced.shape[3:])


def _missing(timing: Timing) -> int:
    """Frames by which a layer's clip is shorter than its input, before striding."""
    return timing.receptive_field - timing.stride - timing.before - timing.after


def _crop(align: str, missing: int, stride: int) -> Crop | None:
    """What the shortcut leaves out beside a body whose clip is `missing` frames shorter, before striding."""
    if align not in ("equal", "centred", "centered", "lagging", "leading"):
        raise ValueError(f"align is 'equal', 'centred', 'lagging' or 'leading', got {align!r}")
    if align == "equal" and abs(missing) < stride or missing == 0:
        return None
    if missing < 0 or align == "equal":
        raise ValueError(
            f"the body's clip is {missing} frames shorter than the shortcut's. Pad it to equal length, or say which "
            "frame of the shortcut an answer meets: align='centred', 'lagging' or 'leading'"
        )
    if align.startswith("cent") and missing % 2:
        raise ValueError(f"{missing} missing frames have no middle; use align='lagging' or 'leading', or pad one more")
    before = {"lagging": 0, "leading": missing}.get(align, missing // 2)
    return Crop(before, missing - before)


def _check_apart(layers: Sequence[Streaming]) -> None:
    """Tell each `Broadcast` its number of streams, and refuse one that no `Parallel` or `Reduce` follows."""
    for layer, following in pairwise(layers):
        if isinstance(layer, Broadcast):
            if not isinstance(following, Parallel | Reduce):
                raise ValueError(f"after Broadcast comes Parallel, then Reduce; got {type(following).__name__}")
            if isinstance(following, Parallel):
                layer.streams = layer.streams or len(following.layers)


def _adopt(parent: nn.Module, modules: Sequence[nn.Module | Mapping[str, nn.Module]]) -> list[Streaming]:
    """Register the modules under their names and return them as layers of the contract, in order."""
    named: dict[str, Any] = {str(index): module for index, module in enumerate(modules)}
    if len(modules) == 1 and isinstance(modules[0], Mapping):
        named = dict(modules[0])
    if not named:
        raise ValueError(f"{type(parent).__name__} needs at least one layer")
    for name, module in named.items():
        parent.add_module(name, module)
    return [streaming(module) for module in named.values()]


def _envelope(timings: Sequence[Timing]) -> Timing:
    """The timing of branches together: from the first input that any of them needs to the last."""
    strides = {timing.stride for timing in timings}
    if len(strides) > 1:
        raise ValueError(f"parallel branches have temporal strides {sorted(strides)}; their outputs meet only if equal")
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
