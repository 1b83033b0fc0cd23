"""Continual forms of torch's functions and tensor methods in `convert`.

Functions on single elements, channels and space stay what they are. Those on time become layers. Those that only move
axes become nothing: `Axes` remembers where they went. `FUNCTIONS` has one entry per name of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import TypeVar, cast

import torch
from torch import Tensor

from co_perception.continual import pool
from co_perception.continual.convert.functional import FunctionLayer, Slot, fold_axes
from co_perception.continual.convert.modules import window_of
from co_perception.continual.convert.site import STREAMS, UnsupportedError, joint
from co_perception.continual.convert.tensors import (
    AxisLength,
    Emitter,
    EqualParts,
    FinalState,
    TracedShape,
    TracedTensor,
)
from co_perception.continual.history import Crop
from co_perception.continual.layer import TIME

PoolClass = type[pool.AvgPool1d | pool.AvgPool2d | pool.AvgPool3d | pool.MaxPool1d | pool.MaxPool2d | pool.MaxPool3d]
Dims = int | Sequence[int] | None


FUNCTIONS: dict[str, Callable[..., object]] = {}
H = TypeVar("H", bound=Callable[..., object])


def handles(*names: str) -> Callable[[H], H]:
    """Decorator: the function converts calls of torch's functions and methods of these names."""

    def register(function: H) -> H:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return register


@handles("getitem")
def getitem(emitter: Emitter, value: object, index: int | slice | tuple[object, ...]) -> object:
    if isinstance(value, TracedShape):
        if isinstance(index, int):
            return AxisLength(value, index)
        if isinstance(index, slice):
            return tuple(AxisLength(value, dim) for dim in range(len(value.axes.order))[index])
        raise UnsupportedError("a shape is indexed by a number or a slice")
    if isinstance(value, FinalState):
        return value.of_layer(index)
    if isinstance(value, EqualParts):
        if not isinstance(index, int) or index < 0:
            raise UnsupportedError("parts of a split are taken one by one, counted from the first: x.split(3, 1)[0]")
        start = value.size * index
        part = _between(emitter, value.whole, value.place, start, start + value.size)
        part.view_of(value.whole)
        return part
    if isinstance(value, tuple) and isinstance(index, int | slice):
        return value[index]
    if not isinstance(value, TracedTensor):
        raise UnsupportedError("it indexes a weight by the input; make it a module and register a converter for it")
    return _slice(emitter, value, index if isinstance(index, tuple) else (index,))


def _slice(emitter: Emitter, value: TracedTensor, index: tuple[object, ...]) -> TracedTensor:
    if Ellipsis in index:
        at = index.index(Ellipsis)
        middle = (slice(None),) * (len(value.axes.order) - len(index) + 1)
        index = (*index[:at], *middle, *index[at + 1 :])
    wanted = [slice(None)] * (3 + value.axes.space)
    dropped = []
    for place, part in zip(value.axes.order, index, strict=False):
        if not isinstance(part, int | slice):
            raise UnsupportedError("it is indexed by something else than numbers and slices")
        if isinstance(part, slice) and any(isinstance(at, AxisLength) for at in (part.start, part.stop, part.step)):
            raise UnsupportedError(
                "it cuts to the length of an axis, which a stream does not have; write the frames to leave out at both "
                "ends as numbers (x[:, :, a:-b])"
            )
        if part == slice(None):
            continue
        if place == STREAMS:
            raise UnsupportedError("it picks streams out of the batch; streams have to stay apart")
        if place == TIME:
            value = _frames_of(emitter, value, part)
        else:
            wanted[place] = slice(part, part + 1 or None) if isinstance(part, int) else part
        dropped += [place] if isinstance(part, int) else []
    axes = value.axes.without(dropped)
    if any(part != slice(None) for part in wanted):
        squeezed = tuple(place for place in dropped if place > TIME)
        return emitter.emit(FunctionLayer(_pick, (Slot(0), tuple(wanted), squeezed)), [value], axes)
    return TracedTensor(value.index, axes)


