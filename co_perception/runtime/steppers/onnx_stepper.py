"""Steps in ONNX Runtime, on CPU threads of its own: of a network (`OnnxStepper`), or of an exported file (`OnnxStep`).

The graph is written from a trace of the step (`onnx_graph`). torch's tensors and ONNX Runtime's share memory, and
nothing is copied between steps. State images stay in the layout of its convolutions (`nchwc_state`), past frames of
skeletons in rows of joints (`joint_rows`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from co_perception.continual import export
from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import PackedState, State, Tree, leaves
from co_perception.runtime.steppers import nchwc_state
from co_perception.runtime.steppers.bundle_step import NEW
from co_perception.runtime.steppers.joint_rows import joint_rows
from co_perception.runtime.steppers.onnx_graph import OnnxGraph, one_operation, onnx_graph, read_model, write_model
from co_perception.runtime.steppers.onnx_session import Session, import_onnxruntime, open_session, quantized
from co_perception.runtime.steppers.options import FLOAT32, StepOptions
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import DEFAULT, Stepper

if TYPE_CHECKING:
    from co_perception.runtime.steppers.onnx_graph import ModelProto

CHANNELS = 4  # what channels of depthwise convolutions have to be a multiple of for the fast layout
OrtValue = Any  # onnxruntime.OrtValue; the package has no types


class OnnxStepper(Stepper):
    """Steps a network in ONNX Runtime.

    With precision "int8", weights of matrix products are integers of 7 bits and their inputs, quantized step by step,
    of 8 bits. It is for networks whose weights do not fit into the processor's caches; convolutions stay in float32.

    `note`: why state is not in the blocked layout although `StepOptions.nchwc_state` asks for it; empty where it is, or
    where there is nothing to block.
    """

    name = "onnxruntime"
    precisions = ("float32", "int8")

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        super().__init__(network, frame_shape, options)
        if self.init_state(0).age.device.type != "cpu":
            raise ValueError("onnxruntime steps on the CPU here; a network on a GPU has the backend 'cuda'")
        self._runtime = import_onnxruntime()
        self._make_value = self._runtime.OrtValue.ortvalue_from_numpy
        wanted = options.joint_rows and options.precision == FLOAT32
        self.rows = joint_rows(network, self.init_state(1).layers) if wanted else None
        self._program = Program(self, multiple=CHANNELS, rows=self.rows)
        graph = onnx_graph(self._program, lend=True)
        self._lent = dict(graph.shapes)
        self._session, self.layout = self._open(graph)
        self._program.network = self.network  # the widened one is in the session now
        if self.rows is not None:
            self.rows = self.rows._replace(network=self.network)  # so is the one in rows
        self._inputs, self._outputs = self._program.input_names, self._program.output_names
        self._reshaped = [place for place, name in enumerate(self._outputs) if name in self._lent]
        self._used = {given.name for given in self._session.get_inputs()}
        names, rotation = self._program.names, self._program.rotation
        for name, (new, source) in zip(names, rotation, strict=True):
            if not new and name in self._lent and names[source] not in self._used:  # it waits to become that leaf
                self._lent[names[source]] = self._lent[name]
        shapes = zip(self._outputs, self._program.shapes, strict=True)
        made = [self._lent.get(name, shape) for name, shape in shapes][self._program.answers :]
        takes = [self._lent.get(name) or self._program.leaf_shapes[place] for place, name in enumerate(names)]
        # Leaves whose value comes out of a step in another shape than the next step takes it in.
        comes = [made[i] if new else takes[i] for new, i in rotation]
        self._relent = [place for place in range(len(names)) if comes[place] != takes[place]]

    def _open(self, graph: OnnxGraph) -> tuple[Session, nchwc_state.BlockedLayout]:
        """The session and the layout of its state: blocked where that is asked for, tested and possible."""
        model, threads = optimized(self._bytes(graph.model)), self.options.threads
        if self.options.nchwc_state:
            self.note = nchwc_state.refusal(model, self._runtime.__version__)
            if not self.note:
                try:
                    flow = _state_flow(self._program, graph.shapes)
                    model, layout = nchwc_state.block_state(model, flow, graph.values, block_size)
                    return open_session(model.SerializeToString(), threads, optimize=False), layout
                except Exception as error:  # of ONNX Runtime's own, one class per status
                    self.note = f"state in plain layout, since the blocked graph cannot be run: {error}"
                    model = optimized(self._bytes(graph.model))
        return open_session(model.SerializeToString(), threads, optimize=False), nchwc_state.PLAIN

    def save(self, path: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
        """Write the step as an ONNX file, whole or not at all.

        Inputs are x, age and the state's leaves by name, outputs y and the new leaves. The file's metadata are
        `Program.metadata` and the caller's.
        """
        model = self._bytes(onnx_graph(Program(self, multiple=CHANNELS)).model)
        write_model(model, path, {**(metadata or {}), **self._program.metadata})

    def _bytes(self, model: ModelProto) -> bytes:
        return quantized(model) if self.precision == "int8" else model.SerializeToString()

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        program, streams, given = self._program, len(state.age), state.layers
        if not (isinstance(given, _OnnxState) and given.owner is self):  # else it comes from an earlier step of this
            given = given if self.rows is None else self.rows.close(given)
            held = [self.layout.close(*leaf) for leaf in zip(program.names, leaves(given), strict=True)]
            given = _OnnxState(self, held, [self._lend(*leaf) for leaf in zip(program.names, held, strict=True)])
        fresh = [self._lend(name, tensor) for name, tensor in zip(self._inputs, (*frames, state.age), strict=False)]
        feeds = {name: v for name, v in zip(self._inputs, fresh + given.values, strict=True) if name in self._used}
        values = self._session.run_with_ort_values(self._outputs, feeds)
        answers = [from_dlpack(value._ortvalue.__dlpack__()) for value in values]  # a capsule: nothing is asked
        for place in self._reshaped:
            answers[place] = answers[place].view(streams, *program.shapes[place])
        count, made = program.answers, answers[program.answers :]
        held = [made[i] if new else given.tensors[i] for new, i in program.rotation]
        next_values = [values[count + i] if new else given.values[i] for new, i in program.rotation]
        for place in self._relent:
            next_values[place] = self._lend(program.names[place], held[place])
        return tuple(answers[:count]), _OnnxState(self, held, next_values)

    def _lend(self, name: str, tensor: Tensor) -> OrtValue:
        tensor = tensor.detach().contiguous()
        if name in self._lent:
            tensor = tensor.view(-1, *self._lent[name])
        return self._make_value(tensor.numpy())  # the same memory


class _OnnxState(PackedState):
    """A state between two steps. values: of ONNX Runtime, of the same memory as `tensors`."""

    def __init__(self, owner: OnnxStepper, tensors: list[Tensor], values: list[OrtValue]) -> None:
        self.owner, self._tensors, self.values = owner, tensors, values

    @property
    def tensors(self) -> Sequence[Tensor]:
        return self._tensors

    def unpack(self) -> Tree:
        program, layout, rows = self.owner._program, self.owner.layout, self.owner.rows
        tree = program.tree([layout.open(*leaf) for leaf in zip(program.names, self._tensors, strict=True)])
        return tree if rows is None else rows.open(tree)


def _state_flow(program: Program, lent: nchwc_state.Shapes) -> nchwc_state.StateFlow:
    """How the program's state goes in and out; without leaves that go in or out in another shape than the state's."""
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
    return nchwc_state.StateFlow(leaves, becomes, [frozenset(group) for group in groups])


class OnnxStep:
    """A step that `continual.export.export_onnx` wrote, run without the network's code: `y, state = step(x, state)`.

    Args:
        path: of the ONNX file.
        threads: CPU threads of a step; None: `default_threads`. One object serves several threads.

    Attributes stride, receptive_field, delay, lag, frames, frame_shape and answer_shape are those of
    `export.step_metadata`; `metadata` is all of it.
    Raises: FileNotFoundError; ValueError for a file that is damaged or not of `export_onnx`.
    """

    def __init__(self, path: str | os.PathLike[str], *, threads: int | None = None) -> None:
        import_onnxruntime()
        if not Path(path).is_file():
            raise FileNotFoundError(f"no file {path}; export_onnx writes it")
        try:
            self._session = open_session(str(path), threads)
        except Exception as error:  # of onnxruntime's own, one class per status
            raise ValueError(f"{path} is not a whole ONNX file: {error}") from error
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        if (self.metadata.get("format"), self.metadata.get("format_version")) != (export.FORMAT, export.VERSION):
            raise ValueError(
                f"{path} was not written by export_onnx (of format {export.FORMAT} {export.VERSION}): {self.metadata}"
            )
        self.stride, self.receptive_field, self.delay, self.lag, self.frames = (
            int(self.metadata[name]) for name in ("stride", "receptive_field", "delay", "lag", "frames")
        )
        self.frame_shape = tuple(json.loads(self.metadata["frame_shape"]))
        self.answer_shape = tuple(json.loads(self.metadata["answer_shape"]))
        self._states: dict[str, dict[str, Any]] = json.loads(self.metadata["states"])

    def init_state(self, batch_size: int) -> dict[str, Tensor]:
        """The state of streams before their first frame."""
        return {
            name: torch.zeros(batch_size, *leaf["shape"], dtype=getattr(torch, leaf["dtype"]))
            for name, leaf in self._states.items()
        }

    def __call__(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """y and the next state, of a chunk x (B, C, frames, *space) and a state. Neither is written into."""
        expected = (len(state["age"]), self.frame_shape[0], self.frames, *self.frame_shape[1:])
        if tuple(x.shape) != expected:
            raise ValueError(
                f"x is {tuple(x.shape)}, expected (B, C, frames, *space) = {expected}. A program takes chunks of the "
                "length it was exported for, and as many streams as the state has"
            )
        given = {name: leaf.detach().contiguous().numpy() for name, leaf in ({"x": x} | state).items()}
        y, *new = map(torch.from_numpy, self._session.run(["y", *(export.NEW + name for name in state)], given))
        return y, dict(zip(state, new, strict=True))


def optimized(model: bytes) -> ModelProto:
    """The graph that ONNX Runtime's optimizer makes of a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "optimized.onnx")
        open_session(model, 1, written=path)
        return read_model(path)


def block_size() -> int:
    """Channels in a block of ONNX Runtime's layout on this processor, measured: the second pixel of a reordered image
    comes after all channels of the first one's block."""
    x = torch.arange(64.0).view(1, 32, 1, 2)
    (y,) = open_session(one_operation("ReorderInput", x.shape, nchwc_state.DOMAIN), 1).run(None, {"x": x.numpy()})
    return int(y.reshape(-1).tolist().index(float(x[0, 0, 0, 1])))
