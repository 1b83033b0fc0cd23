"""Moving, merging and repeating of axes in `convert`; most of it is done by remembering where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from co_perception.continual.convert.functional import FunctionLayer, Slot
from co_perception.continual.convert.functions import Dims, along, handles, inside
from co_perception.continual.convert.gates import gates_of
from co_perception.continual.convert.lengths import Length, Shape, Size, divide, product
from co_perception.continual.convert.rearrangement import emit_rearrangement, flattened, reshaped
from co_perception.continual.convert.site import CHANNELS, STREAMS, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, FinalState, TracedTensor
from co_perception.continual.layer import TIME


@handles("transpose", "swapaxes", "swapdims")
def transpose(emitter: Emitter, value: TracedTensor, dim0: int, dim1: int) -> TracedTensor:
    value.axes.part(dim0), value.axes.part(dim1)  # raise for an axis that it has not
    dims = list(range(len(value.axes.order)))
    dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return value.with_axes(value.axes.permuted(dims))


@handles("mT", "T", "t")
def transposed(emitter: Emitter, value: TracedTensor) -> TracedTensor:
    return transpose(emitter, value, -2, -1)


@handles("permute")
def permute(emitter: Emitter, value: TracedTensor, *dims: int | Sequence[int]) -> TracedTensor:
    order = cast(Sequence[int], dims[0] if isinstance(dims[0], Sequence) else dims)
    return value.with_axes(value.axes.permuted(order))


@handles("movedim", "moveaxis")
def movedim(emitter: Emitter, value: TracedTensor, source: Dims, destination: Dims) -> TracedTensor:
    count = len(value.axes.order)
    given, wanted = ([dims] if isinstance(dims, int) else list(dims or ()) for dims in (source, destination))
    for dim in (*given, *wanted):
        value.axes.part(dim)
    moved = {to % count: at % count for at, to in zip(given, wanted, strict=True)}
    left = iter(dim for dim in range(count) if dim not in moved.values())
    return value.with_axes(value.axes.permuted([moved[dim] if dim in moved else next(left) for dim in range(count)]))


@handles("squeeze")
def squeeze(emitter: Emitter, value: TracedTensor | FinalState, *dims: Dims) -> TracedTensor:
    if isinstance(value, FinalState):
        return value.without_layers(dims, "squeeze")
    if not dims:
        raise UnsupportedError(
            "without an axis it would drop a batch of one, too; say which axes, or torch.flatten(x, 1)"
        )
    axes, wanted = value.axes, value.axes.places(dims[0])
    places = [place for place in wanted if place != TIME or emitter.single(value)]
    places = [place for place in places if place in (STREAMS, TIME) or _may_be_one(emitter, value, place)]
    if TIME in wanted and TIME not in places or STREAMS in places:
        raise UnsupportedError("it drops time or the batch, which have any length")
    if not places:
        return value
    axes = (axes.reduced() if TIME in places else axes).without(places)
    return emitter.emit(FunctionLayer(_squeeze_space, (Slot(0), tuple(places))), [value], axes)


def _may_be_one(emitter: Emitter, value: TracedTensor, place: int) -> bool:
    return not emitter.knows_frame(value) or emitter.size_at(value, place) == 1


@handles("unsqueeze")
def unsqueeze(emitter: Emitter, value: TracedTensor, dim: int) -> TracedTensor:
    axes, at = value.axes, dim % (len(value.axes.order) + 1)
    if CHANNELS not in axes.every:
        return value.with_axes(replace(axes, order=(*axes.order[:at], CHANNELS, *axes.order[at:])))
    order = (*axes.order[:at], 3 + axes.space, *axes.order[at:])
    after = replace(axes, order=order, space=axes.space + 1)
    return emitter.emit(FunctionLayer(torch.unsqueeze, (Slot(0), 3 + axes.space)), [value], after)


@handles("view", "reshape")
def view(emitter: Emitter, value: TracedTensor, *shape: object) -> TracedTensor:
    if len(shape) == 1 and isinstance(shape[0], torch.dtype):
        raise UnsupportedError("it reads the bits of a number as another type")
    wanted = cast(Sequence[Size], shape[0] if isinstance(shape[0], tuple | list) else shape)
    if not emitter.knows_frame(value) and len(wanted) == 2 and value.axes.order[0] == STREAMS:
        streams = wanted[0]  # as flatten does, for which no sizes are needed
        if streams == emitter.size_at(value, STREAMS) if isinstance(streams, Length) else value.axes.pooled:
            return flatten(emitter, value, 1)
    return reshaped(emitter, value, wanted)


@handles("view_as", "reshape_as")
def view_as(emitter: Emitter, value: TracedTensor, other: TracedTensor) -> TracedTensor:
    return reshaped(emitter, value, emitter.sizes(other))


@handles("flatten")
def flatten(emitter: Emitter, value: TracedTensor, start_dim: int = 0, end_dim: int = -1) -> TracedTensor:
    axes = value.axes
    if emitter.single(value) and not axes.pooled and len(axes.every[start_dim:]) > 1:
        axes = axes.reduced()
    return emit_rearrangement(emitter, value, *flattened(axes, start_dim, end_dim))


@handles("unflatten")
def unflatten(emitter: Emitter, value: TracedTensor, dim: int, sizes: Sequence[Size]) -> TracedTensor:
    given = emitter.sizes(value)
    dim %= len(given)
    cut = [size if isinstance(size, Length) or size != -1 else None for size in sizes]
    known = product([size for size in cut if size is not None])
    whole = [divide(given[dim], known) if size is None else size for size in cut]
    if None in whole:
        raise UnsupportedError(f"an axis of {given[dim]} is not cut into {tuple(map(str, sizes))}")
    return reshaped(emitter, value, cast(Sequence[Size], [*given[:dim], *whole, *given[dim + 1 :]]))


@handles("expand", "expand_as", "broadcast_to")
def expand(emitter: Emitter, value: TracedTensor, *shape: object) -> TracedTensor:
    sizes = emitter.sizes(shape[0]) if isinstance(shape[0], TracedTensor) else shape
    wanted = cast(Sequence[Size], sizes[0] if isinstance(sizes[0], tuple | list) else sizes)
    for _ in range(len(wanted) - len(value.axes.order)):
        value = unsqueeze(emitter, value, 0)
    if emitter.here.past_gates and value.axes.pooled and isinstance(shape[0], TracedTensor):
        value = gates_of(emitter, [value, shape[0]])[0]  # y.expand_as(x) for x * y
    streams = next((dim for dim, size in enumerate(wanted) if isinstance(size, Length) and size.streams), None)
    if streams is not None and STREAMS not in value.axes.every:  # the same for all of them
        order = value.axes.order
        value = value.with_axes(replace(value.axes, order=(*order[:streams], STREAMS, *order[streams + 1 :])))
    counts: list[int] = []
    for own, size in zip(emitter.sizes(value), wanted, strict=True):
        if isinstance(own, Length) or isinstance(size, Length):
            if own != size if isinstance(own, Length) and isinstance(size, Length) else size != -1:
                raise UnsupportedError("it repeats an answer for frames or streams, of which a stream has no number")
            counts.append(1)
        else:
            counts.append(size if own == 1 and size != -1 else 1)
    return repeat(emitter, value, *counts)


@handles("repeat", "tile")
def repeat(emitter: Emitter, value: TracedTensor, *counts: object) -> TracedTensor:
    wanted = cast(Sequence[object], counts[0] if isinstance(counts[0], tuple | list) else counts)
    for _ in range(len(wanted) - len(value.axes.order)):
        value = unsqueeze(emitter, value, 0)
    each = [1] * (3 + value.axes.space)
    for dim, count in enumerate(wanted):
        if isinstance(count, Length):
            raise UnsupportedError("it repeats an answer as often as there are frames or streams")
        if count != 1:
            each[inside(value.axes, dim, "it repeats frames or streams")] = cast(int, count)
    if each == [1] * len(each):
        return value
    return emitter.emit(FunctionLayer(Tensor.repeat, (Slot(0), tuple(each))), [value], value.axes)


@handles("repeat_interleave")
def repeat_interleave(emitter: Emitter, value: TracedTensor, repeats: int, dim: int | None = None) -> TracedTensor:
    if dim is None or not isinstance(repeats, int):
        raise UnsupportedError("say along which axis, and how often as a number")
    return along(_repeat_each, emitter, value, dim, repeats)


@handles("size")
def size(emitter: Emitter, value: TracedTensor, dim: int | None = None) -> object:
    sizes = emitter.sizes(value) if dim is None else ()
    if dim is None:
        return Shape(sizes)
    return product([emitter.size_at(value, place) for place in value.axes.places(dim)])


def _squeeze_space(x: Tensor, places: tuple[int, ...]) -> Tensor:
    space = [place for place in places if place > TIME]
    if any(x.shape[place] != 1 for place in space):
        raise ValueError(f"squeeze of an axis that is longer than 1: {tuple(x.shape)}, axes {space}")
    return x.squeeze(space)


def _repeat_each(x: Tensor, place: int, repeats: int) -> Tensor:
    return x.repeat_interleave(repeats, place)
