"""Functions of torch as layers that treat every frame alone: what stands in a network between its modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.continual.axes import CHANNELS, STREAMS, Axes, Refused
from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME


@dataclass(frozen=True)
class Slot:
    """Stands for the i-th input of a `Call` among its arguments."""

    i: int


@dataclass(frozen=True)
class Weight:
    """Stands for a parameter or buffer of `owner`, its axes moved to where those of the stream are.

    order: for each axis of the weight, its place in (B, C, T, *space); axes: how many those are.
    """

    owner: nn.Module
    name: str
    order: tuple[int, ...] = ()
    axes: int = 0

    def tensor(self) -> Tensor:
        weight = getattr(self.owner, self.name)
        if not self.order:
            return weight
        weight = weight.permute([self.order.index(place) for place in sorted(self.order)])
        shape = iter(weight.shape)
        return weight.reshape([next(shape) if place in self.order else 1 for place in range(self.axes)])


class Call(EachFrame):
    """function(*args, **kwargs), `Slot`s among them replaced by the inputs (a tuple where there are several)."""

    def __init__(
        self, function: Callable[..., Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self._function, self._args, self._kwargs = function, args, dict(kwargs or {})

    def extra_repr(self) -> str:
        return getattr(self._function, "__name__", str(self._function))

    def clip(self, x: Any) -> Tensor:
        values = x if isinstance(x, tuple) else (x,)
        filled = {name: _fill(value, values) for name, value in self._kwargs.items()}
        return self._function(*_fill(self._args, values), **filled)

    def frame_out(self, shape: Any) -> tuple[int, ...]:
        shapes = shape if isinstance(shape[0], tuple) else (shape,)
        like = self._like()
        y = self.clip(tuple(like.new_empty(0, each[0], 1, *each[1:]) for each in shapes))
        return (y.shape[1], *y.shape[TIME + 1 :])

    def _like(self) -> Tensor:
        weights = [value.tensor() for value in self._args if isinstance(value, Weight)]
        return weights[0] if weights else torch.empty(0)


class Frames(EachFrame):
    """A module applied as it is, under its own parameter names."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        # The very dictionaries, so that the module moves and changes mode as this layer does.
        for place in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            self.__dict__[place] = module.__dict__[place]
        self.__dict__["module"] = module
        self.train(module.training)

    def train(self, mode: bool = True) -> Frames:
        self.__dict__["module"].train(mode)
        return super().train(mode)

    def clip(self, x: Tensor) -> Tensor:
        return self.__dict__["module"](x)

    def frame_out(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        y = self.clip(next(self.parameters(), torch.empty(0)).new_empty(0, shape[0], 1, *shape[1:]))
        return (y.shape[1], *y.shape[TIME + 1 :])


def fold_axes(axes: Axes, start: int, end: int) -> tuple[Call, Axes]:
    """`torch.flatten(x, start, end)` on a plain tensor with these axes."""
    dims = range(len(axes.order))
    first, last = dims[start], dims[end]
    folded = [place for place in axes.order[first : last + 1] if place != TIME]
    if TIME in axes.order[first : last + 1] and not axes.pooled:
        raise Refused(
            f"it merges time with other axes of {axes}, so that channels would depend on the length of the clip. Pool "
            "over time first, for instance with AdaptiveAvgPool, or flatten space alone",
            replace(axes, order=(STREAMS, CHANNELS), space=0, pooled=True),
        )
    if STREAMS in folded and len(folded) > 1:
        raise Refused(f"it merges the streams with other axes of {axes}; streams have to stay apart: start at axis 1")
    target = CHANNELS if CHANNELS in folded else min(folded, default=TIME)
    others = [place for place in range(TIME + 1, 3 + axes.space) if place not in folded]
    gone = sorted(place for place in folded if place > TIME and place != target)
    order = (*axes.order[:first], *((target,) if folded else ()), *axes.order[last + 1 :])
    after = replace(axes, order=tuple(p - sum(g < p for g in gone) for p in order), space=axes.space - len(gone))
    return Call(_fold, (Slot(0), tuple(folded), target, tuple(others))), after


def _fold(x: Tensor, folded: tuple[int, ...], target: int, others: tuple[int, ...]) -> Tensor:
    """x (B, C, T, *space) with the axes `folded`, in that order, merged into one that stands at `target`."""
    if len(folded) < 2:
        return x
    if target == CHANNELS:
        return x.permute(STREAMS, *folded, TIME, *others).flatten(1, len(folded))
    before = [place for place in others if place < target]
    after = [place for place in others if place > target]
    first = 3 + len(before)
    return x.permute(STREAMS, CHANNELS, TIME, *before, *folded, *after).flatten(first, first + len(folded) - 1)


def _fill(argument: Any, values: tuple[Tensor, ...]) -> Any:
    if isinstance(argument, Slot):
        return values[argument.i]
    if isinstance(argument, Weight):
        return argument.tensor()
    if isinstance(argument, tuple | list):
        return tuple(_fill(part, values) for part in argument)
    return argument
