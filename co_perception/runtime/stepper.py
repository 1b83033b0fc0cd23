"""How a network is stepped: one interface, whatever computes.

    stepper = EagerStepper(network, (3, 160, 160))
    state = stepper.init_state(batch_size=1)
    y, state = stepper(x, state)            # x (B, C, T, *space), T the network's stride; y (B, C', 1, *space')

A state is the same value in every backend: leaf by leaf what the network's own `init_history` lays out, though one may
keep it in another form while nobody looks (`state.Sealed`). So a snapshot of one goes on in another, and a fast program
may leave to the plain network what it is not made for: the first frames of a stream, in which the borders of its clip
matter (`Streaming.settles`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from co_perception.continual.layer import TIME, Clock, Frames, Signal, Streaming
from co_perception.continual.state import State, Tree, opened


class Stepper(ABC):
    """Steps `network`, which is in evaluation mode, on frames of shape (C, *space).

    lag: frames that inputs arrive late, for a part of a larger network. threads: CPU threads of a step where the
    backend has threads of its own; None: its choice. said: why it is this backend, in words for a log.
    """

    name: ClassVar[str]
    precision = "float32"
    said = ""

    def __init__(
        self, network: Streaming, frame_shape: tuple[int, ...], *, lag: int = 0, threads: int | None = None
    ) -> None:
        self.network, self.frame_shape, self.lag, self.threads = network, tuple(frame_shape), lag, threads
        self.stride = network.timing.stride
        self._settles = network.settles(lag)
        self._ages: tuple[Tensor | None, int] = (None, 0)

    def init_state(self, batch_size: int) -> State:
        """Streams that have seen nothing, on the network's device."""
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
        # Past its borders a stream is in steady state: there the backend's program holds.
        step = self._step if settled else self._plainly
        answers, layers = step(frames, state)
        age = state.age + self.stride
        self._ages = (age, self._ages[1] + self.stride) if self._ages[0] is state.age else (None, 0)
        return answers[0].unsqueeze(TIME) if len(answers) == 1 else torch.stack(answers, TIME), State(age, layers)

    @abstractmethod
    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        """A step of streams that are past their borders."""

    def _plainly(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        """The network itself, borders and all. A frame that stays in the history is the stream's own from now on."""
        own = tuple(frame.clone() for frame in frames)
        return self.network.unrolled(own, opened(state.layers), Clock(state.age, None, self.lag))

    def _settled(self, age: Tensor) -> bool:
        """Whether the youngest stream is past its borders. Ages of one's own last answer are known without a look,
        which on a GPU would wait for it."""
        if not self._settles or not len(age):
            return True
        if self._ages[0] is not age:
            self._ages = (age, int(age.min()))
        return self._ages[1] >= self._settles


class EagerStepper(Stepper):
    """torch, operation by operation."""

    name = "eager"

    def _step(self, frames: Frames, state: State) -> tuple[Frames, Tree]:
        own = tuple(frame.clone() for frame in frames)
        return self.network.unrolled(own, opened(state.layers), Clock(state.age, None, self.lag, settled=True))
