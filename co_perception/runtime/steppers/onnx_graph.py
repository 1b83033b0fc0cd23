"""Writes the traced step of a network as an ONNX graph, operation by operation.

torch's own exporter knows every operation and takes 45 s for CoX3D-S on two quiet cores; this one knows what a step of
the networks here is made of (`onnx_operations`) and takes three. What it writes is also what runs fast: constants are
folded, frames stay images (B, C, H, W), and an average over a plane is a pooling. An operation that it does not know
raises `UnsupportedOperationError`.

The package `onnx` is imported here, when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from co_perception.engine.files import write_files
from co_perception.runtime.steppers.onnx_functions import FUNCTIONS
from co_perception.runtime.steppers.onnx_operations import OPERATIONS, Input, Named, Place, UnsupportedOperationError
from co_perception.runtime.steppers.onnx_recurrent import RECURRENT
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.transpose_elimination import eliminate_transposes

if TYPE_CHECKING:
    from onnx import GraphProto as GraphProto
    from onnx import ModelProto as ModelProto
    from onnx import NodeProto as NodeProto
    from onnx import ValueInfoProto

OPSET = 20
SHARED = 1024  # bytes from which on `share_constants` takes a constant out
TRANSLATIONS = {**OPERATIONS, **FUNCTIONS, **RECURRENT}
TRACED = 2  # streams; one would count as an axis that is always 1


class OnnxGraph(NamedTuple):
    """A step's graph, and shapes of its values (without axis 0) by name.

    shapes: of inputs and outputs that are reshaped outside the graph: the same numbers in the same order, in this shape
    inside. values: of what nodes give.
    """

    model: ModelProto
    shapes: dict[str, tuple[int, ...]]
    values: dict[str, tuple[int, ...]]


def onnx_graph(program: Program, streams: int | None = None, *, lend: bool = False) -> OnnxGraph:
    """A step as an ONNX graph.

    Every value that depends on an input has streams (or streams times persons) on axis 0, and no other axis depends on
    their number.

    Args:
        program: the step.
        streams: their number; None: any.
        lend: leave reshapes of inputs and outputs to the caller, for whom they are free; ONNX Runtime copies there.
            Inputs that nothing reads are left out.

    Raises: UnsupportedOperationError.
    """
    return _Writer(program, streams).write(lend)


def make_node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> NodeProto:
    """A node; attributes: of the operation, and its `domain`."""
    from onnx import helper

    return helper.make_node(kind, inputs, outputs, **attributes)


def one_operation(kind: str, shape: Sequence[int], domain: str) -> bytes:
    """A model of one operation, from x to y of the same shape."""
    from onnx import TensorProto, helper

    described = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph([make_node(kind, ["x"], ["y"], domain=domain)], kind, described[:1], described[1:])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(domain, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def read_model(path: str | os.PathLike[str]) -> ModelProto:
    """The model of an ONNX file."""
    import onnx

    return onnx.load(path)


def write_model(model: bytes, path: str | os.PathLike[str], metadata: dict[str, str]) -> None:
    """Write a model with these facts about it as a file, whole or not at all."""
    import onnx

    described = onnx.load_model_from_string(model)
    onnx.helper.set_model_props(described, metadata)
    write_files({Path(path): described.SerializeToString()})


def share_constants(model: ModelProto, constants: dict[str, NDArray[np.generic]]) -> tuple[bytes, list[str]]:
    """The model with its large constants taken out, and their names: they are in `constants`, and added there where
    they are missing.

    It reads as a model with external data; `onnx_session.open_session` is given the numbers.
    """
    from onnx import TensorProto, numpy_helper

    renamed: dict[str, str] = {}
    for stored in list(model.graph.initializer):
        if len(stored.raw_data) < SHARED:
            continue
        array = numpy_helper.to_array(stored)
        known = (name for name, other in constants.items() if _is_same(array, other))
        name = next(known, f"shared.{len(constants)}")
        if name in renamed.values():  # the same numbers twice in one model
            renamed[stored.name] = name
            model.graph.initializer.remove(stored)
            continue
        constants[name], renamed[stored.name], stored.name = array, name, name
        stored.ClearField("raw_data")
        stored.data_location = TensorProto.EXTERNAL
        stored.external_data.add(key="location", value="constants")
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    return model.SerializeToString(), sorted(set(renamed.values()))


def _is_same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def needed(nodes: Sequence[NodeProto], outputs: Sequence[str]) -> list[NodeProto]:
    """The nodes on which these outputs depend, in their order."""
    read, found = set(outputs), []
    for node in reversed(nodes):
        if read.intersection(node.output):
            read.update(node.input)
            found.append(node)
    return found[::-1]


class _Writer:
    """Walks a trace and writes a node for each operation whose inputs are not all constant."""

    def __init__(self, program: Program, streams: int | None) -> None:
        from onnx import helper

        self._helper = helper
        self._program, self._streams = program, streams
        self._input_names, self._output_names = program.input_names, program.output_names
        self._nodes: list[NodeProto] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._constants: dict[str, Tensor] = {}
        self._values: dict[fx.Node, Any] = {}

    def write(self, lend: bool) -> OnnxGraph:
        module, names = self._program.traced(self._streams or TRACED), iter(self._input_names)
        for node in eliminate_transposes(module.graph).nodes:
            if node.op == "placeholder":
                self._values[node] = Named(next(names), node.meta["val"])
            elif node.op == "get_attr":
                self._values[node] = attrgetter(str(node.target))(module)
            elif node.op == "call_function":
                self._values[node] = self._call(node)
            elif node.op == "output":
                answers = [self._named(self._values[answer]) for answer in _flat(node.args[0])]
        self._rename(answers)
        # Without those whose outputs are not read, such as a reshape that was reshaped again.
        self._nodes = needed(self._nodes, self._output_names)
        shapes = self._lend() if lend else {}
        read = {name for node in self._nodes for name in node.input} if lend else set(self._input_names)
        return OnnxGraph(self._model(answers, shapes, read), shapes, self._shapes)

    def _rename(self, answers: Sequence[Named]) -> None:
        """Rename values that are outputs. Only a value that two outputs share, or an input, is copied."""
        made = {output for node in self._nodes for output in node.output}
        renamed: dict[str, str] = {}
        for answer, name in zip(answers, self._output_names, strict=True):
            if answer.name in made and answer.name not in renamed:
                renamed[answer.name] = name
                self._shapes[name] = tuple(answer.like.shape[1:])
            else:
                known = renamed.get(answer.name, answer.name)
                self._nodes.append(self._helper.make_node("Identity", [known], [name]))
        _rewrite(self._nodes, renamed)

    def _lend(self) -> dict[str, tuple[int, ...]]:
        """Remove the reshapes of inputs and outputs; the shapes inside, by name."""
        shapes: dict[str, tuple[int, ...]] = {}
        for name in self._input_names:
            readers = [node for node in self._nodes if name in node.input]
            targets = {tuple(self._constants[node.input[1]].tolist()) for node in readers if node.op_type == "Reshape"}
            if readers and all(node.op_type == "Reshape" for node in readers) and len(targets) == 1:
                shapes[name] = targets.pop()[1:]
                # A reshape that is an output itself stays.
                gone = {node.output[0]: name for node in readers if node.output[0] not in self._output_names}
                self._nodes = [node for node in self._nodes if node.op_type != "Reshape" or node.output[0] not in gone]
                _rewrite(self._nodes, gone)
        makers = {output: node for node in self._nodes for output in node.output}
        for name in self._output_names:
            maker = makers[name]
            read = any(name in node.input for node in self._nodes)  # in the shape that it has outside
            source = maker.input[0] if maker.op_type == "Reshape" and not read else ""
            if source in makers and source not in self._output_names and source in self._shapes:
                shapes[name] = self._shapes[source]
                self._nodes.remove(maker)
                _rewrite(self._nodes, {source: name})
        return shapes

    # Operations

    def _call(self, node: fx.Node) -> Any:
        args, kwargs = fx.map_arg((node.args, dict(node.kwargs)), lambda given: self._values[given])
        if not any(isinstance(given, Named) for given in _flat((args, tuple(kwargs.values())))):
            return node.target(*args, **kwargs)  # type: ignore[operator]  # all of it is constant
        function: Any = getattr(node.target, "overloadpacket", node.target)
        translate = TRANSLATIONS.get(function.__name__)
        if translate is None:
            raise UnsupportedOperationError(f"{node.target} has no translation")
        made = translate(Place(self, node.meta["val"]), *args, **kwargs)
        if isinstance(made, Named):
            made.shared = made.shared or len(node.users) > 1
        return made

    def add(self, kind: str, inputs: Sequence[Input], like: Tensor, **attributes: Any) -> Named:
        """A node; `like` has its output's shape and dtype."""
        names = [self._named(given).name for given in inputs]
        output = f"v{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, names, [output], **attributes))
        self._shapes[output] = tuple(like.shape[1:])
        return Named(output, like)

    def add_many(self, kind: str, inputs: Sequence[Input], likes: Sequence[Tensor], **attributes: Any) -> list[Named]:
        """A node of several outputs."""
        names = [self._named(given).name for given in inputs]
        outputs = [f"v{len(self._nodes)}_{i}" for i in range(len(likes))]
        self._nodes.append(self._helper.make_node(kind, names, outputs, **attributes))
        return [Named(name, like) for name, like in zip(outputs, likes, strict=True)]

    def _named(self, value: Input) -> Named:
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

    def _model(self, answers: Sequence[Named], shapes: dict[str, tuple[int, ...]], read: set[str]) -> ModelProto:
        from onnx import numpy_helper

        helper = self._helper
        for number, node in enumerate(self._nodes):
            node.name = f"n{number}"  # ONNX Runtime 1.21 gives what it fuses the same name where it has none
        inputs = zip(self._input_names, self._program.example(self._streams or TRACED), strict=True)
        taken = {name for node in self._nodes for name in node.input}
        constants = {name: tensor for name, tensor in self._constants.items() if name in taken}
        graph = helper.make_graph(
            self._nodes,
            "step",
            [self._describe(name, given, shapes) for name, given in inputs if name in read],
            [self._describe(name, a.like, shapes) for name, a in zip(self._output_names, answers, strict=True)],
            [numpy_helper.from_array(t.detach().contiguous().numpy(), name) for name, t in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        helper.set_model_props(model, self._program.metadata)
        return model

    def _describe(self, name: str, like: Tensor, shapes: dict[str, tuple[int, ...]]) -> ValueInfoProto:
        rows = f"rows of {name}" if name in shapes else self._streams or "streams"
        kind = self._helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=like.dtype).numpy().dtype)
        return self._helper.make_tensor_value_info(name, kind, [rows, *shapes.get(name, like.shape[1:])])


def _rewrite(nodes: Sequence[NodeProto], renamed: dict[str, str]) -> None:
    for node in nodes:
        for names in (node.input, node.output):
            for place, known in enumerate(names):
                names[place] = renamed.get(known, known)


def _flat(values: Any) -> list[Any]:
    if isinstance(values, list | tuple):
        return [leaf for value in values for leaf in _flat(value)]
    return [values]
