"""A step as a program: torch.compile without graph breaks, torch.export and ONNX with named states and any batch."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.export import export_onnx, export_step, named_state, step_metadata
from co_perception.continual.state import State, join_rows, leaves, put_rows
from co_perception.runtime.steppers.onnx_stepper import OnnxStep


class Residual(nn.Module):
    """A plain residual network, strided, with a head over time."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(2, 4, 3, padding=1, stride=(2, 1, 1)), nn.BatchNorm3d(4), nn.ReLU(inplace=True)
        )
        self.conv1 = nn.Conv3d(4, 3, (3, 1, 1), padding=(1, 0, 0))
        self.conv2 = nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1))
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.conv2(torch.relu(self.conv1(x)))
        x = torch.cat([x + y, y], 1)
        return self.fc(torch.flatten(self.pool(x), 1))


def residual() -> co.Streaming:
    network = Residual().eval()
    nn.init.normal_(network.stem[1].get_buffer("running_mean"))
    return co.convert(network, window=3)


def convolutions() -> co.Streaming:
    return co.Sequential(
        co.Conv3d(2, 4, 3, padding=1), nn.GELU(), co.MaxPool3d((2, 1, 1)), co.Conv3d(4, 2, (3, 1, 1)),
        co.AvgPool3d((2, 1, 1), stride=1, padding=[(1, 0), 0, 0], count_include_pad=False),
    ).eval()  # fmt: skip


def attention() -> co.Streaming:
    return co.Sequential(
        co.RecyclingPositionalEncoding(8, 7), co.TransformerEncoder(2, 8, 2, 4, feedforward=8), co.Linear(8, 3)
    ).eval()


NETWORKS: dict[str, tuple[Callable[[], co.Streaming], tuple[int, ...]]] = {
    "convolutions": (convolutions, (2, 4, 4)),
    "residual": (residual, (2, 4, 4)),
    "recurrent": (lambda: co.Sequential(co.Conv1d(2, 4, 3, padding=1), co.LSTM(4, 5), co.GRU(5, 3)), (2,)),
    "attention": (attention, (8,)),
}
Program = Callable[[Tensor, dict[str, Tensor]], tuple[Tensor, dict[str, Tensor]]]


def follow(layer: co.Streaming, frame_shape: tuple[int, ...], program: Program, steps: int = 100) -> float:
    """Largest difference of a program's answers and states from the layer's over `steps` steps from a cold start.

    Two streams; after a third of the steps a third one joins, later the first is replaced by a new one.
    """
    generator = torch.Generator().manual_seed(0)
    state, worst = layer.init_state(2, frame_shape), 0.0
    named = named_state(state)
    for step in range(steps):
        if step == steps // 3:
            state = join_rows([state, layer.init_state(1, frame_shape)])
            named = named_state(state)
        if step == steps // 2:
            state = put_rows(state, torch.tensor([0]), layer.init_state(1, frame_shape))
            named = named_state(state)
        stride = layer.timing.stride
        x = torch.randn(len(state.age), frame_shape[0], stride, *frame_shape[1:], generator=generator)
        with torch.no_grad():
            y, state = layer(x, state)
            got, named = program(x, named)
        assert got.shape == y.shape and list(named) == list(named_state(state))
        assert torch.equal(named["age"], state.age)
        for mine, theirs in zip([y, *leaves(state)], [got, *named.values()], strict=True):
            worst = max(worst, (mine.double() - theirs.double()).abs().max().item() if mine.numel() else 0.0)
    return worst


