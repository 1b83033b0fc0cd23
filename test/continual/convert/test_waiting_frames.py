"""Zero frames around a clip wait for the next convolution: what makes something of a frame of zeros needs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from co_perception.continual.check import stream_clip
from co_perception.continual.convert.convert import convert

CHANNELS, JOINTS = 4, 3


class Differences(nn.Module):
    """Differences of frames (B, C, T, JOINTS), zeros for the first one, and then `forward` with a module."""

    def __init__(self, module: nn.Module | None, forward: Callable[[Any, Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.module, self.how = module, forward

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 1, 0))
        return self.how(self.module, x) if self.how else self.module(x)  # type: ignore[misc]


def within(**settings: Any) -> nn.Module:
    return nn.Conv2d(CHANNELS, CHANNELS, (1, 3), padding=(0, 1), **settings)


MAKERS: dict[str, Callable[[], nn.Module]] = {
    "transposed": lambda: Differences(nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 2), stride=(1, 2))),
    "transposed, stride 1": lambda: Differences(nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 3), padding=(0, 1))),
    "transposed over time": lambda: Differences(
        nn.ConvTranspose2d(CHANNELS, CHANNELS, (3, 1)), lambda up, x: up(x)[:, :, :-2]
    ),
    "after padding in a row": lambda: nn.Sequential(
        nn.ZeroPad2d((0, 0, 2, 0)), nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 2), stride=(1, 2))
    ),
    "circular": lambda: Differences(within(padding_mode="circular")),
    "reflect": lambda: Differences(within(padding_mode="reflect")),
    "pointwise": lambda: Differences(nn.Conv2d(CHANNELS, CHANNELS, 1)),
    "channels in halves": lambda: Differences(nn.Sequential(nn.GLU(1), nn.Conv2d(CHANNELS // 2, CHANNELS, 1))),
    "a border of a half": lambda: Differences(nn.ConstantPad2d((1, 1, 0, 0), 0.5)),
    "a border of a half by a function": lambda: Differences(None, lambda _, x: F.pad(x, (1, 1), value=0.5)),
    "the largest of negative numbers": lambda: Differences(None, lambda _, x: F.max_pool2d(x - 5, (2, 1), stride=1)),
    "sigmoid": lambda: Differences(nn.Sigmoid()),
    "in place": lambda: Differences(nn.ReLU(inplace=True)),
    "in place, and then used itself": lambda: Differences(nn.ReLU(inplace=True), lambda relu, x: (relu(x), x + 1)[1]),
    "in place within a row": lambda: Differences(
        nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(1, 0)), nn.ELU(inplace=True)),
        lambda row, x: row(F.relu_(x)) + x,
    ),
    "a row that begins in place": lambda: Differences(
        nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(1, 0))),
        lambda row, x: row(x) + x,
    ),
    "a view in place": lambda: Differences(None, lambda _, x: (x[:, 1:].add_(1), x)[1]),
    "a turned view in place": lambda: Differences(None, lambda _, x: (x.transpose(1, 3).add_(1), x)[1]),
    "a part written": lambda: Differences(None, lambda _, x: _written(x)),
    "a part added to": lambda: Differences(None, lambda _, x: _added(x)),
    "a convolution and the tensor itself": lambda: Differences(
        nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(1, 0)), lambda conv, x: conv(x) + x.relu_() + x
    ),
}


def _written(x: Tensor) -> Tensor:
    x[:, 1:] = 2 * x[:, :-1] + 1
    return x


def _added(x: Tensor) -> Tensor:
    x[:, 1:] += 1
    return x


@pytest.mark.parametrize("name", MAKERS)
def test_the_first_frames_are_those_of_the_plain_network(name: str) -> None:
    torch.manual_seed(0)
    plain, x = MAKERS[name]().double().eval(), torch.randn(2, CHANNELS, 12, JOINTS, dtype=torch.float64)
    layer = convert(plain, example=(CHANNELS, JOINTS), layout="BCTH", proof=False)
    with torch.no_grad():
        wanted = plain(x)
        for answer in (layer.clip(x), stream_clip(layer, x, 1)):
            torch.testing.assert_close(answer, wanted, rtol=0, atol=1e-9)
