"""Convolutions through the contract suite, with the plain torch layer of the same weights as the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.refusals import assert_refused
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import co_perception.continual as co
from co_perception.continual.check import check_streaming, stream_clip

CASES: list[tuple[type[Any], dict[str, Any], tuple[int, ...]]] = [
    (co.Conv1d, dict(kernel_size=5), (3,)),
    (co.Conv1d, dict(kernel_size=5, padding=2), (3,)),
    (co.Conv1d, dict(kernel_size=1), (3,)),
    (co.Conv1d, dict(kernel_size=1, stride=3), (3,)),
    (co.Conv1d, dict(kernel_size=3, stride=2, padding=1, bias=False), (3,)),
    (co.Conv1d, dict(kernel_size=4, stride=3, dilation=2, padding=3), (3,)),
    (co.Conv1d, dict(kernel_size=2, stride=5), (3,)),
    (co.Conv1d, dict(kernel_size=5, padding=2, padding_mode="replicate"), (3,)),
    (co.Conv1d, dict(kernel_size=4, stride=3, padding=3, dilation=2, padding_mode="replicate"), (3,)),
    (co.Conv1d, dict(kernel_size=3, stride=1, padding=2, dilation=3, groups=3), (3,)),
    (co.Conv2d, dict(kernel_size=(3, 2), stride=(2, 1), padding=(1, 1), dilation=(3, 2), groups=3), (3, 5)),
    (co.Conv2d, dict(kernel_size=3, padding=(1, 1), padding_mode="replicate"), (3, 5)),
    (co.Conv3d, dict(kernel_size=3, stride=(2, 2, 1), padding=1, padding_mode="replicate"), (3, 6, 7)),
    (co.Conv3d, dict(kernel_size=(3, 2, 3), padding=(2, 1, 2), dilation=(2, 1, 3)), (3, 6, 7)),
    (co.Conv2d, dict(kernel_size=(9, 1), padding=(4, 0)), (3, 5)),
    (co.Conv2d, dict(kernel_size=(9, 3), stride=(2, 2), padding=(4, 1)), (3, 5)),
    (co.Conv3d, dict(kernel_size=3, padding=1), (3, 6, 7)),
    (co.Conv3d, dict(kernel_size=(3, 3, 3), stride=(1, 2, 2), padding=1, groups=3), (3, 6, 7)),
    (co.Conv3d, dict(kernel_size=(5, 1, 1), stride=(2, 1, 1), padding=(2, 0, 0), dilation=(1, 1, 1)), (3, 4, 4)),
]


@pytest.mark.parametrize(("kind", "settings", "frame_shape"), CASES, ids=lambda value: str(value))
def test_streams_as_the_torch_layer_of_the_same_weights(
    kind: type[Any], settings: dict[str, Any], frame_shape: tuple[int, ...]
) -> None:
    plain = getattr(nn, kind.__name__)(3, 6, **settings).double()
    layer = kind(3, 6, **settings).double()
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, frame_shape, reference=plain, tolerance=1e-12)


def tensorflow_same(x: Tensor, plain: nn.Conv1d) -> Tensor:
    """TensorFlow's definition of SAME, computed from the clip at hand."""
    kernel, stride, frames = plain.kernel_size[0], plain.stride[0], x.shape[2]
    total = max((-(-frames // stride) - 1) * stride + kernel - frames, 0)
    return plain(nn.functional.pad(x, (total // 2, total - total // 2)))


@pytest.mark.parametrize(("kernel", "stride"), [(7, 2), (3, 2), (2, 2), (3, 1), (5, 4), (1, 2)])
def test_same_padding_is_tensorflows(kernel: int, stride: int) -> None:
    plain = nn.Conv1d(2, 3, kernel, stride).double()
    layer = co.Conv1d(2, 3, kernel, stride=stride, padding=co.same_padding((kernel,), (stride,))).double()
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, (2,), reference=lambda x: tensorflow_same(x, plain), tolerance=1e-12)


def test_a_step_computes_each_tap_once() -> None:
    layer = co.Conv3d(8, 16, 3, padding=1)
    state = layer.init_state(1, (8, 10, 10))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        layer(torch.zeros(1, 8, 1, 10, 10), state)
    assert counter.get_total_flops() == 2 * 27 * 8 * 16 * 10 * 10


def test_rows_are_equal_to_the_bit_alone_and_in_a_batch() -> None:
    layer = co.Conv3d(16, 32, 3, padding=1)
    x = torch.randn(3, 16, 1, 14, 14)
    with torch.no_grad():
        together, _ = layer(x, layer.init_state(3, (16, 14, 14)))
        alone, _ = layer(x[1:2], layer.init_state(1, (16, 14, 14)))
    assert torch.equal(together[1:2], alone)


@pytest.mark.parametrize(
    ("x", "batch", "message"),
    [
        (torch.zeros(1, 3), 1, "time axis"),
        (torch.zeros(1, 3, 3), 1, "multiple of 2"),
        (torch.zeros(1, 3, 0), 1, "multiple of 2"),
        (torch.zeros(2, 3, 2), 1, "init_state"),
    ],
)
def test_wrong_input_is_refused_with_advice(x: Tensor, batch: int, message: str) -> None:
    layer = co.Conv1d(3, 3, 3, stride=2, padding=1)
    assert_refused(message, layer, x, layer.init_state(batch, (3,)))


def test_time_alone_may_repeat_its_ends() -> None:
    """As the published continual 3D networks start: copies of the first frame before it, zeros around each frame."""
    layer = co.Conv3d(3, 2, 3, padding=1, temporal_padding_mode="replicate").double()

    def reference(x: Tensor) -> Tensor:
        repeated = torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2)
        return F.conv3d(repeated, layer.weight, layer.bias, padding=(0, 1, 1))

    check_streaming(layer, (3, 4, 5), reference=reference, tolerance=1e-12)


def test_repeated_ends_hold_behind_layers_that_answer_late() -> None:
    first = co.Conv1d(2, 3, 5, padding=2, padding_mode="replicate").double()
    second = co.Conv1d(3, 2, 3, stride=2, padding=2, dilation=2, padding_mode="replicate").double()

    def reference(x: Tensor) -> Tensor:
        inner = F.relu(F.conv1d(F.pad(x, (2, 2), mode="replicate"), first.weight, first.bias))
        return F.conv1d(F.pad(inner, (2, 2), mode="replicate"), second.weight, second.bias, stride=2, dilation=2)

    check_streaming(co.Sequential(first, nn.ReLU(), second), (2,), reference=reference, tolerance=1e-12)


def test_a_clip_of_one_frame_repeats_it_on_both_sides() -> None:
    layer = co.Conv1d(2, 2, 5, padding=2, padding_mode="replicate").double()
    x = torch.randn(1, 2, 1, dtype=torch.float64)
    wanted = F.conv1d(x.expand(-1, -1, 5), layer.weight, layer.bias)
    torch.testing.assert_close(stream_clip(layer, x, 1), wanted)


def test_a_layer_that_pads_more_than_it_spans_gives_all_it_owes() -> None:
    plain = nn.Conv1d(2, 2, 3).double()
    layer = co.Conv1d(2, 2, 3, padding=[(2, 4)]).double()
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, (2,), reference=lambda x: plain(F.pad(x, (2, 4))), tolerance=1e-12)


def test_padding_that_a_stream_cannot_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'circular' would need frames that have not come yet"):
        co.Conv1d(1, 1, 3, padding=1, padding_mode="circular")
    with pytest.raises(ValueError, match="the last output would see nothing else"):
        co.Conv1d(1, 1, 3, padding=[(0, 3)], padding_mode="replicate")

    assert_refused("axes", co.Conv2d, 1, 1, 3, padding=(1, 1, 1))
