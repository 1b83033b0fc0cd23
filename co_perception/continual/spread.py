"""Spread the work of a strided network over the frames of its step.

A network of temporal stride s answers once per s frames. Fed s frames at once it computes nothing for s - 1 frames and
everything at the last. But a layer whose input comes every 4 frames has work every 4 frames only: cut at its strided
layers, the network is a chain of stages, and a stage may run as soon as it has one stride of frames. Here at most one
stage runs on a frame (besides a first stage that runs on every frame), the earlier first, so that the longest frame
costs one stage. Answers are the same and come a few frames later."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor

from co_perception.continual.container import Sequential
from co_perception.continual.layer import TIME, Clock, Signal, Streaming, through
from co_perception.continual.state import State, Tree

Step = Callable[[Tensor, State], tuple[Tensor, State]]
Make = Callable[[Sequential, tuple[int, ...], int], Step]


class StageState(NamedTuple):
    """age: (B,) frames the stage has taken; waiting: frames (B, C, *space) that wait for its step; layers: its
    histories."""

    age: Tensor
    waiting: tuple[Tensor, ...]
    layers: Tree


class Spread:
    """Step a `Sequential` frame by frame. All streams of a batch are at the same phase of the step.

    answer, state = spread(frame, state)     # frame (B, C, *space); answer (B, C', *space') of one step, or None on
    the frames between

    make: what steps a stage, given its network, the shape of its frames and their lag; the network itself unless given.
    frame_shape: needed for `make` alone.
    """

    def __init__(
        self, network: Sequential, make: Make | None = None, frame_shape: tuple[int, ...] | None = None
    ) -> None:
        self.stages = _stages(network)
        self._lags = _lags(self.stages)
        self.steps: list[Step] = [partial(_run, stage, lag) for stage, lag in zip(self.stages, self._lags, strict=True)]
        if make is not None and frame_shape is not None:
            parts = zip(_parts(network, self.stages), self.stage_shapes(frame_shape), self._lags, strict=True)
            self.steps = [make(part, shape, lag) for part, shape, lag in parts]

    def init_state(self, batch_size: int, frame_shape: tuple[int, ...], like: Tensor) -> tuple[StageState, ...]:
        """Streams that have seen nothing; device and dtype of `like`."""
        signal = Signal(frame_shape)
        states = []
        for stage, lag in zip(self.stages, self._lags, strict=True):
            age = torch.zeros(batch_size, dtype=torch.int64, device=like.device)
            histories = []
            signal = Signal(signal.shape, lag)
            for layer in stage:
                histories.append(layer.init_history(batch_size, signal, like))
                signal = Signal(layer.frame_out(signal.shape), layer.lag_after(signal.lag))
            states.append(StageState(age, (), tuple(histories)))
        return tuple(states)

    def stage_shapes(self, frame_shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """(C, *space) of the frames that each stage is given."""
        shapes = []
        for stage in self.stages:
            shapes.append(frame_shape)
            for layer in stage:
                frame_shape = layer.frame_out(frame_shape)
        return shapes

    def __call__(self, frame: Tensor, state: tuple[StageState, ...]) -> tuple[Tensor | None, tuple[StageState, ...]]:
        stages = list(state)
        stages[0] = stages[0]._replace(waiting=(*stages[0].waiting, frame))
        for place, stage in enumerate(self.stages):
            stride = _stride(stage)
            if len(stages[place].waiting) < stride:
                continue
            y, stages[place] = _advance(self.steps[place], stride, stages[place])
            if place + 1 == len(stages):
                return y.squeeze(TIME), tuple(stages)
            stages[place + 1] = stages[place + 1]._replace(waiting=(*stages[place + 1].waiting, y.squeeze(TIME)))
            if stride > 1 or place > 0:
                break
        return None, tuple(stages)


def _advance(step: Step, stride: int, state: StageState) -> tuple[Tensor, StageState]:
    x = torch.stack(state.waiting[:stride], dim=TIME)
    y, (age, layers) = step(x, State(state.age, state.layers))
    return y, StageState(age, state.waiting[stride:], layers)


def _run(stage: list[Streaming], lag: int, x: Tensor, state: State) -> tuple[Tensor, State]:
    clock = Clock(state.age, None, lag)
    kept = []
    for layer, past in zip(stage, state.layers, strict=True):
        x, past = layer.stream(x, past, clock)
        clock = through(layer, clock)
        kept.append(past)
    return x, State(state.age + _stride(stage), tuple(kept))


def _parts(network: Sequential, stages: list[list[Streaming]]) -> list[Sequential]:
    """Each stage as a network of its own."""
    children = iter(network.named_children())
    return [Sequential(OrderedDict(islice(children, len(stage)))).train(network.training) for stage in stages]


def _stages(network: Sequential) -> list[list[Streaming]]:
    stages: list[list[Streaming]] = [[]]
    for layer in network.layers:
        if layer.timing.stride > 1 and stages[-1]:
            stages.append([])
        stages[-1].append(layer)
    return stages


def _stride(stage: list[Streaming]) -> int:
    return stage[0].timing.stride


def _lags(stages: list[list[Streaming]]) -> list[int]:
    lags, lag = [], 0
    for stage in stages:
        lags.append(lag)
        for layer in stage:
            lag = layer.lag_after(lag)
    return lags
