"""Recurrent layers against torch's, first in a network and behind layers that answer late."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming

KINDS = ["RNN", "LSTM", "GRU"]


def both(kind: str, **settings: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    layer = getattr(co, kind)(3, 4, **settings).double()
    plain = getattr(nn, kind)(3, 4, batch_first=True, **settings).double()
    layer.load_state_dict(plain.state_dict())
    return layer, lambda x: plain(x.transpose(1, 2))[0].transpose(1, 2)


@pytest.mark.filterwarnings("ignore:The tensor attribute")
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_streams_as_torch_from_a_zero_state(kind: str, layers: int) -> None:
    layer, reference = both(kind, num_layers=layers)
    check_streaming(layer, (3,), reference=reference, tolerance=1e-12)


@pytest.mark.filterwarnings("ignore:The tensor attribute")
@pytest.mark.parametrize("kind", KINDS)
def test_frames_from_before_the_clip_leave_no_trace(kind: str) -> None:
    layer, reference = both(kind, num_layers=2, bias=True)
    conv = co.Conv1d(3, 3, 5, padding=2, stride=2).double()

    def whole(x: Tensor) -> Tensor:
        return reference(F.conv1d(x, conv.weight, conv.bias, stride=2, padding=2))

    check_streaming(co.Sequential(conv, layer), (3,), reference=whole, tolerance=1e-12)


def test_relu_and_no_bias() -> None:
    layer, reference = both("RNN", nonlinearity="relu", bias=False)
    x = torch.randn(2, 3, 9, dtype=torch.float64)
    torch.testing.assert_close(layer.clip(x), reference(x))


def test_space_is_refused() -> None:
    assert_refused("Pool or flatten space", co.GRU(3, 4).clip, torch.zeros(1, 3, 5, 2))
