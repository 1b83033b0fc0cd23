"""Operations over time in `convert` that are no layers of torch: frames that are picked one by one, skipped, summed,
put around a clip, or written into a tensor of zeros, as temporal shifts do it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from co_perception.continual import pool
from co_perception.continual.convert.functional import FunctionLayer, Slot, joined
from co_perception.continual.convert.lengths import Length, Size
from co_perception.continual.convert.site import CHANNELS, STREAMS, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, Filled, TracedTensor
from co_perception.continual.cumulative import CumulativeSum
from co_perception.continual.history import PadFrames
from co_perception.continual.layer import TIME

POOLS = (pool.MaxPool1d, pool.MaxPool2d, pool.MaxPool3d)


def cumulative_sum(emitter: Emitter, value: TracedTensor) -> TracedTensor:
    """`x.cumsum` over time."""
    value.axes.need_frames("a sum of all frames so far")
    return emitter.emit(CumulativeSum(), [value], value.axes)


def every(emitter: Emitter, value: TracedTensor, step: int) -> TracedTensor:
    """x[:, :, ::step]."""
    space = value.axes.space
    if space > 2:
        raise UnsupportedError(f"it skips frames of a tensor with {space} axes of space; two are the most")
    return emitter.emit(POOLS[space]((1,) * (1 + space), stride=(step, *[1] * space)), [value], value.axes)


def with_frames(emitter: Emitter, value: TracedTensor) -> TracedTensor:
    """The tensor itself, with the frames around a clip in it that no convolution has taken.

    It is the same tensor to the forward that is read: what is written into it later is written into these frames, too.
    """
    if value.axes.pads != (0, 0):
        padded = emitter.emit(PadFrames(*value.axes.pads), [value], replace(value.axes, pads=(0, 0)))
        value.node, value.axes = padded.node, padded.axes
    return value


# Frames one by one --------------------------------------------------------------------------------------------------


def frame(emitter: Emitter, value: TracedTensor, number: int) -> TracedTensor:
    """x[:, :, number] of a clip of known length: what is done to it is done to every frame, if it comes to all."""
    axes = value.axes
    axes.need_frames("picking a frame")
    emitter.newest_frame = value.with_axes(replace(axes.without([TIME]), frame=number))
    return emitter.newest_frame


def rejoined(emitter: Emitter, values: Sequence[object], dim: int, stacked: bool) -> TracedTensor | None:
    """The clip whose frames, one after the other, are joined; None where they are others.

    Args:
        emitter: of the network.
        values: what is joined.
        dim: the axis along which.
        stacked: whether that axis is new; otherwise it is one of size 1.
    """
    first = values[0]
    if not all(isinstance(value, TracedTensor) and value.axes.frame is not None for value in values):
        return None
    traced = [value for value in values if isinstance(value, TracedTensor)]
    assert isinstance(first, TracedTensor)
    place = None if stacked else first.axes.place(dim)
    if place is not None and (place in (STREAMS, CHANNELS) or emitter.size_at(first, place) != 1):
        return None
    clip = emitter.clip_frames(first)
    alike = all(
        (each.node, replace(each.axes, frame=0)) == (first.node, replace(first.axes, frame=0)) for each in traced
    )
    if not alike or clip is None or [each.axes.frame for each in traced] != list(range(clip)):
        raise UnsupportedError(
            "it joins frames other than all of a clip in their order, each treated as the others are; a stream has one "
            "way for every frame. What goes on from frame to frame is an nn.RNN, nn.GRU or nn.LSTM"
        )
    first = emitter.of_all_frames(first)
    axes = first.axes
    if place is None:
        at = dim % (len(axes.order) + 1)
        return first.with_axes(replace(axes, order=(*axes.order[:at], TIME, *axes.order[at:])))
    at = axes.order.index(place)
    axes = replace(axes, order=(*axes.order[:at], TIME, *axes.order[at + 1 :]))
    gone = replace(
        axes, order=tuple(p - (p > place) if isinstance(p, int) else p for p in axes.order), space=axes.space - 1
    )
    return emitter.emit(FunctionLayer(torch.squeeze, (Slot(0), place)), [first], gone)


# Parts that are written ---------------------------------------------------------------------------------------------


class Assembly:
    """A tensor of one number into which parts are written, along channels or space.

    Attributes:
        number: what it holds where nothing was written.
        size: of the axis along which parts lie.
        place: of that axis; None while the whole was written.
        parts: (start, stop, part) of those that were written.
    """

    def __init__(self, number: float, size: int, place: int) -> None:
        self.number, self.size, self.place = number, size, place
        self.parts: list[tuple[int, int, TracedTensor]] = []

    def put(self, start: int, stop: int, part: TracedTensor) -> None:
        """Write a part. Raises UnsupportedError where there is one already."""
        if any(start < end and begin < stop for begin, end, _ in self.parts):
            raise UnsupportedError("it writes twice into a part of a tensor; put the parts together with torch.cat")
        self.parts.append((start, stop, part))
        self.parts.sort(key=lambda each: each[0])

    def joined(self, emitter: Emitter) -> TracedTensor:
        """The tensor as it is now."""
        pieces, at, like = list[object](), 0, self.parts[0][2]
        for start, stop, part in [*self.parts, (self.size, self.size, like)]:
            if start > at:
                pieces.append((self.number, start - at))
            if stop > start:
                pieces.append(part)
            at = stop
        return like if len(pieces) == 1 else emitter.emit_call(joined, (self.place, tuple(pieces)), {}, like.axes)


def change(emitter: Emitter, view: TracedTensor, node: int) -> None:
    """Give a tensor another value in place, and with it the tensors that it is a view of."""
    bases, inner = list[tuple[TracedTensor, tuple[object, ...] | None]](), view
    while inner.viewed is not None and not inner.viewed[0].outdated:
        bases.append(inner.viewed)
        inner = inner.viewed[0]
    nodes, changed = [node], TracedTensor(node, view.axes)
    for base, part in bases:
        after = with_frames(emitter, base).apart()
        if part is None:
            after.node = changed.node
        else:
            _change(emitter, after, _full(part, len(base.axes.order)), changed)
        nodes.append(after.node)
        changed = after
    tensors = [view, *(base for base, _ in bases)]
    for each, after_all in zip(tensors, nodes, strict=True):
        each.change(after_all)
    for each in tensors:
        each.shares_memory_of(tensors[-1])


def write(emitter: Emitter, target: object, index: object, part: object) -> None:
    """`target[index] = part`."""
    if not isinstance(target, Filled | TracedTensor):
        raise UnsupportedError("it writes into a weight, so that an answer depends on the frames and calls before")
    dims = len(target.sizes) if isinstance(target, Filled) else len(target.axes.order)
    slices = _full(index if isinstance(index, tuple) else (index,), dims)
    if isinstance(target, Filled) or target.assembly is not None:
        if not isinstance(part, TracedTensor):
            raise UnsupportedError("it writes numbers into a part of a tensor; put the parts together with torch.cat")
        _assemble(emitter, target, slices, part)
        return
    _change(emitter, target, slices, part)


def _full(index: tuple[object, ...], dims: int) -> list[slice | int]:
    if Ellipsis in index:
        at = index.index(Ellipsis)
        index = (*index[:at], *[slice(None)] * (dims - len(index) + 1), *index[at + 1 :])
    index = (*index, *[slice(None)] * (dims - len(index)))
    if not all(isinstance(part, int) or (isinstance(part, slice) and part.step in (None, 1)) for part in index):
        raise UnsupportedError("it writes to other places than slices; put the parts together with torch.cat")
    return list(index)  # type: ignore[arg-type]


def _assemble(emitter: Emitter, target: Filled | TracedTensor, index: list[slice | int], part: TracedTensor) -> None:
    axes = part.axes
    if any(isinstance(each, int) for each in index) or len(axes.order) != len(index):
        raise UnsupportedError("it writes single frames or channels; put them together with torch.stack")
    written = [(dim, each) for dim, each in enumerate(index) if each != slice(None)]
    over_time = [each for dim, each in written if axes.order[dim] == TIME]
    inside = [(dim, each) for dim, each in written if axes.order[dim] != TIME]
    if len(inside) > 1 or any(axes.order[dim] == STREAMS or isinstance(axes.order[dim], tuple) for dim, _ in inside):
        raise UnsupportedError("it writes into a part of several axes; put the parts together with torch.cat")
    for each in over_time:
        length = target.sizes[axes.order.index(TIME)] if isinstance(target, Filled) else emitter.size_at(target, TIME)
        part = _around(emitter, target, each, part, length)
    if isinstance(target, Filled):
        target.own()
        dim = inside[0][0] if inside else next(dim for dim, place in enumerate(axes.order) if place == CHANNELS)
        size = target.sizes[dim]
        assert isinstance(size, int)
        assembly = Assembly(target.number, size, axes.place(dim))
    else:
        assert target.assembly is not None
        assembly = target.assembly
    if inside and axes.place(inside[0][0]) != assembly.place:
        raise UnsupportedError("it writes into parts of different axes; put the parts together with torch.cat")
    start, stop, _ = inside[0][1].indices(assembly.size) if inside else (0, assembly.size, 1)  # type: ignore[union-attr]
    assembly.put(start, stop, part)
    whole = assembly.joined(emitter)
    if isinstance(target, Filled):
        target.become(whole.node, whole.axes)
    else:
        target.change(whole.node)
    target.assembly = assembly  # type: ignore[union-attr]


def _around(
    emitter: Emitter, target: Filled | TracedTensor, frames: slice | int, part: TracedTensor, length: Size
) -> TracedTensor:
    """A part that is written into all frames but some at the ends, with those."""
    assert isinstance(frames, slice)
    number = target.number if isinstance(target, Filled) else target.assembly.number
    stop = frames.stop - length if isinstance(frames.stop, Length) else frames.stop
    before, after = frames.start or 0, -int(stop or 0)
    if before < 0 or after < 0:
        raise UnsupportedError(
            f"it writes the frames {frames.start}:{frames.stop} of a clip; a stream can leave out frames at both ends, "
            "as [:, a:-b] does"
        )
    return emitter.emit(PadFrames(before, after, number), [part], part.axes)


def _change(emitter: Emitter, target: TracedTensor, index: list[slice | int], part: object) -> None:
    """Write into channels or space of every frame."""
    axes = target.axes
    wanted = [slice(None)] * (3 + axes.space)
    for dim, each in enumerate(index):
        place = axes.part(dim)
        if each == slice(None):
            continue
        if not isinstance(place, int) or place in (STREAMS, TIME):
            raise UnsupportedError("it writes into some frames or streams; a stream has one way for all of them")
        wanted[place] = slice(each, each + 1 or None) if isinstance(each, int) else each
    if isinstance(part, TracedTensor):
        single = [axes.place(dim) for dim, each in enumerate(index) if isinstance(each, int)]
        if part.axes.order != axes.without(single).order:
            raise UnsupportedError(f"it writes a tensor {part.axes} into one of {axes}, whose axes do not match")
        layer = FunctionLayer(
            _written, (Slot(0), Slot(1), tuple(wanted), tuple(place for place in single if place > TIME))
        )
        after = emitter.emit(layer, [target, part], axes)
    elif isinstance(part, int | float):
        after = emitter.emit(FunctionLayer(_written, (Slot(0), part, tuple(wanted), ())), [target], axes)
    else:
        raise UnsupportedError("it writes weights into a part of a tensor; put the parts together with torch.cat")
    target.change(after.node)


def _written(x: Tensor, part: Tensor | float, index: Sequence[slice], single: Sequence[int]) -> Tensor:
    """x with x[index] = part, made of parts, since frames are shared; `single`: axes that `part` has not."""
    if isinstance(part, Tensor):
        for place in single:
            part = part.unsqueeze(place)
    return _replaced(x, part, index, 1)


def _replaced(x: Tensor, part: Tensor | float, index: Sequence[slice], axis: int) -> Tensor:
    while axis < x.dim() and index[axis] == slice(None):
        axis += 1
    if axis == x.dim():
        return part.expand_as(x) if isinstance(part, Tensor) else torch.full_like(x, part)
    start, stop, _ = index[axis].indices(x.shape[axis])
    inner = _replaced(x.narrow(axis, start, stop - start), part, index, axis + 1)
    pieces = [x.narrow(axis, 0, start), inner, x.narrow(axis, stop, x.shape[axis] - stop)]
    return torch.cat([piece for piece in pieces if piece.shape[axis]], axis)
