"""Recurrent layers within a frame, of networks of others, in ONNX Runtime: as torch has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from helpers.stepper_networks import assert_steps_in_onnx_runtime
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.runtime.steppers.choose import stepper

BANDS = 6


class BandNetwork(nn.Module):
    """Goes over the bands of each frame, after a convolution over time. (B, 3, T, BANDS) to (B, hidden, T, BANDS)."""

    def __init__(self, layer: Callable[..., nn.Module], **settings: Any) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 4, (3, 1))
        self.along = layer(4, 5, batch_first=True, **settings)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mix(x)
        b, c, t, f = x.shape
        y, _ = self.along(x.permute(0, 2, 3, 1).reshape(b * t, f, c))
        return y.reshape(b, t, f, -1).permute(0, 3, 1, 2)


LAYERS = {
    "gru": partial(BandNetwork, nn.GRU),
    "gru in both directions": partial(BandNetwork, nn.GRU, bidirectional=True),
    "gru without biases": partial(BandNetwork, nn.GRU, bias=False, num_layers=2),
    "lstm": partial(BandNetwork, nn.LSTM),
    "lstm in both directions": partial(BandNetwork, nn.LSTM, bidirectional=True, num_layers=2),
}


def converted(plain: nn.Module) -> Any:
    return co.convert(plain.eval(), example=torch.randn(1, 3, 8, BANDS))


@pytest.mark.parametrize("name", LAYERS)
def test_a_step_gives_what_torch_gives(name: str) -> None:
    torch.manual_seed(0)
    assert_steps_in_onnx_runtime(converted(LAYERS[name]()), (3, BANDS), atol=1e-5)


def test_a_projection_is_refused() -> None:
    with pytest.raises(RuntimeError, match="a projection"):
        stepper(converted(BandNetwork(nn.LSTM, proj_size=2)), (3, BANDS), "onnxruntime")
