"""Pooling through the contract suite, with torch's own pooling as the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming

CASES: list[tuple[type[Any], type[nn.Module], dict[str, Any], tuple[int, ...]]] = [
    (co.AvgPool1d, nn.AvgPool1d, dict(kernel_size=4, stride=1), (3,)),
    (co.AvgPool1d, nn.AvgPool1d, dict(kernel_size=4, stride=2, padding=1), (3,)),
    (co.AvgPool2d, nn.AvgPool2d, dict(kernel_size=(3, 5), stride=1, padding=(1, 0)), (3, 5)),
    (co.AvgPool3d, nn.AvgPool3d, dict(kernel_size=(2, 3, 3), stride=1), (3, 6, 6)),
    (co.AvgPool3d, nn.AvgPool3d, dict(kernel_size=3, stride=2, padding=1), (3, 6, 7)),
    (co.MaxPool1d, nn.MaxPool1d, dict(kernel_size=3), (3,)),
    (co.MaxPool1d, nn.MaxPool1d, dict(kernel_size=5, stride=1, padding=2), (3,)),
    (co.MaxPool2d, nn.MaxPool2d, dict(kernel_size=(3, 2), stride=(2, 1), padding=(1, 1)), (3, 5)),
    (co.MaxPool3d, nn.MaxPool3d, dict(kernel_size=3, stride=1, padding=1), (3, 6, 6)),
    (co.MaxPool3d, nn.MaxPool3d, dict(kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)), (3, 6, 6)),
]


@pytest.mark.parametrize(("kind", "plain", "settings", "frame_shape"), CASES, ids=lambda value: str(value))
def test_streams_as_torch_pools(
    kind: type[Any], plain: type[nn.Module], settings: dict[str, Any], frame_shape: tuple[int, ...]
) -> None:
    check_streaming(kind(**settings), frame_shape, reference=plain(**settings), tolerance=1e-12, dtype=torch.float64)


def test_borders_of_a_maximum_are_minus_infinity_on_negative_data() -> None:
    layer = co.MaxPool1d(3, stride=1, padding=1)
    x = -torch.rand(1, 2, 6) - 1
    torch.testing.assert_close(layer.clip(x), F.max_pool1d(x, 3, 1, 1))
    y, _ = layer(x, layer.init_state(1, (2,)))
    torch.testing.assert_close(y[:, :, 1:], F.max_pool1d(x, 3, 1, 1)[:, :, :5])


def test_answers_before_the_clip_are_finite() -> None:
    layer = co.Sequential(co.Conv1d(2, 2, 9, padding=4), co.MaxPool1d(3, stride=1, padding=1), co.Conv1d(2, 2, 1))
    y, _ = layer(torch.randn(1, 2, 12), layer.init_state(1, (2,)))
    assert y.isfinite().all()
