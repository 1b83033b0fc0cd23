"""Which backend is chosen, its summary, and that none is used whose answers differ from the network's."""

from __future__ import annotations

import sys
from typing import Any

import openvino
import pytest
import torch
from helpers.stepper_networks import FAMILIES, Stepped
from torch import Tensor

from co_perception.continual.layer import Frames
from co_perception.continual.state import State, Tree
from co_perception.runtime.steppers import choose
from co_perception.runtime.steppers.choose import STEPPERS, difference, stepper
from co_perception.runtime.steppers.onnx_stepper import OnnxStepper
from co_perception.runtime.steppers.options import BACKENDS, StepOptions
from co_perception.runtime.steppers.stepper import EagerStepper


@pytest.fixture
def encoder() -> Stepped:
    return FAMILIES["encoder of 1"]()


class Wrong(OnnxStepper):
    """Forgets a hundredth."""

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        (answer,), layers = super()._step(frames, state)
        return (answer * 0.99,), layers


class Forgetful(OnnxStepper):
    """Answers well once, and keeps nothing of it."""

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        answers, _ = super()._step(frames, state)
        return answers, state.layers


def test_every_name_has_a_backend() -> None:
    assert tuple(STEPPERS) == BACKENDS


def test_on_a_cpu_onnx_runtime_is_taken_and_compared(encoder: Stepped) -> None:
    made = stepper(*encoder)
    assert made.name == "onnxruntime" and made.summary.startswith("onnxruntime in float32, within ")
    assert difference(made) < 1e-5


@pytest.mark.parametrize("wrong", [Wrong, Forgetful])
def test_one_that_answers_otherwise_is_not_used(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network, shape = FAMILIES["graph"]()
    monkeypatch.setitem(choose.STEPPERS, "onnxruntime", wrong)
    with pytest.raises(RuntimeError, match="answers otherwise than the network, by"):
        stepper(network, shape, "onnxruntime")
    made = stepper(network, shape)
    assert made.name == "eager" and "onnxruntime does not work here: onnxruntime answers otherwise" in made.summary


def test_without_the_package_the_network_steps_itself_and_says_why(
    monkeypatch: pytest.MonkeyPatch, encoder: Stepped
) -> None:
    for package in ("onnxruntime", "openvino"):
        monkeypatch.setitem(sys.modules, package, None)
    made = stepper(*encoder)
    assert isinstance(made, EagerStepper) and "pip install 'onnxruntime" in made.summary
    for backend, extra in (("onnxruntime", "'onnxruntime>="), ("openvino", r"co_perception\[openvino\]")):
        with pytest.raises(ImportError, match=extra):
            stepper(*encoder, backend)


def test_an_operation_without_a_translation_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import co_perception.continual as co

    network = co.Sequential(co.Conv1d(3, 4, 3), co.Framewise(torch.erfinv)).eval()
    made = stepper(network, (3,))
    assert made.name == "eager" and "aten.erfinv" in made.summary
    with pytest.raises(RuntimeError, match="onnxruntime cannot step this network: aten.erfinv"):
        stepper(network, (3,), "onnxruntime")


@pytest.mark.parametrize(("backend", "precision"), [("onnxruntime", "int8"), ("openvino", "bfloat16")])
def test_other_precisions_are_asked_for_and_their_parity_is_told(backend: str, precision: str) -> None:
    if precision == "bfloat16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16")
    network, shape = FAMILIES["encoder of 2"]()
    made = stepper(network, shape, backend, StepOptions(precision=precision))
    assert made.precision == precision
    assert made.summary.startswith(f"{backend} in {precision}, within 0.") and 1e-4 < difference(made) < 0.2


@pytest.mark.parametrize(
    ("backend", "precision"), [("openvino", "int8"), ("onnxruntime", "bfloat16"), ("eager", "bfloat16")]
)
def test_a_precision_that_a_backend_does_not_have(backend: str, precision: str, encoder: Stepped) -> None:
    with pytest.raises(ValueError, match="float32"):
        stepper(*encoder, backend, StepOptions(precision=precision))


def test_bfloat16_is_refused_where_the_processor_has_none(monkeypatch: pytest.MonkeyPatch, encoder: Stepped) -> None:
    """OpenVINO itself would step in float32, without a word."""
    monkeypatch.setattr(openvino.Core, "get_property", lambda core, device, name: ["FP32", "INT8"])
    with pytest.raises(RuntimeError, match="no bfloat16 on this processor"):
        stepper(*encoder, "openvino", StepOptions(precision="bfloat16"))


def test_a_name_that_there_is_not(encoder: Stepped) -> None:
    with pytest.raises(ValueError, match="no backend 'tensorrt'; there are: auto, eager, compiled, onnxruntime"):
        stepper(*encoder, "tensorrt")
    with pytest.raises(ValueError, match="network on a GPU|device='cuda'"):
        stepper(*encoder, "cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("family", FAMILIES)
def test_captured_graphs_answer_as_the_network_does(family: str) -> None:
    network, shape = FAMILIES[family]()
    made = stepper(network.cuda(), shape)
    assert made.name == "cuda" and difference(made, streams=3) < 1e-4


@pytest.mark.slow
def test_a_compiled_step_answers_as_the_network_does(encoder: Stepped) -> None:
    made = stepper(*encoder, "compiled")
    state = made.init_state(1)
    answers: list[Tensor] = []
    for frame in torch.randn(4, 1, encoder.shape[0], 1, *encoder.shape[1:]):
        y, state = made(frame, state)
        answers.append(y)
    assert made.name == "compiled" and len(answers) == 4 and difference(made) < 1e-4