@pytest.mark.parametrize("name", NETWORKS)
def test_an_exported_program_steps_any_number_of_streams(name: str) -> None:
    make, frame_shape = NETWORKS[name]
    layer = make()
    program = export_step(layer, frame_shape)
    assert follow(layer, frame_shape, program.module()) < 1e-5
    one = layer.init_state(1, frame_shape)
    x = torch.randn(1, frame_shape[0], layer.timing.stride, *frame_shape[1:])
    torch.testing.assert_close(program.module()(x, named_state(one))[0], layer(x, one)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_an_onnx_file_steps_any_number_of_streams(name: str, tmp_path: Path) -> None:
    make, frame_shape = NETWORKS[name]
    layer, path = make(), tmp_path / "step.onnx"
    export_onnx(layer, frame_shape, path, metadata={"labels": "a,b"})
    step = OnnxStep(path, threads=1)
    assert follow(layer, frame_shape, step) < 1e-5 and os.listdir(tmp_path) == ["step.onnx"]
    assert (step.stride, step.receptive_field, step.delay) == (layer.timing.stride, layer.receptive_field, layer.delay)
    assert step.lag == layer.lag_after(0) and step.frame_shape == frame_shape
    assert step.answer_shape == layer.frame_out(frame_shape) and step.metadata["labels"] == "a,b"
    fresh = layer.init_state(3, frame_shape)
    assert all(torch.equal(a, b) for a, b in zip(step.init_state(3).values(), leaves(fresh), strict=True))


def test_names_of_inputs_and_outputs(tmp_path: Path) -> None:
    import onnxruntime

    export_onnx(co.Conv1d(2, 3, 3, padding=1), (2,), tmp_path / "conv.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "conv.onnx")
    assert [(put.name, put.type) for put in session.get_inputs()] == [
        ("x", "tensor(float)"), ("age", "tensor(int64)"), ("layers", "tensor(float)"),
    ]  # fmt: skip
    assert [put.name for put in session.get_outputs()] == ["y", "new_age", "new_layers"]
    assert isinstance(session.get_inputs()[0].shape[0], str) and session.get_inputs()[0].shape[1:] == [2, 1]
    assert step_metadata(co.Conv1d(2, 3, 3, padding=1), (2,))["states"].count("float32") == 1


def test_chunks_and_modes() -> None:
    """A program may take several steps at once, and is one for evaluation whatever the layer's mode."""
    layer = co.Sequential(co.Conv1d(2, 4, 3, padding=1), nn.Dropout(0.9), co.MaxPool1d(2))
    program = export_step(layer, (2,), frames=6).module()
    assert layer.training
    x, state = torch.randn(3, 2, 6), layer.init_state(3, (2,))
    got, _ = program(x, named_state(state))
    torch.testing.assert_close(got, layer.eval()(x, state)[0])


def test_streams_are_not_told_apart_in_a_program() -> None:
    """In eager mode a convolution over volumes goes stream by stream on CPUs, for answers equal to the bit."""
    x, frame = torch.zeros(3, 2, 2, 4, 4), (2, 4, 4)
    layer = convolutions()
    state = layer.init_state(3, frame)
    program = export_step(layer, frame)
    called = [str(node.target) for node in program.graph.nodes]
    assert sum("conv" in name for name in called) == 1 + 3  # one over a window, and the taps of one that keeps sums
    y, _ = program.module()(x, named_state(state))
    assert len(y) == 3


@pytest.mark.parametrize("name", ["convolutions", "residual"])
def test_a_step_compiles_without_graph_breaks(name: str) -> None:
    make, frame_shape = NETWORKS[name]
    layer = make()
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        state: State = layer.init_state(2, frame_shape)
        other: State = state
        for _ in range(20):
            x = torch.randn(2, frame_shape[0], layer.timing.stride, *frame_shape[1:])
            y, state = layer(x, state)
            got, other = compiled(x, other)
            torch.testing.assert_close(got, y, rtol=0, atol=1e-5)
    assert torch.equal(state.age, other.age)


@pytest.mark.slow
def test_what_is_not_an_exported_step_is_refused(tmp_path: Path) -> None:
    layer, path = co.Conv1d(2, 3, 3), tmp_path / "step.onnx"
    with pytest.raises(FileNotFoundError, match="export_onnx"):
        OnnxStep(path)
    export_onnx(layer, (2,), path)
    step = OnnxStep(path)
    assert_refused("as many streams as the state has", step, torch.zeros(2, 2, 1), step.init_state(1))
    assert_refused("takes chunks of the length", step, torch.zeros(1, 2, 3), step.init_state(1))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert_refused("not a whole ONNX file", OnnxStep, path)
    torch.onnx.export(nn.Linear(2, 2), (torch.zeros(1, 2),), path, dynamo=True, verbose=False)
    assert_refused("not written by export_onnx", OnnxStep, path)


def test_a_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match="pip install 'onnxruntime"):  # a part of the core, so of no extra
        OnnxStep(tmp_path / "step.onnx")
    with pytest.raises(ImportError, match=r"co_perception\[onnx\]"):
        export_onnx(co.Conv1d(2, 3, 3), (2,), tmp_path / "step.onnx")
