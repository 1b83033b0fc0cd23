"""Steps compiled by torch (Inductor): it needs a C++ compiler where it runs, and minutes for a large network."""

from __future__ import annotations

from typing import Any

import torch

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.buckets import bucket, filled
from co_perception.runtime.program import Program
from co_perception.runtime.stepper import Stepper


class CompiledStepper(Stepper):
    """One program for each number of streams in `buckets.BUCKETS`, compiled when it is first met. State is handed over
    by reference: the default mode, since those that replay graphs would write into it."""

    name = "compiled"

    def __init__(
        self, network: Streaming, frame_shape: tuple[int, ...], *, lag: int = 0, threads: int | None = None
    ) -> None:
        super().__init__(network, frame_shape, lag=lag, threads=threads)
        self._program = Program(self)
        self._compiled: Any = torch.compile(self._program.__call__, fullgraph=True, dynamic=False)
        with torch.no_grad():
            try:
                self._compiled(*self._program.example(1))
            except Exception as error:  # of Inductor's or of the compiler's own
                raise RuntimeError(f"torch cannot compile this step: {error}. Is there a C++ compiler?") from error
            self._rotation = list(self._program.rotation)

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        streams, given = len(state.age), leaves(state.layers)
        size = bucket(streams)
        answers = self._compiled(*(filled(tensor, size) for tensor in (*frames, state.age, *given)))
        self._program.rotation = self._rotation  # tracing, which fills it in, may run again for another size
        answers = tuple(answer[:streams] for answer in answers) if size > streams else answers
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])
