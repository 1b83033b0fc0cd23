"""Parts of a tensor that are done the same to, one by one, as that done to the tensor, in a traced step.

A layer that treats each frame alone is traced frame by frame: `[norm(frame) for frame in x.unbind(2)]`. Where the
frames are stacked afterwards, `norm(x)` is the same in one operation.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import Any

import torch
from torch import fx

ATEN = torch.ops.aten
ELEMENTWISE = {
    "add", "sub", "mul", "div", "maximum", "minimum", "ge", "gt", "le", "lt", "relu", "sigmoid", "tanh", "silu", "gelu",
    "bitwise_not", "logical_not", "square", "sqrt", "rsqrt", "exp", "log", "abs", "neg", "clamp", "hardtanh", "relu6",
    "clamp_min", "leaky_relu", "elu", "hardsigmoid", "hardswish", "softplus", "mish", "where", "masked_fill",
}  # fmt: skip


class Wholes:
    """The tensors that lists of nodes are the parts of.

    Args:
        add: appends a node of a target, arguments and what its value looks like.
    """

    def __init__(self, add: Callable[..., fx.Node]) -> None:
        self._add = add
        self._known: dict[tuple[fx.Node, ...], tuple[fx.Node, int] | None] = {}

    def of(self, nodes: tuple[fx.Node, ...]) -> tuple[fx.Node, int] | None:
        """The tensor that nodes are the parts of, or what is done to each part alike done to the whole; its axis."""
        if nodes not in self._known:
            self._known[nodes] = self._whole(nodes)
        return self._known[nodes]

    def _whole(self, nodes: tuple[fx.Node, ...]) -> tuple[fx.Node, int] | None:
        first = nodes[0]
        if any(each.op != "call_function" or each.target != first.target for each in nodes):
            return None
        if first.target is getitem:
            return _unbound(nodes)
        name = operation(first)
        if (name not in ELEMENTWISE and name != "batch_norm") or any(each.kwargs for each in nodes):
            return None
        if len({len(each.args) for each in nodes}) != 1:
            return None
        shape = list(first.meta["val"].shape)
        args, axes = list[Any](), set[int]()
        for given in zip(*(each.args for each in nodes), strict=True):
            if all(_same_constant(each, given[0]) for each in given):
                args.append(given[0])
                if isinstance(given[0], fx.Node) and name != "batch_norm" and given[0].meta["val"].numel() != 1:
                    return None  # it may lie along the axes after the new one
                continue
            found = self.of(given) if all(isinstance(each, fx.Node) for each in given) else None
            if found is None or found[0].meta["val"].dim() != len(shape) + 1:
                return None
            args.append(found[0])
            axes.add(found[1])
        if len(axes) != 1 or (name == "batch_norm" and axes <= {0, 1}):
            return None
        (axis,) = axes
        shape.insert(axis, len(nodes))
        like = torch.empty(shape, dtype=first.meta["val"].dtype, device="meta")
        return self._add(first.target, args, like), axis


def _unbound(nodes: tuple[fx.Node, ...]) -> tuple[fx.Node, int] | None:
    """The tensor that nodes are all parts of, in their order, and its axis."""
    parts = nodes[0].args[0]
    if not isinstance(parts, fx.Node) or operation(parts) != "unbind" or len(parts.meta["val"]) != len(nodes):
        return None
    if [each.args for each in nodes] != [(parts, number) for number in range(len(nodes))]:
        return None
    whole, axis = (*parts.args, 0)[:2]
    return (whole, axis % whole.meta["val"].dim()) if isinstance(whole, fx.Node) else None


def operation(node: fx.Node) -> str:
    """The name of what a node calls, without overloads."""
    return str(getattr(getattr(node.target, "overloadpacket", node.target), "__name__", ""))


def _same_constant(one: object, other: object) -> bool:
    """Whether both are the same constant of the network, or the same setting."""
    if isinstance(one, fx.Node) and isinstance(other, fx.Node):
        return one.op == other.op == "get_attr" and one.target == other.target
    return not isinstance(one, fx.Node) and not isinstance(other, fx.Node) and one == other
