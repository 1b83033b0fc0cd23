"""What becomes of torch's functions and tensor methods in `convert`.

Functions on single elements, channels and space stay what they are. Those on time become layers. Those that only move
axes become nothing: `Axes` remembers where they went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from co_perception.continual import pool
from co_perception.continual.axes import CHANNELS, STREAMS, Axes, Refused, joint
from co_perception.continual.call import Call, Slot, fold_axes
from co_perception.continual.convert_modules import window_of
from co_perception.continual.convert_site import Site
from co_perception.continual.delay import Crop
from co_perception.continual.layer import TIME, Streaming


class Value:
    """A tensor of the plain network. index: in the `Dag`; a function in place changes it for all holders."""

    def __init__(self, index: int, axes: Axes) -> None:
        self.index, self.axes = index, axes


class Length:
    """The length of axis `dim` of a plain tensor."""

    def __init__(self, value: Value, dim: int) -> None:
        self.value, self.place = value, value.axes.place(dim)


class Lengths(Value):
    """`x.shape`."""


class LastFrame(Value):
    """What a recurrent layer returns beside its answers: the state of each of its layers after the last frame."""

    layers: int = 1


class Unknown:
    """The answer of an operation whose refusal is known already."""


class Functions:
    """A method `_on_name` for each function `name` of torch or method of a tensor that does more than elements."""

    here: Site

    def emit(self, layer: Streaming, inputs: list[Value], axes: Axes) -> Value:
        """A further step of the network."""
        raise NotImplementedError

    def emit_call(self, function: Callable[..., Tensor], args: Any, kwargs: Any, axes: Axes) -> Value:
        """A function applied as it is, its `Value`s becoming slots and weights finding their axes."""
        raise NotImplementedError

    def _getitem(self, value: Any, index: Any) -> Any:
        if isinstance(value, Lengths):
            return Length(value, index)
        if isinstance(value, LastFrame):
            if index in (-1, value.layers - 1):
                return Value(value.index, Axes((STREAMS, CHANNELS), 0, pooled=True))
            raise Refused("only the last layer's state is an answer: h[-1]")
        if isinstance(value, tuple):
            return value[index]
        return self._sliced(value, index if isinstance(index, tuple) else (index,))

    def _sliced(self, value: Value, index: tuple[Any, ...]) -> Value:
        if Ellipsis in index:
            at = index.index(Ellipsis)
            middle = (slice(None),) * (len(value.axes.order) - len(index) + 1)
            index = (*index[:at], *middle, *index[at + 1 :])
        place_of = list(zip(value.axes.order, index, strict=False))
        wanted: list[Any] = [slice(None)] * (3 + value.axes.space)
        dropped = []
        for place, part in place_of:
            if part is None or not isinstance(part, int | slice):
                raise Refused("it is indexed by something else than numbers and slices")
            if part == slice(None):
                continue
            if place == STREAMS:
                raise Refused("it picks streams out of the batch; streams have to stay apart")
            if place == TIME:
                value = self._frames_of(value, part)
                dropped += [TIME] if isinstance(part, int) else []
                continue
            wanted[place] = slice(part, part + 1 or None) if isinstance(part, int) else part
            dropped += [place] if isinstance(part, int) else []
        axes = value.axes.without(dropped)
        if any(part != slice(None) for part in wanted):
            squeezed = tuple(place for place in dropped if place > TIME)
            return self.emit(Call(_pick, (Slot(0), tuple(wanted), squeezed)), [value], axes)
        return Value(value.index, axes)

    def _frames_of(self, value: Value, part: int | slice) -> Value:
        """x[:, :, part]: the last frame, or all but some at both ends."""
        if isinstance(part, int):
            if part == -1 or value.axes.pooled:
                return Value(value.index, value.axes.reduced())
            raise Refused(f"it picks frame {part} of a clip; in a stream only the newest, -1, keeps its meaning")
        first, last = part.start or 0, part.stop or 0
        if part.step not in (None, 1) or first < 0 or last > 0:
            raise Refused(
                f"it picks the frames {first}:{part.stop}:{part.step} of a clip; a stream can leave out frames at both "
                "ends (x[:, :, a:-b]). Use the stride of a convolution or pool to skip frames"
            )
        value.axes.need_frames("leaving out frames")
        return self.emit(Crop(first, -last), [value], value.axes)

    def _on_cat(self, tensors: Any, dim: int = 0, axis: int | None = None) -> Value:
        if not all(isinstance(value, Value) for value in tensors):
            raise Refused("it puts weights beside the input, as a class token does; a stream has no place for them")
        axes = joint([value.axes for value in tensors])
        place = axes.place(dim if axis is None else axis)
        if place in (STREAMS, TIME):
            raise Refused(
                "it puts clips one after the other along " + ("time" if place == TIME else "the batch") + "; a stream "
                "can be joined with others along channels and space only"
            )
        return self.emit_call(torch.cat, (list(tensors),), {"dim": place}, axes)

    _on_concat = _on_concatenate = _on_cat

    def _on_mean(self, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
        return self._over(value, dim, keepdim, torch.mean, _AVERAGES)

    def _on_amax(self, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
        return self._over(value, dim, keepdim, torch.amax, _MAXIMA)

    def _on_sum(self, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
        return self._over(value, dim, keepdim, torch.sum, None)

    def _over(self, value: Value, dim: Any, keepdim: bool, function: Any, pools: Any) -> Value:
        """A reduction over axes: a pool over time, the function itself over channels and space."""
        places = value.axes.places(dim)
        if STREAMS in places:
            raise Refused("it combines the streams of the batch; say over which axes, all but the first")
        axes = value.axes if keepdim else value.axes.without(places)
        inside = [place for place in places if place != TIME]
        if TIME in places and not value.axes.pooled:
            value, axes = self._over_time(value, pools, axes.reduced()), axes.reduced()
        if not inside:
            return Value(value.index, axes)
        squeezed = () if keepdim else tuple(place for place in inside if place > TIME)
        return self.emit(Call(_reduce, (Slot(0), function, tuple(inside), squeezed)), [value], axes)

    def _over_time(self, value: Value, pools: Any, after: Axes) -> Value:
        if pools is None or value.axes.space > 2:
            raise Refused("a sum over time grows with the clip; use the mean", after)
        space = value.axes.space
        layer = pools[space]((window_of(replace(self.here, axes=value.axes), after), *[1] * space), stride=1)
        return self.emit(layer, [value], value.axes)

    def _on_transpose(self, value: Value, dim0: int, dim1: int) -> Value:
        dims = list(range(len(value.axes.order)))
        dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
        return Value(value.index, value.axes.permuted(dims))

    _on_swapaxes = _on_swapdims = _on_transpose

    def _on_permute(self, value: Value, *dims: Any) -> Value:
        return Value(value.index, value.axes.permuted(dims[0] if isinstance(dims[0], tuple | list) else dims))

    def _on_movedim(self, value: Value, source: int, destination: int) -> Value:
        dims = list(range(len(value.axes.order)))
        dims.insert(destination % len(dims), dims.pop(source))
        return Value(value.index, value.axes.permuted(dims))

    _on_moveaxis = _on_movedim

    def _on_squeeze(self, value: Value, *dims: Any) -> Value:
        if not dims or isinstance(value, LastFrame):
            raise Refused("without an axis it would drop a batch of one, too; say which axes, or torch.flatten(x, 1)")
        places = value.axes.places(dims[0])
        if TIME in places and not value.axes.pooled or STREAMS in places:
            raise Refused("it drops time or the batch, which have any length")
        axes = value.axes.without(places)
        return self.emit(Call(_squeeze, (Slot(0), tuple(places))), [value], axes)

    def _on_unsqueeze(self, value: Value, dim: int) -> Value:
        axes, at = value.axes, dim % (len(value.axes.order) + 1)
        if at == 0:
            raise Refused("it puts an axis before the batch")
        new = 3 + sum(place > TIME for place in axes.order[:at])
        order = [place + (place >= new) for place in axes.order]
        return self.emit(
            Call(torch.unsqueeze, (Slot(0), new)),
            [value],
            replace(axes, order=(*order[:at], new, *order[at:]), space=axes.space + 1),
        )

    def _on_view(self, value: Value, *shape: Any) -> Value:
        wanted = shape[0] if isinstance(shape[0], tuple | list) else shape
        if len(wanted) == 2 and value.axes.order[0] == STREAMS:
            streams, rest = wanted
            if (isinstance(streams, Length) and streams.place == STREAMS) or (streams == -1 and value.axes.pooled):
                layer, axes = fold_axes(value.axes, 1, -1)
                return self.emit(layer, [value], axes)
        raise Refused(
            "a new shape hides which axis is time; use flatten, transpose, unsqueeze or x.view(x.size(0), -1)"
        )

    _on_reshape = _on_view

    def _on_size(self, value: Value, dim: int | None = None) -> Any:
        return Lengths(value.index, value.axes) if dim is None else Length(value, dim)

    def _on_chunk(self, value: Value, chunks: int, dim: int = 0) -> tuple[Value, ...]:
        place = value.axes.place(dim)
        if place in (STREAMS, TIME):
            raise Refused("it cuts time or the batch into parts")
        return tuple(self.emit(Call(_chunk, (Slot(0), chunks, place, i)), [value], value.axes) for i in range(chunks))


_AVERAGES = (pool.AvgPool1d, pool.AvgPool2d, pool.AvgPool3d)
_MAXIMA = (pool.MaxPool1d, pool.MaxPool2d, pool.MaxPool3d)


def _pick(x: Tensor, index: tuple[slice, ...], squeezed: tuple[int, ...]) -> Tensor:
    return x[index].squeeze(squeezed) if squeezed else x[index]


def _reduce(x: Tensor, function: Callable[..., Tensor], places: tuple[int, ...], squeezed: tuple[int, ...]) -> Tensor:
    y = function(x, places, keepdim=True)
    return y.squeeze(squeezed) if squeezed else y


def _squeeze(x: Tensor, places: tuple[int, ...]) -> Tensor:
    space = [place for place in places if place > TIME]
    if any(x.shape[place] != 1 for place in space):
        raise ValueError(f"squeeze of an axis that is longer than 1: {tuple(x.shape)}, axes {space}")
    return x.squeeze(space)


def _chunk(x: Tensor, chunks: int, place: int, i: int) -> Tensor:
    return x.chunk(chunks, place)[i]
