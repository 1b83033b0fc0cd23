"""A traced step as an ONNX graph, operation by operation.

torch's own exporter knows every operation and takes 45 s for CoX3D-S on two quiet cores; this one knows what a step of
the networks here is made of (`onnx_operations`) and takes three. What it writes is also what runs fast: constants are
folded, frames stay images (B, C, H, W), and an average over a plane is a pooling. An operation that it does not know
raises `Unknown`.

The package `onnx` is imported here, when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import make_fx

from co_perception.runtime.onnx_operations import OPERATIONS, Named, Place, Unknown, numpy_dtype

OPSET = 20


def onnx_graph(
    step: Callable[..., tuple[Tensor, ...]],
    inputs: Sequence[Tensor],
    input_names: Sequence[str],
    output_names: Sequence[str],
    metadata: dict[str, str],
    streams: int | None = None,
) -> Any:
    """`step`, a function of tensors whose axis 0 is streams, as an `onnx.ModelProto`.

    inputs: an example; streams: a fixed number of them, None for any. Every value that depends on an input has streams
    (or streams times persons) on axis 0, so that no other axis depends on how many there are. Raises `Unknown`.
    """
    return _Writer(_trace(step, inputs), inputs, streams).write(input_names, output_names, metadata)


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


def _trace(step: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]) -> fx.GraphModule:
    with torch.no_grad():
        traced = make_fx(lambda *tensors: step(*tensors), pre_dispatch=True)(*inputs)
    traced.graph.eliminate_dead_code()
    return traced


class _Writer:
    """Walks a trace and writes a node for each operation whose inputs are not all constant."""

    def __init__(self, module: fx.GraphModule, inputs: Sequence[Tensor], streams: int | None) -> None:
        from onnx import helper

        self._helper = helper
        self._module, self._inputs, self._streams = module, inputs, streams
        self._nodes: list[Any] = []
        self._constants: dict[str, Tensor] = {}
        self._values: dict[fx.Node, Any] = {}

    def write(self, input_names: Sequence[str], output_names: Sequence[str], metadata: dict[str, str]) -> Any:
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
        return self._model(input_names, output_names, answers, metadata)

    def _rename(self, answers: Sequence[Named], names: Sequence[str]) -> None:
        """Let nodes write outputs by their own names. Only a value that two outputs share, or an input, is copied."""
        made = {output for node in self._nodes for output in node.output}
        renamed: dict[str, str] = {}
        for answer, name in zip(answers, names, strict=True):
            if answer.name in made and answer.name not in renamed:
                renamed[answer.name] = name
            else:
                known = renamed.get(answer.name, answer.name)
                self._nodes.append(self._helper.make_node("Identity", [known], [name]))
        for node in self._nodes:
            for names_of in (node.input, node.output):
                for place, known in enumerate(names_of):
                    names_of[place] = renamed.get(known, known)

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
    ) -> Any:
        from onnx import numpy_helper

        helper = self._helper
        graph = helper.make_graph(
            self._nodes,
            "step",
            [self._describe(name, given) for name, given in zip(input_names, self._inputs, strict=True)],
            [self._describe(name, answer.like) for name, answer in zip(output_names, answers, strict=True)],
            [
                numpy_helper.from_array(tensor.detach().contiguous().numpy(), name)
                for name, tensor in self._constants.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        helper.set_model_props(model, metadata)
        return model

    def _describe(self, name: str, like: Tensor) -> Any:
        shape = [self._streams or "streams", *like.shape[1:]]
        return self._helper.make_tensor_value_info(
            name, self._helper.np_dtype_to_tensor_dtype(numpy_dtype(like.dtype)), shape
        )


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
