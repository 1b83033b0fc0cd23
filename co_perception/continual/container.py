"""Containers: layers one after the other, or side by side with their delays made equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce as fold_left
from itertools import pairwise

import torch
from torch import Tensor, nn

from co_perception.continual import history
from co_perception.continual.framewise import EachFrame, streaming
from co_perception.continual.history import Crop, hold, hold_frames
from co_perception.continual.layer import TIME, Branched, Frames, Streaming, check_clip, through
from co_perception.continual.state import Tree
from co_perception.continual.timing import Clock, Signal, Timing, envelope

Reduction = Callable[[Sequence[Tensor]], Tensor]


# Layers keep the name, so that networks pickle.
REDUCTIONS: dict[str, Reduction] = {
    "sum": lambda branches: fold_left(torch.add, branches),
    "mul": lambda branches: fold_left(torch.mul, branches),
    "max": lambda branches: fold_left(torch.maximum, branches),
    "concat": lambda branches: torch.cat(tuple(branches), dim=1),
}


class Sequential(Streaming):
    """Layers one after the other: positional, or an OrderedDict of names as in `torch.nn.Sequential`."""

    def __init__(self, *layers: nn.Module | Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = _adopt(self, layers)
        for layer, following in pairwise(self.layers):
            if isinstance(layer, Broadcast):
                if not isinstance(following, Parallel | Reduce):
                    raise ValueError(f"after Broadcast comes Parallel, then Reduce; got {type(following).__name__}")
                if isinstance(following, Parallel):
                    layer.streams = layer.streams or len(following.layers)
        self.timing = fold_left(Timing.then, (layer.timing for layer in self.layers))

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
        waited, stride = 0, 1  # input frames beyond what the timing needs, by `Delay` layers
        for layer in self.layers:
            waited += (layer.delay - layer.timing.delay) * stride
            stride *= layer.timing.stride
        return self.timing.delay + waited

    def clip(self, x: Tensor) -> Tensor:
        if isinstance(x, Tensor):
            check_clip(self, x)
        for layer in self.layers:
            x = layer.clip(x)
        return x

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        histories = []
        for layer, own in zip(self.layers, past, strict=True):
            x, own = layer.stream(x, own, clock)
            clock = through(layer, clock)
            histories.append(own)
        return x, tuple(histories)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        histories = []
        for layer, own in zip(self.layers, past, strict=True):
            frames, own = layer.unrolled(frames, own, clock)
            clock = through(layer, clock)
            histories.append(own)
        return frames, tuple(histories)

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

    After `Broadcast` each branch takes a part of its own, and unless `reduce` is given the answers stay apart for a
    `Reduce`. Known as `BroadcastReduce` in continual-inference (arXiv:2204.03418).

    Args:
        branches: layers of one stride, positional or a mapping of names.
        reduce: "sum", "concat" (channels), "mul", "max", or a function of the list of outputs (B, C, T', *space).
    """

    def __init__(self, *branches: nn.Module | Mapping[str, nn.Module], reduce: str | Reduction | None = None) -> None:
        super().__init__()
        self.layers = _adopt(self, branches)
        self._reduce, self._apart = _known_reduction(reduce or "sum"), reduce is None
        self.timing = envelope([branch.timing for branch in self.layers])

    @property
    def reduction(self) -> str | Reduction:
        """How answers are reduced: one of REDUCTIONS by name, or the caller's function."""
        return self._reduce

    @property
    def delay(self) -> int:
        return max(branch.delay for branch in self.layers)

    def clip(self, x: Branched) -> Branched:
        outputs = [branch.clip(part) for branch, part in zip(self.layers, self._parts(x), strict=True)]
        lengths = [output.shape[TIME] for output in outputs]
        if len(set(lengths)) > 1:
            raise ValueError(f"branches give {lengths} frames for one clip: pad them or Crop them to one length")
        return tuple(outputs) if self._apart and isinstance(x, tuple) else _reduced(self._reduce, outputs)

    def stream(self, x: Branched, past: Tree, clock: Clock) -> tuple[Branched, Tree]:
        outputs, histories = [], []
        for branch, part, (own, waiting) in zip(self.layers, self._parts(x), past, strict=True):
            y, own = branch.stream(part, own, clock)
            y, waiting = hold(y, waiting)
            outputs.append(y)
            histories.append((own, waiting))
        together = tuple(outputs) if self._apart and isinstance(x, tuple) else _reduced(self._reduce, outputs)
        return together, tuple(histories)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        parts = [self._parts(frame) for frame in frames]
        outputs, histories = [], []
        for place, (branch, (own, waiting)) in enumerate(zip(self.layers, past, strict=True)):
            answers, own = branch.unrolled(tuple(part[place] for part in parts), own, clock)
            answers, waiting = hold_frames(answers, waiting)
            outputs.append(answers)
            histories.append((own, waiting))
        together: Frames = tuple(zip(*outputs, strict=True))
        if not (self._apart and isinstance(frames[0], tuple)):
            together = tuple(_reduced_frame(self._reduce, answers) for answers in together)
        return together, tuple(histories)

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

    def frame_out(self, shape: Branched) -> Branched:
        shapes = tuple(branch.frame_out(part) for branch, part in zip(self.layers, self._shapes(shape), strict=True))
        return shapes if self._apart and isinstance(shape[0], tuple) else _reduced_shape(self._reduce, shapes)

    def length(self, frames: Tensor) -> Tensor:
        return self.layers[0].length(frames)

    def lag_after(self, lag: int) -> int:
        return max(branch.lag_after(lag) for branch in self.layers)

    def _parts(self, x: Branched) -> tuple[Tensor, ...]:
        return x if isinstance(x, tuple) else (x,) * len(self.layers)

    def _shapes(self, shape: Branched) -> tuple[tuple[int, ...], ...]:
        return shape if isinstance(shape[0], tuple) else (shape,) * len(self.layers)


