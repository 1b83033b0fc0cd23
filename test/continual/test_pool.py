"""Pooling through the contract suite, with torch's own pooling as the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
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
    (co.MaxPool1d, nn.MaxPool1d, dict(kernel_size=4, stride=3, padding=2, dilation=3), (3,)),
    (co.MaxPool2d, nn.MaxPool2d, dict(kernel_size=(3, 2), stride=1, padding=1, dilation=(2, 3)), (3, 6)),
    (co.MaxPool3d, nn.MaxPool3d, dict(kernel_size=3, stride=(2, 1, 2), padding=1, dilation=2), (3, 7, 6)),
    (co.AvgPool1d, nn.AvgPool1d, dict(kernel_size=4, stride=3, padding=2, count_include_pad=False), (3,)),
    (co.AvgPool2d, nn.AvgPool2d, dict(kernel_size=(3, 4), stride=1, padding=(1, 2), count_include_pad=False), (3, 5)),
    (co.AvgPool3d, nn.AvgPool3d, dict(kernel_size=3, stride=(1, 2, 2), padding=1, count_include_pad=False), (3, 5, 6)),
    (co.AvgPool3d, nn.AvgPool3d, dict(kernel_size=(1, 2, 2), padding=(0, 1, 0), count_include_pad=False), (3, 5, 6)),
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


ADAPTIVE: list[tuple[type[Any], type[nn.Module], Any, tuple[int, ...]]] = [
    (co.AdaptiveAvgPool1d, nn.AdaptiveAvgPool1d, 1, (3,)),
    (co.AdaptiveAvgPool2d, nn.AdaptiveAvgPool2d, (1, 2), (3, 5)),
    (co.AdaptiveAvgPool3d, nn.AdaptiveAvgPool3d, (1, None, 3), (3, 4, 7)),
    (co.AdaptiveMaxPool1d, nn.AdaptiveMaxPool1d, 1, (3,)),
    (co.AdaptiveMaxPool2d, nn.AdaptiveMaxPool2d, (1, 3), (3, 5)),
    (co.AdaptiveMaxPool3d, nn.AdaptiveMaxPool3d, 1, (3, 4, 7)),
]


@pytest.mark.parametrize(("kind", "plain", "size", "frame_shape"), ADAPTIVE, ids=lambda value: str(value))
@pytest.mark.parametrize("stride", [1, 2])
def test_adaptive_pools_are_torchs_on_every_window_of_frames(
    kind: type[Any], plain: type[Any], size: Any, frame_shape: tuple[int, ...], stride: int
) -> None:
    def reference(x: torch.Tensor) -> torch.Tensor:
        windows = [x[:, :, start : start + 4] for start in range(0, x.shape[2] - 3, stride)]
        return torch.cat([plain(size)(window) for window in windows], 2)

    layer = kind(size, 4, stride=stride)
    check_streaming(layer, frame_shape, reference=reference, tolerance=1e-12, dtype=torch.float64)


def test_counts_hold_behind_layers_that_answer_late_and_at_uneven_borders() -> None:
    conv = co.Conv1d(2, 2, 5, padding=2, stride=2).double()
    pool = co.AvgPool1d(4, stride=3, padding=[(3, 2)], count_include_pad=False)

    def reference(x: torch.Tensor) -> torch.Tensor:
        x = F.conv1d(x, conv.weight, conv.bias, stride=2, padding=2)
        windows = [x[:, :, max(start, 0) : start + 4] for start in range(-3, x.shape[2] + 2 - 3, 3)]
        return torch.stack([window.mean(2) for window in windows], 2)

    check_streaming(co.Sequential(conv, pool), (2,), reference=reference, tolerance=1e-12)


def test_pools_that_a_stream_cannot_be_are_refused_with_advice() -> None:
    assert_refused("Pad the end instead", co.MaxPool1d, 3, stride=2, ceil_mode=True)
    assert_refused("A pool over time alone", co.MaxPool2d, 2, ceil_mode=True)
    assert_refused("5 frames leave a remainder", co.AvgPool1d(2, ceil_mode=True).clip, torch.zeros(1, 2, 5))
    assert_refused("no output is made of padding alone", co.AvgPool1d, 3, padding=[(0, 3)])
    assert_refused("A stream has no length to divide", co.AdaptiveAvgPool3d, (2, 1, 1), 8)
    assert_refused("one size for each of 2 axes", co.MaxPool2d, (1, 2, 3))


@pytest.mark.parametrize("border", [0.0, 1.5])
def test_a_maximum_may_have_another_border(border: float) -> None:
    layer = co.MaxPool2d((3, 1), stride=(2, 1), padding=[(1, 2), 0], border=border)

    def reference(x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.pad(x, (0, 0, 1, 2), value=border), (3, 1), (2, 1))

    check_streaming(layer, (2, 3), reference=reference)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        (3, 2, [(0, 0), (0, 1), (0, 1)], 1),  # as TensorFlow pads an even image: torch rounds up instead
        (3, 1, 1, 1),
        ((1, 3, 3), (1, 2, 2), [(0, 0), (0, 1), (1, 1)], 1),  # the axes disagree
        ((2, 2, 3), (2, 2, 3), [(0, 0), (0, 1), (2, 0)], 1),  # more than half a window
        (2, 1, 1, (1, 2, 1)),
        ((1, 2, 2), (1, 3, 3), [(0, 0), (0, 1), (1, 1)], 1),
    ],
)
@pytest.mark.parametrize("size", [(8, 9), (9, 8), (10, 11)])
def test_a_clip_of_images_is_pooled_as_the_padded_volume(
    kernel: Any, stride: Any, padding: Any, dilation: Any, size: tuple[int, int], layout: torch.memory_format
) -> None:
    x = torch.randn(2, 3, 5, *size, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    pool = co.MaxPool3d(kernel, stride=stride, padding=padding, dilation=dilation)
    pads = [amount for pad in reversed(pool.pads) for amount in pad]
    wanted = F.max_pool3d(F.pad(x, pads, value=-torch.inf), pool.kernel_size, pool.stride, 0, pool.dilation)
    torch.testing.assert_close(pool.clip(x), wanted, rtol=0, atol=0)
