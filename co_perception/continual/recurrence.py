"""A recurrence of layers that treat frames alone: what they make of a frame and of states from the frame before.

`convert` makes one of a forward that goes through a clip frame by frame and carries something along, such as that of a
convolutional LSTM (Shi et al., NeurIPS 2015, arXiv:1506.04214).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from co_perception.continual.framewise import EachFrame
from co_perception.continual.layer import TIME, Branched, Frames, Streaming
from co_perception.continual.timing import Clock, Signal, Timing

States = tuple[Tensor, ...]  # (B, C, *space) each


class Recurrence(Streaming):
    """Layers on one or more values of a frame (B, C, T, *space) and on states, which are zero before the first frame.

    Its `timing` has a receptive field of one frame, because an answer waits for no other. It depends on all frames
    since the start of the stream.

    Args:
        inputs: how many values it is given.
        states: shape (C, *space) of each state.
        layers: in an order in which they can be computed, each with the numbers of the values that it takes: first the
            inputs are counted, then the states, then the answers of the layers. They are registered elsewhere.
        following: for each state the number of the value that it is at the next frame.
        answer: number of the value that is the answer.
    """

    def __init__(
        self,
        inputs: int,
        states: Sequence[tuple[int, ...]],
        layers: Sequence[tuple[EachFrame, tuple[int, ...]]],
        following: Sequence[int],
        answer: int,
    ) -> None:
        super().__init__()
        if len(states) != len(following):
            raise ValueError(f"a value follows upon each state, got {len(following)} for {len(states)} states")
        self._inputs, self._states = inputs, tuple(states)
        self._layers, self._following, self._answer = tuple(layers), tuple(following), answer
        self.timing = Timing()

    def extra_repr(self) -> str:
        return f"{len(self._layers)} layers, states {', '.join(map(str, self._states))}"

    def clip(self, x: Branched) -> Tensor:
        frames = _frames(x)
        first = frames[0][0]
        states = tuple(first.new_zeros(first.shape[0], *shape) for shape in self._states)
        return torch.stack(self._run(frames, states, None)[0], TIME)

    def stream(self, x: Branched, past: States, clock: Clock) -> tuple[Tensor, States]:
        frames = _frames(x)
        answers, past = self._run(frames, past, self._inside(clock, len(frames)))
        return torch.stack(answers, TIME), past

    def unrolled(self, frames: Frames, past: States, clock: Clock) -> tuple[Frames, States]:
        each = [frame if isinstance(frame, tuple) else (frame,) for frame in frames]
        answers, past = self._run(each, past, self._inside(clock, len(frames)))
        return tuple(answers), past

    def settles(self, lag: int) -> int:
        return lag

    def init_history(self, batch_size: int, signal: Signal, like: Tensor) -> States:
        return tuple(like.new_zeros(batch_size, *shape) for shape in self._states)

    def frame_out(self, shape: Any) -> tuple[int, ...]:
        given = shape if isinstance(shape[0], tuple) else (shape,)
        values: list[tuple[int, ...]] = [*given, *self._states]
        for layer, numbers in self._layers:
            shapes: Any = tuple(values[number] for number in numbers)
            values.append(tuple(layer.frame_out(shapes[0] if len(shapes) == 1 else shapes)))
        return values[self._answer]

    def _inside(self, clock: Clock, frames: int) -> tuple[Tensor, ...] | None:
        """For each frame whether it lies in the clip (B,); None where all do."""
        return (clock.index(frames) >= 0).unbind(1) if clock.lag and not clock.settled else None

    def _run(
        self, frames: Sequence[tuple[Tensor, ...]], states: States, inside: tuple[Tensor, ...] | None
    ) -> tuple[list[Tensor], States]:
        """The answers (B, C, *space) to frames one by one, and the states after them."""
        answers = []
        for number, given in enumerate(frames):
            values = [*given, *states]
            for layer, numbers in self._layers:
                taken = tuple(values[i] for i in numbers)
                clock = Clock(torch.empty(0), None, 0)  # no layer that treats frames alone looks at it
                (answer,), _ = layer.unrolled((taken[0] if len(taken) == 1 else taken,), (), clock)
                values.append(answer)
            states = tuple(values[i] for i in self._following)
            if inside is not None:  # frames from before the clip must leave no trace
                states = tuple(torch.where(_beside(inside[number], state), state, 0.0) for state in states)
            answers.append(values[self._answer])
        return answers, states


def _frames(x: Branched) -> list[tuple[Tensor, ...]]:
    """One or more values (B, C, T, *space), frame by frame."""
    each = x if isinstance(x, tuple) else (x,)
    return list(zip(*(value.unbind(TIME) for value in each), strict=True))


def _beside(inside: Tensor, state: Tensor) -> Tensor:
    return inside.view(-1, *[1] * (state.dim() - 1))
