"""Pipelined execution of a strided network: its stages run on different frames of a step.

A network of temporal stride s answers once per s frames. Fed s frames at once it computes nothing for s - 1 frames and
everything at the last. But a layer whose input comes every 4 frames has work every 4 frames only: cut at its strided
layers, the network is a chain of stages, and a stage may run as soon as it has one stride of frames. Here at most one
stage runs on a frame (besides a first stage that runs on every frame), the earlier first, so that the longest frame
costs one stage. Answers are the same and come a few frames later.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from co_perception.continual.container import Sequential
from co_perception.continual.layer import TIME
from co_perception.continual.state import State
from co_perception.continual.timing import Clock, Signal
from co_perception.engine.stages import FrameStep, StageState, step_stages

StageStep = Callable[[Tensor, State], tuple[Tensor, State]]
MakeStep = Callable[[Sequential, tuple[int, ...], int], StageStep]


class Pipeline:
    """Steps a `Sequential` frame by frame. All streams of a batch are at the same phase of the step.

        answer, state = pipeline(frame, state)      # frame (B, C, *space)

    The answer (B, C', *space') is that of one step; None on the frames between.

    Args:
        network: cut into stages before each of its layers that has a temporal stride.
        make: makes the step of a stage, given its network, the shape of its frames and their lag; the network itself
            steps unless given.
        frame_shape: (C, *space), needed for `make` alone.

    Attributes: stages: the parts; lags: frames by which the input of each is late; steps: of each.
    """

    def __init__(
        self, network: Sequential, make: MakeStep | None = None, frame_shape: tuple[int, ...] | None = None
    ) -> None:
        parts: list[OrderedDict[str, nn.Module]] = [OrderedDict()]
        self.lags, lag = [0], 0
        for layer, (name, child) in zip(network.layers, network._modules.items(), strict=True):
            if layer.timing.stride > 1 and parts[-1]:
                parts.append(OrderedDict())
                self.lags.append(lag)
            parts[-1][name] = cast(nn.Module, child)
            lag = layer.lag_after(lag)
        self.stages = [Sequential(part) for part in parts]
        self.steps: list[StageStep] = [
            partial(_run, stage, lag) for stage, lag in zip(self.stages, self.lags, strict=True)
        ]
        if make is not None and frame_shape is not None:
            each = zip(self.stages, self.stage_shapes(frame_shape), self.lags, strict=True)
            self.steps = [make(stage.train(network.training), shape, lag) for stage, shape, lag in each]

    def init_state(self, batch_size: int, frame_shape: tuple[int, ...], like: Tensor) -> tuple[StageState, ...]:
        """The state of streams that have received no frame; device and dtype of `like`."""
        states = []
        for stage, shape, lag in zip(self.stages, self.stage_shapes(frame_shape), self.lags, strict=True):
            age = torch.zeros(batch_size, dtype=torch.int64, device=like.device)
            states.append(StageState(age, (), stage.init_history(batch_size, Signal(shape, lag), like)))
        return tuple(states)

    def stage_shapes(self, frame_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """(C, *space) of the frames that each stage is given."""
        shapes = []
        for stage in self.stages:
            shapes.append(frame_shape)
            frame_shape = stage.frame_out(frame_shape)
        return shapes

    def frames_until(self, answers: int) -> int:
        """Frames with which this answer comes, counted from 1, as the first one is; nothing is computed."""
        strides = [stage.layers[0].timing.stride for stage in self.stages]
        nothing, frames = torch.zeros(1), 0
        state = tuple(StageState(nothing, (), ()) for _ in strides)
        while answers:
            answer, state = step_stages([_pass_on] * len(strides), strides, nothing, state)
            answers, frames = answers - (answer is not None), frames + 1
        return frames

    def __call__(self, frame: Tensor, state: tuple[StageState, ...]) -> tuple[Tensor | None, tuple[StageState, ...]]:
        strides = [stage.layers[0].timing.stride for stage in self.stages]
        return step_stages(list(map(_by_frames, self.steps)), strides, frame, state)


def _pass_on(frames: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
    return frames[0], state


def _by_frames(step: StageStep) -> FrameStep:
    def run(frames: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
        y, following = step(torch.stack(tuple(frames), dim=TIME), state)
        return y.squeeze(TIME), following

    return run


def _run(stage: Sequential, lag: int, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, layers = stage.stream(x, state.layers, Clock(state.age, None, lag))
    return y, State(state.age + stage.layers[0].timing.stride, layers)
