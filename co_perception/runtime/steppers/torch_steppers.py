"""Steps as programs that torch makes: compiled by Inductor ("compiled"), or captured as CUDA graphs ("cuda").

Both have a program of fixed size for each number of streams in `padding.BUCKETS`, made when it is first needed.

CUDA graphs are captured here with inputs of their own. Graphs that torch's compiler captures own their outputs, and a
state that goes from step to step is just such an output (PyTorch issues 148439, 152887, 138949).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from co_perception.continual.layer import Frames, Streaming
from co_perception.continual.state import State, Tree, leaves
from co_perception.runtime.steppers.options import StepOptions
from co_perception.runtime.steppers.padding import bucket, filled
from co_perception.runtime.steppers.program import Program
from co_perception.runtime.steppers.stepper import DEFAULT, Stepper

WARM_UP = 3  # runs before a capture, in which libraries choose their kernels


class TorchStepper(Stepper):
    """What both have in common: a batch is padded to the next size that there is a program for."""

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        super().__init__(network, frame_shape, options)
        self._program = Program(self)

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        streams, given = len(state.age), leaves(state.layers)
        size = bucket(streams)
        answers = self._run(size, streams, [filled(tensor, size) for tensor in (*frames, state.age, *given)])
        count = self._program.answers
        return tuple(answers[:count]), self._program.next_layers(given, answers[count:])

    @abstractmethod
    def _run(self, size: int, streams: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The program's outputs for the first `streams` rows of inputs of `size` rows, in memory of their own."""


class CompiledStepper(TorchStepper):
    """Programs compiled by Inductor. It needs a C++ compiler where it runs, and minutes for a large network.

    State is handed over by reference, so torch's default mode: those that replay graphs would write into it.
    """

    name = "compiled"

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        super().__init__(network, frame_shape, options)
        self._compiled: dict[int, Callable[..., tuple[Tensor, ...]]] = {}
        with torch.no_grad():
            try:
                self._run(1, 1, self._program.example(1))
            except Exception as error:  # of Inductor's or of the compiler's own
                raise RuntimeError(f"torch cannot compile this step: {error}. Is there a C++ compiler?") from error

    def _run(self, size: int, streams: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        if size not in self._compiled:
            self._compiled[size] = torch.compile(self._program.traced(size), fullgraph=True, dynamic=False)
        answers = self._compiled[size](*inputs)
        return tuple(answer[:streams] for answer in answers) if size > streams else answers


class CudaStepper(TorchStepper):
    """Captured graphs on an NVIDIA GPU: one launch for all kernels of a step."""

    name = "cuda"

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        super().__init__(network, frame_shape, options)
        if self.init_state(0).age.device.type != "cuda":
            raise ValueError("the backend 'cuda' is for networks on a GPU: give the learner device='cuda'")
        # By the number of streams: a graph, what it reads and what it writes when it is replayed.
        self._captures: dict[int, tuple[torch.cuda.CUDAGraph, list[Tensor], tuple[Tensor, ...]]] = {}

    def _run(self, size: int, streams: int, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        if size not in self._captures:
            example = self._program.example(size)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(WARM_UP):
                    self._program(*example)
            torch.cuda.current_stream().wait_stream(side)
            captured = torch.cuda.CUDAGraph()
            with torch.cuda.graph(captured):
                made = self._program(*example)
            self._captures[size] = captured, example, made
        graph, own, outputs = self._captures[size]
        for target, tensor in zip(own, inputs, strict=True):
            target.copy_(tensor)
        graph.replay()
        # Copies: the next replay writes over the graph's own outputs.
        return [output[:streams].clone() for output in outputs]
