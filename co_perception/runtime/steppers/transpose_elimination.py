"""Reshapes and transposes of a traced step, put together and taken out where they undo each other.

A network that lays persons beside streams (`x.reshape(N * M, C, T, V)`) does so before each layer of a step here, and
takes them apart after it; frames are stacked for one layer and unbound for the next. What such operations do to a value
is remembered (`Arrangement`), done to it once somebody needs its numbers in their places, and not at all where nobody
does: a function of single elements, a concatenation or a split along an axis is done to the source instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from co_perception.runtime.steppers.arranged_values import (
    ArrangedSource,
    ArrangedValue,
    NewGraph,
    UnchangedError,
    alike,
)
from co_perception.runtime.steppers.axis_arrangement import NoArrangementError
from co_perception.runtime.steppers.parts_of_whole import ELEMENTWISE, Wholes, operation

VIEWS = {"view", "_unsafe_view", "reshape", "flatten", "unflatten", "view_as", "squeeze", "unsqueeze"}
PERMUTATIONS: Mapping[str, Callable[..., Tensor]] = {
    "movedim": torch.movedim,
    "transpose": torch.transpose,
    "permute": torch.permute,
}
SAME = {
    "alias", "clone", "contiguous", "detach", "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout",
}  # fmt: skip
SAVED = 10  # transposes for which the graph is written anew


def eliminate_transposes(graph: fx.Graph) -> fx.Graph:
    """A graph of the same values with fewer transposes, or the graph itself where that saves few of them.

    Args:
        graph: of operations whose nodes have tensors in `meta["val"]`, with streams on axis 0 of its inputs.
    """
    try:
        other = _Elimination(graph).run()
    except UnchangedError:
        return graph
    return other if _transposes(graph) - _transposes(other) >= SAVED else graph


def _transposes(graph: fx.Graph) -> int:
    return sum(operation(node) in PERMUTATIONS for node in graph.nodes)


class _Elimination:
    def __init__(self, graph: fx.Graph) -> None:
        self._given, self._made = graph, NewGraph()
        self._values: dict[fx.Node, Any] = {}
        self._wholes = Wholes(self._made.add)

    def run(self) -> fx.Graph:
        for node in self._given.nodes:
            node.meta["val"] = _shapes(node.meta.get("val"))
            if node.op == "output":
                self._made.graph.output(map_arg(node.args[0], self._node))
            elif node.op != "call_function":
                made = self._made.copy(node, self._node)
                self._values[node] = ArrangedValue.of(made) if node.op == "placeholder" else made
            else:
                self._values[node] = self._call(node)
        self._made.graph.eliminate_dead_code()
        return self._made.graph

    # Operations

    def _call(self, node: fx.Node) -> Any:
        name = operation(node)
        first = self._values[node.args[0]] if node.args and isinstance(node.args[0], fx.Node) else None
        shown, axis = None, 1
        if name == "getitem" and isinstance(first, list):
            return first[int(node.args[1])]  # type: ignore[arg-type]
        if isinstance(first, ArrangedValue):
            shown = self._rearranged(name, node, first)
        elif name in ("stack", "cat"):
            given: Any = node.args[0]
            parts = [self._values[part] for part in given]
            if all(isinstance(part, ArrangedValue) for part in parts):
                axis = int(node.args[1] if len(node.args) > 1 else 0) % node.meta["val"].dim()  # type: ignore[arg-type]
                shown = (self._stacked if name == "stack" else self._joined)(node, parts, axis)
        if shown is None and name in ELEMENTWISE:
            shown = self._elementwise(node)
        if shown is not None:
            return shown
        made = self._made.copy(node, self._node, inside=name in ("stack", "cat") and axis == 0)
        return ArrangedValue.of(made) if isinstance(made.meta.get("val"), Tensor) else made

    def _rearranged(self, name: str, node: fx.Node, x: ArrangedValue) -> Any:
        known, like = x.arrangement, node.meta["val"]
        if name in SAME:
            return x
        if name in PERMUTATIONS:
            numbered = torch.empty(tuple(range(len(known.axes))), device="meta")  # its sizes are the axes' numbers
            axes = PERMUTATIONS[name](numbered, *node.args[1:], **node.kwargs).shape
            return replace(x, arrangement=known.permuted(tuple(axes)))
        if name in VIEWS:
            try:
                return replace(x, arrangement=known.viewed(tuple(like.shape), x.whole))
            except NoArrangementError:
                plain = ArrangedValue.of(self._made.node(x))
                return replace(plain, arrangement=plain.arrangement.viewed(tuple(like.shape)))
        if name == "batch_norm" and not x.source.stacked and not known.in_order and len(known.axes[1]) == 1:
            if known.axis_of(known.axes[1][0], x.source.like.shape) != 1:
                return None
            args = (x.source.nodes[0], *map_arg(node.args[1:], self._node))
            return replace(x, source=ArrangedSource((self._made.add(node.target, args, x.source.like),)))
        if name in ("unbind", "select", "split", "split_with_sizes", "narrow", "slice") and not node.kwargs:
            return self._part(name, node, x)
        return None

    def _part(self, name: str, node: fx.Node, x: ArrangedValue) -> Any:
        """A part of a value along one axis, or all of them; None where that is no axis of its source."""
        place = {"split": 2, "split_with_sizes": 2}.get(name, 1)
        axis = int(node.args[place] if len(node.args) > place else 0) % len(x.arrangement.axes)  # type: ignore[arg-type]
        if not x.arrangement.axes[axis] and axis and name in ("unbind", "select"):  # the only frame
            only = replace(x, arrangement=x.arrangement.without(axis, None))
            return [only] if name == "unbind" else only
        if len(x.arrangement.axes[axis]) != 1 or axis == 0:
            return None
        (factor,) = x.arrangement.axes[axis]
        if x.source.stacked:
            if factor != x.whole or name not in ("unbind", "select"):
                return None
            fewer = x.arrangement.without(axis, factor)
            parts = [ArrangedValue(ArrangedSource((part,)), fewer) for part in x.source.nodes]
            return parts if name == "unbind" else parts[node.args[2]]  # type: ignore[index]
        own = x.arrangement.axis_of(factor, x.source.like.shape)
        if own is None or own == 0:
            return None
        args = [x.source.nodes[0], *node.args[1:]]
        args[place:] = [own, *args[place + 1 :]]
        with_meta = node.target(x.source.like, *args[1:])  # type: ignore[operator]
        made = self._made.add(node.target, args, with_meta)
        if isinstance(with_meta, Tensor):
            return self._of_part(made, x, axis, factor, name == "select")
        parts = []
        for number, like in enumerate(with_meta):
            part = self._made.add(getitem, (made, number), like)
            parts.append(self._of_part(part, x, axis, factor, name == "unbind"))
        return parts

    def _of_part(self, made: fx.Node, x: ArrangedValue, axis: int, factor: int, gone: bool) -> ArrangedValue:
        size = x.arrangement.sizes[factor]
        if gone:
            return ArrangedValue(ArrangedSource((made,)), x.arrangement.without(axis, factor))
        # The size of the axis that is left, by what the source has fewer.
        left = made.meta["val"].numel() * size // x.source.like.numel()
        if left == 1:
            fewer = x.arrangement.without(axis, factor)
            return ArrangedValue(
                ArrangedSource((made,)), replace(fewer, axes=(*fewer.axes[:axis], (), *fewer.axes[axis:]))
            )
        return ArrangedValue(ArrangedSource((made,)), x.arrangement.resized(factor, left))

    def _stacked(self, node: fx.Node, parts: Sequence[ArrangedValue], axis: int) -> ArrangedValue | None:
        first = parts[0]
        if axis and len(parts) == 1:
            return replace(first, arrangement=first.arrangement.with_axis(axis, 1))
        if axis == 0 or not alike(parts):
            return None
        nodes = tuple(part.source.nodes[0] for part in parts)
        arrangement = first.arrangement.with_axis(axis, len(parts))
        if (found := self._wholes.of(nodes)) is None:
            return ArrangedValue(ArrangedSource(nodes, stacked=True), arrangement)
        whole, own = found
        before = prod(whole.meta["val"].shape[:own])
        sizes = arrangement.sizes
        to = next(place for place in range(len(sizes)) if prod(sizes[:place]) == before)
        return ArrangedValue(ArrangedSource((whole,)), arrangement.moved(len(sizes) - 1, to))

    def _joined(self, node: fx.Node, parts: Sequence[ArrangedValue], axis: int) -> ArrangedValue | None:
        """A concatenation along an axis of the sources; None where it is along none."""
        first = parts[0]
        if axis == 0 or any(part.source.stacked for part in parts) or first.arrangement.in_order:
            return None
        if any(part.arrangement.axes != first.arrangement.axes for part in parts):
            return None
        if len(first.arrangement.axes[axis]) != 1:
            return None
        (factor,) = first.arrangement.axes[axis]
        own = {part.arrangement.axis_of(factor, part.source.like.shape) for part in parts}
        one = [part.arrangement.resized(factor, 2).sizes for part in parts]
        if len(own) != 1 or own <= {None, 0} or len(set(one)) != 1 or len({p.source.like.dim() for p in parts}) != 1:
            return None
        nodes = [part.source.nodes[0] for part in parts]
        made = self._made.add(node.target, (nodes, own.pop()))
        return ArrangedValue(ArrangedSource((made,)), first.arrangement.resized(factor, node.meta["val"].shape[axis]))

    def _elementwise(self, node: fx.Node) -> ArrangedValue | None:
        """A function of single elements, of the sources; None where those would have to be laid out alike before."""
        given = list(node.all_input_nodes)
        parts = {each: value for each in given if isinstance(value := self._values[each], ArrangedValue)}
        others = [self._values[each].meta["val"] for each in given if each not in parts]
        shape = tuple(node.meta["val"].shape)
        if any(not isinstance(other, Tensor) or other.numel() != 1 or other.dim() > 1 for other in others):
            return None
        if any(value.source.stacked or value.arrangement.shape != shape for value in parts.values()):
            return None
        like = next((value for value in parts.values() if not value.arrangement.in_order), None)
        if like is None:
            return None
        sources: dict[fx.Node, fx.Node] = {}
        for each, value in parts.items():
            try:
                laid = value.arrangement.laid_like(like.arrangement, like.source.like.shape)
            except NoArrangementError:
                return None
            sources[each] = self._made.node(replace(value, arrangement=laid))
        args, kwargs = map_arg((node.args, node.kwargs), lambda each: sources.get(each) or self._node(each))
        made = torch.empty(like.source.like.shape, dtype=node.meta["val"].dtype, device="meta")
        return replace(like, source=ArrangedSource((self._made.add(node.target, args, made, kwargs),)))

    # NewGraph

    def _node(self, node: fx.Node) -> fx.Node:
        value = self._values[node]
        if isinstance(value, list):
            raise UnchangedError(f"{node}, which is several tensors, is handed on as a whole")
        return self._made.node(value) if isinstance(value, ArrangedValue) else value


def _shapes(value: Any) -> Any:
    """Tensors of the same shapes and types without numbers: those of a trace may not meet."""
    if isinstance(value, Tensor):
        return torch.empty(value.shape, dtype=value.dtype, device="meta")
    return [_shapes(each) for each in value] if isinstance(value, list | tuple) else value
