"""Continual forms of torch's functions and tensor methods in `convert`.

Functions on single elements, channels and space stay what they are. Those on time become layers. Those that only move
axes become nothing: `Axes` remembers where they went. `FUNCTIONS` has one entry per name of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual import pool
from co_perception.continual.convert.constants import number_beside
from co_perception.continual.convert.functional import FunctionLayer, Slot, mapped, parts
from co_perception.continual.convert.lengths import Length, Shape, Size, divide, product
from co_perception.continual.convert.modules import window_of
from co_perception.continual.convert.rearrangement import emit_rearrangement, flattened, relaid, reshaped
from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, UnsupportedError, joint
from co_perception.continual.convert.tensors import Absent, Emitter, Filled, FinalState, StandIn, TracedTensor
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


# Parts --------------------------------------------------------------------------------------------------------------


@handles("getitem")
def getitem(emitter: Emitter, value: object, index: object) -> object:
    if isinstance(value, FinalState):
        return value.of_layer(index)
    if not isinstance(value, TracedTensor):
        raise UnsupportedError("it indexes a weight by the input; make it a module and register a converter for it")
    return _slice(emitter, value, index if isinstance(index, tuple) else (index,))


def _slice(emitter: Emitter, value: TracedTensor, index: tuple[object, ...]) -> TracedTensor:
    at, dim = [i for i, part in enumerate(index) if part is Ellipsis], 0
    if at:
        named = sum(part is not None and part is not Ellipsis for part in index)
        middle = (slice(None),) * (len(value.axes.order) - named)
        index = (*index[: at[0]], *middle, *index[at[0] + 1 :])
    for part in index:
        if part is None:
            value = unsqueeze(emitter, value, dim)
            dim += 1
        elif isinstance(part, slice):
            value = _between(emitter, value, dim, part)
            dim += 1
        elif isinstance(part, int):
            value = select(emitter, value, dim, part)
        elif isinstance(part, list | range) or (type(part) is Tensor and part.dim() == 1):
            value = index_select(emitter, value, dim, torch.as_tensor(part))
            dim += 1
        else:
            raise UnsupportedError("it is indexed by something else than numbers and slices")
    return value


@handles("select")
def select(emitter: Emitter, value: TracedTensor, dim: int, index: int) -> TracedTensor:
    place = value.axes.place(dim)
    if place == STREAMS:
        raise UnsupportedError("it picks streams out of the batch; streams have to stay apart")
    if place != TIME:
        axes = value.axes.without([place])
        part = (*[slice(None)] * place, slice(index, index + 1 or None))
        squeezed = (place,) if place > TIME else ()
        return emitter.emit(FunctionLayer(_pick, (Slot(0), part, squeezed)), [value], axes)
    if index == -1 or emitter.single(value):
        return value.with_axes(value.axes.without([TIME]).reduced())
    raise UnsupportedError(f"it picks frame {index} of a clip; in a stream only the newest, -1, keeps its meaning")


@handles("narrow")
def narrow(emitter: Emitter, value: TracedTensor, dim: int, start: Size, length: Size) -> TracedTensor:
    return _between(emitter, value, dim, slice(start, start + length))


def _between(emitter: Emitter, value: TracedTensor, dim: int, part: slice) -> TracedTensor:
    if part == slice(None):
        return value
    place = value.axes.place(dim)
    if place == STREAMS:
        if part.step in (None, 1) and not part.start and part.stop == emitter.size_at(value, STREAMS):
            return value
        raise UnsupportedError("it picks streams out of the batch; streams have to stay apart")
    if place == TIME:
        return _frames_of(emitter, value, part)
    if any(isinstance(end, Length) for end in (part.start, part.stop, part.step)):
        raise UnsupportedError("it cuts channels or space by the length of a clip, which a stream does not have")
    return emitter.emit(FunctionLayer(_pick, (Slot(0), (*[slice(None)] * place, part), ())), [value], value.axes)


def _frames_of(emitter: Emitter, value: TracedTensor, part: slice) -> TracedTensor:
    """x[:, :, part]: all frames but some at both ends."""
    length = emitter.size_at(value, TIME)
    first, last = _from_start(part.start, length), min(_from_end(part.stop, length), 0)
    if part.step not in (None, 1) or first < 0 or (isinstance(part.stop, int) and part.stop > 0):
        raise UnsupportedError(
            f"it picks the frames {first}:{part.stop}:{part.step} of a clip; a stream can leave out frames at both "
            "ends (x[:, :, a:-b]). Use the stride of a convolution or pool to skip frames"
        )
    if (first, last) == (0, 0):
        return value
    value.axes.need_frames("leaving out frames")
    return emitter.emit(Crop(first, -last), [value], value.axes)


def _from_start(start: Size | None, length: Size) -> int:
    """Frames that are left out before `start`: a number, or minus the length of another tensor, -y.size(2)."""
    if not isinstance(start, Length):
        return start or 0
    left_out = length - (-start) if start.factor < 0 else start
    return max(left_out, 0) if isinstance(left_out, int) else -1


def _from_end(stop: Size | None, length: Size) -> int:
    """Minus the frames that are left out after `stop`: a number, or the length of another tensor."""
    if not isinstance(stop, Length):
        return stop or 0
    left_out = stop - length
    return left_out if isinstance(left_out, int) else 0


@handles("index_select")
def index_select(emitter: Emitter, value: TracedTensor, dim: int, index: Tensor) -> TracedTensor:
    place = _inside(value.axes, dim, "it picks frames or streams by their numbers")
    index = index.nonzero().flatten() if index.dtype == torch.bool else index
    return emitter.emit(FunctionLayer(torch.index_select, (Slot(0), place, emitter.weight(index))), [value], value.axes)


@handles("setitem")
def setitem(emitter: Emitter, value: object, index: object, part: object) -> None:
    raise UnsupportedError(
        "it writes into a part of a tensor; put the parts together with torch.cat instead", None, True
    )


@handles("chunk", "tensor_split")
def chunk(emitter: Emitter, value: TracedTensor, chunks: int, dim: int = 0) -> tuple[TracedTensor, ...]:
    place = _inside(value.axes, dim, "it cuts time or the batch into parts")
    parts = [FunctionLayer(_chunk_part, (Slot(0), chunks, place, i)) for i in range(chunks)]
    return tuple(emitter.emit(part, [value], value.axes) for part in parts)


@handles("split", "split_with_sizes")
def split(emitter: Emitter, value: TracedTensor, split_size: object, dim: int = 0) -> tuple[TracedTensor, ...]:
    place = _inside(value.axes, dim, "it cuts time or the batch into parts")
    if isinstance(split_size, int):
        size = emitter.size_at(value, place)
        assert isinstance(size, int)
        starts = range(0, size, split_size)
        return tuple(_between(emitter, value, dim, slice(start, start + split_size)) for start in starts)
    if not isinstance(split_size, tuple | list) or not all(isinstance(size, int) for size in split_size):
        raise UnsupportedError("its sizes are no numbers; write them as such, or use chunk")
    ends = [sum(split_size[: i + 1]) for i in range(len(split_size))]
    pairs = zip(split_size, ends, strict=True)
    return tuple(_between(emitter, value, dim, slice(end - size, end)) for size, end in pairs)


@handles("unbind", "iter")
def unbind(emitter: Emitter, value: TracedTensor, dim: int = 0) -> tuple[TracedTensor, ...]:
    place = _inside(value.axes, dim, "it goes through frames or streams one by one")
    size = emitter.size_at(value, place)
    assert isinstance(size, int)
    return tuple(select(emitter, value, dim, i) for i in range(size))


# Joining ------------------------------------------------------------------------------------------------------------


@handles("cat", "concat", "concatenate")
def cat(emitter: Emitter, tensors: Sequence[object], dim: int = 0, axis: int | None = None) -> TracedTensor:
    dim = dim if axis is None else axis
    values = [value for value in tensors if isinstance(value, TracedTensor)]
    if not values:
        raise UnsupportedError("it joins parts that do not depend on the input alone")
    place = values[0].axes.place(dim)
    if place == TIME and len(values) == 1:
        return _padded(emitter, tensors, values[0])
    if len(values) == 1 and place not in (STREAMS, TIME):
        return _beside_numbers(emitter, tensors, values[0], dim)
    if len(values) < len(tensors):
        raise UnsupportedError(
            "it puts weights beside the input, as a class token does; a stream has no place for them"
        )
    values = [relaid(emitter, value, values[0].axes.order, values[0].axes.space) for value in values]
    axes = joint([value.axes for value in values])
    if place in (STREAMS, TIME):
        raise UnsupportedError(
            "it puts clips one after the other along " + ("time" if place == TIME else "the batch") + "; a stream "
            "can be joined with others along channels and space only"
        )
    return emitter.emit_call(torch.cat, (values,), {"dim": place}, axes)


def _padded(emitter: Emitter, tensors: Sequence[object], value: TracedTensor) -> TracedTensor:
    """Zero frames put before and after a clip."""
    at = next(i for i, each in enumerate(tensors) if each is value)
    counts = [0, 0]
    for i, each in enumerate(tensors):
        if each is value:
            continue
        zeros = _frames_of_zeros(each, value.axes)
        if zeros is None:
            raise UnsupportedError("it puts other frames than zeros before or after a clip, which a stream never ends")
        counts[i > at] += zeros
    value.axes.need_frames("padding over time")
    before, after = value.axes.pads
    return value.with_axes(replace(value.axes, pads=(before + counts[0], after + counts[1])))


def _beside_numbers(emitter: Emitter, tensors: Sequence[object], value: TracedTensor, dim: int) -> TracedTensor:
    """Channels or space before and after a tensor that are zeros, or another number everywhere."""
    for each in tensors:
        if each is value:
            continue
        if not isinstance(each, Filled) or len(each.sizes) != len(value.axes.order):
            raise UnsupportedError(
                "it puts weights beside the input, as a class token does; a stream has no place for them"
            )
        amount, place = each.sizes[dim], value.axes.place(dim)
        if not isinstance(amount, int):
            raise UnsupportedError("it puts as many numbers beside the input as a clip has frames")
        before = tensors.index(each) < tensors.index(value) if isinstance(tensors, list) else False
        pads = [0, 0] * (2 + value.axes.space - place) + ([amount, 0] if before else [0, amount])
        value = emitter.emit(FunctionLayer(F.pad, (Slot(0), tuple(pads), "constant", each.number)), [value], value.axes)
    return value


def _frames_of_zeros(tensor: object, axes: Axes) -> int | None:
    dim = axes.order.index(TIME)
    if isinstance(tensor, Filled) and tensor.number == 0 and len(tensor.sizes) == len(axes.order):
        frames = tensor.sizes[dim]
        return frames if isinstance(frames, int) else None
    if isinstance(tensor, Tensor) and type(tensor) is Tensor and tensor.dim() == len(axes.order) and not tensor.any():
        return tensor.shape[dim]
    return None


@handles("stack")
def stack(emitter: Emitter, tensors: Sequence[TracedTensor], dim: int = 0) -> TracedTensor:
    if not all(isinstance(value, TracedTensor) for value in tensors):
        raise UnsupportedError("it puts weights beside the input; a stream has no place for them")
    order, space = tensors[0].axes.order, tensors[0].axes.space
    alike = [relaid(emitter, value, order, space) for value in tensors]
    at = dim % (len(order) + 1)
    return cat(emitter, [unsqueeze(emitter, value, at) for value in alike], at)


# Reductions ---------------------------------------------------------------------------------------------------------


def _reduce_over(
    function: Callable[..., Tensor],
    pools: tuple[PoolClass, ...] | None,
    emitter: Emitter,
    value: TracedTensor | FinalState,
    dim: Dims = None,
    keepdim: bool = False,
    **settings: object,
) -> TracedTensor:
    """A reduction over axes: a pool over time, the function itself over channels and space."""
    if isinstance(value, FinalState):
        return value.without_layers((dim,), function.__name__)
    places = value.axes.places(dim)
    if STREAMS in places:
        raise UnsupportedError("it combines the streams of the batch; say over which axes, all but the first")
    if keepdim and any(isinstance(part, tuple) and set(part) & set(places) for part in value.axes.order):
        raise UnsupportedError("it keeps an axis that is several merged into one; do it before they are merged")
    axes = value.axes if keepdim else value.axes.without(places)
    inside = [place for place in places if place != TIME]
    if TIME in places and emitter.single(value):
        axes = axes.reduced()
    elif TIME in places:
        axes, space = axes.reduced(), value.axes.space
        if pools is None or space > 2:
            named = "a sum over time grows with the clip; use the mean"
            unknown = f"{function.__name__} over time is known at a clip's end; use the mean, or do it within frames"
            raise UnsupportedError(named if function is torch.sum else unknown, axes)
        frames = window_of(replace(emitter.here, axes=value.axes), axes)
        value = emitter.emit(pools[space]((frames, *[1] * space), stride=1), [value], value.axes)
    if not inside:
        return value.with_axes(axes)
    squeezed = () if keepdim else tuple(place for place in inside if place > TIME)
    layer = FunctionLayer(_reduce, (Slot(0), function, tuple(inside), squeezed), settings)
    return emitter.emit(layer, [value], axes)


_AVERAGES, _MAXIMA = (pool.AvgPool1d, pool.AvgPool2d, pool.AvgPool3d), (pool.MaxPool1d, pool.MaxPool2d, pool.MaxPool3d)
FUNCTIONS |= {
    "mean": partial(_reduce_over, torch.mean, _AVERAGES),
    "amax": partial(_reduce_over, torch.amax, _MAXIMA),
    "sum": partial(_reduce_over, torch.sum, None),
    "amin": partial(_reduce_over, torch.amin, None),
    "logsumexp": partial(_reduce_over, torch.logsumexp, None),
}


def _var(x: Tensor, places: tuple[int, ...], keepdim: bool, correction: int) -> Tensor:
    return torch.var(x, places, correction=correction, keepdim=keepdim)


def _std(x: Tensor, places: tuple[int, ...], keepdim: bool, correction: int) -> Tensor:
    return torch.std(x, places, correction=correction, keepdim=keepdim)


def _norm(x: Tensor, places: tuple[int, ...], keepdim: bool, p: float) -> Tensor:
    return torch.linalg.vector_norm(x, p, places, keepdim)


def _spread(
    function: Callable[..., Tensor], emitter: Emitter, value: TracedTensor, dim: Dims = None, unbiased: bool = True,
    keepdim: bool = False, *, correction: int | None = None,
) -> TracedTensor:  # fmt: skip
    correction = int(unbiased) if correction is None else correction
    return _reduce_over(function, None, emitter, value, dim, keepdim, correction=correction)


FUNCTIONS |= {"var": partial(_spread, _var), "std": partial(_spread, _std)}


@handles("norm", "vector_norm")
def norm(emitter: Emitter, value: TracedTensor, p: object = 2, dim: Dims = None, keepdim: bool = False) -> TracedTensor:
    return _reduce_over(_norm, None, emitter, value, dim, keepdim, p=2 if p in (None, "fro") else p)


def _extreme(
    name: str, emitter: Emitter, value: TracedTensor, dim: object = None, keepdim: bool = False
) -> TracedTensor | tuple[TracedTensor, StandIn]:
    """`x.max(dim)`, its values and where they are, or of two tensors the larger numbers."""
    if isinstance(dim, Tensor):
        return elementwise(emitter, {"max": torch.maximum, "min": torch.minimum}[name], (value, dim), {})
    largest = cast(TracedTensor, FUNCTIONS[f"a{name}"](emitter, value, dim, keepdim))
    if dim is None:
        return largest
    if TIME in value.axes.places(cast(int, dim)):
        return largest, Absent("it uses at which frame the largest number is, which is counted from the clip's start")
    return largest, _where(f"arg{name}", emitter, value, cast(int, dim), keepdim)


def _where(name: str, emitter: Emitter, value: TracedTensor, dim: int, keepdim: bool = False) -> TracedTensor:
    place = _inside(value.axes, dim, "it finds a frame or a stream by its number")
    axes = value.axes if keepdim else value.axes.without([place])
    function: Callable[..., Tensor] = getattr(torch, name)
    keeps = keepdim or place == CHANNELS
    return emitter.emit(FunctionLayer(function, (Slot(0), place, keeps)), [value], axes)


FUNCTIONS |= {name: partial(_extreme, name) for name in ("max", "min")}
FUNCTIONS |= {name: partial(_where, name) for name in ("argmax", "argmin")}


def _along(
    function: Callable[..., Tensor], emitter: Emitter, value: TracedTensor, dim: int, *settings: object
) -> TracedTensor:
    """A function along one axis, which stays."""
    place = _inside(value.axes, dim, "it goes along time or the batch")
    return emitter.emit(FunctionLayer(function, (Slot(0), place, *settings)), [value], value.axes)


FUNCTIONS |= {name: partial(_along, getattr(torch, name)) for name in ("cumsum", "cumprod", "sort", "argsort")}


@handles("normalize")
def normalize(emitter: Emitter, value: TracedTensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> TracedTensor:
    place = _inside(value.axes, dim, "it divides by a norm over time or the batch")
    return emitter.emit(FunctionLayer(F.normalize, (Slot(0), p, place, eps)), [value], value.axes)


@handles("flip")
def flip(emitter: Emitter, value: TracedTensor, *dims: int | Sequence[int]) -> TracedTensor:
    wanted = cast(Sequence[int], dims[0] if isinstance(dims[0], Sequence) else dims)
    if TIME in value.axes.places(wanted):
        raise UnsupportedError("it turns time around: the first answer would need the last frame", None, True)
    places = [_inside(value.axes, dim, "it turns the batch around") for dim in wanted]
    return emitter.emit(FunctionLayer(torch.flip, (Slot(0), tuple(places))), [value], value.axes)


@handles("roll")
def roll(emitter: Emitter, value: TracedTensor, shifts: Dims, dims: Dims = None) -> TracedTensor:
    if dims is None:
        raise UnsupportedError("without an axis it rolls over all of them; say which")
    each = (dims,) if isinstance(dims, int) else dims
    places = [_inside(value.axes, dim, "it puts the last frames first, or mixes the batch") for dim in each]
    return emitter.emit(FunctionLayer(torch.roll, (Slot(0), shifts, tuple(places))), [value], value.axes)


# Axes ---------------------------------------------------------------------------------------------------------------


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
            each[_inside(value.axes, dim, "it repeats frames or streams")] = cast(int, count)
    if each == [1] * len(each):
        return value
    return emitter.emit(FunctionLayer(Tensor.repeat, (Slot(0), tuple(each))), [value], value.axes)


@handles("repeat_interleave")
def repeat_interleave(emitter: Emitter, value: TracedTensor, repeats: int, dim: int | None = None) -> TracedTensor:
    if dim is None or not isinstance(repeats, int):
        raise UnsupportedError("say along which axis, and how often as a number")
    return _along(_repeat_each, emitter, value, dim, repeats)


@handles("size")
def size(emitter: Emitter, value: TracedTensor, dim: int | None = None) -> object:
    sizes = emitter.sizes(value) if dim is None else ()
    if dim is None:
        return Shape(sizes)
    return product([emitter.size_at(value, place) for place in value.axes.places(dim)])


# Elements -----------------------------------------------------------------------------------------------------------


def elementwise(
    emitter: Emitter, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object]
) -> TracedTensor:
    """A function of single elements, of tensors that are laid out alike and of weights and numbers."""
    values = [part for part in parts((args, kwargs)) if isinstance(part, TracedTensor)]
    first = max(values, key=lambda value: len(value.axes.order))
    known: dict[int, TracedTensor] = {}

    def alike(part: object) -> object:
        if isinstance(part, Filled):
            return number_beside(emitter, part, first)
        if not isinstance(part, TracedTensor):
            return part
        for _ in range(len(first.axes.order) - len(part.axes.order)):
            raise UnsupportedError(
                f"it combines tensors {first.axes} and {part.axes}, whose axes do not match one to one"
            )
        known[id(part)] = relaid(emitter, part, first.axes.order, first.axes.space)
        return known[id(part)]

    args, kwargs = mapped(tuple(args), alike), mapped(dict(kwargs), alike)
    return emitter.emit_call(function, args, kwargs, joint([known[id(value)].axes for value in values]))


# Layers' functions --------------------------------------------------------------------------------------------------


def _inside(axes: Axes, dim: int, reason: str) -> int:
    """The place of an axis of channels or space. Raises UnsupportedError for time and the batch."""
    place = axes.place(dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError(f"{reason}; streams have to stay apart, and a clip has no end")
    return place


def _pick(x: Tensor, index: tuple[slice, ...], squeezed: tuple[int, ...]) -> Tensor:
    return x[index].squeeze(squeezed) if squeezed else x[index]


def _reduce(
    x: Tensor, function: Callable[..., Tensor], places: tuple[int, ...], squeezed: tuple[int, ...], **settings: object
) -> Tensor:
    y = function(x, places, keepdim=True, **settings)
    return y.squeeze(squeezed) if squeezed else y


def _squeeze_space(x: Tensor, places: tuple[int, ...]) -> Tensor:
    space = [place for place in places if place > TIME]
    if any(x.shape[place] != 1 for place in space):
        raise ValueError(f"squeeze of an axis that is longer than 1: {tuple(x.shape)}, axes {space}")
    return x.squeeze(space)


def _chunk_part(x: Tensor, chunks: int, place: int, i: int) -> Tensor:
    return x.chunk(chunks, place)[i]


def _repeat_each(x: Tensor, place: int, repeats: int) -> Tensor:
    return x.repeat_interleave(repeats, place)
