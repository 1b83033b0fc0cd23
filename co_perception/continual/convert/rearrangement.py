"""Merging, splitting and moving of axes in `convert`: what view, reshape, flatten and unflatten do to a stream.

A plain network may merge time or the batch with other axes, as `x.reshape(B * T, C, H, W)` does. A stream keeps those
apart: `Axes` remembers what the plain tensor has in one. Everything else is done to each frame, as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from co_perception.continual.convert.functional import FunctionLayer, Slot
from co_perception.continual.convert.lengths import Length, Size, divide, product
from co_perception.continual.convert.site import CHANNELS, STREAMS, Axes, Place, UnsupportedError, atoms
from co_perception.continual.convert.tensors import Emitter, TracedTensor
from co_perception.continual.layer import TIME

Piece = tuple[int, int]  # an axis of the stream, and which of the pieces that it is cut into
Groups = Sequence[Sequence[Piece]]  # for each axis of the plain answer the pieces that it is made of


def rearrange(x: Tensor, cuts: Sequence[tuple[int, tuple[int, ...]]], groups: Sequence[Sequence[int]]) -> Tensor:
    """Cut axes of x (the last first), and merge the axes of what that gives by groups; an empty one is an axis of 1."""
    for axis, sizes in cuts:
        x = x.unflatten(axis, sizes)
    x = x.permute([axis for group in groups for axis in group])
    at = x.dim()
    for group in reversed(groups):
        at -= len(group)
        if len(group) > 1:
            x = x.flatten(at, at + len(group) - 1)
        elif not group:
            x = x.unsqueeze(at)
    return x


def regroup(axes: Axes, groups: Groups, cuts: dict[int, tuple[int, ...]] | None = None) -> tuple[FunctionLayer, Axes]:
    """The layer that makes a plain tensor with these axes one of `groups`, and the axes of its answer.

    cuts: sizes of the pieces of axes that are cut into several.
    """
    cuts = cuts or {}
    units: dict[tuple[int, int], tuple[Piece, ...]] = {}  # axes of the answer as a stream has them, by their group
    for number, group in enumerate(groups):
        if _kept_apart(group):
            units |= {(number, i): (piece,) for i, piece in enumerate(group) if piece[0] not in (STREAMS, TIME)}
        else:
            units[number, 0] = tuple(group)
    of_channels = [key for key, unit in units.items() if any(place == CHANNELS for place, _ in unit)]
    channels = of_channels[-1] if of_channels else None
    space = [key for key in units if key != channels]
    every = [(place, i) for place in range(3 + axes.space) for i in range(len(cuts.get(place, (0,))))]
    used = {piece for unit in units.values() for piece in unit} | {(STREAMS, 0), (TIME, 0)}
    left = [piece for piece in every if piece not in used]  # of size 1
    stored = [
        [(STREAMS, 0)],
        [*(units[channels] if channels else ()), *left],
        [(TIME, 0)],
        *(units[key] for key in space),
    ]
    numbers = {piece: number for number, piece in enumerate(every)}
    layer = FunctionLayer(
        rearrange,
        (
            Slot(0),
            tuple((place, cuts[place]) for place in sorted(cuts, reverse=True)),
            tuple(tuple(numbers[piece] for piece in unit) for unit in stored),
        ),
    )
    places = {key: 3 + i for i, key in enumerate(space)} | ({channels: CHANNELS} if channels else {})

    def placed(number: int, group: Sequence[Piece]) -> Place:
        if not _kept_apart(group):
            return places[number, 0]
        merged = tuple(piece[0] if piece[0] in (STREAMS, TIME) else places[number, i] for i, piece in enumerate(group))
        return merged if len(merged) > 1 else merged[0]

    order = tuple(placed(number, group) for number, group in enumerate(groups))
    return layer, replace(axes, order=order, space=len(space))


def _kept_apart(group: Sequence[Piece]) -> bool:
    """Whether a stream has the axes apart that the plain tensor has merged."""
    return any(place in (STREAMS, TIME) for place, _ in group)


def without_time(groups: Sequence[Sequence[Piece]]) -> list[list[Piece]]:
    """The groups of a tensor that has one frame: time is no part of a merged axis."""
    return [[piece for piece in group if piece[0] != TIME or len(group) == 1] for group in groups]


def flattened(axes: Axes, start: int, end: int) -> tuple[FunctionLayer, Axes]:
    """`torch.flatten(x, start, end)` on a plain tensor with these axes."""
    axes.part(start), axes.part(end)  # raise for an axis that it has not
    dims = range(len(axes.order))
    first, last = dims[start], dims[end]
    each = [[(place, 0) for place in atoms(part)] for part in axes.order]
    groups = [*each[:first], [piece for group in each[first : last + 1] for piece in group], *each[last + 1 :]]
    return regroup(axes, without_time(groups) if axes.pooled else groups)


def emit_rearrangement(emitter: Emitter, value: TracedTensor, layer: FunctionLayer, axes: Axes) -> TracedTensor:
    """The answer of `regroup`, or the tensor itself where nothing moves."""
    _, cuts, groups = layer.args
    stays = not cuts and groups == tuple((number,) for number in range(3 + value.axes.space))
    return value.with_axes(axes) if stays else emitter.emit(layer, [value], axes)


def relaid(emitter: Emitter, value: TracedTensor, order: Sequence[Place], space: int) -> TracedTensor:
    """The same plain tensor, its axes stored at the places of `order`."""
    axes = value.axes
    if axes.order == tuple(order) and axes.space == space:
        return value
    origin = {to: at for at, to in zip(axes.every, (each for place in order for each in atoms(place)), strict=True)}
    if origin.get(STREAMS, STREAMS) != STREAMS or origin.get(TIME, TIME) != TIME:
        raise UnsupportedError(f"it needs the batch and time where {axes} has other axes")
    used = set(origin.values()) | {STREAMS, TIME}
    left = tuple(place for place in range(3 + axes.space) if place not in used)  # of size 1
    groups = [(STREAMS,), (*((origin[CHANNELS],) if CHANNELS in origin else ()), *left), (TIME,)]
    groups += [(origin[place],) for place in range(3, 3 + space)]
    layer = FunctionLayer(rearrange, (Slot(0), (), tuple(groups)))
    return emitter.emit(layer, [value], replace(axes, order=tuple(order), space=space))


def laid_out(emitter: Emitter, value: TracedTensor, channels: int) -> TracedTensor:
    """The same plain tensor, its axis `channels` stored as channels of the stream, the others as space in order."""
    axes, places, space = value.axes, [], 0
    wanted = axes.part(channels)
    if isinstance(wanted, tuple) or wanted in (STREAMS, TIME) or wanted == CHANNELS and _in_order(axes):
        return value
    for part in axes.order:
        merged = []
        for each in atoms(part):
            if each in (STREAMS, TIME):
                merged.append(each)
            elif part == wanted:
                merged.append(CHANNELS)
            else:
                merged.append(3 + space)
                space += 1
        places.append(tuple(merged) if isinstance(part, tuple) else merged[0])
    return relaid(emitter, value, places, space)


def laid_last(emitter: Emitter, value: TracedTensor, count: int) -> TracedTensor:
    """The same plain tensor, its last `count` axes stored as the last ones of space, in their order."""
    axes = value.axes
    last = axes.order[-count:]
    if any(isinstance(part, tuple) or part in (STREAMS, TIME) for part in last):
        return value
    others = [place for place in axes.every[: len(axes.every) - count] if place not in (STREAMS, TIME)]
    places = {place: CHANNELS if number == 0 else 2 + number for number, place in enumerate(others)}
    first = 3 + max(len(others) - 1, 0)
    places |= {place: first + number for number, place in enumerate(axes.every[-count:])}
    places |= {STREAMS: STREAMS, TIME: TIME}
    order = [tuple(places[place] for place in part) if isinstance(part, tuple) else places[part] for part in axes.order]
    return relaid(emitter, value, order, first + count - 3)


def _in_order(axes: Axes) -> bool:
    """Whether all axes of space are stored in the order that the plain tensor has."""
    return [place for place in axes.every if place > TIME] == list(range(3, 3 + axes.space))


# A shape by its sizes -------------------------------------------------------------------------------------------------


def reshaped(emitter: Emitter, value: TracedTensor, wanted: Sequence[Size]) -> TracedTensor:
    """`x.reshape(*wanted)`: which axis of the answer is made of which is told by the sizes, the last axis innermost."""
    given = [
        (place, emitter.size_at(value, place)) for part in value.axes.order for place in atoms(part)
    ]  # outermost first
    wanted = _without_unknown([size for _, size in given], wanted)
    matched = _match(given, wanted)
    if matched is None:
        merged = _through_one_axis(emitter, value, wanted)
        if merged is not None:
            return merged
        sizes = tuple(str(size) for _, size in given)
        raise UnsupportedError(
            f"a new shape of {tuple(map(str, wanted))} for a tensor {value.axes} of {sizes} cuts or merges time "
            "otherwise than whole"
        )
    groups, cuts = matched
    single = emitter.single(value)
    axes = value.axes
    if single and [(TIME, 0)] not in groups:
        axes = axes.reduced()
    layer, axes = regroup(axes, without_time(groups) if single else groups, cuts)
    return emit_rearrangement(emitter, value, layer, axes)


def _without_unknown(given: Sequence[Size], wanted: Sequence[Size]) -> list[Size]:
    """The sizes with what -1 stands for."""
    known = [size for size in wanted if isinstance(size, Length) or size != -1]
    if len(known) == len(wanted):
        return list(wanted)
    missing = divide(product(given), product(known))
    if missing is None:
        raise UnsupportedError(
            f"the shape {tuple(map(str, wanted))} does not divide a tensor of {tuple(map(str, given))}"
        )
    return [size if isinstance(size, Length) or size != -1 else missing for size in wanted]


def _match(
    given: Sequence[tuple[int, Size]], wanted: Sequence[Size]
) -> tuple[list[list[Piece]], dict[int, tuple[int, ...]]] | None:
    """For each wanted axis the pieces of given ones that it is made of, and the sizes of pieces; None if it is not."""
    waiting = list(reversed(given))
    sizes: dict[int, list[int]] = {}
    groups: list[list[Piece]] = []

    def take(place: int, size: int) -> Piece:
        sizes.setdefault(place, []).append(size)
        return place, len(sizes[place]) - 1

    for need in wanted:
        group: list[Piece] = []
        if not isinstance(need, Length) and need == 1 and waiting and _is_one(waiting[-1][1]):
            group.append(take(waiting.pop()[0], 1))
        while isinstance(need, Length) or need != 1:
            if not waiting:
                return None
            place, size = waiting.pop()
            if isinstance(size, Length):
                rest = divide(need, size)  # also of a number, that of the frames of the clips it is read for
                if rest is None:
                    return None
                group.append((place, 0))
                need = rest
                continue
            number = need.factor if isinstance(need, Length) else need
            if size == 1:
                continue  # it is left out
            if number % size == 0:
                group.append(take(place, size))
                need = divide(need, size) or 1
            elif number > 1 and size % number == 0:
                group.append(take(place, number))
                waiting.append((place, size // number))
                need = divide(need, number) or 1
            else:
                return None
        groups.append(group)
    if any(not _is_one(size) for _, size in waiting):
        return None
    return groups, {place: tuple(each) for place, each in sizes.items() if len(each) > 1}


def _is_one(size: Size) -> bool:
    return not isinstance(size, Length) and size == 1


def _through_one_axis(emitter: Emitter, value: TracedTensor, wanted: Sequence[Size]) -> TracedTensor | None:
    """A shape whose axes are no pieces of the given ones: neighbors are merged first, and cut after that."""
    sizes = [emitter.size_at(value, place) for part in value.axes.order for place in atoms(part)]
    runs, at = [], 0
    while at < len(sizes):
        end = at
        while end < len(sizes) and not isinstance(sizes[end], Length):
            end += 1
        runs.append(slice(at, max(end, at + 1)))
        at = max(end, at + 1)
    if len(runs) == len(sizes):
        return None
    merged = reshaped(emitter, value, [product(sizes[run]) for run in runs])
    given = [(place, emitter.size_at(merged, place)) for part in merged.axes.order for place in atoms(part)]
    return reshaped(emitter, merged, wanted) if _match(given, wanted) else None
