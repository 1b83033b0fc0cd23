"""Keeps state images in ONNX Runtime's blocked NCHWc layout between steps.

ONNX Runtime's fast convolutions have channels in blocks, (B, C / n, H, W, n) with n 8 or 16 by processor ("NCHWc"), and
its optimizer puts a reordering before and after whatever is not a convolution: for a streaming network before each past
frame and after each retained frame, a quarter of a step of X3D. Here the graph that its optimizer wrote is changed:
past frames come in and go out in the layout of its convolutions, and elementwise operations (sums, activations) run in
that layout too. Only what mixes layouts is still reordered.

The operations are internal ones of ONNX Runtime, of its domain `com.microsoft.nchwc`, and may change with any release.
So this is an option (`StepOptions.nchwc_state`), used with the versions of TESTED_VERSIONS and the operations of
KNOWN_OPERATIONS only: `refusal` says why not, and then the state stays in torch's layout. Graphs without such
operations are left as they are, and `choose.stepper` compares the result with the network before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from co_perception.runtime.steppers.onnx_graph import make_node, needed
from co_perception.runtime.versions import numbers

if TYPE_CHECKING:
    from co_perception.runtime.steppers.onnx_graph import GraphProto, ModelProto, NodeProto

DOMAIN = "com.microsoft.nchwc"
# Minor versions of ONNX Runtime with which test_nchwc_state.py passed. See there before another one is added.
TESTED_VERSIONS = ("1.21", "1.22", "1.23", "1.24", "1.25", "1.26", "1.27", "1.28")
# Of the domain, as in the versions tested. All take and give blocked images, but for the two that reorder.
KNOWN_OPERATIONS = {
    "ReorderInput", "ReorderOutput", "Conv", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Upsample",
}  # fmt: skip
ELEMENTWISE = {"Add": 2, "Mul": 2, "Relu": 1, "Sigmoid": 1, "HardSigmoid": 1, "QuickGelu": 1}  # and how many inputs
CHANNEL_CUTS = ("Pad", "Slice")  # that only add or remove channels of the padding
MOST_PADDING = 1.2  # times the channels that there are: more would waste memory
Shapes = Mapping[str, tuple[int, ...]]


class BlockedLayout(NamedTuple):
    """Which leaves of a state are blocked, and how.

    block: channels that are adjacent in memory. leaves: (C, H, W) of each blocked leaf by name.
    """

    block: int
    leaves: dict[str, tuple[int, ...]]

    def padded(self, channels: int) -> int:
        """The number of channels, rounded up to a multiple of the block."""
        return -(-channels // self.block) * self.block

    def close(self, name: str, leaf: Tensor) -> Tensor:
        """A leaf (B, C, H, W) in blocked layout: nominally (B, padded C, H, W), in memory (B, C / n, H, W, n)."""
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


PLAIN = BlockedLayout(1, {})


class StateFlow(NamedTuple):
    """How a step's state goes in and out.

    leaves: (C, *space) of each leaf that goes in with the state's own shape, by name. made: the leaf that an output
    becomes, by the output's name. groups: leaves that take each other's place from step to step, and so have one
    layout.
    """

    leaves: Shapes
    made: Mapping[str, str]
    groups: Sequence[frozenset[str]]


def refusal(graph: ModelProto, version: str) -> str:
    """Why the state of this optimized graph must stay in torch's layout; empty where nothing speaks against it."""
    found = {node.op_type for node in graph.graph.node if node.domain == DOMAIN}
    minor = ".".join(map(str, numbers(version)[:2]))
    if found and minor not in TESTED_VERSIONS:
        return f"state in plain layout, since the blocked one was not tested with ONNX Runtime {version}"
    unknown = ", ".join(sorted(found - KNOWN_OPERATIONS))
    return f"state in plain layout, since ONNX Runtime {version} has unknown operations: {unknown}" if unknown else ""


