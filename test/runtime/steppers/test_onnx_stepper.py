"""The step as a file that others run, and threads that are bounded."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from helpers.stepper_networks import FAMILIES, stream
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.numpy_helper import from_array, to_array
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import named_leaves
from co_perception.runtime.steppers import onnx_session
from co_perception.runtime.steppers.choose import difference, stepper
from co_perception.runtime.steppers.onnx_graph import onnx_graph
from co_perception.runtime.steppers.onnx_session import default_threads, open_session, quantized
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import EagerStepper


@pytest.mark.parametrize("family", ["x3d", "encoder of 2", "resnet"])
def test_whoever_reads_the_file_alone_steps_as_the_network_does(family: str, tmp_path: Path) -> None:
    """With ONNX Runtime, NumPy, and what the metadata says, and nothing of this package."""
    network, shape = FAMILIES[family]()
    made = stepper(network, shape, "onnxruntime")
    assert isinstance(made, OnnxStepper)
    made.save(tmp_path / "step.onnx", {"labels": "[]"})
    assert [file.name for file in tmp_path.iterdir()] == ["step.onnx"]

    session = onnxruntime.InferenceSession(tmp_path / "step.onnx")
    says = session.get_modelmeta().custom_metadata_map
    assert (says["format"], says["labels"]) == ("co_perception.program", "[]")
    stride, rotation = json.loads(says["stride"]), json.loads(says["rotation"])
    settled = -(-json.loads(says["valid_from"]) // stride) * stride
    names, outputs = ([put.name for put in puts] for puts in (session.get_inputs(), session.get_outputs()))

    x = stream(FAMILIES[family](), settled + 8 * stride)
    state = made.init_state(1)
    for part in x[:, :, :settled].split(stride, dim=2):
        _, state = made(part, state)
    past = {name: leaf.numpy() for name, leaf in named_leaves(state.layers)}
    assert set(json.loads(says["states"])) == set(past)
    for part in x[:, :, settled:].split(stride, dim=2):
        frames = part.unbind(2)
        inputs = dict(zip(["x"] if stride == 1 else [f"x.{i}" for i in range(stride)], frames, strict=True))
        given = {name: frame.numpy() for name, frame in inputs.items()} | {"age": state.age.numpy()} | past
        got = dict(zip(outputs, session.run(outputs, {name: given[name] for name in names}), strict=True))
        y, state = made(part, state)
        np.testing.assert_allclose(got["y"], y[:, :, 0].numpy(), atol=1e-5)
        past = {name: past[rotation[name]] if name in rotation else got[f"new_{name}"] for name in past}


def test_threads_are_bounded_unless_more_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    assert default_threads() == onnx_session.MOST_THREADS
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3})
    assert default_threads() == 1


def test_a_batch_of_any_size_is_stepped_by_one_program() -> None:
    network, shape = FAMILIES["graph"]()
    made = stepper(network, shape, "onnxruntime")
    for streams in (1, 3, 17):
        y, _ = made(torch.randn(streams, shape[0], 1, *shape[1:]), made.init_state(streams))
        assert y.shape == (streams, 7, 1)


@torch.no_grad()
def test_a_norm_without_weights_that_stays_is_written() -> None:
    """Behind a convolution that keeps partial sums nothing is folded."""
    shrinking = co.Conv3d(2, 12, 3, stride=(1, 2, 2), padding=1)
    network = co.Sequential(shrinking, nn.BatchNorm3d(12, affine=False), nn.ReLU(), co.Conv3d(12, 3, 1))
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm3d))
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.uniform_(-1, 1)
    norm.running_var.uniform_(0.5, 2)
    made = stepper(network.eval(), (2, 8, 8), "onnxruntime", StepOptions(threads=1))
    assert made.name == "onnxruntime" and difference(made, network=network) < 1e-5


class Normed(nn.Module):
    """A forward with a norm behind each convolution, the second of which somebody else takes, too; (B, 6, T, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(6, 8, (3, 1), padding=(1, 0), bias=False), nn.Conv2d(8, 8, 1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.BatchNorm2d(8, affine=False)])

    def forward(self, x: Tensor) -> Tensor:
        y = self.norms[0](self.first(x)).relu()
        z = self.second(y)
        return y + self.norms[1](z) * z.sigmoid()


