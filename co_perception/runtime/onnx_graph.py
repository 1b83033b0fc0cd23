"""A traced step as an ONNX graph, operation by operation.

torch's own exporter knows every operation and takes 45 s for CoX3D-S on two quiet cores; this one knows what a step of
the networks here is made of (`onnx_operations`) and takes three. What it writes is also what runs fast: constants are
folded, frames stay images (B, C, H, W), and an average over a plane is a pooling. An operation that it does not know
raises `Unknown`.

The package `onnx` is imported here, when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from co_perception.runtime.onnx_operations import OPERATIONS, Named, Place, Unknown, numpy_dtype
from co_perception.runtime.program import Program

OPSET = 20
TRACED = 2  # streams; one would count as an axis that is always 1


class Graph(NamedTuple):
    """model: an `onnx.ModelProto`. shapes: of inputs and outputs whose axes are others than the state's, those after
    axis 0: the same numbers in the same order, to be looked at in this shape. values: of what nodes give, likewise."""

    model: Any
    shapes: dict[str, tuple[int, ...]]
    values: dict[str, tuple[int, ...]]


def onnx_graph(program: Program, streams: int | None = None, *, lend: bool = False) -> Graph:
    """A step as an ONNX graph, for a number of streams, or (None) for any. Raises `Unknown`.

    Every value that depends on an input has streams (or streams times persons) on axis 0, so that no other axis depends
    on how many there are. lend: leave reshapes of inputs and outputs to the runner, for whom they are free; ONNX
    Runtime copies there.
    """
    count = streams or TRACED
    writer = _Writer(program.traced(count), program.example(count), streams)
    return writer.write(program.input_names, program.output_names, program.metadata, lend)


def make_node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    """A node (`onnx.NodeProto`); attributes: of the operation, and its `domain`."""
    from onnx import helper

    return helper.make_node(kind, inputs, outputs, **attributes)


def one_operation(kind: str, shape: Sequence[int], domain: str) -> bytes:
    """A model of one operation, from x to y of the same shape."""
    from onnx import TensorProto, helper

    described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph([make_node(kind, ["x"], ["y"], domain=domain)], kind, described[:1], described[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def read_model(path: str | os.PathLike[str]) -> Any:
    """The `onnx.ModelProto` of a file."""
    import onnx

    return onnx.load(path)


def write_model(model: bytes, path: str | os.PathLike[str], metadata: dict[str, str]) -> None:
    """Write a model with these facts about it as a file, whole or not at all."""
    import onnx

    described = onnx.load_model_from_string(model)
    onnx.helper.set_model_props(described, metadata)
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(described.SerializeToString())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


class _Writer:
    """Walks a trace and writes a node for each operation whose inputs are not all constant."""

    def __init__(self, module: fx.GraphModule, inputs: Sequence[Tensor], streams: int | None) -> None:
        from onnx import helper

        self._helper = helper
        self._module, self._inputs, self._streams = module, inputs, streams
        self._nodes: list[Any] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._constants: dict[str, Tensor] = {}
        self._values: dict[fx.Node, Any] = {}

    def write(
        self, input_names: Sequence[str], output_names: Sequence[str], metadata: dict[str, str], lend: bool
    ) -> Graph:
        names = iter(input_names)
        for node in self._module.graph.nodes:
            if node.op == "placeholder":
                self._values[node] = Named(next(names), _meta(node))
            elif node.op == "get_attr":
                self._values[node] = _attribute(self._module, str(node.target))
            elif node.op == "call_function":
                self._values[node] = self._call(node)
            elif node.op == "output":
                answers = [self._named(self._values[answer]) for answer in _flat(node.args[0])]
        self._rename(answers, output_names)
        self._drop_unread(output_names)
        shapes = self._lend(input_names, output_names) if lend else {}
        return Graph(self._model(input_names, output_names, answers, metadata, shapes), shapes, self._shapes)

    def _rename(self, answers: Sequence[Named], names: Sequence[str]) -> None:
        """Let nodes write outputs by their own names. Only a value that two outputs share, or an input, is copied."""
        made = {output for node in self._nodes for output in node.output}
        renamed: dict[str, str] = {}
        for answer, name in zip(answers, names, strict=True):
            if answer.name in made and answer.name not in renamed:
                renamed[answer.name] = name
                self._shapes[name] = tuple(answer.like.shape[1:])
            else:
                known = renamed.get(answer.name, answer.name)
                self._nodes.append(self._helper.make_node("Identity", [known], [name]))
        _rewrite(self._nodes, renamed)

    def _drop_unread(self, output_names: Sequence[str]) -> None:
        """Take out nodes that nobody reads, such as a reshape that was reshaped again."""
        read, kept = set(output_names), []
        for node in reversed(self._nodes):
            if read.intersection(node.output):
                read.update(node.input)
                kept.append(node)
        self._nodes = kept[::-1]

    def _lend(self, input_names: Sequence[str], output_names: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Take out the reshapes that only look at an input or an output in another way."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name in input_names:
            readers = [node for node in self._nodes if name in node.input]
            targets = {tuple(self._constants[node.input[1]].tolist()) for node in readers if node.op_type == "Reshape"}
            if readers and all(node.op_type == "Reshape" for node in readers) and len(targets) == 1:
                shapes[name] = targets.pop()[1:]
                self._replace({node.output[0]: name for node in readers}, set(output_names))
        makers = {output: node for node in self._nodes for output in node.output}
        for name in output_names:
            maker = makers[name]
            source = maker.input[0] if maker.op_type == "Reshape" else ""
            if source in makers and source not in output_names and source in self._shapes:
                shapes[name] = self._shapes[source]
                self._nodes.remove(maker)
                _rewrite(self._nodes, {source: name})
        return shapes

    def _replace(self, known: dict[str, str], outputs: set[str]) -> None:
        """Let what read a reshape's output read its input; a reshape that is an output itself stays."""
        gone = {output: name for output, name in known.items() if output not in outputs}
        self._nodes = [node for node in self._nodes if node.op_type != "Reshape" or node.output[0] not in gone]
        _rewrite(self._nodes, gone)

    # Operations

    def _call(self, node: fx.Node) -> Any:
        args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), lambda given: self._values[given])
        if not any(isinstance(given, Named) for given in _flat((args, tuple(kwargs.values())))):
            return node.target(*args, **kwargs)  # type: ignore[operator]  # all of it is constant
        function: Any = getattr(node.target, "overloadpacket", node.target)
        name = function.__name__
        translate = OPERATIONS.get(name)
        if translate is None:
            raise Unknown(f"{node.target} has no translation")
        return translate(Place(self, node.meta["val"]), *args, **kwargs)

    def add(self, kind: str, inputs: Sequence[Any], like: Tensor, **attributes: Any) -> Named:
        """A node; `like` has its output's shape and dtype."""
        names = [self._named(given).name if given is not None else "" for given in inputs]
        output = f"v{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, names, [output], **attributes))
        self._shapes[output] = tuple(like.shape[1:])
        return Named(output, like)

    def add_many(self, kind: str, inputs: Sequence[Any], likes: Sequence[Tensor], **attributes: Any) -> list[Named]:
        """A node of several outputs."""
        names = [self._named(given).name for given in inputs]
        outputs = [f"v{len(self._nodes)}_{i}" for i in range(len(likes))]
        self._nodes.append(self._helper.make_node(kind, names, outputs, **attributes))
        return [Named(name, like) for name, like in zip(outputs, likes, strict=True)]

    def _named(self, value: Any) -> Named:
        if isinstance(value, Named):
            return value
        tensor = value if isinstance(value, Tensor) else torch.as_tensor(value)
        for name, known in self._constants.items():
            if known is tensor:
                return Named(name, tensor)
        name = f"c{len(self._constants)}"
        self._constants[name] = tensor
        return Named(name, tensor)

    # The file

    def _model(
        self,
        input_names: Sequence[str],
        output_names: Sequence[str],
        answers: Sequence[Named],
        metadata: dict[str, str],
        shapes: dict[str, tuple[int, ...]],
    ) -> Any:
        from onnx import numpy_helper

        helper = self._helper
        graph = helper.make_graph(
            self._nodes,
            "step",
            [self._describe(name, given, shapes) for name, given in zip(input_names, self._inputs, strict=True)],
            [self._describe(name, answer.like, shapes) for name, answer in zip(output_names, answers, strict=True)],
            [
                numpy_helper.from_array(tensor.detach().contiguous().numpy(), name)
                for name, tensor in self._constants.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        helper.set_model_props(model, metadata)
        return model

    def _describe(self, name: str, like: Tensor, shapes: dict[str, tuple[int, ...]]) -> Any:
        rows = self._streams or "streams"
        shape: list[str | int | None] = (
            [f"rows of {name}", *shapes[name]] if name in shapes else [rows, *like.shape[1:]]
        )
        return self._helper.make_tensor_value_info(
            name, self._helper.np_dtype_to_tensor_dtype(numpy_dtype(like.dtype)), shape
        )


def _rewrite(nodes: Sequence[Any], renamed: dict[str, str]) -> None:
    for node in nodes:
        for names in (node.input, node.output):
            for place, known in enumerate(names):
                names[place] = renamed.get(known, known)


def _attribute(module: fx.GraphModule, target: str) -> Any:
    value: Any = module
    for part in target.split("."):
        value = getattr(value, part)
    return value


def _meta(node: fx.Node) -> Tensor:
    return node.meta["val"]


def _flat(values: Any) -> list[Any]:
    if isinstance(values, list | tuple):
        return [leaf for value in values for leaf in _flat(value)]
    return [values]
