"""Steps in ONNX Runtime, on CPU threads of its own.

The graph is written from a trace of the step (`onnx_graph`). Past frames go in and new ones come out as they lie in
memory: torch's tensors and ONNX Runtime's are the same storage, and nothing is copied between steps. Images stay in the
layout of its convolutions until somebody looks (`blocked`).

The package `onnxruntime` is imported here, when it is needed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import Sealed, State, Tree, leaves
from co_perception.runtime.blocked import DOMAIN, Layout, Shapes, Step, block_state
from co_perception.runtime.onnx_graph import Graph, one_operation, onnx_graph, read_model, write_model
from co_perception.runtime.program import NEW, Program
from co_perception.runtime.stepper import Stepper
from co_perception.runtime.versions import is_since

PRECISIONS = ("float32", "int8")
CHANNELS = 4  # what channels of depthwise convolutions have to be a multiple of for the fast layout
MOST_THREADS = 4  # unless more are asked for
TELLS_SINCE = (1, 29)  # from here on ONNX Runtime tells its makers how it is used (docs/security.md)


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
        graph = onnx_graph(self._program, lend=True)
        self._lent = graph.shapes
        self._session, self._layout = self._opened(graph)
        self._program.network = self.network  # what was widened is in the session now
        self._value = runtime.OrtValue
        self._inputs, self._outputs = self._program.input_names, self._program.output_names
        self._reshaped = [place for place, name in enumerate(self._outputs) if name in self._lent]
        self._other = self._looked_at_otherwise()
        self._used = {given.name for given in self._session.get_inputs()}

    def _opened(self, graph: Graph) -> tuple[Any, Layout]:
        """The session, and how state lies in it."""
        model = optimised(self._bytes(graph.model))
        model, layout = block_state(model, _step_of(self._program, graph.shapes), graph.values, block_size)
        return open_session(model.SerializeToString(), self.threads, optimise=False), layout

    def save(self, path: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
        """Write the step as an ONNX file, whole or not at all: inputs x, age and the state's leaves by name, outputs y
        and the new leaves; what else there is to know is its metadata (`Program.metadata`), and the caller's."""
        model = self._bytes(onnx_graph(Program(self, multiple=CHANNELS)).model)
        write_model(model, path, {**(metadata or {}), **self._program.metadata})

    def _bytes(self, model: Any) -> bytes:
        return _quantised(model) if self.precision == "int8" else model.SerializeToString()

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        program, streams = self._program, len(state.age)
        given = self._own(state.layers)
        fresh = [self._lend(name, tensor) for name, tensor in zip(self._inputs, (*frames, state.age), strict=False)]
        feeds = {name: v for name, v in zip(self._inputs, fresh + given.values, strict=True) if name in self._used}
        values = self._session.run_with_ort_values(self._outputs, feeds)
        answers = [from_dlpack(value._ortvalue) for value in values]
        for place in self._reshaped:
            answers[place] = answers[place].view(streams, *program.shapes[place])
        count, made = program.answers, answers[program.answers :]
        held = [made[i] if new else given.held[i] for new, i in program.rotation]
        lies = [values[count + i] if new else given.values[i] for new, i in program.rotation]
        for place in self._other:
            lies[place] = self._lend(program.names[place], held[place])
        return tuple(answers[:count]), _Layers(self, held, lies)

    def _own(self, layers: Tree) -> _Layers:
        """A state's leaves as a step takes them: the very ones of an earlier step where it is that step's state."""
        if isinstance(layers, _Layers) and layers.owner is self:
            return layers
        names = self._program.names
        held = [self._layout.close(name, leaf) for name, leaf in zip(names, leaves(layers), strict=True)]
        return _Layers(self, held, [self._lend(name, leaf) for name, leaf in zip(names, held, strict=True)])

    def _tree(self, held: Sequence[Tensor]) -> Tree:
        names = self._program.names
        return self._program.tree([self._layout.open(name, leaf) for name, leaf in zip(names, held, strict=True)])

    def _looked_at_otherwise(self) -> list[int]:
        """Leaves whose value, as it comes out of a step, has another shape than the next step's input."""
        program = self._program
        count, names = program.answers, program.names
        made = [self._lent.get(name, shape) for name, shape in zip(self._outputs, program.shapes, strict=True)][count:]
        takes = [self._lent.get(name) or program.leaf_shapes[place] for place, name in enumerate(names)]
        comes = [made[i] if new else takes[i] for new, i in program.rotation]
        return [place for place, (here, there) in enumerate(zip(comes, takes, strict=True)) if here != there]

    def _lend(self, name: str, tensor: Tensor) -> Any:
        tensor = tensor.detach().contiguous()
        if name in self._lent:
            tensor = tensor.view(-1, *self._lent[name])
        return self._value.ortvalue_from_numpy(tensor.numpy())  # the same memory


