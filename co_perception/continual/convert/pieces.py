"""Cutting, picking and joining of tensors in `convert`: indices, split, chunk, cat and stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from co_perception.continual.convert.frames import every, frame, rejoined, with_frames, write
from co_perception.continual.convert.functional import FunctionLayer, Slot, joined
from co_perception.continual.convert.functions import handles, inside
from co_perception.continual.convert.lengths import RECYCLING, Length, Size
from co_perception.continual.convert.rearrangement import relaid
from co_perception.continual.convert.shapes import unsqueeze
from co_perception.continual.convert.site import STREAMS, Axes, UnsupportedError, joint, user_line
from co_perception.continual.convert.space import AT_MOST_ONE
from co_perception.continual.convert.tensors import Absent, Emitter, Filled, FinalState, StandIn, TracedTensor
from co_perception.continual.history import Crop
from co_perception.continual.layer import TIME

# Parts --------------------------------------------------------------------------------------------------------------


@handles("getitem")
def getitem(emitter: Emitter, value: object, index: object) -> object:
    if isinstance(value, FinalState):
        return value.of_layer(index)
    if not isinstance(value, TracedTensor):
        raise UnsupportedError("it indexes a weight by the input; make it a module and register a converter for it")
    return _slice(emitter, value, index if isinstance(index, tuple) else (index,))


def _slice(emitter: Emitter, value: Any, index: tuple[object, ...]) -> Any:
    at, dim = [i for i, part in enumerate(index) if part is Ellipsis], 0
    if at:
        named = sum(part is not None and part is not Ellipsis for part in index)
        middle = (slice(None),) * (len(value.axes.order) - named)
        index = (*index[: at[0]], *middle, *index[at[0] + 1 :])
    for part in index:
        if isinstance(value, Absent):
            return value
        if part is None:
            value = unsqueeze(emitter, value, dim)
            dim += 1
        elif isinstance(part, slice):
            value = between(emitter, value, dim, part)
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
    clip = emitter.clip_frames(value)
    if index == -1 or emitter.single(value):
        return value.with_axes(value.axes.without([TIME]).reduced())
    if clip is not None and -clip <= index < clip:
        return frame(emitter, value, index % clip)
    raise UnsupportedError(
        f"it picks frame {index} of a clip; in a stream only the newest, -1, keeps its meaning. With a clip as "
        "example, a loop over its frames can be read"
    )


@handles("narrow")
def narrow(emitter: Emitter, value: TracedTensor, dim: int, start: Size, length: Size) -> TracedTensor:
    return between(emitter, value, dim, slice(start, start + length))


def between(emitter: Emitter, value: TracedTensor, dim: int, part: slice) -> Any:
    """x[..., part, ...]; `Absent` for frames that are counted from a clip's end."""
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


def _frames_of(emitter: Emitter, value: TracedTensor, part: slice) -> TracedTensor | Absent:
    """x[:, :, part]: all frames but some at both ends."""
    if isinstance(part.step, int) and part.step > 1:
        cut = _frames_of(emitter, value, slice(part.start, part.stop))
        return every(emitter, cut, part.step) if isinstance(cut, TracedTensor) else cut
    if part.start == -1 and part.stop is None:  # the last one, in an axis of its own
        return value.with_axes(value.axes.reduced())
    if isinstance(part.start, int) and part.start < 0 and part.stop is None:  # what some keep for the next clip
        return Absent(
            f"{user_line()}: it takes the last {-part.start} frames of a clip, and a stream has the newest alone, "
            "x[:, :, -1]"
        )
    length, clip = emitter.size_at(value, TIME), emitter.clip_frames(value)
    if clip is not None and isinstance(part.stop, int) and part.stop > 0:
        part = slice(part.start, min(part.stop - int(length), 0) or None, part.step)
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
    if not isinstance(value, TracedTensor):
        raise UnsupportedError(
            "it picks from a table by numbers that the input gives. If these count frames up to the length of an axis, "
            f"a stream has more than any table: {RECYCLING}"
        )
    place = inside(value.axes, dim, "it picks frames or streams by their numbers")
    index = index.nonzero().flatten() if index.dtype == torch.bool else index
    return emitter.emit(FunctionLayer(torch.index_select, (Slot(0), place, emitter.weight(index))), [value], value.axes)


@handles("setitem")
def setitem(emitter: Emitter, value: object, index: object, part: object) -> None:
    viewed = part.viewed if isinstance(part, TracedTensor) and not part.outdated else None
    if viewed is not None and viewed[0] is value and viewed[1] == (index if isinstance(index, tuple) else (index,)):
        return  # x[:, 1:] += 1 changes the view, and then writes it where it is already
    write(emitter, value, index, part)


@handles("tensor_split")
def tensor_split(emitter: Emitter, value: TracedTensor, sections: object, dim: int = 0) -> tuple[TracedTensor, ...]:
    size = emitter.size_at(value, inside(value.axes, dim, "it cuts time or the batch into parts"))
    if not isinstance(sections, int) or not isinstance(size, int) or size % sections:
        raise UnsupportedError("it cuts an axis into parts of several sizes; use split, which names them")
    return chunk(emitter, value, sections, dim)


@handles("chunk")
def chunk(emitter: Emitter, value: TracedTensor, chunks: int, dim: int = 0) -> tuple[TracedTensor, ...]:
    place = inside(value.axes, dim, "it cuts time or the batch into parts")
    parts = [FunctionLayer(_chunk_part, (Slot(0), chunks, place, i)) for i in range(chunks)]
    return tuple(emitter.emit(part, [value], value.axes) for part in parts)


