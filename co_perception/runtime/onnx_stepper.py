"""Steps in ONNX Runtime, on CPU threads of its own.

The graph is written from a trace of the step (`onnx_graph`). Past frames go in and new ones come out as they lie in
memory: torch's tensors and ONNX Runtime's are the same storage, and nothing is copied between steps.

The package `onnxruntime` is imported here, when it is needed.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.dlpack import from_dlpack

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.onnx_graph import onnx_graph, write_model
from co_perception.runtime.program import Program
from co_perception.runtime.stepper import Stepper

PRECISIONS = ("float32", "int8")
CHANNELS = 4  # what channels of depthwise convolutions have to be a multiple of for the fast layout
MOST_THREADS = 4  # unless more are asked for


class OnnxStepper(Stepper):
    """precision: "float32", or "int8": weights of matrix products in 8 bits, their inputs quantised step by step, which
    is for networks that a step's weights do not fit into the processor's caches; convolutions stay as they are."""

    name = "onnxruntime"

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
            raise ValueError(f"onnxruntime steps in {' or '.join(PRECISIONS)} here, got precision {precision!r}")
        super().__init__(network, frame_shape, lag=lag, threads=threads)
        if self.init_state(0).age.device.type != "cpu":
            raise ValueError("onnxruntime steps on the CPU here; a network on a GPU has the backend 'cuda'")
        runtime = import_onnxruntime()
        self.precision, self._program = precision, Program(self, multiple=CHANNELS)
        graph = onnx_graph(self._program)
        self._model = _quantised(graph) if precision == "int8" else graph.SerializeToString()
        self._value = runtime.OrtValue
        self._session = open_session(self._model, threads)
        self._inputs, self._outputs = self._program.input_names, self._program.output_names
        self._used = {given.name for given in self._session.get_inputs()}

    def save(self, path: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
        """Write the step as an ONNX file, whole or not at all: inputs x, age and the state's leaves by name, outputs y
        and the new leaves; what else there is to know is its metadata (`Program.metadata`), and the caller's."""
        write_model(self._model, path, {**(metadata or {}), **self._program.metadata})

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        given = leaves(state.layers)
        tensors = zip(self._inputs, (*frames, state.age, *given), strict=True)
        feeds = {name: self._lend(tensor) for name, tensor in tensors if name in self._used}
        answers = [from_dlpack(answer._ortvalue) for answer in self._session.run_with_ort_values(self._outputs, feeds)]
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])

    def _lend(self, tensor: Tensor) -> Any:
        return self._value.from_dlpack(tensor.detach().contiguous())


def import_onnxruntime() -> Any:
    """The package; ImportError names the extra."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("to step in ONNX Runtime: pip install 'co_perception[onnx]'") from error
    return onnxruntime


def default_threads() -> int:
    """As many as this process may use, and no more than 4: beyond, a step of one stream gains little, and a robot has
    more to do."""
    return min(len(os.sched_getaffinity(0)), MOST_THREADS)


def open_session(model: bytes | str, threads: int | None) -> Any:
    """A session on the CPU. Its threads wait actively within a step only: a robot shares its cores."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _quantised(model: Any) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        quantize_dynamic(model, path, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8)
        return path.read_bytes()
