"""Values of a traced step that are rearrangements of others, and the nodes that rearrange them where it has to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, fx
from torch.fx.node import map_arg

from co_perception.runtime.steppers.axis_arrangement import Arrangement
from co_perception.runtime.steppers.parts_of_whole import ATEN


class UnchangedError(ValueError):
    """A graph that has to stay as it is, such as one that reshapes a tensor whose streams are not on axis 0."""


@dataclass(frozen=True)
class ArrangedSource:
    """A node, or tensors that are to be stacked, of the same shape."""

    nodes: tuple[fx.Node, ...]
    stacked: bool = False

    @property
    def like(self) -> Tensor:
        value: Tensor = self.nodes[0].meta["val"]
        return value


@dataclass(frozen=True)
class ArrangedValue:
    """What a node of the trace gives: its source, rearranged. The last factor of a stack is that of its tensors."""

    source: ArrangedSource
    arrangement: Arrangement

    @staticmethod
    def of(node: fx.Node) -> ArrangedValue:
        """What a new node gives, as it is."""
        return ArrangedValue(ArrangedSource((node,)), Arrangement.of(node.meta["val"].shape))

    @property
    def whole(self) -> int | None:
        """The factor that the tensors of a stack are."""
        return len(self.arrangement.sizes) - 1 if self.source.stacked else None


class NewGraph:
    """The nodes of a new graph."""

    def __init__(self) -> None:
        self.graph = fx.Graph()
        self._done: dict[ArrangedValue, fx.Node] = {}
        self._leading = set[fx.Node]()  # whose axis 0 is the streams, or those times others

    def copy(self, node: fx.Node, new: Callable[[fx.Node], fx.Node], inside: bool = False) -> fx.Node:
        """A node of another graph, given the new nodes of its inputs; inside: whether streams are not on axis 0."""
        made = self.graph.node_copy(node, new)
        self._note(made, inside)
        return made

    def node(self, value: ArrangedValue) -> fx.Node:
        """A node that gives the value, rearranged."""
        if value not in self._done:
            self._done[value] = self._arranged(value)
        return self._done[value]

    def _arranged(self, value: ArrangedValue) -> fx.Node:
        if value.source.stacked:
            return self.node(self._stack(value))
        (node,), arrangement = value.source.nodes, value.arrangement
        if not arrangement.in_order:
            shape, order = arrangement.steps()
            node = self._reshaped(node, shape)
            node = self.add(ATEN.permute.default, (node, order))
        node = self._reshaped(node, arrangement.shape, _leads(arrangement))
        if not _leads(arrangement):
            self._leading.discard(node)
        return node

    def _stack(self, value: ArrangedValue) -> ArrangedValue:
        """The stack as a node, along that of its sources' axes that leaves the least to move."""
        parts, arrangement, like = value.source.nodes, value.arrangement, value.source.like
        factor = len(arrangement.sizes) - 1
        before = arrangement.order[: arrangement.order.index(factor)]
        axis, to = like.dim(), factor
        if set(before) == set(range(len(before))):
            size = prod(arrangement.sizes[: len(before)])
            fits = [place for place in range(1, like.dim() + 1) if prod(like.shape[:place]) == size]
            if fits:
                axis, to = fits[-1] if fits[-1] < like.dim() else fits[0], len(before)
        made = self.add(ATEN.stack.default, (list(parts), axis))
        return ArrangedValue(ArrangedSource((made,)), arrangement.moved(factor, to))

    def _reshaped(self, node: fx.Node, shape: Sequence[int], leading: bool = True) -> fx.Node:
        if tuple(node.meta["val"].shape) == tuple(shape):
            return node
        if not leading or node not in self._leading:
            raise UnchangedError(node)
        return self.add(ATEN.reshape.default, (node, list(shape)))

    def add(
        self, target: Any, args: Sequence[Any], like: Any = None, kwargs: Mapping[str, Any] | None = None
    ) -> fx.Node:
        """A call of a target, and what its value looks like."""
        made = self.graph.call_function(target, tuple(args), dict(kwargs or {}))
        if like is None:
            like = target(*map_arg(tuple(args), lambda each: each.meta["val"]))
        made.meta["val"] = like
        self._note(made)
        return made

    def _note(self, made: fx.Node, inside: bool = False) -> None:
        """Note whether the streams are on axis 0, as they are of what is made of such alone."""
        given = [each for each in made.all_input_nodes if each.op != "get_attr"]
        if not inside and all(each in self._leading for each in given):
            self._leading.add(made)


def alike(values: Sequence[ArrangedValue]) -> bool:
    """Whether they are one tensor each, of the same shape, rearranged alike."""
    first = values[0]
    return not any(value.source.stacked for value in values) and all(
        (value.arrangement, value.source.like.shape) == (first.arrangement, first.source.like.shape) for value in values
    )


def _leads(arrangement: Arrangement) -> bool:
    """Whether the source's outermost factor is that of the tensor."""
    return arrangement.axes[:1] != () and arrangement.axes[0][:1] == (0,)
