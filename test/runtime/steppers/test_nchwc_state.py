"""State in ONNX Runtime's blocked layout: the same numbers, fewer reorderings, and nothing of it outside.

To add a version to TESTED_VERSIONS: pip install --no-deps --target FOLDER onnxruntime==VERSION, allow the version, and
run this file with FOLDER in PYTHONPATH, or the slow test at the end with FOLDER in ONNXRUNTIME_FOLDERS.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import onnxruntime
import pytest
import torch
from helpers.stepper_networks import FAMILIES, fresh, stream
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from co_perception.continual.norm import fold_batch_norm
from co_perception.continual.state import PackedState, leaves, named_leaves, state_bytes, unpacked
from co_perception.runtime.steppers import nchwc_state, onnx_stepper
from co_perception.runtime.steppers.choose import difference, stepper
from co_perception.runtime.steppers.onnx_session import open_session
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper, block_size, optimized
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.stepper import EagerStepper

THREAD = StepOptions(threads=1)


def convolution(inputs: list[str], output: str) -> list[NodeProto]:
    return [helper.make_node("Conv", [*inputs, "w"], [output], pads=[1, 1, 1, 1])]


def summed() -> list[NodeProto]:
    """s, the sum of convolutions of both inputs."""
    return [*convolution(["x"], "a"), *convolution(["p"], "b"), helper.make_node("Add", ["a", "b"], ["s"])]


def model(nodes: list[NodeProto], made: str, channels: int = 32) -> ModelProto:
    """x and the past frame `p` in, y and what becomes of p out."""
    weight = torch.randn(channels, channels, 3, 3, generator=torch.Generator().manual_seed(0)) / 9
    shape: list[str | int | None] = ["streams", channels, 6, 6]
    graph = helper.make_graph(
        nodes,
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "p")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("y", made)],
        [numpy_helper.from_array(weight.numpy(), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def reordered(graph: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in graph.graph.node if node.op_type.startswith("Reorder"))


def changed(nodes: list[NodeProto], channels: int = 32) -> tuple[ModelProto, nchwc_state.BlockedLayout]:
    shape = (channels, 6, 6)
    step = nchwc_state.StateFlow({"p": shape}, {"new_p": "p"}, [frozenset({"p"})])
    names = {output for node in nodes for output in node.output}
    given = optimized(model(nodes, "new_p", channels).SerializeToString())
    return nchwc_state.block_state(given, step, dict.fromkeys(names, shape), block_size)


@pytest.fixture(autouse=True)
def has_the_layout() -> None:
    nodes = convolution(["x"], "y") + convolution(["p"], "new_p")
    if not reordered(optimized(model(nodes, "new_p").SerializeToString())):
        pytest.skip("ONNX Runtime has no blocked layout on this processor")


def test_numbers_lie_in_blocks_of_channels() -> None:
    layout = nchwc_state.BlockedLayout(8, {"p": (12, 2, 3)})
    leaf = torch.arange(2 * 12 * 2 * 3.0).view(2, 12, 2, 3)
    held = layout.close("p", leaf)
    assert held.shape == (2, 16, 2, 3)
    lies = held.reshape(2, 2, 2, 3, 8)
    for row, channel, y, x in ((0, 0, 0, 0), (1, 11, 1, 2), (0, 7, 1, 0), (1, 8, 0, 1)):
        assert lies[row, channel // 8, y, x, channel % 8] == leaf[row, channel, y, x]
    assert not lies[:, 1, :, :, 4:].any()
    assert layout.open("p", held).equal(leaf)
    assert layout.close("q", leaf) is leaf and layout.open("q", leaf) is leaf


def test_the_block_is_one_that_processors_have() -> None:
    assert block_size() in (4, 8, 16, 32)


def test_a_past_frame_that_only_convolutions_see_is_not_reordered() -> None:
    nodes = [*summed(), helper.make_node("Relu", ["s"], ["new_p"]), *convolution(["new_p"], "y")]
    graph, layout = changed(nodes)
    assert layout.leaves == {"p": (32, 6, 6)}
    assert reordered(graph) == {"ReorderInput": 1, "ReorderOutput": 1}, "x and y"


def test_what_works_number_by_number_works_in_the_layout() -> None:
    nodes = [*convolution(["x"], "a"), helper.make_node("Add", ["a", "p"], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], ["new_p"]), *convolution(["new_p"], "y")]
    graph, layout = changed(nodes)
    assert layout.leaves and reordered(graph) == {"ReorderInput": 1, "ReorderOutput": 1}


def test_an_answer_that_is_an_image_comes_out_plain() -> None:
    nodes = [*summed(), helper.make_node("Relu", ["s"], ["y"]), *convolution(["x"], "new_p")]
    graph, layout = changed(nodes)
    assert layout.leaves == {"p": (32, 6, 6)} and {output.name for output in graph.graph.output} == {"y", "new_p"}
    x, p = (torch.randn(1, 32, 6, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    given = {"x": x.numpy(), "p": p.numpy()}
    y, new_p = open_session(model(nodes, "new_p").SerializeToString(), 1).run(["y", "new_p"], given)
    held = given | {"p": layout.close("p", p).numpy()}
    z, new_held = open_session(graph.SerializeToString(), 1, optimize=False).run(["y", "new_p"], held)
    assert torch.from_numpy(z).equal(torch.from_numpy(y))
    assert layout.open("p", torch.from_numpy(new_held)).equal(torch.from_numpy(new_p))


@pytest.mark.parametrize("case", ["a sum over channels", "handed through", "too few channels"])
def test_what_would_not_save_anything_stays_as_it_is(case: str) -> None:
    channels = 12 if case == "too few channels" else 32
    nodes = [*summed(), helper.make_node("Softmax", ["p" if case == "a sum over channels" else "s"], ["m"], axis=1)]
    nodes += [helper.make_node("Add", ["m", "s"], ["y"])]
    nodes += [helper.make_node("Identity", ["p" if case == "handed through" else "x"], ["new_p"])]
    _, layout = changed(nodes, channels)
    assert layout == nchwc_state.PLAIN


def test_a_graph_without_blocks_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an encoder, and of everything on a processor that has no such layout: nobody asks for its blocks there."""

    def unknown() -> int:
        raise AssertionError("asked for blocks that there are not")

    monkeypatch.setattr(onnx_stepper, "block_size", unknown)
    stepped = FAMILIES["encoder of 2"]()
    assert OnnxStepper(fold_batch_norm(stepped.network), stepped.shape, THREAD).layout == nchwc_state.PLAIN


