"""Norms of each frame alone, and what is said of norms over time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.check import check_streaming


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
    with pytest.raises(ValueError, match=advice):
        co.Sequential(module)
