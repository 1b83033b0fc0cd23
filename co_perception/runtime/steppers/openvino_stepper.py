"""Steps in OpenVINO, which is made for Intel's processors and has bfloat16 on those that compute in it.

It reads the same ONNX graph as ONNX Runtime (`onnx_graph`). Its programs have fixed sizes: one is compiled for each
number of streams in BUCKETS when it is first needed, and a batch is padded to the next of them.

The package `openvino` is imported here, when it is needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.steppers.onnx_graph import onnx_graph
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.padding import bucket, filled
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import DEFAULT, Stepper

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}  # and OpenVINO's names of them


class OpenVinoStepper(Stepper):
    """Steps a network in OpenVINO, in float32 or bfloat16; frames, state and answers are float32 either way."""

    name = "openvino"
    precisions = tuple(PRECISIONS)

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        super().__init__(network, frame_shape, options)
        try:
            import openvino
        except ImportError as error:
            raise ImportError("to step in OpenVINO: pip install 'co_perception[openvino]'") from error
        self._openvino = openvino
        self._program = Program(self)
        self._core = openvino.Core()
        if self.precision == "bfloat16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("OpenVINO has no bfloat16 on this processor and would step in float32: ask for that")
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISIONS[self.precision],
            **({"INFERENCE_NUM_THREADS": options.threads} if options.threads else {}),
        }
        self._requests: dict[int, Any] = {}
        self._request(1)

    def _request(self, streams: int) -> Any:
        if streams not in self._requests:
            model = self._core.read_model(onnx_graph(self._program, streams).model.SerializeToString())
            self._requests[streams] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
        return self._requests[streams]

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        streams, given = len(state.age), leaves(state.layers)
        request = self._request(bucket(streams))
        # The next state's leaves are memory of their own: OpenVINO writes them where they will stay.
        answers = [torch.empty(tuple(output.shape), dtype=torch.float32) for output in request.model_outputs]
        for place, made in enumerate(answers):
            request.set_output_tensor(place, self._lend(made))
        by_name = dict(zip(self._program.input_names, (*frames, state.age, *given), strict=True))
        # Only what the program reads is an input of it: ages, for one, matter to few networks.
        padded = [
            filled(by_name[next(name for name in put.names if name in by_name)], bucket(streams)).contiguous()
            for put in request.model_inputs
        ]
        for place, tensor in enumerate(padded):
            request.set_input_tensor(place, self._lend(tensor))
        request.infer()
        answers = [answer[:streams] for answer in answers]
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])

    def _lend(self, tensor: Tensor) -> Any:
        return self._openvino.Tensor(tensor.numpy(), shared_memory=True)