@handles("split", "split_with_sizes")
def split(emitter: Emitter, value: TracedTensor, split_size: object, dim: int = 0) -> tuple[TracedTensor, ...]:
    of_clip = value.axes.part(dim) == TIME and emitter.clip_frames(value) is not None
    place = TIME if of_clip else inside(value.axes, dim, "it cuts time or the batch into parts")
    if isinstance(split_size, int):
        size = int(emitter.size_at(value, place))
        starts = range(0, size, split_size)
        return tuple(between(emitter, value, dim, slice(start, start + split_size)) for start in starts)
    if not isinstance(split_size, tuple | list) or not all(isinstance(size, int) for size in split_size):
        raise UnsupportedError("its sizes are no numbers; write them as such, or use chunk")
    ends = [sum(split_size[: i + 1]) for i in range(len(split_size))]
    pairs = zip(split_size, ends, strict=True)
    return tuple(between(emitter, value, dim, slice(end - size, end)) for size, end in pairs)


@handles("unbind", "iter")
def unbind(emitter: Emitter, value: TracedTensor, dim: int = 0) -> tuple[TracedTensor, ...]:
    clip = emitter.clip_frames(value)
    if value.axes.place(dim) == TIME and clip is not None:
        return tuple(frame(emitter, value, number) for number in range(clip))
    place = inside(value.axes, dim, "it goes through frames or streams one by one")
    size = emitter.size_at(value, place)
    assert isinstance(size, int)
    return tuple(select(emitter, value, dim, i) for i in range(size))


ONE_ROW = (
    "it puts something beside the frames of a clip that are merged into one row with other axes, such as a class token "
    "beside the patches of all frames: attention over the whole clip, in which every frame's answer changes with each "
    "that comes. Let attention look within frames, and join these with a recurrent layer, a temporal convolution or "
    "one nn.TransformerEncoder"
)


@handles("index_add", "index_add_", "index_copy", "index_copy_", "scatter", "scatter_", "scatter_add", "scatter_add_")
def _scattered(emitter: Emitter, *_: object, **__: object) -> TracedTensor:
    raise UnsupportedError(
        "it writes to places that it numbers. Where these are frames, as in the overlap and add of windows, it gives "
        f"more frames than it takes, and {AT_MOST_ONE}",
        always=True,
    )


# Joining ------------------------------------------------------------------------------------------------------------


@handles("cat", "concat", "concatenate")
def cat(emitter: Emitter, tensors: Sequence[object], dim: int = 0, axis: int | None = None) -> TracedTensor:
    dim = dim if axis is None else axis
    values = [value for value in tensors if isinstance(value, TracedTensor)]
    if not values:
        raise UnsupportedError("it joins parts that do not depend on the input alone")
    joined = rejoined(emitter, tensors, dim, stacked=False)
    if joined is not None:
        return joined
    part = values[0].axes.part(dim)
    if isinstance(part, tuple) and TIME in part and STREAMS not in part:
        raise UnsupportedError(ONE_ROW, always=True)
    place = values[0].axes.place(dim)
    if place == TIME and len(values) == 1:
        return _padded(emitter, tensors, values[0])
    values = [with_frames(emitter, value) for value in values]
    if len(values) == len(tensors):
        tensors = values
    if len(values) < len(tensors):
        return _beside(emitter, tensors, dim)
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


def _beside(emitter: Emitter, tensors: Sequence[object], dim: int) -> TracedTensor:
    """Channels or space of every frame beside weights and numbers, as the patches of a picture and a class token."""
    like = next(value for value in tensors if isinstance(value, TracedTensor))
    order, space = like.axes.order, like.axes.space
    if like.axes.part(dim) in (STREAMS, TIME):
        what = "frames" if like.axes.part(dim) == TIME else "streams"
        raise UnsupportedError(
            f"it puts {what} that do not come from the input before or after those of a clip. Where they are a class "
            "token that attends to all frames, a stream has no end at which to answer; pool the frames instead"
        )
    place = like.axes.place(dim)
    given, values = list[object](), list[TracedTensor]()
    for each in tensors:
        if isinstance(each, TracedTensor):
            values.append(relaid(emitter, with_frames(emitter, each), order, space))
            given.append(values[-1])
        elif isinstance(each, Filled) and len(each.sizes) == len(order):
            if not isinstance(each.sizes[dim], int):
                raise UnsupportedError("it puts as many numbers beside the input as a clip has frames")
            given.append((each.number, each.sizes[dim]))
        elif isinstance(each, Tensor) and not isinstance(each, StandIn):
            given.append((each,))
        else:
            raise UnsupportedError(f"it joins a tensor {like.axes} and a {type(each).__name__} that has other axes")
    axes = joint([value.axes for value in values])
    return emitter.emit_call(joined, (place, tuple(given)), {}, axes)


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
    joined = rejoined(emitter, tensors, dim, stacked=True)
    if joined is not None:
        return joined
    order, space = tensors[0].axes.order, tensors[0].axes.space
    alike = [relaid(emitter, value, order, space) for value in tensors]
    at = dim % (len(order) + 1)
    return cat(emitter, [unsqueeze(emitter, value, at) for value in alike], at)


def _pick(x: Tensor, index: tuple[slice, ...], squeezed: tuple[int, ...]) -> Tensor:
    return x[index].squeeze(squeezed) if squeezed else x[index]


def _chunk_part(x: Tensor, chunks: int, place: int, i: int) -> Tensor:
    size = -(-x.shape[place] // chunks)
    return x.narrow(place, i * size, min(size, x.shape[place] - i * size))
