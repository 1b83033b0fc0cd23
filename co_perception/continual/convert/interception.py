"""Interception of all that a forward does to tensors while it runs once, in `convert`.

The forward is given stand-ins for tensors. Functions of torch come to a reader instead of being computed, by a mode of
torch's own (`TorchFunctionMode`); calls of modules and tensors made of lengths do by patches, of this thread alone.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Protocol
from unittest.mock import patch

import torch
from torch import nn
from torch.autograd.variable import VariableMeta
from torch.overrides import TorchFunctionMode

from co_perception.continual.convert.functional import parts
from co_perception.continual.convert.lengths import Length
from co_perception.continual.convert.tensors import StandIn, TracedTensor

# Torch checks the types of their arguments before a mode gets to see them, and a length is none of its integers.
FACTORIES = ("zeros", "ones", "empty", "full", "rand", "randn", "arange", "eye", "linspace", "tensor", "randint")
FUNCTIONS_OF_SIZES = ("reshape", "narrow", "tile", "broadcast_to", "unflatten", "select", "repeat_interleave")
POOLS = ("avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d")
METHODS_OF_SIZES = (
    "view", "reshape", "expand", "repeat", "narrow", "tile", "broadcast_to", "unflatten", "select", "new_zeros",
    "new_ones", "new_full", "new_empty", "repeat_interleave", "resize",
)  # fmt: skip


class Reader(Protocol):
    """What operations come to."""

    def operation(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """A function of torch, or a method or an attribute of a tensor."""
        ...

    def made(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """A tensor that the function makes, of lengths of a clip."""
        ...

    def module_call(
        self, module: nn.Module, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        """A module that is called with stand-ins; `call` runs its forward and hooks."""
        ...


class _Interception(TorchFunctionMode):
    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        return self.reader.operation(func, args, kwargs or {})


@contextmanager
def intercepted(reader: Reader) -> Iterator[None]:
    """Within it, this thread's operations on tensors come to `reader`."""
    thread = threading.get_ident()
    call_of_module = nn.Module.__call__

    def called(module: nn.Module, *args: Any, **kwargs: Any) -> object:
        def call(*args: Any, **kwargs: Any) -> object:
            return call_of_module(module, *args, **kwargs)

        if threading.get_ident() != thread or not any(isinstance(part, StandIn) for part in parts((args, kwargs))):
            return call(*args, **kwargs)
        return reader.module_call(module, call, args, kwargs)

    def patched(place: Any, name: str, to: Callable[..., object]) -> Any:
        function = getattr(place, name)

        @wraps(function)
        def replacement(*args: Any, **kwargs: Any) -> object:
            mine = threading.get_ident() == thread
            if mine and any(isinstance(part, Length) for part in parts((args, kwargs))):
                return to(function, args, kwargs)
            return function(*args, **kwargs)

        return patch.object(place, name, replacement)

    with ExitStack() as stack:
        stack.enter_context(patch.object(nn.Module, "__call__", called))
        for name in FACTORIES:
            stack.enter_context(patched(torch, name, reader.made))
        for name in FUNCTIONS_OF_SIZES:
            stack.enter_context(patched(torch, name, reader.operation))
        for name in POOLS:
            stack.enter_context(patched(torch.nn.functional, name, reader.operation))
        for name in METHODS_OF_SIZES:
            stack.enter_context(patched(torch.Tensor, name, reader.operation))
        stack.enter_context(patch.object(VariableMeta, "__call__", _variable, create=True))
        stack.callback(_known_to_einops())
        stack.enter_context(torch.no_grad())
        stack.enter_context(_Interception(reader))
        yield


def _variable(kind: type, data: object = None, *args: Any, **kwargs: Any) -> object:
    """`Variable(x)`, which is x since torch 0.4; torch's own would lose what it stands for."""
    return data if isinstance(data, StandIn) else type.__call__(kind, data, *args, **kwargs)


def _known_to_einops() -> Callable[[], object]:
    """Let einops, where it is loaded, treat stand-ins as what they are, tensors of torch; gives the undoing."""
    backends = sys.modules.get("einops._backends")
    known = getattr(backends, "_type2backend", None)
    find = getattr(backends, "get_backend", None)
    if known is None or find is None:
        return lambda: None
    known[TracedTensor] = find(torch.empty(0))
    return lambda: known.pop(TracedTensor, None)
