"""Export of a step as a program: tensors in, tensors out, the state among them under its leaves' names.

    program = export_step(layer, (3, 112, 112))              # torch.export, any number of streams
    y, state = program.module()(x, state)                    # state: {"age": ..., "layers.0.1": ...}

    export_onnx(layer, (3, 112, 112), "step.onnx")           # inputs x, age, layers.0.1 ...; outputs y, new_age ...
    step = OnnxStep("step.onnx")                             # of co_perception.runtime.steppers.onnx_stepper
    y, state = step(x, step.init_state(batch_size=4))

Facts that a program does not contain, such as its delay, are stored in the file beside it (`step_metadata`).
The package `onnxscript` is imported here, when it is needed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.continual.layer import Streaming, evaluation_mode
from co_perception.continual.state import State, named_leaves, unflatten

FORMAT, VERSION = "co_perception.step", "1"
NEW = "new_"  # before the name of a leaf that a step gives back
EXAMPLE = 2  # streams of the example that a program is traced with; 1 would count as fixed


def export_step(
    layer: Streaming, frame_shape: tuple[int, ...], *, frames: int | None = None, dtype: torch.dtype | None = None
) -> torch.export.ExportedProgram:
    """One step of `layer`, in evaluation mode, for any number of streams, as a program `(x, state) -> (y, state)`.

    x is (B, C, frames, *space), state a dict from leaf names (`named_state`) to tensors. `frames` is a multiple of the
    stride, the stride unless given; dtype is that of the parameters unless given.
    """
    state = layer.init_state(EXAMPLE, tuple(frame_shape), dtype=dtype)
    own = next(layer.parameters(), torch.empty(0))
    count = frames or layer.timing.stride
    x = torch.zeros(EXAMPLE, frame_shape[0], count, *frame_shape[1:], device=state.age.device, dtype=dtype or own.dtype)
    named = named_state(state)
    streams = {0: torch.export.Dim("streams", min=1)}
    with evaluation_mode(layer), torch.no_grad():
        return torch.export.export(
            StepModule(layer, state), (x, named), dynamic_shapes=(streams, {name: streams for name in named})
        )


def named_state(state: State) -> dict[str, Tensor]:
    """A state as the programs of this file take it: its leaves by name. The names' order is that of `named_leaves`."""
    return dict(named_leaves(state))


def step_metadata(layer: Streaming, frame_shape: tuple[int, ...], frames: int | None = None) -> dict[str, str]:
    """Facts about a step that its caller needs, as strings (JSON where they are more than numbers).

    Returns:
        stride, receptive_field, delay: as of the layer, in frames. lag: answers that come before the first real one of
        a stream. frames: per call. frame_shape, answer_shape: (C, *space). states: per leaf its shape for one stream
        and its dtype; zeros at the start, whatever the dtype.
    """
    shape = tuple(frame_shape)
    states = {
        name: {"shape": list(leaf.shape[1:]), "dtype": str(leaf.dtype).removeprefix("torch.")}
        for name, leaf in named_leaves(layer.init_state(1, shape))
    }
    numbers = {
        "stride": layer.timing.stride,
        "receptive_field": layer.receptive_field,
        "delay": layer.delay,
        "lag": layer.lag_after(0),
        "frames": frames or layer.timing.stride,
    }
    shapes = {"frame_shape": list(shape), "answer_shape": list(layer.frame_out(shape)), "states": states}
    texts = {key: json.dumps(value) for key, value in (numbers | shapes).items()}
    return {"format": FORMAT, "format_version": VERSION} | texts


def export_onnx(
    layer: Streaming,
    frame_shape: tuple[int, ...],
    path: str | os.PathLike[str],
    *,
    frames: int | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write one step of `layer` as an ONNX file, for any number of streams; arguments as of `export_step`.

    Inputs are `x`, `age` and `layers.…`; outputs `y`, `new_age` and `new_layers.…`, which are the next step's inputs.
    The file holds `step_metadata` and the caller's metadata (labels, for instance), and appears whole or not at all.
    """
    try:
        import onnxscript  # torch.onnx asks for it in a message of its own
    except ImportError as error:
        raise ImportError("to write ONNX files, onnxscript is needed: pip install 'co_perception[onnx]'") from error
    del onnxscript
    program = export_step(layer, frame_shape, frames=frames)
    names = list(named_state(layer.init_state(1, tuple(frame_shape))))
    converted: Any = torch.onnx.export(
        program,
        input_names=["x", *names],
        output_names=["y", *(NEW + name for name in names)],
        dynamo=True,
        verbose=False,
    )
    converted.model.metadata_props.update({**(metadata or {}), **step_metadata(layer, frame_shape, frames)})
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        converted.save(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


class StepModule(nn.Module):
    """A layer as a function of tensors and a dict of them, for torch.export."""

    def __init__(self, layer: Streaming, like: State) -> None:
        super().__init__()
        self.layer = layer
        self.like = like

    def forward(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        y, new = self.layer(x, unflatten(self.like, [state[name] for name, _ in named_leaves(self.like)]))
        # Export refuses outputs that are inputs handed through unchanged; a copy names them.
        return y, {name: leaf.clone() for name, leaf in named_leaves(new)}
