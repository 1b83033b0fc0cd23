"""Steps on an NVIDIA GPU as captured graphs: one launch for all kernels of a step.

Captured by hand with inputs of their own. Graphs that a compiler captures take their outputs for its property, and a
state that goes from step to step is just that (PyTorch issues 148439, 152887, 138949).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.buckets import bucket, filled
from co_perception.runtime.program import Program
from co_perception.runtime.stepper import Stepper

WARM_UP = 3  # runs before a capture, in which libraries choose their kernels


class Captured(NamedTuple):
    """graph: reads `inputs` and writes `outputs` when it is replayed."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    outputs: tuple[Tensor, ...]


class CudaStepper(Stepper):
    """One graph for each number of streams in `buckets.BUCKETS`, captured when it is first met."""

    name = "cuda"

    def __init__(
        self, network: Streaming, frame_shape: tuple[int, ...], *, lag: int = 0, threads: int | None = None
    ) -> None:
        super().__init__(network, frame_shape, lag=lag, threads=threads)
        if self.init_state(0).age.device.type != "cuda":
            raise ValueError("the backend 'cuda' is for networks on a GPU: give the learner device='cuda'")
        self._program = Program(self)
        self._captured: dict[int, Captured] = {}

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        streams, given = len(state.age), leaves(state.layers)
        size = bucket(streams)
        if size not in self._captured:
            self._captured[size] = self._capture(size)
        graph, inputs, outputs = self._captured[size]
        for own, tensor in zip(inputs, (*frames, state.age, *given), strict=True):
            own.copy_(filled(tensor, size))
        graph.replay()
        # Copies: the next replay writes over the graph's own outputs.
        answers = [output[:streams].clone() for output in outputs]
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])

    def _capture(self, streams: int) -> Captured:
        inputs = self._program.example(streams)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                self._program(*inputs)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._program(*inputs)
        return Captured(graph, inputs, outputs)