def block_state(
    optimized: ModelProto, step: StateFlow, shapes: Shapes, block_size: Callable[[], int]
) -> tuple[ModelProto, BlockedLayout]:
    """The optimized graph with blocked state, and the layout of that state, wherever that saves reordering.

    Args:
        optimized: the graph that ONNX Runtime wrote. It may be changed in place.
        step: how its state goes in and out.
        shapes: (C, *space) of its values by name, of those that are known.
        block_size: gives the number of channels in a block on this processor. Not called for a graph without blocks,
            as on processors for which ONNX Runtime has no such layout.
    """
    if not any(node.op_type == "ReorderInput" for node in optimized.graph.node):
        return optimized, PLAIN
    layout = BlockedLayout(block_size(), {})

    def saves(shape: tuple[int, ...]) -> bool:
        """Whether a leaf is an image, and not much larger with padded channels."""
        return len(shape) == 3 and shape[1] * shape[2] > 1 and layout.padded(shape[0]) <= MOST_PADDING * shape[0]

    groups = [group for group in step.groups if all(saves(step.leaves.get(name, ())) for name in group)]
    chosen = {name for group in groups for name in group}
    while chosen:
        rewritten = _Rewriting(optimized.graph, step, shapes, layout, chosen)
        refused = rewritten.refused()
        if not refused:
            _exchange(optimized, rewritten, step, layout, chosen)
            return optimized, layout._replace(leaves={name: step.leaves[name] for name in sorted(chosen)})
        chosen -= {name for group in groups if group & refused for name in group}
    return optimized, PLAIN


@dataclass
class _Rewriting:
    """One walk through the nodes, in their order, with the leaves `chosen` coming in blocked.

    nodes: of the new graph, unread ones included. blocked: name of a plain value -> blocked value with the same
    numbers. same: output of a removed reordering -> the blocked value to read instead. on_demand: plain value that is
    not there -> blocked value that it would be reordered from. asked: those of `on_demand` that a node reads.
    """

    graph: GraphProto
    step: StateFlow
    shapes: Shapes
    layout: BlockedLayout
    chosen: set[str]
    nodes: list[NodeProto] = field(default_factory=list)
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
        new = [self.blocked.get(output) for output in outputs.values()]
        lost = {
            leaf
            for leaf, value in zip(outputs, new, strict=True)
            if value is None or value in self.step.leaves or new.count(value) > 1
        }
        return (self.asked & self.chosen) | lost

    def _take(self, node: NodeProto) -> None:
        if node.op_type == "ReorderInput" and node.input[0] in self.blocked:
            self.same[node.output[0]] = self.blocked[node.input[0]]
        elif (
            ELEMENTWISE.get(node.op_type) == len(node.input)
            and all(name in self.blocked for name in node.input)
            and len(shapes := {self._shape(name) for name in (*node.input, *node.output)}) == 1
            and None not in shapes
        ):
            blocked = f"{node.output[0]} blocked"
            self._add(node, [self.blocked[name] for name in node.input], blocked)
            self.blocked[node.output[0]] = self.on_demand[node.output[0]] = blocked
        else:
            if node.op_type in CHANNEL_CUTS and self._same_blocks(node):
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

    def _same_blocks(self, node: NodeProto) -> bool:
        """Whether input and output of a cut of channels have the same number of padded channels."""
        before, after = self._shape(node.input[0]), self._shape(node.output[0])
        if node.input[0] not in self.blocked or before is None or after is None or not len(before) == len(after) == 3:
            return False
        return before[1:] == after[1:] and self.layout.padded(before[0]) == self.layout.padded(after[0])

    def _shape(self, name: str) -> tuple[int, ...] | None:
        name = self.step.made.get(name, name)
        return self.step.leaves.get(name) or self.shapes.get(name)

    def _plain(self, name: str) -> None:
        """Add the reordering that gives the plain form of a value, where there is none yet."""
        if name not in self.on_demand or name in self.asked:
            return
        self.asked.add(name)
        shape = self._shape(name)
        if name in self.chosen or shape is None:
            return
        source = self.on_demand[name]
        self.nodes.append(make_node("ReorderOutput", [source], [name], domain=DOMAIN, channels=shape[0]))

    def _add(self, node: NodeProto, inputs: Sequence[str], output: str) -> None:
        new = type(node)()
        new.CopyFrom(node)
        del new.input[:], new.output[:]
        new.input.extend(inputs)
        new.output.extend([output, *node.output[1:]])
        self.nodes.append(new)


def _exchange(
    model: ModelProto, rewritten: _Rewriting, step: StateFlow, layout: BlockedLayout, chosen: set[str]
) -> None:
    """Replace the model's nodes with the new ones that are read, and give its state inputs and outputs their shapes."""
    outputs = {name: leaf for name, leaf in step.made.items() if leaf in chosen}
    renamed = {rewritten.blocked[name]: name for name in outputs}
    plain = {name: f"{name} plain" for name in outputs}  # where a node reads the retained frame in plain form
    for node in rewritten.nodes:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name) or plain.get(name, name) for name in list(names)]
    nodes = needed(rewritten.nodes, [output.name for output in model.graph.output])
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for described in (*model.graph.input, *model.graph.output):
        leaf = step.made.get(described.name, described.name)
        if leaf in chosen:
            described.type.tensor_type.shape.dim[1].dim_value = layout.padded(step.leaves[leaf][0])
