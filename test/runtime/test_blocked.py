"""State in ONNX Runtime's own layout: the same numbers, fewer reorderings, and nothing of it outside."""

from __future__ import annotations

from collections import Counter
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from stepped import FAMILIES, fresh, stream

from co_perception.continual.fold import fold_batch_norm
from co_perception.continual.state import Sealed, leaves, named_leaves, opened, state_bytes
from co_perception.runtime import blocked, onnx_stepper
from co_perception.runtime.blocked import DOMAIN, PLAIN, Layout, Step, block_state
from co_perception.runtime.onnx_stepper import OnnxStepper, block_size, open_session, optimised
from co_perception.runtime.stepper import EagerStepper

pytest.importorskip("onnxruntime")


def convolution(inputs: list[str], output: str) -> list[Any]:
    return [helper.make_node("Conv", [*inputs, "w"], [output], pads=[1, 1, 1, 1])]


def model(nodes: list[Any], made: str, channels: int = 32) -> Any:
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


def reordered(graph: Any) -> Counter[str]:
    return Counter(node.op_type for node in graph.graph.node if node.op_type.startswith("Reorder"))


def changed(nodes: list[Any], channels: int = 32) -> tuple[Any, Layout]:
    shape = (channels, 6, 6)
    step = Step({"p": shape}, {"new_p": "p"}, [frozenset({"p"})])
    names = {output for node in nodes for output in node.output}
    given = optimised(model(nodes, "new_p", channels).SerializeToString())
    return block_state(given, step, dict.fromkeys(names, shape), block_size)


@pytest.fixture(autouse=True)
def has_the_layout() -> None:
    nodes = convolution(["x"], "y") + convolution(["p"], "new_p")
    if not reordered(optimised(model(nodes, "new_p").SerializeToString())):
        pytest.skip("ONNX Runtime has no blocked layout on this processor")


def test_numbers_lie_in_blocks_of_channels() -> None:
    layout = Layout(8, {"p": (12, 2, 3)})
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
    nodes = [*convolution(["x"], "a"), *convolution(["p"], "b"), helper.make_node("Add", ["a", "b"], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], ["new_p"]), *convolution(["new_p"], "y")]
    graph, layout = changed(nodes)
    assert layout.leaves == {"p": (32, 6, 6)}
    assert reordered(graph) == {"ReorderInput": 1, "ReorderOutput": 1}, "x and y"


def test_what_works_number_by_number_works_in_the_layout() -> None:
    nodes = [*convolution(["x"], "a"), helper.make_node("Add", ["a", "p"], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], ["new_p"]), *convolution(["new_p"], "y")]
    graph, layout = changed(nodes)
    assert layout.leaves and reordered(graph) == {"ReorderInput": 1, "ReorderOutput": 1}


def test_an_answer_that_is_an_image_comes_out_plain() -> None:
    nodes = [*convolution(["x"], "a"), *convolution(["p"], "b"), helper.make_node("Add", ["a", "b"], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], ["y"]), *convolution(["x"], "new_p")]
    graph, layout = changed(nodes)
    assert layout.leaves == {"p": (32, 6, 6)} and {output.name for output in graph.graph.output} == {"y", "new_p"}
    x, p = (torch.randn(1, 32, 6, 6, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    given = {"x": x.numpy(), "p": p.numpy()}
    y, new_p = open_session(model(nodes, "new_p").SerializeToString(), 1).run(["y", "new_p"], given)
    held = given | {"p": layout.close("p", p).numpy()}
    z, new_held = open_session(graph.SerializeToString(), 1, optimise=False).run(["y", "new_p"], held)
    assert torch.from_numpy(z).equal(torch.from_numpy(y))
    assert layout.open("p", torch.from_numpy(new_held)).equal(torch.from_numpy(new_p))


@pytest.mark.parametrize("case", ["a sum over channels", "handed through", "too few channels"])
def test_what_would_not_save_anything_stays_as_it_is(case: str) -> None:
    channels = 12 if case == "too few channels" else 32
    nodes = convolution(["x"], "a") + convolution(["p"], "b")
    nodes += [helper.make_node("Add", ["a", "b"], ["s"])]
    nodes += [helper.make_node("Softmax", ["p" if case == "a sum over channels" else "s"], ["m"], axis=1)]
    nodes += [helper.make_node("Add", ["m", "s"], ["y"])]
    nodes += [helper.make_node("Identity", ["p" if case == "handed through" else "x"], ["new_p"])]
    _, layout = changed(nodes, channels)
    assert layout == PLAIN


def test_a_graph_without_blocks_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an encoder, and of everything on a processor that has no such layout: nobody asks for its blocks there."""

    def unknown() -> int:
        raise AssertionError("asked for blocks that there are not")

    monkeypatch.setattr(onnx_stepper, "block_size", unknown)
    stepped = FAMILIES["encoder of 2"]()
    assert OnnxStepper(fold_batch_norm(stepped.network), stepped.shape, threads=1)._layout == PLAIN


@pytest.mark.parametrize("family", ["x3d", "resnet"])
def test_a_stream_in_the_layout_is_bit_by_bit_the_plain_one(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = FAMILIES[family]()
    own = OnnxStepper(stepped.network, stepped.shape, threads=1)
    assert own._layout.leaves
    monkeypatch.setattr(onnx_stepper, "block_state", lambda model, *_: (model, PLAIN))
    plain = OnnxStepper(stepped.network, stepped.shape, threads=1)
    x = stream(stepped, stepped.network.receptive_field + 6 * own.stride, streams=2)
    state = other = fresh(stepped, 2)
    for part in x.split(own.stride, dim=2):
        y, state = own(part, state)
        z, other = plain(part, other)
        assert y.equal(z)
    assert isinstance(state.layers, Sealed) and not isinstance(opened(state.layers), Sealed)
    for (name, leaf), (other_name, other_leaf) in zip(named_leaves(state), named_leaves(other), strict=True):
        assert name == other_name and leaf.equal(other_leaf)
    # What is held is padded, but not by more than it may be.
    bytes_open = sum(leaf.nbytes for leaf in leaves(state.layers))
    assert bytes_open <= state_bytes(state.layers) <= blocked.MOST_PADDING * bytes_open


def test_a_held_state_goes_on_anywhere() -> None:
    stepped = FAMILIES["x3d"]()
    one, other = (OnnxStepper(stepped.network, stepped.shape, threads=1) for _ in range(2))
    plain = EagerStepper(stepped.network, stepped.shape)
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


def test_the_domain_is_the_one_of_the_optimiser() -> None:
    nodes = convolution(["x"], "y") + convolution(["p"], "new_p")
    given = optimised(model(nodes, "new_p").SerializeToString())
    assert isinstance(given, onnx.ModelProto)
    assert DOMAIN in {node.domain for node in given.graph.node}
