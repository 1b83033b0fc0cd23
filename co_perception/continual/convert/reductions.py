"""Reductions and functions along axes in `convert`: a pool over time, torch's own within a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from co_perception.continual import pool
from co_perception.continual.convert.frames import cumulative_sum
from co_perception.continual.convert.functional import FunctionLayer, Slot
from co_perception.continual.convert.functions import FUNCTIONS, Dims, along, elementwise, handles, inside
from co_perception.continual.convert.modules import window_of
from co_perception.continual.convert.site import CHANNELS, STREAMS, UnsupportedError
from co_perception.continual.convert.tensors import Absent, Emitter, FinalState, StandIn, TracedTensor
from co_perception.continual.layer import TIME

PoolClass = type[pool.AvgPool1d | pool.AvgPool2d | pool.AvgPool3d | pool.MaxPool1d | pool.MaxPool2d | pool.MaxPool3d]


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
            name = function.__name__.strip("_")
            unknown = f"{name} over time is known at a clip's end; use the mean, or do it within frames"
            raise UnsupportedError(named if function is torch.sum else unknown, axes)
        frames = window_of(replace(emitter.here, axes=value.axes, clip=emitter.clip_frames(value)), axes)
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
def norm(
    emitter: Emitter, value: TracedTensor, p: object = 2, dim: Dims = None, keepdim: bool = False, dtype: object = None
) -> TracedTensor:  # fmt: skip
    if dtype is not None:
        raise UnsupportedError("it measures in another type; convert to that before it")
    return _reduce_over(_norm, None, emitter, value, dim, keepdim, p=2 if p in (None, "fro") else p)


class Extremes(NamedTuple):
    """What `max`, `sort` and `topk` answer along an axis."""

    values: TracedTensor
    indices: StandIn


def _extreme(
    name: str, emitter: Emitter, value: TracedTensor, dim: object = None, keepdim: bool = False
) -> TracedTensor | Extremes:
    """`x.max(dim)`, its values and where they are, or of two tensors the larger numbers."""
    if isinstance(dim, Tensor):
        return elementwise(emitter, {"max": torch.maximum, "min": torch.minimum}[name], (value, dim), {})
    largest = cast(TracedTensor, FUNCTIONS[f"a{name}"](emitter, value, dim, keepdim))
    if dim is None:
        return largest
    if TIME in value.axes.places(cast(int, dim)):
        where = "it uses at which frame the largest number is, which is counted from the clip's start"
        return Extremes(largest, Absent(where))
    return Extremes(largest, _where(f"arg{name}", emitter, value, cast(int, dim), keepdim))


def _where(name: str, emitter: Emitter, value: TracedTensor, dim: int, keepdim: bool = False) -> TracedTensor:
    place = inside(value.axes, dim, "it finds a frame or a stream by its number")
    axes = value.axes if keepdim else value.axes.without([place])
    function: Callable[..., Tensor] = getattr(torch, name)
    keeps = keepdim or place == CHANNELS
    return emitter.emit(FunctionLayer(function, (Slot(0), place, keeps)), [value], axes)


FUNCTIONS |= {name: partial(_extreme, name) for name in ("max", "min")}
FUNCTIONS |= {name: partial(_where, name) for name in ("argmax", "argmin")}


FUNCTIONS |= {name: partial(along, getattr(torch, name)) for name in ("cumprod", "argsort")}


@handles("sort")
def sort(emitter: Emitter, value: TracedTensor, dim: int = -1, descending: bool = False) -> Extremes:
    return _ordered(torch.sort, emitter, value, dim, descending)


@handles("topk")
def topk(
    emitter: Emitter, value: TracedTensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True
) -> Extremes:
    return _ordered(partial(_largest, k, largest, sorted), emitter, value, dim)


def _ordered(
    function: Callable[..., tuple[Tensor, Tensor]], emitter: Emitter, value: TracedTensor, dim: int, *settings: object
) -> Extremes:
    place = inside(value.axes, dim, "it puts frames or streams in order")
    layers = [FunctionLayer(_one_of, (Slot(0), number, function, place, *settings)) for number in (0, 1)]
    return Extremes(*(emitter.emit(layer, [value], value.axes) for layer in layers))


def _one_of(x: Tensor, number: int, function: Callable[..., tuple[Tensor, Tensor]], *settings: object) -> Tensor:
    return function(x, *settings)[number]


def _largest(k: int, largest: bool, ordered: bool, x: Tensor, place: int) -> tuple[Tensor, Tensor]:
    return torch.topk(x, k, place, largest, ordered)


@handles("cumsum")
def cumsum(emitter: Emitter, value: TracedTensor, dim: int) -> TracedTensor:
    if value.axes.part(dim) == TIME:
        return cumulative_sum(emitter, value)
    return along(torch.cumsum, emitter, value, dim)


@handles("normalize")
def normalize(emitter: Emitter, value: TracedTensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> TracedTensor:
    place = inside(value.axes, dim, "it divides by a norm over time or the batch")
    return emitter.emit(FunctionLayer(F.normalize, (Slot(0), p, place, eps)), [value], value.axes)


@handles("flip")
def flip(emitter: Emitter, value: TracedTensor, *dims: int | Sequence[int]) -> TracedTensor:
    wanted = cast(Sequence[int], dims[0] if isinstance(dims[0], Sequence) else dims)
    if TIME in value.axes.places(wanted):
        raise UnsupportedError("it turns time around: the first answer would need the last frame", None, True)
    places = [inside(value.axes, dim, "it turns the batch around") for dim in wanted]
    return emitter.emit(FunctionLayer(torch.flip, (Slot(0), tuple(places))), [value], value.axes)


@handles("roll")
def roll(emitter: Emitter, value: TracedTensor, shifts: Dims, dims: Dims = None) -> TracedTensor:
    if dims is None:
        raise UnsupportedError("without an axis it rolls over all of them; say which")
    each = (dims,) if isinstance(dims, int) else dims
    places = [inside(value.axes, dim, "it puts the last frames first, or mixes the batch") for dim in each]
    return emitter.emit(FunctionLayer(torch.roll, (Slot(0), shifts, tuple(places))), [value], value.axes)


def _reduce(
    x: Tensor, function: Callable[..., Tensor], places: tuple[int, ...], squeezed: tuple[int, ...], **settings: object
) -> Tensor:
    y = function(x, places, keepdim=True, **settings)
    return y.squeeze(squeezed) if squeezed else y
