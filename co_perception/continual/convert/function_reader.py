"""Functions of torch within a forward that is read, in `convert`: what they become, and what they answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.convert import constants
from co_perception.continual.convert.frames import change, with_frames
from co_perception.continual.convert.functional import mapped, parts
from co_perception.continual.convert.functions import elementwise
from co_perception.continual.convert.layers import LayerBuilder
from co_perception.continual.convert.lengths import RECYCLING, Length, whole_number
from co_perception.continual.convert.operations import (
    AS_MODULE,
    ELEMENTWISE,
    HANDLERS,
    IN_PLACE,
    LISTS,
    MOVED_IN_PLACE,
    NUMPY_NAMES,
    OF_STATES,
    OF_WEIGHTS,
    PADDING_FIRST,
    SAME,
    VIEWS,
)
from co_perception.continual.convert.properties import ATTRIBUTES, QUESTIONS, is_setter
from co_perception.continual.convert.recurrences import stands_alone, with_states
from co_perception.continual.convert.site import Site, UnsupportedError
from co_perception.continual.convert.tensors import Absent, Filled, FinalState, StandIn, TracedTensor

OF_LENGTHS = (
    "it computes with the length of an axis, which a stream does not have. If it cuts a table, such as one of "
    f"positions, to the clip's length: {RECYCLING}"
)


class FunctionReader(LayerBuilder):
    """A `LayerBuilder` for functions.

    Attributes:
        log: what was read, to compare two runs of a forward.
        recurrent: whether zeros that the first frame of a clip meets may be a state that goes from frame to frame.
    """

    def __init__(self, module: nn.Module, site: Site, recurrent: bool = False) -> None:
        super().__init__(module, site)
        self.recurrent = recurrent
        self.log: list[tuple[object, ...]] = []

    def question_answer(
        self,
        attribute: str | None,
        name: str,
        function: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> object:
        value = args[0] if args else None
        if isinstance(value, Filled):
            return constants.asked(value, attribute or name, args[1:], kwargs)
        if isinstance(value, FinalState):
            value = value.of_layer(-1)
        if not isinstance(value, TracedTensor):
            return self.operation_answer(name, function, tuple(args), dict(kwargs))
        if attribute is not None:
            if attribute not in ATTRIBUTES:
                raise UnsupportedError(f"{attribute} of a tensor is not known here")
            return ATTRIBUTES[attribute](self, value)
        if name in QUESTIONS and not (name in ("int", "float", "bool") and not function.__name__.startswith("__")):
            return QUESTIONS[name](self, *args, **kwargs)
        self.log.append((name, *logged(name, args, kwargs)))
        return self.operation_answer(name, function, tuple(args), dict(kwargs))

    def operation_answer(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        if is_setter(function):
            raise UnsupportedError("it sets an attribute of a tensor", None, True)
        args, kwargs = mapped(args, whole_number), mapped(kwargs, whole_number)
        if self.recurrent and name not in IN_PLACE and name != "setitem" and not name.endswith("_"):
            alone = name in OF_WEIGHTS and stands_alone(args, kwargs)
            args, kwargs = with_states(self, args, kwargs, alone)
        if isinstance(args[0] if args else None, Filled):
            answer = constants.computed(args[0], name, function, args, kwargs)
            if answer is not None:
                return answer
        if name in IN_PLACE:
            return self._in_place(name, IN_PLACE[name], args, kwargs)
        if name in MOVED_IN_PLACE and isinstance(args[0], TracedTensor):
            moved = self._apply(name[:-1], getattr(Tensor, name[:-1]), args, kwargs)
            if isinstance(moved, TracedTensor):
                args[0].node, args[0].axes = moved.node, moved.axes
            return args[0]
        args, kwargs, flag = without_inplace(function, args, kwargs)
        if flag or (name.endswith("_") and name[:-1] in ELEMENTWISE):
            plain = name.rstrip("_")
            function = next(getattr(place, plain) for place in (F, torch, Tensor) if hasattr(place, plain))
            return self._in_place(plain, function, args, kwargs)
        return self._apply(name, function, args, kwargs)

    def _in_place(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        answer = self._apply(name, function, args, kwargs)
        target = args[0] if args else kwargs.get("input")
        if not isinstance(target, TracedTensor):
            raise UnsupportedError("it changes in place what does not depend on the input")
        if isinstance(answer, TracedTensor):
            if answer.axes.order != target.axes.order:
                raise UnsupportedError("it changes a tensor in place to one of other axes")
            target.axes = replace(answer.axes, unsure=target.axes.unsure or answer.axes.unsure)
            change(self, target, answer.node)
        return target

    def _apply(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        answer = self._applied(name, function, args, kwargs)
        if name in VIEWS and args and isinstance(args[0], TracedTensor):
            for part in parts(answer):
                if isinstance(part, TracedTensor) and part is not args[0]:
                    part.shares_memory_of(args[0])
                    part.viewed = _viewed(part, name, args)
        return answer

    def _applied(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        first = args[0] if args else None
        if any(isinstance(part, FinalState) for part in parts((args, kwargs))) and name not in OF_STATES:
            return Absent(FinalState.other)
        if name in SAME or name == "clone":
            return first.apart() if isinstance(first, TracedTensor) else first
        if name in ("to", "type"):
            return self._to(function, args, kwargs)
        if any(isinstance(part, Length) for part in parts((args, kwargs))) and not _has_traced(args, kwargs):
            return self._weights_of_lengths(name, function, args, kwargs)
        if name not in PADDING_FIRST:
            args, kwargs = mapped(
                (args, kwargs), lambda part: with_frames(self, part) if isinstance(part, TracedTensor) else part
            )
        if name in ELEMENTWISE:
            return elementwise(self, function, args, kwargs)
        if name in AS_MODULE:
            return self.as_module(AS_MODULE[name], args, kwargs)
        handler = HANDLERS.get(name)
        if handler is None:
            raise UnsupportedError(
                "no continual form of it is known. Make it a module and register a converter for it", always=True
            )
        args, kwargs = in_order(name, args, kwargs)
        try:
            inspect.signature(handler).bind(self, *args, **kwargs)
        except TypeError as error:
            raise UnsupportedError(f"its arguments are not understood: {error}") from error
        return handler(self, *args, **kwargs)

    def _to(self, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """`x.to(...)`: a device or another tensor's type is the network's own; a precision is a function."""
        value = args[0]
        wanted = [part for part in parts((args[1:], kwargs)) if isinstance(part, torch.dtype)]
        if not isinstance(value, TracedTensor):  # a weight that takes after the input
            return (
                value
                if value.is_floating_point()
                else self.weights.compute("to", Tensor.to, (value, self.like.dtype), {})
            )
        if not wanted or wanted[0] == self.like.dtype:
            return value.apart()
        return self.emit_call(Tensor.to, (value, wanted[0]), {}, value.axes)

    def _weights_of_lengths(
        self, name: str, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        """A weight repeated for each stream or frame is the weight itself, which meets each of them anyway.

        Where the network is read for clips of one length, frames have a number that a weight can be cut by.
        """
        weight = args[0] if args else None
        sizes = args[1:] if len(args) != 2 or not isinstance(args[1], tuple | list) else args[1]
        if name in ("new_zeros", "new_ones", "new_full", "new_empty"):
            return constants.MADE[name](self, *args, **kwargs)
        if name in ("expand", "repeat", "broadcast_to", "tile") and isinstance(weight, Tensor):
            own = (*[1] * (len(sizes) - weight.dim()), *weight.shape)
            if all(not isinstance(size, Length) or mine == 1 for mine, size in zip(own, sizes, strict=True)):
                return self.weights.compute(
                    name, function, (weight, [1 if isinstance(s, Length) else s for s in sizes]), {}
                )
        lengths = [part for part in sizes if isinstance(part, Length)]
        of_all = name in ("view", "reshape") and isinstance(weight, Tensor) and weight.shape[:1] == (1,)
        if of_all and len(lengths) == 1 and sizes[0] is lengths[0] and lengths[0].streams:
            return self.weights.compute(name, function, (weight, [1, *sizes[1:]]), {})  # one entry for all streams
        if all(part.value is not None for part in parts((args, kwargs)) if isinstance(part, Length)):
            args, kwargs = mapped((args, kwargs), lambda part: int(part) if isinstance(part, Length) else part)
            return self.weights.compute(name, function, args, kwargs)
        raise UnsupportedError(OF_LENGTHS)


def in_order(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments under torch's own names for them, and lists of sizes without a name."""
    kwargs = {NUMPY_NAMES.get(key, key): value for key, value in kwargs.items() if key != "out" or value is not None}
    if "input" in kwargs and not args:
        args = (kwargs.pop("input"),)
    if name in LISTS and LISTS[name] in kwargs:
        args = (*args, kwargs.pop(LISTS[name]))
    return args, kwargs