def _frames_of(emitter: Emitter, value: TracedTensor, part: int | slice) -> TracedTensor:
    """x[:, :, part]: the last frame, or all but some at both ends."""
    if isinstance(part, int):
        if part == -1 or value.axes.pooled:
            return TracedTensor(value.index, value.axes.reduced())
        raise UnsupportedError(f"it picks frame {part} of a clip; in a stream only the newest, -1, keeps its meaning")
    first, last = part.start or 0, part.stop or 0
    if part.step not in (None, 1) or first < 0 or last > 0:
        raise UnsupportedError(
            f"it picks the frames {first}:{part.stop}:{part.step} of a clip; a stream can leave out frames at both "
            "ends (x[:, :, a:-b]). Use the stride of a convolution or pool to skip frames"
        )
    value.axes.need_frames("leaving out frames")
    return emitter.emit(Crop(first, -last), [value], value.axes)


@handles("cat", "concat", "concatenate")
def cat(emitter: Emitter, tensors: Sequence[object], dim: int = 0, axis: int | None = None) -> TracedTensor:
    if isinstance(tensors, EqualParts):
        raise UnsupportedError("it joins all parts of a split; leave both out, or take the parts one by one")
    values = [value for value in tensors if isinstance(value, TracedTensor)]
    if len(values) < len(tensors):
        raise UnsupportedError(
            "it puts weights beside the input, as a class token does; a stream has no place for them"
        )
    axes = joint([value.axes for value in values])
    place = axes.place(dim if axis is None else axis)
    if place in (STREAMS, TIME):
        raise UnsupportedError(
            "it puts clips one after the other along " + ("time" if place == TIME else "the batch") + "; a stream "
            "can be joined with others along channels and space only"
        )
    return emitter.emit_call(torch.cat, (values,), {"dim": place}, axes)


def _reduce_over(
    function: Callable[..., Tensor],
    pools: tuple[PoolClass, ...] | None,
    emitter: Emitter,
    value: TracedTensor | FinalState,
    dim: Dims = None,
    keepdim: bool = False,
) -> TracedTensor:
    """A reduction over axes: a pool over time, the function itself over channels and space."""
    if isinstance(value, FinalState):
        return value.without_layers((dim,), function.__name__)
    places = value.axes.places(dim)
    if STREAMS in places:
        raise UnsupportedError("it combines the streams of the batch; say over which axes, all but the first")
    axes = value.axes if keepdim else value.axes.without(places)
    inside = [place for place in places if place != TIME]
    if TIME in places and not value.axes.pooled:
        axes, space = axes.reduced(), value.axes.space
        if pools is None or space > 2:
            raise UnsupportedError("a sum over time grows with the clip; use the mean", axes)
        frames = window_of(replace(emitter.here, axes=value.axes), axes)
        value = emitter.emit(pools[space]((frames, *[1] * space), stride=1), [value], value.axes)
    if not inside:
        return TracedTensor(value.index, axes)
    squeezed = () if keepdim else tuple(place for place in inside if place > TIME)
    return emitter.emit(FunctionLayer(_reduce, (Slot(0), function, tuple(inside), squeezed)), [value], axes)


FUNCTIONS |= {
    "mean": partial(_reduce_over, torch.mean, (pool.AvgPool1d, pool.AvgPool2d, pool.AvgPool3d)),
    "amax": partial(_reduce_over, torch.amax, (pool.MaxPool1d, pool.MaxPool2d, pool.MaxPool3d)),
    "sum": partial(_reduce_over, torch.sum, None),
}


@handles("transpose", "swapaxes", "swapdims")
def transpose(emitter: Emitter, value: TracedTensor, dim0: int, dim1: int) -> TracedTensor:
    value.axes.places((dim0, dim1))  # raises for an axis that it has not
    dims = list(range(len(value.axes.order)))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return TracedTensor(value.index, value.axes.permuted(dims))


@handles("permute")
def permute(emitter: Emitter, value: TracedTensor, *dims: int | Sequence[int]) -> TracedTensor:
    order = cast(Sequence[int], dims[0] if isinstance(dims[0], Sequence) else dims)
    return TracedTensor(value.index, value.axes.permuted(order))


@handles("movedim", "moveaxis")
def movedim(emitter: Emitter, value: TracedTensor, source: int, destination: int) -> TracedTensor:
    value.axes.places((source, destination))
    dims = list(range(len(value.axes.order)))
    dims.insert(destination % len(dims), dims.pop(source))
    return TracedTensor(value.index, value.axes.permuted(dims))