@torch.no_grad()
def test_a_norm_of_a_convolution_that_nobody_else_takes_is_in_its_weights() -> None:
    torch.manual_seed(0)
    plain = Normed().eval()
    for norm in plain.norms:
        norm.get_buffer("running_mean").uniform_(-1, 1)
        norm.get_buffer("running_var").uniform_(0.5, 2)
    layer = co.convert(plain, example=(6, 4))
    made = stepper(layer, (6, 4), "onnxruntime", StepOptions(threads=1))
    assert difference(made, network=layer) < 1e-5
    graph = onnx_graph(Program(EagerStepper(layer, (6, 4)))).model.graph
    kinds = Counter(node.op_type for node in graph.node)
    assert kinds["Conv"] == 2 and kinds["BatchNormalization"] == 1, kinds
    taken = {name for node in graph.node for name in node.input}
    assert {constant.name for constant in graph.initializer} <= taken


class DilatedLayer(nn.Module):
    """A layer of a temporal convolutional network, with its skip; (B, 8, T)."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv1d(8, 8, 3, padding=dilation, dilation=dilation)
        self.narrow = nn.Conv1d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.narrow(torch.relu(self.wide(x)))


def test_a_frame_that_is_taken_out_and_put_back_costs_no_node() -> None:
    """Each layer hands single frames on; between the layers of a converted network nothing is left of that."""
    plain = nn.Sequential(*(DilatedLayer(dilation) for dilation in (1, 2, 4))).eval()
    layer = co.convert(plain, example=(8,))
    model = onnx_graph(Program(EagerStepper(layer, (8,))), lend=True).model
    kinds = Counter(node.op_type for node in model.graph.node)
    assert kinds["Conv"] == 6
    assert sum(kinds[name] for name in ("Reshape", "Squeeze", "Unsqueeze", "Gather")) == 1, kinds  # of the answer


def saturated(x: NDArray[np.uint8], weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """x @ weights as x86 processors without VNNI compute it: pairs of products added in 16 bits, which saturate."""
    products = x[:, :, None].astype(np.int32) * weights
    pairs = np.clip(products[:, 0::2] + products[:, 1::2], -32768, 32767)
    return pairs.sum(1, dtype=np.int32)


def exact(x: NDArray[np.uint8], weights: NDArray[np.int8]) -> NDArray[np.int32]:
    return x.astype(np.int32) @ weights.astype(np.int32)


def integer_weights(family: str) -> list[NDArray[np.int8]]:
    """The weights (K, N) of the products of an int8 step."""
    stepped = FAMILIES[family]()
    model = onnx_graph(Program(EagerStepper(fold_batch_norm(stepped.network), stepped.shape))).model
    constants = onnx.load_from_string(quantized(model)).graph.initializer
    return [to_array(each) for each in constants if each.data_type == TensorProto.INT8 and len(each.dims) == 2]


@pytest.mark.parametrize("family", ["encoder of 2", "sensor", "x3d"])
def test_integer_products_are_exact_on_every_processor(family: str) -> None:
    """No input can saturate the 16 bits in which some processors add two products: those with all weights at the ends
    of their range least of all. ONNX Runtime on this processor gives the exact integers."""
    found = integer_weights(family)
    assert found
    for weights in found:
        assert np.abs(weights.astype(int)).max() == 64, "the whole of 7 bits, and no more"
        weights = weights[: len(weights) // 2 * 2]
        draw = np.random.default_rng(0)
        x = draw.integers(0, 256, (8, len(weights)), dtype=np.uint8)
        x[0], x[1] = 255, np.where(weights[:, 0] > 0, 255, 0)  # the largest sums that there can be
        for each in (weights, np.full_like(weights, 64), np.full_like(weights, -64)):
            np.testing.assert_array_equal(saturated(x, each), exact(x, each))
            np.testing.assert_array_equal(multiplied(x, each), exact(x, each))
        assert (saturated(x, np.full_like(weights, 127)) != exact(x, np.full_like(weights, 127))).any()


def multiplied(x: NDArray[np.uint8], weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """x @ weights by ONNX Runtime on this processor."""
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
        [from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    (y,) = open_session(model.SerializeToString(), 1).run(None, {"x": x})
    return np.asarray(y)
