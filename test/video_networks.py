"""Small networks with weights worth comparing, for the tests of the video networks."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from co_perception.networks.build import build_video
from co_perception.networks.keymaps_video import pyslowfast_name
from co_perception.networks.variants import PooledVariant
from co_perception.networks.video import VideoNetwork


def small(variant: PooledVariant, **changes: object) -> PooledVariant:
    """As deep as needed to have every kind of block, few channels, an image of 32 pixels."""
    reduced: dict[str, object] = {"size": 32, "width": 8, "blocks": (1, 2, 1, 1), "classes": 5, "window": 4}
    return dataclasses.replace(variant, **(reduced | changes))  # type: ignore[arg-type]


def network(variant: PooledVariant) -> VideoNetwork:
    """In fp64, with norms of which none is at its default: fresh ones would hide a norm at the wrong place."""
    torch.manual_seed(0)
    net = build_video(variant).double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    nn.init.normal_(net.get_parameter("head.projection.weight"), std=0.3)
    return net.eval()


def pyslowfast(net: nn.Module) -> dict[str, Tensor]:
    """The network's weights under PySlowFast's names."""
    return {pyslowfast_name(name): value for name, value in net.state_dict().items()}


def clip(frames: int, size: int = 32) -> Tensor:
    return torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
