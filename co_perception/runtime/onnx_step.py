"""An ONNX file that `continual.export.export_onnx` wrote, run without the network's code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from co_perception.continual.export import FORMAT, NEW, VERSION
from co_perception.runtime.onnx_stepper import import_onnxruntime, open_session


class OnnxStep:
    """An exported step run by ONNX Runtime: `y, state = step(x, state)` on CPU tensors, without the network's code.

    stride, receptive_field, delay, lag, frames, frame_shape, answer_shape: as of `step_metadata`. metadata: all of it.
    threads: that work on one step; ONNX Runtime's choice unless given. One object serves several threads.
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
        if (self.metadata.get("format"), self.metadata.get("format_version")) != (FORMAT, VERSION):
            raise ValueError(f"{path} was not written by export_onnx (of format {FORMAT} {VERSION}): {self.metadata}")
        self.stride, self.receptive_field, self.delay, self.lag, self.frames = (
            int(self.metadata[name]) for name in ("stride", "receptive_field", "delay", "lag", "frames")
        )
        self.frame_shape = tuple(json.loads(self.metadata["frame_shape"]))
        self.answer_shape = tuple(json.loads(self.metadata["answer_shape"]))
        self._states: dict[str, dict[str, Any]] = json.loads(self.metadata["states"])

    def init_state(self, batch_size: int) -> dict[str, Tensor]:
        """The state of streams that have seen nothing."""
        return {
            name: torch.zeros(batch_size, *leaf["shape"], dtype=getattr(torch, leaf["dtype"]))
            for name, leaf in self._states.items()
        }

    def __call__(self, x: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """x (B, C, frames, *space) and a state give y and the next state. Nothing that is given is written into."""
        expected = (len(state["age"]), self.frame_shape[0], self.frames, *self.frame_shape[1:])
        if tuple(x.shape) != expected:
            raise ValueError(
                f"x is {tuple(x.shape)}, expected (B, C, frames, *space) = {expected}. A program takes chunks of the "
                "length it was exported for, and as many streams as the state has"
            )
        given = {name: leaf.detach().contiguous().numpy() for name, leaf in ({"x": x} | state).items()}
        y, *new = (
            torch.from_numpy(answer) for answer in self._session.run(["y", *(NEW + name for name in state)], given)
        )
        return y, dict(zip(state, new, strict=True))
