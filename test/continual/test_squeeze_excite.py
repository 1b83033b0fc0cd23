"""Squeeze and excitation per frame and over a window of frames, against the definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import co_perception.continual as co
from co_perception.continual.check import check_streaming


def by_definition(layer: co.SqueezeExcite, x: Tensor, window: int) -> Tensor:
    assert layer.fc1.bias is not None
    assert layer.fc2.bias is not None
    frames = []
    for t in range(x.shape[2]):
        mean = x[:, :, max(0, t - window + 1) : t + 1].mean((2, 3, 4))
        squeezed = torch.relu(mean @ layer.fc1.weight.flatten(1).T + layer.fc1.bias)
        gate = torch.sigmoid(squeezed @ layer.fc2.weight.flatten(1).T + layer.fc2.bias)
        frames.append(x[:, :, t] * gate[:, :, None, None])
    return torch.stack(frames, 2)


@pytest.mark.parametrize("window", [1, 2, 5])
def test_gates_by_the_mean_of_the_newest_frames(window: int) -> None:
    torch.manual_seed(0)
    layer = co.SqueezeExcite(4, 2, window=window).double()
    check_streaming(layer, (4, 3, 2), reference=lambda x: by_definition(layer, x, window), tolerance=1e-12)


def test_counts_the_clips_frames_where_they_come_late() -> None:
    torch.manual_seed(0)
    conv, layer = co.Conv3d(3, 4, 3, padding=1).double(), co.SqueezeExcite(4, 2, window=4).double()
    net = co.Sequential(conv, layer)
    check_streaming(net, (3, 3, 2), reference=lambda x: by_definition(layer, conv.clip(x), 4), tolerance=1e-12)


def test_parameters_are_named_as_in_pyslowfast() -> None:
    shapes = {name: tuple(value.shape) for name, value in co.SqueezeExcite(54, 8).state_dict().items()}
    assert shapes == {
        "fc1.weight": (8, 54, 1, 1, 1),
        "fc1.bias": (8,),
        "fc2.weight": (54, 8, 1, 1, 1),
        "fc2.bias": (54,),
    }
