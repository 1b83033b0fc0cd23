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
        model, self._lent = onnx_graph(self._program, lend=True)
        self._session = open_session(self._bytes(model), threads)
        self._program.network = self.network  # what was widened is in the session now
        self._value = runtime.OrtValue
        self._inputs, self._outputs = self._program.input_names, self._program.output_names
        self._reshaped = [place for place, name in enumerate(self._outputs) if name in self._lent]
        self._other = self._looked_at_otherwise()
        self._last: tuple[Tree, list[Tensor], list[Any]] = (None, [], [])
        self._used = {given.name for given in self._session.get_inputs()}

    def save(self, path: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
        """Write the step as an ONNX file, whole or not at all: inputs x, age and the state's leaves by name, outputs y
        and the new leaves; what else there is to know is its metadata (`Program.metadata`), and the caller's."""
        model = self._bytes(onnx_graph(Program(self, multiple=CHANNELS)).model)
        write_model(model, path, {**(metadata or {}), **self._program.metadata})

    def _bytes(self, model: Any) -> bytes:
        return _quantised(model) if self.precision == "int8" else model.SerializeToString()

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        program, streams = self._program, len(state.age)
        given, lent = self._known(state.layers)
        fresh = [self._lend(name, tensor) for name, tensor in zip(self._inputs, (*frames, state.age), strict=False)]
        feeds = {name: value for name, value in zip(self._inputs, fresh + lent, strict=True) if name in self._used}
        values = self._session.run_with_ort_values(self._outputs, feeds)
        answers = [from_dlpack(value._ortvalue) for value in values]
        for place in self._reshaped:
            answers[place] = answers[place].view(streams, *program.shapes[place])
        count, made = program.answers, answers[program.answers :]
        layers = program.next_layers(given, made)
        kept = [made[i] if new else given[i] for new, i in program.rotation]
        lies = [values[count + i] if new else lent[i] for new, i in program.rotation]
        for place in self._other:
            lies[place] = self._lend(program.names[place], kept[place])
        self._last = (layers, kept, lies)
        return tuple(answers[:count]), layers

    def _looked_at_otherwise(self) -> list[int]:
        """Leaves whose value, as it comes out of a step, has another shape than the next step's input."""
        program = self._program
        count, names = program.answers, program.names
        made = [self._lent.get(name, shape) for name, shape in zip(self._outputs, program.shapes, strict=True)][count:]
        takes = [self._lent.get(name) or program.leaf_shapes[place] for place, name in enumerate(names)]
        comes = [made[i] if new else takes[i] for new, i in program.rotation]
        return [place for place, (here, there) in enumerate(zip(comes, takes, strict=True)) if here != there]

    def _known(self, layers: Tree) -> tuple[list[Tensor], list[Any]]:
        """A state's leaves, as tensors and as values of ONNX Runtime: the very ones of the last step where it is that
        step's state, which saves looking at each again."""
        if self._last[0] is layers:
            return self._last[1], self._last[2]
        given = leaves(layers)
        return given, [self._lend(name, leaf) for name, leaf in zip(self._program.names, given, strict=True)]

    def _lend(self, name: str, tensor: Tensor) -> Any:
        tensor = tensor.detach().contiguous()
        if name in self._lent:
            tensor = tensor.view(-1, *self._lent[name])
        return self._value.ortvalue_from_numpy(tensor.numpy())  # the same memory


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
