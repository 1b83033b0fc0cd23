"""Norms of single frames, errors for norms over time, and batch norms folded into convolutions."""

from __future__ import annotations

import pytest
import torch
from helpers.refusals import assert_refused
from helpers.stepper_networks import FAMILIES, fresh, stream
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.norm import fold_batch_norm, is_folded


@pytest.mark.parametrize("space", [(), (5,), (4, 3)])
def test_layer_norm_is_torchs_over_channels(space: tuple[int, ...]) -> None:
    plain, layer = nn.LayerNorm(4).double(), co.LayerNorm(4).double()
    nn.init.normal_(plain.weight)
    layer.load_state_dict(plain.state_dict())
    check_streaming(layer, (4, *space), reference=lambda x: plain(x.movedim(1, -1)).movedim(-1, 1), tolerance=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_frame_group_norm_is_torchs_group_norm_of_each_frame(groups: int) -> None:
    plain, layer = nn.GroupNorm(groups, 4).double(), co.FrameGroupNorm(groups, 4).double()
    nn.init.normal_(plain.weight)
    layer.load_state_dict(plain.state_dict())

    def reference(x: Tensor) -> Tensor:
        return torch.stack([plain(frame) for frame in x.unbind(2)], 2)

    check_streaming(layer, (4, 3, 5), reference=reference, tolerance=1e-12)


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        (nn.GroupNorm(1, 2), "FrameGroupNorm"),
        (nn.InstanceNorm1d(2), "FrameGroupNorm"),
        (nn.InstanceNorm3d(2, track_running_stats=True), "FrameGroupNorm"),
        (nn.BatchNorm2d(2, track_running_stats=False), "without running statistics"),
        (nn.LayerNorm(2), r"co_perception\.continual\.LayerNorm"),
        (nn.Linear(2, 2), r"co_perception\.continual\.Linear"),
        (nn.Softmax(-1), "may be time"),
        (nn.LogSoftmax(2), "may be time"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_would_mix_frames_is_refused_with_advice(module: nn.Module, advice: str) -> None:
    assert_refused(advice, co.Sequential, module)


def test_folding_keeps_answers_and_the_original() -> None:
    net = co.Sequential(
        co.Conv1d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm1d(4),
        nn.ReLU(),
        co.Residual(co.Sequential(co.Conv1d(4, 4, 1), nn.BatchNorm1d(4))),
    )
    net.train()
    net.clip(torch.randn(4, 3, 50) * 3 + 1)  # gives the norms statistics
    net.double().eval()
    folded = fold_batch_norm(net)
    x = torch.randn(2, 3, 12, dtype=torch.float64)
    torch.testing.assert_close(folded.clip(x), net.clip(x))
    assert not any(isinstance(module, nn.BatchNorm1d) for module in folded.modules())
    assert sum(isinstance(module, nn.BatchNorm1d) for module in net.modules()) == 2
    check_streaming(folded, (3,), reference=net.clip, tolerance=1e-12)


def test_what_was_folded_is_known_and_what_was_not_too() -> None:
    network = co.Sequential(co.Conv1d(3, 4, 3), nn.BatchNorm1d(4), nn.ReLU())
    assert not is_folded(network.eval()) and is_folded(fold_batch_norm(network))
    apart = co.Sequential(co.Conv1d(3, 4, 3), nn.ReLU(), nn.BatchNorm1d(4))
    assert is_folded(apart), "only a norm right after its convolution is folded"


@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_a_state_is_worth_the_same_before_and_after(family: str) -> None:
    """Also where partial sums are kept, which a folded norm would scale."""
    stepped = FAMILIES[family]()
    folded, stride = fold_batch_norm(stepped.network), stepped.network.timing.stride
    x = stream(stepped, stepped.network.receptive_field + 8 * stride)
    began, state = x.shape[2] // (2 * stride) * stride, fresh(stepped)
    _, state = stepped.network(x[:, :, :began], state)
    wanted, _ = stepped.network(x[:, :, began:], state)
    got, _ = folded(x[:, :, began:], state)
    assert wanted.abs().max() > 0.01
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-4 * float(wanted.abs().max().clamp(min=1)))
