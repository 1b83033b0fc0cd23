"""Attributes of a tensor, and what a forward asks about it, while it is read in `convert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from co_perception.continual.convert.lengths import Shape, Size, product
from co_perception.continual.convert.shapes import transposed
from co_perception.continual.convert.site import STREAMS, UnsupportedError
from co_perception.continual.convert.tensors import Emitter, TracedTensor

DEPENDS = (
    "it needs numbers that a tensor holds, which differ from frame to frame: a branch, a loop, an index or a number of "
    "Python must not depend on a tensor. Use torch.where, or register a converter for the module that has it"
)


def _refused(emitter: Emitter, value: TracedTensor, *_: object) -> object:
    raise UnsupportedError(DEPENDS, None, True)


def _any(emitter: Emitter, value: TracedTensor, *dims: object, **named: object) -> object:
    """`torch.isnan(x).any()` and `(x != x).any()` look for numbers that are none; of others nothing is known."""
    name, given = emitter.made_by(value)
    unlike_itself = name == "ne" and len(given) == 2 and given[0] == given[1]
    if dims or named or not (name in ("isnan", "isinf") or unlike_itself):
        raise UnsupportedError(DEPENDS, None, True)
    return torch.tensor(False)


def _all(emitter: Emitter, value: TracedTensor, *dims: object, **named: object) -> object:
    """`torch.isfinite(x).all()`."""
    if dims or named or emitter.made_by(value)[0] != "isfinite":
        raise UnsupportedError(DEPENDS, None, True)
    return torch.tensor(True)


def _streams(emitter: Emitter, value: TracedTensor) -> Size:
    return emitter.sizes(value)[0] if value.axes.order[0] != STREAMS else emitter.size_at(value, STREAMS)


ATTRIBUTES: Mapping[str, Callable[[Emitter, TracedTensor], object]] = MappingProxyType(
    {
        "shape": lambda emitter, value: Shape(emitter.sizes(value)),
        "ndim": lambda emitter, value: len(value.axes.order),
        "dtype": lambda emitter, value: emitter.like.dtype,
        "device": lambda emitter, value: emitter.like.device,
        "is_cuda": lambda emitter, value: emitter.like.is_cuda,
        "layout": lambda emitter, value: emitter.like.layout,
        "requires_grad": lambda emitter, value: False,
        "grad": lambda emitter, value: None,
        "grad_fn": lambda emitter, value: None,
        "is_leaf": lambda emitter, value: True,
        "is_sparse": lambda emitter, value: False,
        "is_quantized": lambda emitter, value: False,
        "is_nested": lambda emitter, value: False,
        "data": lambda emitter, value: value,
        "T": transposed,
        "mT": transposed,
    }
)
QUESTIONS: Mapping[str, Callable[..., object]] = MappingProxyType(
    {
        "dim": lambda emitter, value: len(value.axes.order),
        "ndimension": lambda emitter, value: len(value.axes.order),
        "len": _streams,
        "numel": lambda emitter, value: product(emitter.sizes(value)),
        "nelement": lambda emitter, value: product(emitter.sizes(value)),
        "is_contiguous": lambda emitter, value, **_: True,
        "is_floating_point": lambda emitter, value: emitter.like.is_floating_point(),
        "is_complex": lambda emitter, value: False,
        "get_device": lambda emitter, value: emitter.like.get_device(),
        "hash": lambda emitter, value: id(value),
        "any": _any,
        "all": _all,
    }
    | dict.fromkeys(
        ("bool", "int", "float", "index", "item", "tolist", "numpy", "array", "contains", "equal", "allclose",
         "is_nonzero", "nonzero", "unique", "complex", "masked_select"),
        _refused,
    )
)  # fmt: skip
"""What a method or a function says about a tensor; the second half, what it could say if it had numbers."""


def attribute_name(function: Callable[..., object]) -> str | None:
    """The attribute of a tensor that `function` reads, None if it is another function."""
    if getattr(function, "__name__", "") != "__get__":
        return None
    return str(getattr(getattr(function, "__self__", None), "__name__", ""))


def is_setter(function: Callable[..., object]) -> bool:
    return getattr(function, "__name__", "") in ("__set__", "__delete__") and function is not Tensor.__setitem__
