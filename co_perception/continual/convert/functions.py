"""Continual forms of torch's functions and tensor methods in `convert`.

Functions on single elements, channels and space stay what they are. Those on time become layers. Those that only move
axes become nothing: `Axes` remembers where they went. `FUNCTIONS` has one entry per name of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from torch import Tensor

from co_perception.continual.convert.constants import number_beside
from co_perception.continual.convert.functional import FunctionLayer, Slot, mapped, parts
from co_perception.continual.convert.gates import gates_of
from co_perception.continual.convert.rearrangement import relaid
from co_perception.continual.convert.site import STREAMS, Axes, UnsupportedError, joint
from co_perception.continual.convert.tensors import Emitter, Filled, TracedTensor
from co_perception.continual.layer import TIME

Dims = int | Sequence[int] | None


FUNCTIONS: dict[str, Callable[..., object]] = {}
H = TypeVar("H", bound=Callable[..., object])


def handles(*names: str) -> Callable[[H], H]:
    """Decorator: the function converts calls of torch's functions and methods of these names."""

    def register(function: H) -> H:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return register


def elementwise(
    emitter: Emitter, function: Callable[..., Tensor], args: Sequence[object], kwargs: Mapping[str, object]
) -> TracedTensor:
    """A function of single elements, of tensors that are laid out alike and of weights and numbers."""
    values = [part for part in parts((args, kwargs)) if isinstance(part, TracedTensor)]
    gated = dict(zip(map(id, values), gates_of(emitter, values), strict=True))
    args, kwargs = mapped((tuple(args), dict(kwargs)), lambda part: gated.get(id(part), part))
    values = list(gated.values())
    first = max(values, key=lambda value: (len(value.axes.order), STREAMS in value.axes.every))
    known: dict[int, TracedTensor] = {}

    def alike(part: object) -> object:
        if isinstance(part, Filled):
            return number_beside(emitter, part, first)
        if not isinstance(part, TracedTensor):
            return part
        original, part = part, for_all_streams(emitter, part, first.axes)
        for _ in range(len(first.axes.order) - len(part.axes.order)):
            raise UnsupportedError(
                f"it combines tensors {first.axes} and {part.axes}, whose axes do not match one to one"
            )
        known[id(original)] = relaid(emitter, part, first.axes.order, first.axes.space)
        return known[id(original)]

    args, kwargs = mapped((args, kwargs), alike)
    masks = MASKS.get(getattr(function, "__name__", "").strip("_"))
    if masks is not None:
        function, args = _masked, (function, masks, *args)
    return emitter.emit_call(function, args, kwargs, joint([known[id(value)].axes for value in values]))


MASKS: Mapping[str, tuple[int, ...]] = {
    "where": (0,), "masked_fill": (1,), "bitwise_and": (0, 1), "and": (0, 1), "bitwise_or": (0, 1), "or": (0, 1),
    "bitwise_not": (0,), "invert": (0,),
}  # fmt: skip
"""Which arguments of an operation are masks."""


def _masked(function: Callable[..., Tensor], masks: Sequence[int], *args: object, **kwargs: object) -> Tensor:
    """The function of masks that may have waited among numbers, as ones and zeros."""
    given = [part.bool() if i in masks and isinstance(part, Tensor) else part for i, part in enumerate(args)]
    return function(*given, **kwargs)


def for_all_streams(emitter: Emitter, value: TracedTensor, axes: Axes) -> TracedTensor:
    """A tensor that is the same for all streams, with their axis where a tensor with these axes has it."""
    if STREAMS in value.axes.every:
        return value
    for _ in range(len(axes.order) - len(value.axes.order)):
        value = cast(TracedTensor, FUNCTIONS["unsqueeze"](emitter, value, 0))
    pairs = zip(value.axes.order, axes.order, strict=True)
    return value.with_axes(replace(value.axes, order=tuple(STREAMS if to == STREAMS else own for own, to in pairs)))


def inside(axes: Axes, dim: int, reason: str) -> int:
    """The place of an axis of channels or space. Raises UnsupportedError for time and the batch."""
    place = axes.place(dim)
    if place in (STREAMS, TIME):
        raise UnsupportedError(f"{reason}; streams have to stay apart, and a clip has no end")
    return place


def along(
    function: Callable[..., Tensor], emitter: Emitter, value: TracedTensor, dim: int, *settings: object
) -> TracedTensor:
    """A function along one axis of channels or space, which stays."""
    place = inside(value.axes, dim, "it goes along time or the batch")
    return emitter.emit(FunctionLayer(function, (Slot(0), place, *settings)), [value], value.axes)
