"""Tensors of one number, of a shape that only the clip tells, in `convert`: zeros, ones and masks of ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from co_perception.continual.convert.functional import FunctionLayer, Slot, mapped, parts
from co_perception.continual.convert.lengths import RECYCLING, Length, Shape, Size, product
from co_perception.continual.convert.site import Axes, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, Filled, StandIn, TracedTensor
from co_perception.continual.cumulative import FrameNumber
from co_perception.continual.layer import TIME

_NUMBERS: Mapping[str, float] = {"zeros": 0.0, "ones": 1.0, "empty": 0.0}
IN_PLACE = ("iadd", "isub", "imul", "itruediv", "ipow")
_SAME = ("to", "type", "type_as", "cuda", "cpu", "float", "half", "double", "bool", "long", "int", "contiguous",
         "detach", "clone", "requires_grad_")  # fmt: skip
_KINDS: Mapping[str, list[torch.dtype]] = {"bool": [torch.bool], "long": [torch.int64], "int": [torch.int32]}


def made(emitter: Emitter, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
    """`torch.zeros(...)` and others whose sizes are lengths of a clip."""
    sizes = [*args, *([kwargs["size"]] if "size" in kwargs else [])]
    if name in _NUMBERS:
        filled = _filled(emitter, _NUMBERS[name], sizes)
        return _of_kind(filled, name, (), kwargs) if isinstance(filled, Filled) else filled
    if name == "full":
        return _filled(emitter, args[1] if len(args) > 1 else kwargs["fill_value"], sizes[:1])
    if name == "arange":
        numbers = numbered(emitter, *args)
        if numbers is not None:
            return numbers
    if any(isinstance(part, StandIn) for part in parts((args, kwargs))):
        raise UnsupportedError(
            "it makes a tensor of numbers of others; use the tensors themselves, as with torch.stack"
        )
    raise UnsupportedError(
        f"it makes a tensor of the length of an axis, which a stream does not have. If these are positions: {RECYCLING}"
    )


def numbered(emitter: Emitter, first: Any, last: Any = None, step: Any = 1) -> TracedTensor | None:
    """`torch.arange` over the frames of a clip: the number of each frame; None for another."""
    start, end = (0, first) if last is None else (first, last)
    count = end - start if isinstance(end, Length) and isinstance(start, int) and step == 1 else None
    like = emitter.of_length(count) if isinstance(count, Length) else None
    if like is None:
        return None
    numbers = emitter.emit(FrameNumber(start), [like], like.axes)
    return emitter.emit(FunctionLayer(torch.flatten, (Slot(0), TIME)), [numbers], Axes((TIME,), 0))


def _filled(emitter: Emitter, number: object, sizes: Sequence[Any]) -> Tensor:
    flat = tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else tuple(sizes)
    if not isinstance(number, int | float):
        raise UnsupportedError("it fills a tensor with what is no number")
    if any(isinstance(size, Length) for size in flat):
        return Filled(float(number), flat)
    return torch.full(flat, number, dtype=emitter.like.dtype, device=emitter.like.device)


def _like(number: float) -> Callable[..., Tensor]:
    return lambda emitter, value, **_: _filled(emitter, number, emitter.sizes(value))


def _new(number: float) -> Callable[..., Tensor]:
    return lambda emitter, value, *sizes, **_: _filled(emitter, number, sizes)


def _new_tensor(emitter: Emitter, value: object, numbers: object, **_: object) -> Tensor:
    return torch.tensor(numbers, dtype=emitter.like.dtype, device=emitter.like.device)


def _random(emitter: Emitter, value: object, *_: object, **__: object) -> Tensor:
    raise UnsupportedError("it draws random numbers, others each time", None, True)


MADE: Mapping[str, Callable[..., Any]] = {
    "zeros_like": _like(0.0),
    "ones_like": _like(1.0),
    "empty_like": _like(0.0),
    "full_like": lambda emitter, value, number, **_: _filled(emitter, number, emitter.sizes(value)),
    "new": _new(0.0),
    "new_zeros": _new(0.0),
    "new_ones": _new(1.0),
    "new_empty": _new(0.0),
    "new_full": lambda emitter, value, sizes, number, **_: _filled(emitter, number, [sizes]),
    "new_tensor": _new_tensor,
    "rand_like": _random,
    "randn_like": _random,
    "bernoulli": _random,
}


def asked(value: Filled, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
    """An attribute, or what a method says about it."""
    if name == "shape" or (name == "size" and not args and not kwargs):
        return Shape(value.sizes)
    if name == "size":
        return value.sizes[args[0] if args else kwargs["dim"]]
    if name in ("dim", "ndim", "ndimension"):
        return len(value.sizes)
    if name == "numel":
        return product(value.sizes)
    if name in ("dtype", "device"):
        return getattr(torch.empty(0), name)
    raise UnsupportedError(f"{name} of a tensor of the clip's length is not known here")


def computed(
    value: Filled, name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> object:
    """What an operation makes of it; None where other tensors are in it."""
    if name in _SAME:
        return _of_kind(value, name, args, kwargs)
    if any(isinstance(part, TracedTensor) for part in parts((args, kwargs))):
        return None
    if name in ("getitem", "unsqueeze", "chunk", "split", "transpose", "permute"):
        return _views(value, name, function, args, kwargs)
    others = [part for part in parts((args[1:], kwargs)) if isinstance(part, Tensor)]
    if not all(isinstance(part, Filled) for part in others):
        return None
    if any(part.sizes != value.sizes for part in others):  # type: ignore[attr-defined]
        raise UnsupportedError("it combines two tensors of the clip's length that have other sizes")
    if any(isinstance(part, Length) for part in parts((args[1:], kwargs))):
        raise UnsupportedError(f"{name} of a tensor of the clip's length is not known here")

    def of_size(known: Sequence[int]) -> Any:
        given = mapped((args, kwargs), lambda part: _full(part, known) if isinstance(part, Filled) else part)
        return function(*given[0], **given[1])

    answer, twice = of_size([1] * len(value.sizes)), of_size([2] * len(value.sizes))
    if twice.shape != (2,) * len(value.sizes) or not bool((twice == answer).all()):
        return _alike_for_streams(value, name, of_size)
    if name in IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        value.own()
        value.number = float(answer.reshape(()))
        return value
    return _filled_of(answer, value.sizes)


def _alike_for_streams(value: Filled, name: str, of_size: Callable[[Sequence[int]], Any]) -> Tensor:
    """What an operation along other axes makes of it, as a weight with one entry for all streams."""
    one, two = ([count if isinstance(size, Length) else size for size in value.sizes] for count in (1, 2))
    if all(size.streams for size in value.sizes if isinstance(size, Length)) and not name.endswith("_"):
        answer, twice = of_size(one), of_size(two)
        alike = isinstance(answer, Tensor) and answer.dim() == twice.dim() and answer.numel() < twice.numel()
        if alike and torch.equal(answer.expand_as(twice), twice):
            return answer
    raise UnsupportedError(f"{name} of a tensor of the clip's length is not known here")


def _full(value: Filled, sizes: Sequence[int]) -> Tensor:
    return torch.full(tuple(sizes), value.number).to(value.kind or torch.get_default_dtype())


def _filled_of(answer: Tensor, sizes: Sequence[Size]) -> Filled:
    filled = Filled(float(answer.reshape(())), sizes)
    filled.kind = None if answer.is_floating_point() else answer.dtype
    return filled


def _of_kind(value: Filled, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Filled:
    """As another type, of which those that are no floating point are remembered."""
    kinds = [part for part in parts((args[1:], kwargs)) if isinstance(part, torch.dtype)] + _KINDS.get(name, [])
    if kinds and not kinds[0].is_floating_point:
        return _filled_of(_full(value, ()).to(kinds[0]), value.sizes)
    return Filled(value.number, value.sizes) if name == "clone" else value


def _views(
    value: Filled, name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> object:
    views = _viewed(value, name, function, args, kwargs)
    for each in (value, *(views if isinstance(views, tuple) else (views,))):
        each.shared = True
    return views


def _viewed(
    value: Filled, name: str, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Filled | tuple[Filled, ...]:
    if name == "getitem":
        return Filled(value.number, _cut(value.sizes, args[1] if isinstance(args[1], tuple) else (args[1],)))
    if name == "unsqueeze":
        at = args[1] % (len(value.sizes) + 1)
        return Filled(value.number, (*value.sizes[:at], 1, *value.sizes[at:]))
    return _rearranged(value, function, args[1:], kwargs)


def _rearranged(
    value: Filled, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Filled | tuple[Filled, ...]:
    """What cuts or moves axes, done on a tensor whose lengths stand for themselves, and large numbers for lengths."""
    stands = {10007 + i: size for i, size in enumerate(value.sizes) if isinstance(size, Length)}
    lengths = iter(stands)
    sizes = [next(lengths) if isinstance(size, Length) else size for size in value.sizes]
    answer = function(torch.empty(sizes, device="meta"), *args, **kwargs)
    made = [Filled(value.number, [stands.get(size, size) for size in part.shape]) for part in parts(answer)]  # type: ignore[attr-defined]
    return tuple(made) if isinstance(answer, tuple) else made[0]


def _cut(sizes: Sequence[Size], index: Sequence[object]) -> list[Size]:
    left: list[Size] = []
    for size, part in zip(sizes, [*index, *[slice(None)] * (len(sizes) - len(index))], strict=True):
        if isinstance(part, slice) and isinstance(size, int):
            left.append(len(range(size)[part]))
        elif part == slice(None):
            left.append(size)
        elif not isinstance(part, int):
            raise UnsupportedError("it is cut to a part of the clip, which a stream does not have")
    return left


def number_beside(emitter: Emitter, value: Filled, other: TracedTensor) -> float:
    """The number, which stands for the tensor beside another one that is as long."""
    theirs = emitter.sizes(other)
    for own, size in zip(reversed(value.sizes), reversed(theirs), strict=False):
        alike = own == size if isinstance(own, Length) == isinstance(size, Length) else False
        if not alike and (isinstance(own, Length) or own != 1):
            raise UnsupportedError(f"a tensor of {tuple(map(str, value.sizes))} meets one of {tuple(map(str, theirs))}")
    if len(value.sizes) > len(theirs):
        raise UnsupportedError("a tensor meets one of more axes")
    return value.number
