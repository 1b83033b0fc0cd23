"""The step as a file that others run, and threads that are bounded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from stepped import FAMILIES, stream
from torch import nn

import co_perception.continual as co
from co_perception.runtime import onnx_stepper
from co_perception.runtime.choose import difference, stepper
from co_perception.runtime.onnx_stepper import OnnxStepper, default_threads


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
    settled = json.loads(says["valid_from"])
    names = [put.name for put in session.get_inputs()]
    outputs = [put.name for put in session.get_outputs()]

    x = stream(FAMILIES[family](), settled + 8 * stride)
    state = made.init_state(1)
    for part in x[:, :, : -(-settled // stride) * stride].split(stride, dim=2):
        _, state = made(part, state)
    from co_perception.continual.state import named_leaves

    past = {name: leaf.numpy() for name, leaf in named_leaves(state.layers)}
    assert set(json.loads(says["states"])) == set(past)
    for part in x[:, :, -(-settled // stride) * stride :].split(stride, dim=2):
        frames = part.unbind(2)
        inputs = dict(zip(["x"] if stride == 1 else [f"x.{i}" for i in range(stride)], frames, strict=True))
        given = {name: frame.numpy() for name, frame in inputs.items()} | {"age": state.age.numpy()} | past
        got = dict(zip(outputs, session.run(outputs, {name: given[name] for name in names}), strict=True))
        y, state = made(part, state)
        np.testing.assert_allclose(got["y"], y[:, :, 0].numpy(), atol=1e-5)
        past = {name: past[rotation[name]] if name in rotation else got[f"new_{name}"] for name in past}


def test_threads_are_bounded_unless_more_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)))
    assert default_threads() == onnx_stepper.MOST_THREADS
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
    made = stepper(network.eval(), (2, 8, 8), "onnxruntime", threads=1)
    assert made.name == "onnxruntime" and difference(made, network=network) < 1e-5