class _Layers(Sealed):
    """A state as it lies between two steps. values: of ONNX Runtime, of the same memory as `held`."""

    def __init__(self, owner: OnnxStepper, held: list[Tensor], values: list[Any]) -> None:
        self.owner, self._held, self.values = owner, held, values

    @property
    def held(self) -> Sequence[Tensor]:
        return self._held

    def opened(self) -> Tree:
        return self.owner._tree(self._held)


def _step_of(program: Program, lent: Shapes) -> Step:
    """What becomes of the state in a step. Leaves that go in or out in another shape than the state's are left out."""
    made = [name for name in program.output_names if name.startswith(NEW)]
    becomes = {NEW + name: name for name in program.names if NEW + name in made}
    leaves = {
        name: shape
        for name, shape in zip(program.names, program.leaf_shapes, strict=True)
        if name not in lent and NEW + name not in lent
    }
    groups = [{name} for name in program.names]
    for name, (new, place) in zip(program.names, program.rotation, strict=True):
        source = becomes[made[place]] if new else program.names[place]
        joined = [group for group in groups if name in group or source in group]
        groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    return Step(leaves, becomes, [frozenset(group) for group in groups])


def import_onnxruntime() -> Any:
    """The package. ImportError names the extra, or says why the version that is installed is not used."""
    if any(is_since(package, TELLS_SINCE) for package in ("onnxruntime", "onnxruntime-gpu")):
        raise ImportError(
            "ONNX Runtime 1.29 and later report over the network how they are used, and here nothing uses the network: "
            "pip install 'onnxruntime>=1.20,<1.29'"
        )
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("to step in ONNX Runtime: pip install 'co_perception[onnx]'") from error
    return onnxruntime


def default_threads() -> int:
    """As many as this process may use, and no more than 4: beyond, a step of one stream gains little, and a robot has
    more to do."""
    return min(len(os.sched_getaffinity(0)), MOST_THREADS)


def open_session(
    model: bytes | str, threads: int | None, *, optimise: bool = True, written: Path | None = None
) -> Any:
    """A session on the CPU. Its threads wait actively within a step only: a robot shares its cores.

    optimise: False for a graph that ONNX Runtime has written, with nothing left to do. written: where it writes what it
    makes of the graph."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if written is not None:
        options.optimized_model_filepath = str(written)
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def optimised(model: bytes) -> Any:
    """The graph that ONNX Runtime makes of a model, as an `onnx.ModelProto`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimised.onnx")
        open_session(model, 1, written=path)
        return read_model(path)


def block_size() -> int:
    """How many channels ONNX Runtime's convolutions have side by side on this processor, found by looking: the second
    pixel comes after all channels of the first one's block."""
    x = torch.arange(64.0).view(1, 32, 1, 2)
    (y,) = open_session(one_operation("ReorderInput", x.shape, DOMAIN), 1).run(None, {"x": x.numpy()})
    return int(y.reshape(-1).tolist().index(float(x[0, 0, 0, 1])))


def _quantised(model: Any) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "int8.onnx")
        quantize_dynamic(model, path, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8)
        return path.read_bytes()
