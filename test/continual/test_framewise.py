"""Linear over channels, arithmetic with constants, and functions of a frame."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming


@pytest.mark.parametrize("space", [(), (5,), (4, 3)])
def test_linear_maps_channels_with_the_weights_of_torch(space: tuple[int, ...]) -> None:
    plain, layer = nn.Linear(3, 4).double(), co.Linear(3, 4).double()
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, (3, *space), reference=lambda x: plain(x.movedim(1, -1)).movedim(-1, 1), tolerance=1e-12)


def test_constants() -> None:
    scale = torch.rand(3, 1, 1)
    check_streaming(co.Add(2.5), (3, 4), reference=lambda x: x + 2.5)
    check_streaming(co.Multiply(scale), (3, 4), reference=lambda x: x * scale)
    x = torch.randn(2, 3, 5)
    assert torch.equal(co.Constant(2).clip(x), torch.full_like(x, 2))
    branch = co.BroadcastReduce(co.Conv1d(3, 3, 3, padding=1), co.Constant(0))
    torch.testing.assert_close(branch.clip(x), branch.layers[0].clip(x))


def test_a_function_may_change_a_frame_s_shape() -> None:
    net = co.Sequential(
        co.Lambda(lambda x: x.mean(-1), frame_out=lambda shape: shape[:-1]), co.Conv1d(3, 2, 3)
    ).double()
    check_streaming(net, (3, 4), tolerance=1e-12)


def test_a_function_s_modules_cannot_write_into_the_past() -> None:
    layer = co.Framewise(nn.Sequential(nn.ReLU(inplace=True)))
    x = -torch.ones(1, 2, 1)
    layer.clip(x)
    assert torch.equal(x, -torch.ones(1, 2, 1))
