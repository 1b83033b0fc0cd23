"""Layers that apply a function or a module of torch to every frame alone, as they occur between a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.convert.site import CHANNELS
from co_perception.continual.framewise import EachFrame, ModuleView
from co_perception.continual.layer import TIME, Branched, share_registration

T = TypeVar("T")


@dataclass(frozen=True)
class Slot:
    """Placeholder for the i-th input of a `FunctionLayer` among its arguments."""

    i: int


@dataclass(frozen=True)
class Attribute:
    """A parameter or buffer of `owner`."""

    owner: nn.Module
    name: str

    def tensor(self) -> Tensor:
        return getattr(self.owner, self.name)


@dataclass(frozen=True)
class Computation:
    """What a function makes of weights alone, computed anew at every use: they may be trained or loaded meanwhile."""

    function: Callable[..., Tensor]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]

    def tensor(self) -> Tensor:
        args = (_fill(value, ()) for value in self.args)
        return self.function(*args, **{name: _fill(value, ()) for name, value in self.kwargs.items()})


@dataclass(frozen=True)
class Weight:
    """Placeholder for weights, their axes moved to where those of the stream are."""

    source: Attribute | Computation
    order: tuple[int, ...] = ()  # for each axis of the weight, its place in (B, C, T, *space); () leaves them there
    axes: int = 0  # of the stream

    def tensor(self) -> Tensor:
        weight = self.source.tensor()
        if not self.order:
            return weight
        weight = weight.permute([self.order.index(place) for place in sorted(self.order)])
        shape = iter(weight.shape)
        return weight.reshape([next(shape) if place in self.order else 1 for place in range(self.axes)])


class FunctionLayer(EachFrame):
    """Applies function(*args, **kwargs), with a `Slot` for each input (x is a tuple where there are several)."""

    def __init__(
        self, function: Callable[..., Tensor], args: tuple[object, ...], kwargs: Mapping[str, object] | None = None
    ) -> None:
        super().__init__()
        self._function, self._args, self._kwargs = function, args, dict(kwargs or {})

    @property
    def args(self) -> tuple[object, ...]:
        """The arguments of the function, with slots for its inputs."""
        return self._args

    @property
    def key(self) -> tuple[object, ...]:
        """The same for layers that do the same."""
        return (self._function, self._args, tuple(self._kwargs.items()))

    def extra_repr(self) -> str:
        return getattr(self._function, "__name__", str(self._function))

    def clip(self, x: Branched) -> Tensor:
        values = x if isinstance(x, tuple) else (x,)
        args = (_fill(value, values) for value in self._args)
        return self._function(*args, **{name: _fill(value, values) for name, value in self._kwargs.items()})

    def frame_out(self, shape: Branched) -> tuple[int, ...]:
        shapes = shape if isinstance(shape[0], tuple) else (shape,)
        weights = [value.tensor() for value in parts(self._args) if isinstance(value, Weight)]
        like = weights[0] if weights else torch.empty(0)
        y = self.clip(tuple(like.new_empty(0, each[0], 1, *each[1:]) for each in shapes))
        return (y.shape[1], *y.shape[TIME + 1 :])


class FramewiseModule(ModuleView):
    """A module applied as it is, whose parameters and children are this layer's, under their own names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        share_registration(self, module)
        self.train(module.training)

    def train(self, mode: bool = True) -> FramewiseModule:
        self._viewed[0].train(mode)
        super().train(mode)
        return self

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        y = self.clip(next(self.parameters(), torch.empty(0)).new_empty(0, shape[0], 1, *shape[1:]))
        return (y.shape[1], *y.shape[TIME + 1 :])


class ChannelsLast(FramewiseModule):
    """A module that works on the last axis, applied to the channels."""

    def clip(self, x: Tensor) -> Tensor:
        return super().clip(x.movedim(CHANNELS, -1)).movedim(-1, CHANNELS)


def joined(place: int, given: Sequence[Tensor | tuple[Any, ...]]) -> Tensor:
    """Tensors (B, C, T, *space) one after the other along an axis, with what is the same for all frames between them.

    The latter is added to zeros, so that no constant has as many streams as a tensor: exporters leave those open.

    given: tensors, and in tuples (weight,), or (number, size) for one number.
    """
    like = next(each for each in given if isinstance(each, Tensor))
    kind: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
    pieces, constants, before = list[Tensor](), list[Tensor](), 0

    def constant(number: Tensor | float, size: int) -> Tensor:
        sizes = [1, *like.shape[1:]]
        sizes[place], sizes[TIME] = size, 1
        return number.expand(sizes) if isinstance(number, Tensor) else torch.full(sizes, number, **kind)

    def padded(x: Tensor, before: int, after: int) -> Tensor:
        return F.pad(x, [0, 0] * (x.dim() - 1 - place) + [before, after]) if before or after else x

    for each in given:
        if isinstance(each, Tensor):
            pieces.append(padded(each, before, 0))
            constants.append(constant(0.0, each.shape[place]))
            before = 0
        else:
            number, size = each if len(each) == 2 else (each[0], each[0].shape[place])
            constants.append(constant(number, size))
            before += size
    pieces[-1] = padded(pieces[-1], 0, before)
    together = pieces[0] if len(pieces) == 1 else torch.cat(pieces, place)
    return together + torch.cat(constants, place)


def _fill(argument: object, values: tuple[Tensor, ...]) -> object:
    if isinstance(argument, Slot):
        return values[argument.i]
    if isinstance(argument, Weight):
        return argument.tensor()
    if isinstance(argument, tuple | list):
        return tuple(_fill(part, values) for part in argument)
    if isinstance(argument, dict):
        return {name: _fill(part, values) for name, part in argument.items()}
    return argument


def parts(argument: object) -> list[object]:
    """The arguments of an operation one by one, out of tuples, lists, dicts and slices."""
    if isinstance(argument, dict):
        argument = tuple(argument.values())
    if isinstance(argument, slice):
        argument = (argument.start, argument.stop, argument.step)
    if isinstance(argument, tuple | list):
        return [part for each in argument for part in parts(each)]
    return [argument]


def mapped(argument: T, function: Callable[[object], object]) -> T:
    """The arguments of an operation with `function` applied to each, in tuples, lists, dicts and slices."""
    if isinstance(argument, dict):
        return {key: mapped(value, function) for key, value in argument.items()}  # type: ignore[return-value]
    if isinstance(argument, slice):
        ends = (mapped(end, function) for end in (argument.start, argument.stop, argument.step))
        return slice(*ends)  # type: ignore[return-value]
    if isinstance(argument, tuple | list):
        each = [mapped(part, function) for part in argument]
        return each if isinstance(argument, list) else tuple(each)  # type: ignore[return-value]
    return function(argument)  # type: ignore[return-value]
