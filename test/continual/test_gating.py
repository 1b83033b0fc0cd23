"""Conditional against the choice made on the whole clip, and squeeze-and-excitation against its definition."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming


def positive(module: nn.Module, x: Tensor) -> Tensor:
    return x.flatten(3).mean(-1).mean(1) > 0 if x.dim() > 3 else x.mean(1) > 0


@pytest.mark.parametrize("kernels", [(5, 3), (1, 7)])
def test_each_frame_is_answered_by_the_layer_chosen_for_it(kernels: tuple[int, int]) -> None:
    on_true, on_false = (co.Conv1d(3, 4, kernel, padding=kernel // 2).double() for kernel in kernels)
    layer = co.Conditional(positive, on_true, on_false)

    def reference(x: Tensor) -> Tensor:
        on, off = (F.conv1d(x, conv.weight, conv.bias, padding="same") for conv in (on_true, on_false))
        return torch.where((x.mean(1) > 0)[:, None], on, off)

    check_streaming(layer, (3,), reference=reference, tolerance=1e-12)


def test_the_other_layer_is_the_identity_and_waits_as_long() -> None:
    conv = co.Conv2d(3, 3, (5, 1), padding=(2, 0)).double()

    def reference(x: Tensor) -> Tensor:
        chosen = (x.mean((1, 3)) > 0)[:, None, :, None]
        return torch.where(chosen, F.conv2d(x, conv.weight, conv.bias, padding=(2, 0)), x)

    check_streaming(co.Conditional(positive, conv), (3, 4), reference=reference, tolerance=1e-12)


def test_one_bool_may_follow_the_mode() -> None:
    layer = co.Conditional(lambda module, x: not module.training, nn.Softmax(1))
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(layer.eval().clip(x), x.softmax(1))
    assert torch.equal(layer.train().clip(x), x)


def test_what_has_no_answer_per_frame_is_refused() -> None:
    assert_refused("another number of frames", co.Conditional, positive, co.Conv1d(3, 3, 3))
    layer = co.Conditional(lambda module, x: x > 0, nn.ReLU())
    assert_refused("bools", layer.clip, torch.randn(2, 3, 4))


def by_definition(layer: co.SqueezeExcite, x: Tensor, window: int) -> Tensor:
    assert layer.fc1.bias is not None and layer.fc2.bias is not None
    frames = []
    for t in range(x.shape[2]):
        mean = x[:, :, max(0, t - window + 1) : t + 1].mean((2, 3, 4))
        squeezed = torch.relu(mean @ layer.fc1.weight.flatten(1).T + layer.fc1.bias)
        gate = torch.sigmoid(squeezed @ layer.fc2.weight.flatten(1).T + layer.fc2.bias)
        frames.append(x[:, :, t] * gate[:, :, None, None])
    return torch.stack(frames, 2)


@pytest.mark.parametrize("window", [1, 2, 5])
def test_gates_by_the_mean_of_the_newest_frames(window: int) -> None:
    layer = co.SqueezeExcite(4, 2, window=window).double()
    check_streaming(layer, (4, 3, 2), reference=lambda x: by_definition(layer, x, window), tolerance=1e-12)


def test_counts_the_clips_frames_where_they_come_late() -> None:
    conv, layer = co.Conv3d(3, 4, 3, padding=1).double(), co.SqueezeExcite(4, 2, window=4).double()
    net = co.Sequential(conv, layer)
    check_streaming(net, (3, 3, 2), reference=lambda x: by_definition(layer, conv.clip(x), 4), tolerance=1e-12)


def test_parameters_are_named_as_in_pyslowfast() -> None:
    shapes = {name: tuple(value.shape) for name, value in co.SqueezeExcite(54, 8).state_dict().items()}
    kernels = {"fc1.weight": (8, 54, 1, 1, 1), "fc2.weight": (54, 8, 1, 1, 1)}
    assert shapes == kernels | {"fc1.bias": (8,), "fc2.bias": (54,)}
