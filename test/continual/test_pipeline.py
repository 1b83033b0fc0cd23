"""Spreading the work changes when answers come, never which."""

from __future__ import annotations

import torch
from torch import nn

import co_perception.continual as co
from co_perception.continual.pipeline import Pipeline


def network() -> co.Sequential:
    return co.Sequential(
        co.Conv1d(3, 4, 7, stride=2, padding=[(2, 3)]),
        nn.ReLU(),
        co.Conv1d(4, 4, 3, padding=1),
        co.MaxPool1d(3, stride=2, padding=[(0, 1)]),
        co.Conv1d(4, 4, 3, padding=1),
        co.MaxPool1d(2, stride=2),
        co.Conv1d(4, 2, 1),
    ).double()


def answer_frames(net: co.Sequential, x: torch.Tensor) -> list[int]:
    """The frames at which a pipeline answers; its answers are those of whole steps."""
    wanted, _ = net(x, net.init_state(len(x), (3,)))
    spread = Pipeline(net)
    state = spread.init_state(len(x), (3,), x)
    answers, frames = [], []
    for frame in range(x.shape[2]):
        y, state = spread(x[:, :, frame], state)
        if y is not None:
            answers.append(y)
            frames.append(frame)
    torch.testing.assert_close(torch.stack(answers, dim=2), wanted[:, :, : len(answers)])
    return frames


def test_answers_are_those_of_whole_steps() -> None:
    frames = answer_frames(network(), torch.randn(2, 3, 96, dtype=torch.float64))
    assert len(frames) == 96 // 8 - 1 and {b - a for a, b in zip(frames, frames[1:], strict=False)} == {8}


def test_at_most_one_stage_runs_on_a_frame() -> None:
    net = network()
    spread = Pipeline(net)
    assert [len(stage) for stage in spread.stages] == [3, 2, 2]
    state = spread.init_state(1, (3,), torch.zeros(1, dtype=torch.float64))
    for _ in range(64):
        before = [int(stage.age[0]) for stage in state]
        _, state = spread(torch.randn(1, 3, dtype=torch.float64), state)
        assert sum(int(stage.age[0]) != age for stage, age in zip(state, before, strict=True)) <= 1
        assert all(len(stage.waiting) <= 2 for stage in state)


def test_a_first_stage_that_runs_on_every_frame_starves_no_later_one() -> None:
    net = co.Sequential(co.Conv1d(3, 4, 3, padding=1), co.MaxPool1d(2, stride=2), co.AvgPool1d(2, stride=2)).double()
    assert len(answer_frames(net, torch.randn(1, 3, 64, dtype=torch.float64))) >= 15


def test_when_answers_come_is_known_beforehand() -> None:
    frames = answer_frames(network(), torch.randn(2, 3, 96, dtype=torch.float64))
    spread = Pipeline(network())
    assert [spread.frames_until(answer) - 1 for answer in range(1, len(frames) + 1)] == frames