BroadcastReduce = Parallel


class Broadcast(EachFrame):
    """Hands x to each of `streams` branches of the `Parallel` that follows in a `Sequential`, before a `Reduce`.

    The number is the `Parallel`'s unless given. `Parallel` by itself does all three.
    """

    def __init__(self, streams: int | None = None) -> None:
        super().__init__()
        self.streams = streams

    def clip(self, x: Branched) -> Branched:
        if self.streams is None:
            raise ValueError("Broadcast(streams=None) takes the number from a Parallel right after it in a Sequential")
        return (x,) * self.streams

    def each(self, frame: Tensor) -> Branched:
        return self.clip(frame)

    def frame_out(self, shape: tuple[int, ...]) -> Branched:
        return self.clip(shape)


class Reduce(EachFrame):
    """Reduces the answers of a `Parallel` to one tensor: "sum", "concat" (channels), "mul", "max", or a function."""

    def __init__(self, reduce: str | Reduction = "sum") -> None:
        super().__init__()
        self._reduce = _known_reduction(reduce)

    def clip(self, x: Branched) -> Tensor:
        return _reduced(self._reduce, x)

    def each(self, frame: Branched) -> Tensor:
        return _reduced_frame(self._reduce, frame)

    def frame_out(self, shape: Branched) -> tuple[int, ...]:
        return _reduced_shape(self._reduce, shape)


class Residual(Parallel):
    """body(x) + shortcut(x), the shortcut delayed as long as the body takes.

    Args:
        body: any layer.
        shortcut: the identity unless given.
        align: which frame of the shortcut meets an answer of a body that pads less than its receptive field spans.
            "equal": such a body is refused. "centered": the middle one, "lagging": the oldest, "leading": the newest,
            for which nothing waits. The clip form leaves out frames of the shortcut at both ends, at the end or at the
            start.
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
        if align not in ("equal", "centered", "lagging", "leading"):
            raise ValueError(f"align is 'equal', 'centered', 'lagging' or 'leading', got {align!r}")
        through_body, beside = self.layers
        missing = through_body.timing.shortening - beside.timing.shortening
        if align == "equal" and abs(missing) < beside.timing.stride or missing == 0:
            return
        if missing < 0 or align == "equal":
            raise ValueError(
                f"the body's clip is {missing} frames shorter than the shortcut's. Pad it to equal length, or say "
                "which frame of the shortcut an answer meets: align='centered', 'lagging' or 'leading'"
            )
        if align == "centered" and missing % 2:
            raise ValueError(
                f"{missing} missing frames have no middle; use align='lagging' or 'leading', or pad one more"
            )
        before = {"lagging": 0, "centered": missing // 2, "leading": missing}[align]
        # Beside the registered shortcut, not around it, so that its parameters keep their names.
        self.layers[1] = Sequential(Crop(before, missing - before), beside)
        self.timing = envelope([branch.timing for branch in self.layers])


def _known_reduction(how: str | Reduction) -> str | Reduction:
    if isinstance(how, str) and how in REDUCTIONS or callable(how):
        return how
    raise ValueError(f"reduce is one of {sorted(REDUCTIONS)} or a function of the list of answers, got {how!r}")


def _reduced(how: str | Reduction, branches: Sequence[Tensor]) -> Tensor:
    return (REDUCTIONS[how] if isinstance(how, str) else how)(branches)


def _reduced_frame(how: str | Reduction, frames: Sequence[Tensor]) -> Tensor:
    """A reduction of single frames (B, C, *space). One that the caller wrote expects an axis of time."""
    if isinstance(how, str):
        return REDUCTIONS[how](frames)
    return how([frame.unsqueeze(TIME) for frame in frames]).squeeze(TIME)


def _reduced_shape(how: str | Reduction, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Shape of a frame that a reduction makes of frames of these shapes, found with an empty batch."""
    reduced = _reduced(how, [torch.empty(0, shape[0], 1, *shape[1:]) for shape in shapes])
    return (reduced.shape[1], *reduced.shape[3:])


def _adopt(parent: nn.Module, modules: Sequence[nn.Module | Mapping[str, nn.Module]]) -> list[Streaming]:
    """Register the modules under their names and return them as layers of the contract, in order."""
    if len(modules) == 1 and isinstance(modules[0], Mapping):
        named = dict(modules[0])
    else:
        named = {str(index): module for index, module in enumerate(modules)}  # type: ignore[misc]  # or add_module fails
    if not named:
        raise ValueError(f"{type(parent).__name__} needs at least one layer")
    for name, module in named.items():
        parent.add_module(name, module)
    return [streaming(module) for module in named.values()]
