"""Modules that a plain network gives more than streams on their axis of streams, in `convert`.

`x.reshape(B * T, C, H, W)` lets a network of pictures treat each frame: here, too (`FoldedFrames`). `x.reshape(B * M,
C, T, V)` makes M streams of each one: their states lie side by side in the state of that stream (`FoldedStreams`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import torch
from torch import Tensor, nn

from co_perception.continual.convert.rearrangement import rearrange
from co_perception.continual.convert.site import STREAMS, Axes, atoms
from co_perception.continual.framewise import EachFrame, identity
from co_perception.continual.layer import TIME, Frames, Streaming, evaluation_mode
from co_perception.continual.state import Tree, tree_map
from co_perception.continual.timing import Clock, Signal


class FoldedStreams(Streaming):
    """A layer whose streams are those of x, times axes of space.

    Args:
        layer: what it does to each of these streams. It is not registered here, so that names stay what they are.
        merged: the places in (B, C, T, *space) of the axes of its batch, the first outermost.
    """

    def __init__(self, layer: Streaming, merged: Sequence[int]) -> None:
        super().__init__()
        self._layer, self._merged = (layer,), tuple(merged)  # in a tuple, in which torch does not look for children
        self.timing = layer.timing

    @property
    def layer(self) -> Streaming:
        """The layer of each stream."""
        return self._layer[0]

    def extra_repr(self) -> str:
        return f"{type(self.layer).__name__}, {len(self._merged)} axes as streams"

    @property
    def delay(self) -> int:
        return self.layer.delay

    def length(self, frames: Tensor) -> Tensor:
        return self.layer.length(frames)

    def lag_after(self, lag: int) -> int:
        return self.layer.lag_after(lag)

    def settles(self, lag: int) -> int:
        return self.layer.settles(lag)

    def clip(self, x: Tensor) -> Tensor:
        return self._unfold(self.layer.clip(self._fold(x)), self._sizes(tuple(x.shape[1:2] + x.shape[3:])))

    def stream(self, x: Tensor, past: Tree, clock: Clock) -> tuple[Tensor, Tree]:
        sizes = self._sizes(tuple(x.shape[1:2] + x.shape[3:]))
        y, past = self.layer.stream(self._fold(x), self._joined(past), self._clock(clock, sizes))
        return self._unfold(y, sizes), self._apart(past, sizes)

    def unrolled(self, frames: Frames, past: Tree, clock: Clock) -> tuple[Frames, Tree]:
        sizes = self._sizes(tuple(frames[0].shape[1:]))
        folded = tuple(self._fold(frame.unsqueeze(TIME)).squeeze(TIME) for frame in frames)
        answers, past = self.layer.unrolled(folded, self._joined(past), self._clock(clock, sizes))
        unfolded = tuple(self._unfold(y.unsqueeze(TIME), sizes).squeeze(TIME) for y in answers)
        return unfolded, self._apart(past, sizes)

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> Tree:
        sizes = self._sizes(signal.shape)
        streams = batch_size * -prod(sizes)
        past = self.layer.init_history(streams, replace(signal, shape=self._inside(signal.shape)), like)
        return self._apart(past, sizes)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*self.layer.frame_out(self._inside(shape)), *(size for size in self._sizes(shape) if size >= 0))

    def _sizes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Sizes of the merged axes for frames of a shape (C, *space), -1 for the streams."""
        whole = (-1, shape[0], 0, *shape[1:])
        return tuple(whole[place] for place in self._merged)

    def _inside(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], *(size for place, size in enumerate(shape[1:], start=3) if place not in self._merged))

    def _fold(self, x: Tensor) -> Tensor:
        rest = [(place,) for place in range(1, x.dim()) if place not in self._merged]
        return rearrange(x, (), (self._merged, *rest))

    def _unfold(self, y: Tensor, sizes: tuple[int, ...]) -> Tensor:
        more = len(sizes) - 1
        streams = self._merged.index(STREAMS)
        others = [place for place in range(len(sizes)) if place != streams]
        order = [streams, *range(1 + more, y.dim() + more), *others]
        return rearrange(y, ((0, sizes),), [(axis,) for axis in order])

    def _joined(self, past: Tree) -> Tree:
        """Histories with the streams of the layer as rows, of those with the streams of x."""
        streams, last = self._merged.index(STREAMS), len(self._merged) - 1
        return tree_map(lambda leaf: leaf.movedim(0, streams).flatten(0, last), past)

    def _apart(self, past: Tree, sizes: tuple[int, ...]) -> Tree:
        streams = self._merged.index(STREAMS)
        return tree_map(lambda leaf: leaf.unflatten(0, sizes).movedim(streams, 0), past)

    def _clock(self, clock: Clock, sizes: tuple[int, ...]) -> Clock:
        shape = [1 if size >= 0 else -1 for size in sizes]

        def each(rows: Tensor) -> Tensor:
            return rows.view(shape).expand(sizes).flatten()

        return clock._replace(start=each(clock.start), end=None if clock.end is None else each(clock.end))