@pytest.mark.slow
@pytest.mark.parametrize("family", ["x3d", "resnet", "movinet"])
def test_a_stream_in_the_layout_is_bit_by_bit_the_plain_one(family: str) -> None:
    stepped = FAMILIES[family]()
    own = OnnxStepper(*stepped, THREAD)
    assert own.layout.leaves
    plain = OnnxStepper(stepped.network, stepped.shape, StepOptions(threads=1, nchwc_state=False))
    assert plain.layout == nchwc_state.PLAIN and not plain.note
    x = stream(stepped, stepped.network.receptive_field + 6 * own.stride, streams=2)
    state = other = fresh(stepped, 2)
    for part in x.split(own.stride, dim=2):
        y, state = own(part, state)
        z, other = plain(part, other)
        assert y.equal(z)
    assert isinstance(state.layers, PackedState) and not isinstance(unpacked(state.layers), PackedState)
    for (name, leaf), (other_name, other_leaf) in zip(named_leaves(state), named_leaves(other), strict=True):
        assert name == other_name and leaf.equal(other_leaf)
    # What is held is padded, but not by more than it may be.
    bytes_open = sum(leaf.nbytes for leaf in leaves(state.layers))
    assert bytes_open <= state_bytes(state.layers) <= nchwc_state.MOST_PADDING * bytes_open


def test_a_held_state_goes_on_anywhere() -> None:
    stepped = FAMILIES["x3d"]()
    one, other = (OnnxStepper(*stepped, THREAD) for _ in range(2))
    plain = EagerStepper(*stepped)
    x = stream(stepped, stepped.network.receptive_field + 2)
    state = fresh(stepped)
    for part in x.split(1, dim=2):
        _, state = one(part, state)
    more = stream(stepped, 3, seed=1).split(1, dim=2)
    answers = []
    for made in (one, other, plain, one):
        later = state
        for part in more:
            y, later = made(part, later)
        answers.append(y)
    assert answers[0].equal(answers[1]) and answers[0].equal(answers[3])
    torch.testing.assert_close(answers[2], answers[0], rtol=0, atol=1e-4)


def test_the_domain_is_the_one_of_the_optimizer() -> None:
    nodes = convolution(["x"], "y") + convolution(["p"], "new_p")
    given = optimized(model(nodes, "new_p").SerializeToString())
    assert isinstance(given, ModelProto)
    assert nchwc_state.DOMAIN in {node.domain for node in given.graph.node}


def test_the_installed_version_is_one_of_those_tested() -> None:
    own = OnnxStepper(*FAMILIES["x3d"](), THREAD)
    assert ".".join(onnxruntime.__version__.split(".")[:2]) in nchwc_state.TESTED_VERSIONS
    assert not own.note and own.layout.leaves


@pytest.mark.parametrize("case", ["a later version", "an unknown operation", "a graph that cannot be run"])
def test_where_the_layout_is_not_to_be_trusted_state_stays_plain(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers are the network's, and the summary says why it is slower."""
    if case == "a later version":
        monkeypatch.setattr(onnxruntime, "__version__", "1.99.0")
        reason = "the blocked one was not tested with ONNX Runtime 1.99.0"
    elif case == "an unknown operation":
        monkeypatch.setattr(nchwc_state, "KNOWN_OPERATIONS", nchwc_state.KNOWN_OPERATIONS - {"ReorderInput"})
        reason = "has unknown operations: ReorderInput"
    else:
        monkeypatch.setattr(onnx_stepper, "one_operation", lambda *_: b"no model")
        reason = "the blocked graph cannot be run"
    made = stepper(*FAMILIES["x3d"](), "onnxruntime", THREAD)
    assert isinstance(made, OnnxStepper) and made.layout == nchwc_state.PLAIN
    assert reason in made.note and made.summary.endswith(f"({made.note})")
    assert difference(made) < 1e-4


def test_a_blocked_graph_that_answers_otherwise_is_replaced_by_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(layout: nchwc_state.BlockedLayout, name: str, leaf: Tensor) -> Tensor:
        return closed(layout, name, leaf) * (1.01 if name in layout.leaves else 1)

    closed = nchwc_state.BlockedLayout.close
    monkeypatch.setattr(nchwc_state.BlockedLayout, "close", wrong)
    made = stepper(*FAMILIES["x3d"](), "onnxruntime", THREAD)
    assert isinstance(made, OnnxStepper) and made.layout == nchwc_state.PLAIN and difference(made) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("folder", os.environ.get("ONNXRUNTIME_FOLDERS", "").split(os.pathsep))
def test_other_versions_do_the_same(folder: str) -> None:
    """This file with each version of ONNX Runtime in ONNXRUNTIME_FOLDERS."""
    if not folder:
        pytest.skip("ONNXRUNTIME_FOLDERS names no other version")
    paths = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", __file__]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, check=True, timeout=280)
