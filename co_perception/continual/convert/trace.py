"""Tracing of a module with torch.fx, assignments in place included, and the arguments of traced operations."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import fx, nn

from co_perception.continual.convert.functional import Slot, Weight, parts
from co_perception.continual.convert.site import STREAMS, Axes, Site, UnsupportedError
from co_perception.continual.convert.tensors import AxisLength, EqualParts, FinalState, TracedTensor, UnknownResult
from co_perception.continual.layer import TIME, Streaming, evaluation_mode

RECYCLING = "RecyclingPositionalEncoding, registered for a module, uses its table again"
Args = tuple[object, ...]
Kwargs = dict[str, object]


class _Proxy(fx.Proxy):
    """Records `x += y` as such; torch.fx would record `x = x + y`."""

    def __iadd__(self, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.iadd, (self, other), {})

    def __isub__(self, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.isub, (self, other), {})

    def __imul__(self, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.imul, (self, other), {})

    def __itruediv__(self, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", operator.itruediv, (self, other), {})


class _Tracer(fx.Tracer):
    """Traces into modules that have no converter."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.record_stack_traces = True
        self.site, self.inside = site, ""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_args_for_root(
        self, root_fn: Callable[..., object], is_module: bool, concrete_args: object = None
    ) -> tuple[Callable[..., object], list[object]]:
        """The forward that the module has, were it put on the object, with its first argument alone.

        Others keep their defaults, so that a branch `if mask is not None` is the one that a call with one input takes.
        """
        _, args = super().create_args_for_root(lambda self, x: x, is_module)
        return lambda module, x: module.forward(x), args

    def is_leaf_module(self, module: nn.Module, path: str) -> bool:
        if isinstance(module, Streaming) or self.site.find(module):
            return True
        return type(module).__module__.startswith("torch.nn.") and not isinstance(module, nn.Sequential | nn.ModuleList)

    def call_module(
        self, m: nn.Module, forward: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        self.inside = self.path_of_module(m)
        return super().call_module(m, forward, args, kwargs)


def trace(module: nn.Module, site: Site) -> fx.Graph:
    """The graph of a module's forward. Raises UnsupportedError that says where torch.fx cannot follow it."""
    tracer, with_buffers = _Tracer(site), _Tracer(site)
    # What is computed from a buffer is read as an operation, so that it follows a state dict that is loaded later; what
    # a forward decides by a buffer's value can be read only without.
    with_buffers.proxy_buffer_attributes = True
    with evaluation_mode(module):
        with suppress(Exception):  # whatever a user's forward does with a proxy
            return with_buffers.trace(module)
        try:
            return tracer.trace(module)
        except Exception as error:
            raise UnsupportedError(
                f"torch.fx cannot read its forward (inside {tracer.inside or 'the network itself'!r}): {error}. A "
                "branch or loop must not depend on a tensor; register a converter for the module that has it"
            ) from error


def check_training_branch(module: nn.Module, graph: fx.Graph, site: Site) -> None:
    """Raises UnsupportedError where a module in training mode computes otherwise than `graph`, read in evaluation."""
    if not any(child.training for child in module.modules()):
        return
    tracer = _Tracer(site)
    tracer.proxy_buffer_attributes = True
    try:
        trained = tracer.trace(module)
    except Exception:  # it was read without, and training mode may do what a stream never does
        trained = None
    if trained is None or [_computes(node) for node in trained.nodes] != [_computes(node) for node in graph.nodes]:
        raise UnsupportedError(
            "its forward differs in training mode, and a stream would go on as in evaluation: convert(network.eval())",
            always=True,
        )


def _computes(node: fx.Node) -> tuple[object, ...]:
    """What a node does; whether dropout is active is a mode, which a stream follows."""
    modes = "dropout" in str(node.target)
    return node.op, str(node.target), () if modes else str((node.args, node.kwargs))


def source(node: fx.Node) -> str:
    """The line of the network's source with the operation, or its name."""
    lines = [line.strip() for line in (node.stack_trace or "").splitlines()]
    own = [
        code
        for place, code in pairwise(lines)
        if place.startswith("File ") and not code.startswith("File ") and str(Path(torch.__file__).parent) not in place
    ]
    return own[-1] if own else f"{node.op} {node.target}"


# Arguments of operations: tensors, weights and numbers, in tuples, lists and dicts -----------------------------------


def substitute(args: object, axes: Axes | None) -> TracedTensor | UnknownResult:
    """A stand-in for the answer of an operation without continual form: its input."""
    value = next((part for part in parts(args) if isinstance(part, TracedTensor)), None)
    if value is None:
        return UnknownResult()
    return TracedTensor(value.index, replace(axes or value.axes, unsure=True, pads=(0, 0)))


def first_tensor(arguments: object) -> TracedTensor:
    for part in parts(arguments):
        if isinstance(part, TracedTensor):
            return part
    raise UnsupportedError("it does not depend on the input; compute it once, in __init__")


def of_weights_alone(arguments: object) -> bool:
    """Whether an operation is one on weights and numbers."""
    given = parts(arguments)
    traced = TracedTensor | FinalState | EqualParts | AxisLength
    return any(isinstance(part, Weight) for part in given) and not any(isinstance(part, traced) for part in given)


def check_has_input(arguments: object) -> None:
    """Raises UnsupportedError for an operation on weights and lengths alone, such as cutting a table."""
    given = parts(arguments)
    if any(isinstance(part, TracedTensor | FinalState | EqualParts) for part in given):
        return
    if any(isinstance(part, AxisLength) for part in given):
        raise UnsupportedError(
            f"it computes with the length of an axis, which a stream does not have. If it cuts a table, such as one of "
            f"positions, to the clip's length: {RECYCLING}"
        )
    raise UnsupportedError("it computes with weights alone; do so once, in __init__")


def aligned_weight(weight: Weight, axes: Axes) -> Weight:
    """A weight that is combined with a tensor of these axes."""
    tensor = weight.tensor()
    order = axes.order[len(axes.order) - tensor.dim() :] if tensor.dim() <= len(axes.order) else None
    if order is None:
        raise UnsupportedError(f"a weight of {tensor.dim()} axes meets a tensor {axes}")
    for place, length in zip(order, tensor.shape, strict=True):
        if place in (STREAMS, TIME) and length != 1:
            raise UnsupportedError(
                f"a weight of shape {tuple(tensor.shape)} differs from frame to frame of {axes}, and a stream has more "
                f"frames than any table. {RECYCLING}"
            )
    return replace(weight, order=order, axes=3 + axes.space)


def only_input(args: Args, kwargs: Kwargs) -> TracedTensor:
    """The one tensor that a module is called with (more than once for attention)."""
    ignored = ("need_weights", "average_attn_weights", "is_causal")
    tensors = {name: value for name, value in kwargs.items() if name not in ignored}
    given = [part for part in parts((args, tensors)) if part is not None]
    value = given[0] if given else None
    if not isinstance(value, TracedTensor) or any(
        not isinstance(part, bool) and getattr(part, "index", None) != value.index for part in given
    ):
        raise UnsupportedError(
            "it is given more than one tensor of the network's input; masks and initial states among them"
        )
    if kwargs.get("is_causal"):
        raise UnsupportedError(
            "is_causal is a mask over a whole clip; leave it out: a window ends at its newest frame anyway"
        )
    return value


def without_inplace(function: Callable[..., object], args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs, bool]:
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


def mapped(argument: object, function: Callable[[object], object]) -> object:
    if isinstance(argument, tuple | list) and not isinstance(argument, Weight | Slot):
        return type(argument)(mapped(part, function) for part in argument)
    return function(argument)
