"""The interface of all backends that step a network, and the backend "eager".

    stepper = EagerStepper(network, (3, 160, 160))
    state = stepper.init_state(batch_size=1)
    y, state = stepper(x, state)            # x (B, C, T, *space), T the network's stride; y (B, C', 1, *space')

A state is the same value in every backend: leaf by leaf what the network's own `init_history` lays out, though one may
keep it in another form between steps (`state.PackedState`). So a snapshot of one goes on in another, and a fast program
may leave to the plain network what it is not made for: the first frames of a stream, in which the borders of its clip
matter (`Streaming.settles`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from co_perception.continual.layer import TIME, Frames, Streaming
from co_perception.continual.state import State, Tree, unpacked
from co_perception.continual.timing import Clock, Signal
from co_perception.runtime.steppers.options import FLOAT32, StepOptions

DEFAULT = StepOptions()


class Stepper(ABC):
    """Steps a network, one chunk of frames at a time.

    Args:
        network: in evaluation mode.
        frame_shape: (C, *space) of a frame.
        options: see `StepOptions`.

    `summary` says which backend it is, why, and how far its answers are off: a text for a log.
    Raises: ValueError for a precision that the backend does not have.
    """

    name: ClassVar[str]
    precisions: ClassVar[tuple[str, ...]] = (FLOAT32,)
    summary = ""
    note = ""

    def __init__(self, network: Streaming, frame_shape: tuple[int, ...], options: StepOptions = DEFAULT) -> None:
        if options.precision not in self.precisions:
            raise ValueError(
                f"the backend {self.name!r} steps in {' or '.join(self.precisions)}, got precision "
                f"{options.precision!r}"
            )
        self.network, self.frame_shape, self.options = network, tuple(frame_shape), options
        self.lag, self.precision = options.lag, options.precision
        self.stride = network.timing.stride
        self._settles = network.settles(self.lag)
        self._ages: tuple[Tensor | None, int] = (None, 0)

    def init_state(self, batch_size: int) -> State:
        """The state of streams before their first frame, on the network's device."""
        like = next(self.network.parameters(), torch.empty(0))
        like = next(self.network.buffers(), like) if not like.is_floating_point() else like
        layers = self.network.init_history(batch_size, Signal(self.frame_shape, self.lag), like)
        return State(torch.zeros(batch_size, dtype=torch.int64, device=like.device), layers)

    @torch.no_grad()
    def __call__(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step of each stream. Neither x nor state is written into, and x may be filled again by the caller."""
        wanted = (len(state.age), self.frame_shape[0], self.stride, *self.frame_shape[1:])
        if tuple(x.shape) != wanted:
            raise ValueError(f"expected one step x (B, C, T, *space) = {wanted}, got {tuple(x.shape)}")
        frames, settled = x.unbind(TIME), self._settled(state.age)
        # Past its borders a stream is in steady state: there the backend's program holds. It takes one stream at least:
        # ONNX Runtime refuses products of matrices without rows.
        fits = settled and len(state.age) > 0
        answers, layers = self._step(frames, state) if fits else self._network_step(frames, state, settled=settled)
        age = state.age + self.stride
        self._ages = (age, self._ages[1] + self.stride) if self._ages[0] is state.age else (None, 0)
        return answers[0].unsqueeze(TIME) if len(answers) == 1 else torch.stack(answers, TIME), State(age, layers)

    @abstractmethod
    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        """A step of streams that are past their borders."""

    def _network_step(self, frames: Frames, state: State, *, settled: bool) -> tuple[Frames, Tree]:
        """The network itself; until it is settled, with zero padding before its clip. Its history keeps the frames."""
        own = tuple(frame.clone() for frame in frames)
        return self.network.unrolled(own, unpacked(state.layers), Clock(state.age, None, self.lag, settled=settled))

    def _settled(self, age: Tensor) -> bool:
        """Whether the youngest stream is past its borders. The ages in its own last answer are known without reading
        them, which on a GPU would wait for the step."""
        if not self._settles or not len(age):
            return True
        if self._ages[0] is not age:
            self._ages = (age, int(age.min()))
        return self._ages[1] >= self._settles


class EagerStepper(Stepper):
    """The network's own code in torch, operation by operation."""

    name = "eager"
    summary = "eager"

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        return self._network_step(frames, state, settled=True)
