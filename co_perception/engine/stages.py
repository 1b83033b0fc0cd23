"""Stages of a strided network that run on different frames of a step, whatever steps each of them.

`continual.pipeline` cuts a network into them, and says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from co_perception.engine.array_library import Array
from co_perception.engine.state_tree import State, Tree


class StageState(NamedTuple):
    """State of one stage."""

    age: Array  # (B,) int64, frames that the stage has consumed
    waiting: tuple[Array, ...]  # frames (B, C, *space) that wait for its step
    layers: Tree  # histories of its layers


FrameStep = Callable[[Sequence[Array], State], tuple[Array, State]]
"""The step of a stage: one stride of frames (B, C, *space) to its answer (B, C', *space'), and its next state."""


def step_stages(
    steps: Sequence[FrameStep], strides: Sequence[int], frame: Array, state: Sequence[StageState]
) -> tuple[Array | None, tuple[StageState, ...]]:
    """The answer to one frame (B, C, *space), None where none is due, and the next state.

    At most one stage runs, besides a first one that runs on every frame.

    Args:
        steps, strides: of each stage.
    """
    stages = list(state)
    stages[0] = stages[0]._replace(waiting=(*stages[0].waiting, frame))
    for place, (step, stride) in enumerate(zip(steps, strides, strict=True)):
        age, waiting, layers = stages[place]
        if len(waiting) < stride:
            continue
        answer, (age, layers) = step(waiting[:stride], State(age, layers))
        stages[place] = StageState(age, waiting[stride:], layers)
        if place + 1 == len(stages):
            return answer, tuple(stages)
        stages[place + 1] = stages[place + 1]._replace(waiting=(*stages[place + 1].waiting, answer))
        if stride > 1 or place > 0:
            break  # the next stage runs on a later frame
    return None, tuple(stages)