@handles("squeeze")
def squeeze(emitter: Emitter, value: TracedTensor | FinalState, *dims: Dims) -> TracedTensor:
    if isinstance(value, FinalState):
        return value.without_layers(dims, "squeeze")
    if not dims:
        raise UnsupportedError(
            "without an axis it would drop a batch of one, too; say which axes, or torch.flatten(x, 1)"
        )
    places = value.axes.places(dims[0])
    if TIME in places and not value.axes.pooled or STREAMS in places:
        raise UnsupportedError("it drops time or the batch, which have any length")
    axes = value.axes.without(places)
    return emitter.emit(FunctionLayer(_squeeze_space, (Slot(0), tuple(places))), [value], axes)


@handles("unsqueeze")
def unsqueeze(emitter: Emitter, value: TracedTensor, dim: int) -> TracedTensor:
    axes, at = value.axes, dim % (len(value.axes.order) + 1)
    if at == 0:
        raise UnsupportedError("it puts an axis before the batch")
    new = 3 + sum(place > TIME for place in axes.order[:at])
    order = [place + (place >= new) for place in axes.order]
    after = replace(axes, order=(*order[:at], new, *order[at:]), space=axes.space + 1)
    return emitter.emit(FunctionLayer(torch.unsqueeze, (Slot(0), new)), [value], after)


@handles("view", "reshape")
def view(emitter: Emitter, value: TracedTensor, *shape: object) -> TracedTensor:
    wanted = shape[0] if isinstance(shape[0], tuple | list) else shape
    if len(wanted) == 2 and value.axes.order[0] == STREAMS:
        streams = wanted[0]
        if (isinstance(streams, AxisLength) and streams.place == STREAMS) or (streams == -1 and value.axes.pooled):
            layer, axes = fold_axes(value.axes, 1, -1)
            return emitter.emit(layer, [value], axes)
    raise UnsupportedError(
        "a new shape hides which axis is time; use flatten, transpose, unsqueeze or x.view(x.size(0), -1)"
    )


@handles("size")
def size(emitter: Emitter, value: TracedTensor, dim: int | None = None) -> object:
    return TracedShape(value.index, value.axes) if dim is None else AxisLength(value, dim)


@handles("chunk")
def chunk(emitter: Emitter, value: TracedTensor, chunks: int, dim: int = 0) -> tuple[TracedTensor, ...]:
    place = value.axes.place(dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError("it cuts time or the batch into parts")
    parts = [FunctionLayer(_chunk_part, (Slot(0), chunks, place, i)) for i in range(chunks)]
    return tuple(emitter.emit(part, [value], value.axes) for part in parts)


@handles("split")
def split(emitter: Emitter, value: TracedTensor, split_size: object, dim: int = 0) -> object:
    place = value.axes.place(dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError("it cuts time or the batch into parts")
    if isinstance(split_size, int):
        return EqualParts(value, split_size, place)
    if not isinstance(split_size, tuple | list) or not all(isinstance(size, int) for size in split_size):
        raise UnsupportedError("its sizes are no numbers; write them as such, or use chunk")
    ends = list(accumulate(split_size))
    return tuple(_between(emitter, value, place, end - size, end) for size, end in zip(split_size, ends, strict=True))


def _between(emitter: Emitter, value: TracedTensor, place: int, start: int, end: int) -> TracedTensor:
    part = (*[slice(None)] * place, slice(start, end))
    return emitter.emit(FunctionLayer(_pick, (Slot(0), part, ())), [value], value.axes)


def _pick(x: Tensor, index: tuple[slice, ...], squeezed: tuple[int, ...]) -> Tensor:
    return x[index].squeeze(squeezed) if squeezed else x[index]


def _reduce(x: Tensor, function: Callable[..., Tensor], places: tuple[int, ...], squeezed: tuple[int, ...]) -> Tensor:
    y = function(x, places, keepdim=True)
    return y.squeeze(squeezed) if squeezed else y


def _squeeze_space(x: Tensor, places: tuple[int, ...]) -> Tensor:
    space = [place for place in places if place > TIME]
    if any(x.shape[place] != 1 for place in space):
        raise ValueError(f"squeeze of an axis that is longer than 1: {tuple(x.shape)}, axes {space}")
    return x.squeeze(space)


def _chunk_part(x: Tensor, chunks: int, place: int, i: int) -> Tensor:
    return x.chunk(chunks, place)[i]
