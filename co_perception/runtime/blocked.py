"""State that stays in ONNX Runtime's blocked layout from step to step.

ONNX Runtime's fast convolutions want channels in blocks, (B, C / n, H, W, n) with n 8 or 16 by processor ("NCHWc"), and
its optimiser puts a reordering before and after whatever is not a convolution: for a streaming network before each past
frame and after each frame that is kept, a quarter of a step of X3D. Here that optimiser's graph is taken up where it
ends: past frames come in and go out as its convolutions have them, and what works number by number (a sum, an
activation) is done in that layout too. Only what mixes layouts is reordered still.

The names of operations are ONNX Runtime's own, of its domain `com.microsoft.nchwc`. Where a graph has none of them,
nothing is changed; whoever uses what comes out compares it with the network first (`choose.difference`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from co_perception.runtime.onnx_graph import make_node

DOMAIN = "com.microsoft.nchwc"
NUMBERWISE = {"Add": 2, "Mul": 2, "Relu": 1, "Sigmoid": 1, "QuickGelu": 1}  # and how many inputs they have
CUTTING = ("Pad", "Slice")  # of channels, within what is padded anyway
MOST_PADDING = 1.2  # times the channels that there are: more would be memory for nothing
Shapes = Mapping[str, tuple[int, ...]]


class Layout(NamedTuple):
    """block: channels that lie together; leaves: (C, H, W) of each leaf of the state that is blocked, by name."""

    block: int
    leaves: dict[str, tuple[int, ...]]

    def padded(self, channels: int) -> int:
        """Channels as they lie: a multiple of the block."""
        return -(-channels // self.block) * self.block

    def close(self, name: str, leaf: Tensor) -> Tensor:
        """A leaf (B, C, H, W) as a step takes it: (B, padded C, H, W) by name, (B, C / n, H, W, n) in memory."""
        if name not in self.leaves:
            return leaf
        rows, channels, height, width = leaf.shape
        whole = leaf.new_zeros(rows, self.padded(channels), height, width)
        whole[:, :channels] = leaf
        return whole.unflatten(1, (-1, self.block)).permute(0, 1, 3, 4, 2).contiguous().view(whole.shape)

    def open(self, name: str, held: Tensor) -> Tensor:
        """The inverse of `close`."""
        if name not in self.leaves:
            return held
        rows, channels, height, width = held.shape
        blocks = held.view(rows, -1, height, width, self.block).permute(0, 1, 4, 2, 3)
        return blocks.reshape(held.shape)[:, : self.leaves[name][0]].contiguous()


PLAIN = Layout(1, {})


class Step(NamedTuple):
    """How a step's state goes in and out. leaves: (C, *space) of each leaf that goes in as it is, by name; made: the
    leaf that an output is, by the output's name; groups: leaves that take each other's place from step to step, and so
    lie alike."""

    leaves: Shapes
    made: Mapping[str, str]
    groups: Sequence[frozenset[str]]


def block_state(optimised: Any, step: Step, shapes: Shapes, block_size: Callable[[], int]) -> tuple[Any, Layout]:
    """An optimised graph (`onnx.ModelProto`) and the layout of its state: changed where that saves reordering.

    shapes: (C, *space) of its values by name, of those that are known. block_size: how many channels are a block on
    this processor; not asked where there are none, as on processors that ONNX Runtime knows no such layout for.
    """
    if not any(node.op_type == "ReorderInput" for node in optimised.graph.node):
        return optimised, PLAIN
    layout = Layout(block_size(), {})
    groups = [group for group in step.groups if all(_worth_it(step.leaves.get(name, ()), layout) for name in group)]
    chosen = {name for group in groups for name in group}
    while chosen:
        rewritten = _Rewriting(optimised.graph, step, shapes, layout, chosen)
        refused = rewritten.refused()
        if not refused:
            _exchange(optimised, rewritten, step, layout, chosen)
            return optimised, layout._replace(leaves={name: step.leaves[name] for name in sorted(chosen)})
        chosen -= {name for group in groups if group & refused for name in group}
    return optimised, PLAIN


def _worth_it(shape: tuple[int, ...], layout: Layout) -> bool:
    if len(shape) != 3:
        return False
    channels, height, width = shape
    return height * width > 1 and layout.padded(channels) <= MOST_PADDING * channels


@dataclass
class _Rewriting:
    """One walk through the nodes, in their order, with these leaves coming in blocked.

    nodes: those of the new graph, some of which nobody reads. blocked: the blocked value that holds the same as a plain
    one. same: the blocked value that a reordered one is. on_demand: the blocked value that a plain one, which is not
    there, would be reordered from. asked: those of them that somebody needs.
    """

    graph: Any
    step: Step
    shapes: Shapes
    layout: Layout
    chosen: set[str]
    nodes: list[Any] = field(default_factory=list)
    same: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.on_demand = {name: name for name in self.chosen}
        self.blocked = dict(self.on_demand)
        for node in self.graph.node:
            self._take(node)
        for output in self.graph.output:
            if self.step.made.get(output.name) not in self.chosen:
                self._plain(output.name)

    def refused(self) -> set[str]:
        """Leaves that are needed in plain form somewhere, or whose next frame is not there in blocked form."""
        outputs = {leaf: name for name, leaf in self.step.made.items() if leaf in self.chosen}
        held = [self.blocked.get(output) for output in outputs.values()]
        lost = {
            leaf
            for leaf, value in zip(outputs, held, strict=True)
            if value is None or value in self.step.leaves or held.count(value) > 1
        }
        return (self.asked & self.chosen) | lost

    def _take(self, node: Any) -> None:
        if node.op_type == "ReorderInput" and node.input[0] in self.blocked:
            self.same[node.output[0]] = self.blocked[node.input[0]]
        elif self._works_blocked(node):
            self._add(node, [self.blocked[name] for name in node.input], _own(node.output[0]))
            self.blocked[node.output[0]] = self.on_demand[node.output[0]] = _own(node.output[0])
        else:
            if node.op_type in CUTTING and self._alike(node):
                self.blocked[node.output[0]] = self.blocked[node.input[0]]
                if node.input[0] in self.on_demand:  # then the plain form is reordered from here where it is wanted
                    self.on_demand[node.output[0]] = self.blocked[node.input[0]]
                    return
            for name in node.input:
                self._plain(name)
            names = [self.same.get(name, name) for name in node.input]
            if node.op_type == "ReorderOutput":
                self.blocked[node.output[0]] = names[0]
            self._add(node, names, node.output[0])

    def _works_blocked(self, node: Any) -> bool:
        if NUMBERWISE.get(node.op_type) != len(node.input) or not all(name in self.blocked for name in node.input):
            return False
        shapes = {self._shape(name) for name in (*node.input, *node.output)}
        return len(shapes) == 1 and None not in shapes

    def _alike(self, node: Any) -> bool:
        """Whether input and output of a cut of channels lie in the same padded channels."""
        before, after = self._shape(node.input[0]), self._shape(node.output[0])
        if node.input[0] not in self.blocked or before is None or after is None or len(before) != 3:
            return False
        same = before[1:] == after[1:] and self.layout.padded(before[0]) == self.layout.padded(after[0])
        return same and len(after) == 3

    def _shape(self, name: str) -> tuple[int, ...] | None:
        if name in self.step.made:
            name = self.step.made[name]
        return self.step.leaves.get(name) or self.shapes.get(name)

    def _plain(self, name: str) -> None:
        """Sees to it that the plain form of a value is there."""
        if name not in self.on_demand or name in self.asked:
            return
        self.asked.add(name)
        shape = self._shape(name)
        if name in self.chosen or shape is None:
            return
        source = self.on_demand[name]
        self.nodes.append(make_node("ReorderOutput", [source], [name], domain=DOMAIN, channels=shape[0]))

    def _add(self, node: Any, inputs: Sequence[str], output: str) -> None:
        new = type(node)()
        new.CopyFrom(node)
        del new.input[:], new.output[:]
        new.input.extend(inputs)
        new.output.extend([output, *node.output[1:]])
        self.nodes.append(new)


def _own(name: str) -> str:
    return f"{name} blocked"


def _exchange(model: Any, rewritten: _Rewriting, step: Step, layout: Layout, chosen: set[str]) -> None:
    """Put the new nodes in, without those that nobody reads, and say how state goes in and out."""
    outputs = {name: leaf for name, leaf in step.made.items() if leaf in chosen}
    renamed = {rewritten.blocked[name]: name for name in outputs}
    plain = {name: f"{name} plain" for name in outputs}  # where somebody reads the kept frame in plain form
    for node in rewritten.nodes:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name) or plain.get(name, name) for name in list(names)]
    read, kept = {output.name for output in model.graph.output}, []
    for node in reversed(rewritten.nodes):
        if read.intersection(node.output):
            read.update(node.input)
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(kept))
    for described in (*model.graph.input, *model.graph.output):
        leaf = step.made.get(described.name, described.name)
        if leaf in chosen:
            described.type.tensor_type.shape.dim[1].dim_value = layout.padded(step.leaves[leaf][0])
