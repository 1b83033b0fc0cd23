"""Steps in OpenVINO, which knows Intel's processors best and has bfloat16 on those that compute in it.

It reads the same ONNX graph as ONNX Runtime (`onnx_graph`). Its programs are for fixed sizes, so that one is compiled
for each number of streams in BUCKETS when it is first met; a batch is filled up to the next of them.

The package `openvino` is imported here, when it is needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.buckets import bucket, filled
from co_perception.runtime.onnx_graph import onnx_graph
from co_perception.runtime.program import Program
from co_perception.runtime.stepper import Stepper

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoStepper(Stepper):
    """precision: "float32", or "bfloat16" within the program; frames, state and answers are float32 either way."""

    name = "openvino"

    def __init__(
        self,
        network: Streaming,
        frame_shape: tuple[int, ...],
        *,
        lag: int = 0,
        threads: int | None = None,
        precision: str = "float32",
    ) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"openvino steps in {' or '.join(PRECISIONS)} here, got precision {precision!r}")
        super().__init__(network, frame_shape, lag=lag, threads=threads)
        self._openvino = _import()
        self.precision, self._program = precision, Program(self)
        self._core = self._openvino.Core()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
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
        answers = []
        for place, output in enumerate(request.model_outputs):
            made = torch.empty(tuple(output.shape), dtype=torch.float32)
            request.set_output_tensor(place, self._lend(made))
            answers.append(made)
        by_name = dict(zip(self._program.input_names, (*frames, state.age, *given), strict=True))
        # Only what the program reads is an input of it: ages, for one, matter to few networks.
        kept = [
            filled(by_name[next(name for name in put.names if name in by_name)], bucket(streams)).contiguous()
            for put in request.model_inputs
        ]
        for place, tensor in enumerate(kept):
            request.set_input_tensor(place, self._lend(tensor))
        request.infer()
        answers = [answer[:streams] for answer in answers]
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])

    def _lend(self, tensor: Tensor) -> Any:
        return self._openvino.Tensor(tensor.numpy(), shared_memory=True)


def _import() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise ImportError("to step in OpenVINO: pip install 'co_perception[openvino]'") from error
    return openvino
