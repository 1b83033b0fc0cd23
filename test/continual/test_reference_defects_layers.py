"""Defects of layers in continual-inference 1.2.4 that must not be here. Each test is named after its defect."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import co_perception.continual as co
from co_perception.continual.check import check_streaming, stream_clip
from co_perception.continual.state import leaves, tree_map


def test_6_pooling_with_dilation_takes_the_frames_it_says() -> None:
    layer, plain = co.MaxPool1d(3, stride=1, dilation=3), nn.MaxPool1d(3, stride=1, dilation=3)
    check_streaming(layer, (2,), reference=plain, dtype=torch.float64, tolerance=0)
    assert layer.receptive_field == 7


def test_6_average_pooling_can_leave_padding_out_of_the_count() -> None:
    settings: dict[str, Any] = dict(kernel_size=(5, 3), stride=1, padding=(2, 1), count_include_pad=False)
    check_streaming(
        co.AvgPool2d(**settings), (2, 4), reference=nn.AvgPool2d(**settings), dtype=torch.float64, tolerance=1e-12
    )


def test_6_borders_of_a_maximum_are_minus_infinity_in_time_and_space() -> None:
    layer, plain = co.MaxPool3d(3, stride=1, padding=1), nn.MaxPool3d(3, stride=1, padding=1)
    x = -1 - torch.rand(2, 2, 6, 4, 4)
    for chunk in (1, 2, 6):
        torch.testing.assert_close(stream_clip(layer, x, chunk), plain(x), rtol=0, atol=0)


def test_7_group_norm_over_time_is_refused_and_the_norm_of_a_frame_is_the_same_in_clip_and_stream() -> None:
    with pytest.raises(ValueError, match=r"GroupNorm has no streaming form.*FrameGroupNorm"):
        co.Sequential(co.Conv1d(4, 4, 3), nn.GroupNorm(2, 4))
    net = co.Sequential(co.Conv2d(4, 4, (3, 1), padding=(1, 0)), co.FrameGroupNorm(2, 4)).double()
    check_streaming(net, (4, 5), tolerance=1e-12)


def test_8_conditional_resets_flushes_and_delays_the_branch_that_is_not_taken() -> None:
    conv = co.Conv1d(2, 2, 5, padding=2).double()
    layer = co.Conditional(lambda module, x: x[:, 0] > 0, conv)

    def reference(x: Tensor) -> Tensor:
        return torch.where(x[:, :1] > 0, F.conv1d(x, conv.weight, conv.bias, padding=2), x)

    # The suite resets rows, flushes, and streams in several chunks.
    check_streaming(layer, (2,), reference=reference, tolerance=1e-12)
    assert layer.delay == 2


def test_9_a_centered_residual_streams_in_chunks() -> None:
    body = co.Conv2d(2, 2, (9, 1)).double()

    def reference(x: Tensor) -> Tensor:
        return F.conv2d(x, body.weight, body.bias) + x[:, :, 4:-4]

    check_streaming(co.Residual(body, align="centered"), (2, 3), reference=reference, tolerance=1e-12)


def network(*, choosing: bool = True) -> co.Sequential:
    torch.manual_seed(0)
    mean = co.AvgPool1d(3, stride=1, padding=1)
    return co.Sequential(
        co.Conv1d(2, 4, 5, padding=2, padding_mode="replicate"),
        nn.ReLU(inplace=True),
        co.Residual(co.Conv1d(4, 4, 3, dilation=2), align="leading"),
        co.Parallel(co.Conv1d(4, 2, 3, padding=1), co.MaxPool1d(3, stride=1, padding=1), reduce="concat"),
        co.Conv1d(6, 4, 3, stride=2, padding=1),
        co.GRU(4, 4),
        co.Conditional(lambda module, x: x.mean(1) > 0, mean) if choosing else mean,
        co.Linear(4, 3),
    )


def test_10_an_answer_without_a_new_state_needs_no_switch() -> None:
    """A state that is not kept was not updated, from the first frame on."""
    net, x = network(), torch.randn(1, 2, 2)
    state = net.init_state(1, (2,))
    first, _ = net(x, state)
    again, _ = net(x, state)
    assert torch.equal(first, again)


def test_10_threads_share_one_set_of_weights() -> None:
    net, clips = network().eval(), torch.randn(6, 1, 2, 80)
    answers = torch.no_grad()(lambda clip: stream_clip(net, clip, 2))
    with ThreadPoolExecutor(3) as pool:
        assert all(torch.equal(a, b) for a, b in zip(map(answers, clips), pool.map(answers, clips), strict=True))


def test_11_modules_copy_and_save_after_training_steps() -> None:
    net = network(choosing=False)  # a lambda cannot be pickled
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        stream_clip(net, torch.randn(2, 2, 40), 4).square().sum().backward()
        optimizer.step()
    x = torch.randn(2, 2, 40)
    copied, wanted = copy.deepcopy(net), stream_clip(net, x, 4)
    assert torch.equal(stream_clip(copied, x, 4), wanted)
    nn.init.zeros_(copied[0].weight)  # type: ignore[arg-type]  # a copy has weights of its own, also inside its containers
    assert not torch.equal(stream_clip(copied, x, 4), wanted) and torch.equal(stream_clip(net, x, 4), wanted)
    assert torch.equal(stream_clip(pickle.loads(pickle.dumps(net)), x, 4), wanted)


@pytest.mark.parametrize("training", [False, True])
def test_13_a_step_is_a_function_of_input_and_state(training: bool) -> None:
    net = network().train(training)
    state = net.init_state(2, (2,))
    for frame in torch.randn(8, 2, 2, 2):
        before = tree_map(torch.clone, state)
        y, following = net(frame, state)
        assert torch.equal(y, net(frame, state)[0])
        assert all(torch.equal(a, b) for a, b in zip(leaves(state), leaves(before), strict=True))
        state = following


def flops(net: co.Streaming, frame_shape: tuple[int, ...], steps: int = 1) -> int:
    state = net.init_state(1, frame_shape)
    frames = steps * net.timing.stride
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, frame_shape[0], frames, *frame_shape[1:]), state)
    return counter.get_total_flops()


WORK: list[tuple[co.Streaming, tuple[int, ...], int]] = [
    # layer, frame, multiply-adds that one output frame takes: taps x channels per group x outputs
    (co.Conv1d(4, 6, 9, padding=4), (4,), 9 * 4 * 6),
    (co.Conv1d(4, 6, 5, dilation=3), (4,), 5 * 4 * 6),
    (co.Conv1d(4, 6, 5, stride=3, padding=2), (4,), 5 * 4 * 6),
    (co.Conv1d(4, 6, 3, padding=1, padding_mode="replicate"), (4,), 3 * 4 * 6),
    (co.Conv2d(4, 6, (9, 1), padding=(4, 0)), (4, 25), 9 * 4 * 6 * 25),
    (co.Conv2d(4, 6, (9, 1), stride=(2, 1), padding=(4, 0)), (4, 25), 9 * 4 * 6 * 25),
    (co.Conv3d(4, 6, 3, padding=1), (4, 5, 5), 27 * 4 * 6 * 25),
    (co.Conv3d(4, 6, 3, stride=2, padding=1), (4, 6, 6), 27 * 4 * 6 * 9),
    (co.Conv3d(4, 4, (3, 3, 3), padding=1, groups=4), (4, 5, 5), 27 * 4 * 25),
    (co.Conv3d(4, 6, (5, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1)), (4, 5, 5), 5 * 4 * 6 * 25),
]


@pytest.mark.parametrize(("layer", "frame_shape", "work"), WORK, ids=lambda value: str(value))
def test_speed_a_step_multiplies_as_often_as_it_must(
    layer: co.Streaming, frame_shape: tuple[int, ...], work: int
) -> None:
    assert flops(layer, frame_shape) == 2 * work and flops(layer, frame_shape, steps=4) == 4 * 2 * work


def test_speed_a_network_does_no_work_for_answers_that_are_dropped() -> None:
    """Layers behind a stride run once per stride, whatever the phase at which frames reach them."""
    net = co.Sequential(co.Conv1d(2, 2, 4), co.Conv1d(2, 2, 3, stride=2), co.Delay(1), co.Conv1d(2, 2, 5, stride=2))
    assert flops(net, (2,)) == 2 * 4 * (4 * 4 + 2 * 3 + 1 * 5)


@pytest.mark.parametrize(
    ("layer", "frames"),
    [
        (co.Conv3d(4, 6, (9, 3, 3), padding=(4, 1, 1)), 8),
        (co.Conv3d(4, 6, (3, 3, 3), padding=1, dilation=(2, 1, 1)), 4),
        (co.MaxPool3d((4, 1, 1), stride=1), 3),
        (co.AvgPool3d((64, 1, 1), stride=1), 63),
        (co.Residual(co.Conv3d(4, 4, (9, 1, 1), padding=(4, 0, 0))), 8 + 4),
    ],
    ids=lambda value: str(value),
)
def test_memory_a_state_holds_one_frame_per_frame_of_the_past(layer: co.Streaming, frames: int) -> None:
    state = layer.init_state(1, (4, 5, 5))
    assert sum(leaf.numel() for leaf in leaves(state.layers)) == frames * 4 * 5 * 5
