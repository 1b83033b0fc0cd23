"""The step of a network, as a rule in steady state, as a function of tensors alone, for compilers and exporters.

It takes the frames, the ages and the leaves of the state, and gives the answers and those leaves of the next state that
are new. Leaves that are handed on unchanged are no outputs: the caller moves references (`next_layers`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from co_perception.continual.layer import Frames
from co_perception.continual.state import Tree, leaves, named_leaves, unflatten
from co_perception.continual.timing import Clock, Signal
from co_perception.runtime.steppers.bundle_step import ALONE, NEW, numbered
from co_perception.runtime.steppers.joint_rows import JointRows
from co_perception.runtime.steppers.padding import fit, widened
from co_perception.runtime.steppers.stepper import Stepper

FORMAT, VERSION = "co_perception.program", "1"


class Program:
    """`program(*frames, age, *leaves)` gives `(*answers, *made)`, all tensors with streams on axis 0.

    Args:
        stepper: whose network, frame shape and lag it has.
        multiple: channels of depthwise convolutions are padded to a multiple of this (`padding.widened`) within the
            program; the state keeps its shapes.
        settled: whether it is for streams in steady state only; else it masks what lies before a clip, by `age`.
        rows: the network whose state has the form of `joint_rows`, which the program's state has then; `multiple` does
            nothing.

    Attributes: answers: their number; shapes: of all outputs, for one stream; names, leaf_shapes: of the state;
    rotation: the source of each leaf of the next state: (False, i) the i-th leaf given, (True, i) the i-th made.
    """

    def __init__(
        self, stepper: Stepper, *, multiple: int = 1, settled: bool = True, rows: JointRows | None = None
    ) -> None:
        self._settled, self.lag, self.stride = settled, stepper.lag, stepper.stride
        self.frame_shape = stepper.frame_shape
        self._like = stepper.init_state(1).layers
        if rows is None:
            self.network = widened(stepper.network, multiple)
            like = next(iter(leaves(self._like)), torch.empty(0))
            self._within = leaves(self.network.init_history(1, Signal(self.frame_shape, self.lag), like))
        else:
            self.network, self._like = rows.network, rows.close(self._like)
            self._within = leaves(self._like)
        self.names = [name or ALONE for name, _ in named_leaves(self._like)]
        self.leaf_shapes = [tuple(leaf.shape[1:]) for leaf in leaves(self._like)]
        self.rotation: list[tuple[bool, int]] = []
        answers, made = self._trace(*self.example(1))
        self.answers = len(answers)
        self.shapes = [tuple(answer.shape[1:]) for answer in (*answers, *made)]

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        answers, made = self._trace(*tensors)
        return (*answers, *made)

    def example(self, streams: int, seed: int = 0) -> list[Tensor]:
        """Inputs of a stream in steady state: frames and past frames drawn at random."""
        draw = torch.Generator().manual_seed(seed)
        given = leaves(self._like)
        device, dtype = (given[0].device, given[0].dtype) if given else (torch.device("cpu"), torch.float32)

        def random(shape: Sequence[int], like: torch.dtype) -> Tensor:
            return torch.randn(*shape, generator=draw).to(device=device, dtype=like)

        frames = [random((streams, *self.frame_shape), dtype) for _ in range(self.stride)]
        past = [random((streams, *leaf.shape[1:]), leaf.dtype) for leaf in given]
        settled = self.network.settles(self.lag) + self.network.receptive_field
        steps = -(-settled // self.stride) * self.stride
        return [*frames, torch.full((streams,), steps, device=device), *past]

    def traced(self, streams: int) -> fx.GraphModule:
        """The program as a graph of torch's operations, without the network's code, for this number of streams."""
        with torch.no_grad():
            graph = make_fx(lambda *tensors: self(*tensors), pre_dispatch=True)(*self.example(streams))
        graph.graph.eliminate_dead_code()
        graph.recompile()  # or its code would have lines of nodes that are gone, which compilers look up
        return graph

    @property
    def input_names(self) -> list[str]:
        """x (several where a step takes several frames: x.0, x.1 ...), age, and the state's leaves."""
        return [*numbered("x", self.stride), "age", *self.names]

    @property
    def output_names(self) -> list[str]:
        """y, and the leaves that are new under the names they have in the next state, `new_` before them."""
        named = {source: name for name, (new, source) in zip(self.names, self.rotation, strict=True) if new}
        return [*numbered("y", self.answers), *(NEW + named[i] for i in range(len(named)))]

    @property
    def metadata(self) -> dict[str, str]:
        """Facts that a caller of an exported program needs, as strings of JSON.

        rotation: next state's leaf -> this state's leaf that becomes it; all others are outputs. valid_from: age from
        which it answers as the network does; younger streams have borders it does not know.
        """
        handed_on = {
            name: self.names[source] for name, (new, source) in zip(self.names, self.rotation, strict=True) if not new
        }
        facts = {
            "stride": self.stride,
            "receptive_field": self.network.receptive_field,
            "delay": self.network.delay,
            "lag": self.network.lag_after(self.lag),
            "valid_from": self.network.settles(self.lag),
            "frame_shape": list(self.frame_shape),
            "rotation": handed_on,
            "states": {name: list(leaf.shape[1:]) for name, leaf in zip(self.names, leaves(self._like), strict=True)},
        }
        return {"format": FORMAT, "format_version": VERSION} | {key: json.dumps(fact) for key, fact in facts.items()}

    def next_layers(self, given: Sequence[Tensor], made: Sequence[Tensor]) -> Tree:
        """The next state's tree, of the leaves that were given and those that the program made."""
        return self.tree([made[i] if new else given[i] for new, i in self.rotation])

    def tree(self, flat: list[Tensor]) -> Tree:
        """Leaves in the state's order as the state's tree."""
        return unflatten(self._like, flat)

    def _trace(self, *tensors: Tensor) -> tuple[Frames, list[Tensor]]:
        frames, age, past = tensors[: self.stride], tensors[self.stride], list(tensors[self.stride + 1 :])
        past = [fit(leaf, within) for leaf, within in zip(past, self._within, strict=True)]
        clock = Clock(age, None, self.lag, settled=self._settled)
        answers, layers = self.network.unrolled(frames, unflatten(self._like, past), clock)
        places = {id(leaf): place for place, leaf in enumerate(past)}
        made: list[Tensor] = []
        self.rotation = []
        for leaf, like in zip(leaves(layers), leaves(self._like), strict=True):
            if id(leaf) in places:
                self.rotation.append((False, places[id(leaf)]))
                continue
            self.rotation.append((True, len(made)))
            # A copy: the caller may write into the frame again.
            made.append(fit(leaf.clone() if any(leaf is frame for frame in frames) else leaf, like))
        return answers, made