def folded_axes(axes: Axes, dim: int) -> tuple[Axes, tuple[int, ...]]:
    """The axes that `FoldedStreams` gives its layer, where axis `dim` is the batch, and what is merged in that."""
    merged = atoms(axes.part(dim))
    inside = [place for place in range(3, 3 + axes.space) if place not in merged]
    places = {place: 3 + i for i, place in enumerate(inside)}
    order = tuple(STREAMS if part == axes.part(dim) else places.get(part, part) for part in axes.order)  # type: ignore[arg-type]
    return replace(axes, order=order, space=len(inside)), merged


def unfolded_axes(axes: Axes, merged: Sequence[int]) -> Axes:
    """The axes of the answer of `FoldedStreams`, given those of its layer's answer."""
    places = iter(range(3 + axes.space, 2 + axes.space + len(merged)))
    batch = tuple(STREAMS if place == STREAMS else next(places) for place in merged)
    order = tuple(batch if part == STREAMS else part for part in axes.order)
    return replace(axes, order=order, space=axes.space + len(merged) - 1)


class FoldedFrames(EachFrame):
    """A module whose batch is made of frames: applied as it is, to each frame in the layout of the plain network.

    Args:
        module: registered elsewhere, under its own name.
        call: applies the module to a plain tensor; the answer has as many axes.
        axes: of the plain tensor.
    """

    def __init__(self, module: nn.Module, call: Callable[[nn.Module, Tensor], Tensor], axes: Axes) -> None:
        super().__init__()
        self._module, self._call, self._axes = (module,), call, axes

    @property
    def key(self) -> tuple[object, ...]:
        """The same for layers that do the same."""
        return (identity(self._module[0]), replace(self._axes, frame=None))

    def extra_repr(self) -> str:
        return type(self._module[0]).__name__

    def clip(self, x: Tensor) -> Tensor:
        order = self._axes.order
        missing = tuple(place for place in range(x.dim()) if place not in self._axes.every)  # of size 1
        groups = [(*atoms(part), *(missing if number == 0 else ())) for number, part in enumerate(order)]
        y = self._call(self._module[0], rearrange(x, (), groups))
        merged = [(number, atoms(part)) for number, part in enumerate(order) if isinstance(part, tuple)]
        cuts = [(number, tuple(x.shape[place] for place in places)) for number, places in reversed(merged)]
        at = {place: number for number, place in enumerate(self._axes.every)}
        return rearrange(y, cuts, [(at[place],) if place in at else () for place in range(x.dim())])

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        own = next(self._module[0].parameters(), torch.empty(0))
        with evaluation_mode(self._module[0]), torch.no_grad():
            y = self.clip(own.new_zeros(1, shape[0], 1, *shape[1:]))
        return (y.shape[1], *y.shape[TIME + 1 :])