def without_inplace(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any], bool]:
    """Arguments of a function without its flag to work in place, and that flag."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    if "inplace" not in names:
        return args, kwargs, False
    at = names.index("inplace")
    flag = bool(kwargs.get("inplace", args[at] if len(args) > at else False))
    return args[:at], {key: value for key, value in kwargs.items() if key != "inplace"}, flag


def _viewed(
    view: TracedTensor, name: str, args: tuple[Any, ...]
) -> tuple[TracedTensor, tuple[object, ...] | None] | None:
    """What a view is of, where that can follow what is written into the view."""
    base = args[0]
    if view.node == base.node and sorted(map(str, view.axes.order)) == sorted(map(str, base.axes.order)):
        return base, None
    index = args[1] if name == "getitem" and isinstance(args[1], tuple) else args[1:2]
    if name != "getitem" or not all(isinstance(part, slice | int) or part is Ellipsis for part in index):
        return None
    inside = [part for part in index if part not in (slice(None), Ellipsis)]
    return (
        (base, tuple(index)) if all(not isinstance(part, slice) or part.step in (None, 1) for part in inside) else None
    )


def _has_traced(args: object, kwargs: object) -> bool:
    return any(isinstance(part, TracedTensor | FinalState) for part in parts((args, kwargs)))


def logged(name: str, args: object, kwargs: object) -> tuple[str, ...]:
    """What an operation is given; whether dropout is active is a mode, which a stream follows."""
    given = parts((args, kwargs))[:1] if "drop" in name else parts((args, kwargs))
    return tuple(
        f"value {part.node}" if isinstance(part, TracedTensor)
        else f"weight {tuple(part.shape)}" if isinstance(part, Tensor) and not isinstance(part, StandIn)
        else type(part).__name__ if isinstance(part, StandIn | nn.Module) or callable(part)
        else str(part)
        for part in given
    )  # fmt: skip
