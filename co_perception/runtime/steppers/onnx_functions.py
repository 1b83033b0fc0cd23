"""Translations of torch's functions of single elements and of single axes to ONNX, in the table `FUNCTIONS`.

They are written as those of `onnx_operations`. Networks of others use them between their layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from co_perception.runtime.steppers.onnx_operations import (
    Input,
    Named,
    Place,
    Scalar,
    UnsupportedOperationError,
    binary,
    unary,
)

Axes = int | Sequence[int] | None


def _constant(number: Scalar, like: Tensor) -> Input:
    return number if isinstance(number, Named | Tensor) else torch.tensor(number, dtype=like.dtype)


def _power(at: Place, x: Scalar, exponent: Scalar) -> Named:
    return at("Mul", x, x) if isinstance(x, Named) and exponent == 2 else binary("Pow")(at, x, exponent)


def _clip(at: Place, x: Named, low: Scalar | None = None, high: Scalar | None = None) -> Named:
    if isinstance(low, Named) or isinstance(high, Named):
        raise UnsupportedOperationError("a clamp by what is computed")
    if low is not None:
        x = at("Max", x, _constant(low, x.like))
    return x if high is None else at("Min", x, _constant(high, x.like))


def _attribute(kind: str, name: str, default: float, **more: float) -> Callable[..., Named]:
    """A function with one setting."""

    def translate(at: Place, x: Named, setting: float = default, *others: float) -> Named:
        if any(other != 1 for other in others):
            raise UnsupportedOperationError(f"{kind} with {others}")
        attributes: dict[str, Any] = {name: float(setting), **more}
        return at(kind, x, **attributes)

    return translate


def _softplus(at: Place, x: Named, beta: float = 1, threshold: float = 20) -> Named:
    if beta != 1:
        raise UnsupportedOperationError(f"softplus with beta {beta}")
    del threshold  # beyond it torch gives x itself, which a sum with less than 1e-8 is
    return at("Softplus", x)


def _reduction(kind: str) -> Callable[..., Named]:
    def translate(at: Place, x: Named, axes: Axes = None, keepdim: bool = False, **_: object) -> Named:
        return at(kind, x, torch.tensor(_within_streams(x, axes)), keepdims=int(keepdim))

    return translate


def _within_streams(x: Named, axes: Axes) -> list[int]:
    each = [axes] if isinstance(axes, int) else list(axes or ())
    numbers = [axis % x.like.dim() for axis in each]
    if 0 in numbers or not numbers:
        raise UnsupportedOperationError("a reduction over the streams")
    return numbers


def _norm(at: Place, x: Named, order: float = 2, axes: Axes = None, keepdim: bool = False, **_: object) -> Named:
    if order not in (1, 2):
        raise UnsupportedOperationError(f"a norm of order {order}")
    return _reduction(f"ReduceL{int(order)}")(at, x, axes, keepdim)


def _variance(
    at: Place, x: Named, axes: Axes = None, correction: float = 1, keepdim: bool = False, **_: object
) -> Named:
    numbers = _within_streams(x, axes)
    count = prod(x.like.shape[axis] for axis in numbers)
    whole = torch.empty([1 if axis in numbers else size for axis, size in enumerate(x.like.shape)], device="meta")
    off = at("Sub", x, at("ReduceMean", x, torch.tensor(numbers), like=whole, keepdims=1), like=x.like)
    mean = at("ReduceMean", at("Mul", off, off, like=x.like), torch.tensor(numbers), keepdims=int(keepdim))
    return at("Mul", mean, torch.tensor(count / (count - correction), dtype=x.like.dtype))


def _reversed(at: Place, x: Named, axes: Sequence[int]) -> Named:
    numbers = _within_streams(x, axes)
    least = torch.iinfo(torch.int64).min
    bounds = [torch.tensor([bound] * len(numbers)) for bound in (-1, least)]
    return at("Slice", x, *bounds, torch.tensor(numbers), torch.tensor([-1] * len(numbers)))


def _rolled(at: Place, x: Named, shifts: Any, axes: Axes = ()) -> Named:
    each = [shifts] if isinstance(shifts, int) else list(shifts)
    for axis, shift in zip(_within_streams(x, axes), each, strict=True):
        size = x.like.shape[axis]
        at_end = size - shift % size
        cut = []
        for start, end in ((at_end, size), (0, at_end)):
            if end > start:
                bounds = [torch.tensor([number]) for number in (start, end, axis)]
                cut.append(at("Slice", x, *bounds, like=x.like.narrow(axis, start, end - start)))
        x = at("Concat", *cut, like=x.like, axis=axis)
    return x


def _wide(at: Place, x: Named, *sizes: Any) -> Named:
    del sizes
    return at("Expand", x, torch.tensor([1, *at.like.shape[1:]]))


def _times(at: Place, x: Named, counts: Sequence[int]) -> Named:
    if len(counts) != x.like.dim():
        raise UnsupportedOperationError("a repetition along a new axis")
    return at("Tile", x, torch.tensor(list(counts)))


def _gated(at: Place, x: Named, axis: int = -1) -> Named:
    half = x.like.shape[axis] // 2
    first, second = at.writer.add_many("Split", [x, torch.tensor([half, half])], [at.like, at.like], axis=axis)
    return at("Mul", first, at("Sigmoid", second))


def _argument(kind: str) -> Callable[..., Named]:
    def translate(at: Place, x: Named, axis: int | None = None, keepdim: bool = False) -> Named:
        (number,) = _within_streams(x, axis)
        return at(kind, x, axis=number, keepdims=int(keepdim))

    return translate


def _sorted(at: Place, x: Named, axis: int = -1, descending: bool = False) -> list[Named]:
    return _largest(at, x, x.like.shape[axis], axis, descending)


def _largest(
    at: Place, x: Named, count: int, axis: int = -1, largest: bool = True, ordered: bool = True
) -> list[Named]:
    (number,) = _within_streams(x, axis)
    settings = {"axis": number, "largest": int(largest), "sorted": int(ordered)}
    return at.writer.add_many("TopK", [x, torch.tensor([count])], at.like, **settings)


def _resized(mode: str) -> Callable[..., Named]:
    """Pictures of another size; `mode`: "nearest" or "linear"."""

    def translate(at: Place, x: Named, size: object, *settings: Any) -> Named:
        del size  # as torch found it
        corners, factors = settings if mode == "linear" else (False, *settings)
        before, after = x.like.shape[2:], at.like.shape[2:]
        if factors and any(abs(old * by - new) > 1e-6 for old, by, new in zip(before, factors, after, strict=True)):
            raise UnsupportedOperationError(f"a resize by {factors}, whose places are not those of the sizes")
        places = "align_corners" if corners else "asymmetric" if mode == "nearest" else "pytorch_half_pixel"
        absent = Named("", torch.empty(0))
        return at(
            "Resize", x, absent, absent, torch.tensor(after), axes=list(range(2, x.like.dim())), mode=mode,
            coordinate_transformation_mode=places, nearest_mode="floor",
        )  # fmt: skip

    return translate


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "pow": _power, "square": lambda at, x: at("Mul", x, x), "sqrt": unary("Sqrt"), "exp": unary("Exp"),
    "rsqrt": lambda at, x: at("Reciprocal", at("Sqrt", x)), "reciprocal": unary("Reciprocal"), "log": unary("Log"),
    "log1p": lambda at, x: at("Log", at("Add", x, _constant(1.0, x.like))), "abs": unary("Abs"), "neg": unary("Neg"),
    "sin": unary("Sin"), "cos": unary("Cos"), "erf": unary("Erf"), "sign": unary("Sign"), "floor": unary("Floor"),
    "ceil": unary("Ceil"), "round": unary("Round"), "clamp": _clip, "hardtanh": lambda at, x, low=-1, high=1:
        _clip(at, x, low, high), "relu6": lambda at, x: _clip(at, x, 0.0, 6.0), "clamp_min": _clip,
    "clamp_max": lambda at, x, high: _clip(at, x, None, high), "leaky_relu": _attribute("LeakyRelu", "alpha", 0.01),
    "elu": _attribute("Elu", "alpha", 1.0), "celu": _attribute("Celu", "alpha", 1.0), "selu": unary("Selu"),
    "hardsigmoid": lambda at, x: at("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "hardswish": lambda at, x: at("Mul", x, at("HardSigmoid", x, alpha=1 / 6, beta=0.5)),
    "softplus": _softplus, "mish": lambda at, x: at("Mul", x, at("Tanh", at("Softplus", x))),
    "softsign": unary("Softsign"), "minimum": binary("Min"), "le": binary("LessOrEqual"), "gt": binary("Greater"),
    "eq": binary("Equal"), "ne": lambda at, x, y: at("Not", binary("Equal")(at, x, y)),
    "rsub": lambda at, x, y, alpha=1: binary("Sub")(at, y, x, alpha), "sum": _reduction("ReduceSum"),
    "amax": _reduction("ReduceMax"), "amin": _reduction("ReduceMin"), "logsumexp": _reduction("ReduceLogSumExp"),
    "linalg_vector_norm": _norm, "var": _variance, "std": lambda at, x, *args, **kwargs:
        at("Sqrt", _variance(at, x, *args, **kwargs)),
    "cumsum": lambda at, x, axis, **_: at("CumSum", x, torch.tensor(_within_streams(x, axis)[0])),
    "flip": _reversed, "roll": _rolled, "expand": _wide, "expand_as": _wide, "repeat": _times, "glu": _gated,
    "index_select": lambda at, x, axis, index: at("Gather", x, index, axis=_within_streams(x, axis)[0]),
    "upsample_nearest1d": _resized("nearest"), "upsample_nearest2d": _resized("nearest"),
    "upsample_linear1d": _resized("linear"), "upsample_bilinear2d": _resized("linear"),
    "argmax": _argument("ArgMax"), "argmin": _argument("ArgMin"), "sort": _sorted, "topk": _largest,
}  # fmt: skip
