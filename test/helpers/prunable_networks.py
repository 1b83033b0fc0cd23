"""Small networks of every kind with random weights, and derived, pruned versions of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from co_perception.adapters.attach import AdapterConfig, attach, attach_masks, forms, plain_state, set_masks
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.file import Adapter, extract
from co_perception.adapters.groups import resize, retained_axes
from co_perception.adapters.selection import channel_scores, select_channels
from co_perception.networks.oadtr import CoOadTR
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants import COI3D_R50, COX3D_S
from co_perception.networks.variants_features import COTRANS_SHORT
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from helpers import small_video_networks as video_networks


def skeleton(mixer: str = "graph", channels: int = 32) -> CoStGcn:
    """Blocks with and without a change of channels; the first two mix as ST-GCN does."""
    variant = dataclasses.replace(
        COSTGCN_SHORT,
        mixers=("graph", "graph", mixer, mixer), channels=(channels, channels, 2 * channels, 2 * channels), classes=5,
        pool=3, dropout=0.0, marks=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    return filled(CoStGcn(variant))


def features(depth: int) -> CoOadTR:
    """Convolutions, then attention over a window."""
    small = dataclasses.replace(
        COTRANS_SHORT, depth=depth, width=16, feedforward=24, window=6, table=11, stem=(3, 3), dropout=0.0
    )
    torch.manual_seed(0)
    return filled(CoOadTR(small))


NETWORKS: dict[str, Callable[[], Any]] = {
    "graph": skeleton,
    "adaptive": lambda: skeleton("adaptive"),
    "adaptive_starred": lambda: skeleton("adaptive_starred"),
    "joints": lambda: skeleton("joints"),
    "attention, one layer": lambda: features(1),
    "attention, two layers": lambda: features(2),
    "x3d": lambda: video_networks.network(video_networks.small(COX3D_S)),
    "resnet": lambda: video_networks.network(video_networks.small(COI3D_R50)),
}


def filled(network: Any) -> Any:
    """In fp64, with nothing at a default that would hide an error."""
    torch.manual_seed(0)
    network = network.double().eval()
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith("running_var") or value.dim() == 1 and name.endswith("weight"):
            nn.init.uniform_(value, 0.5, 1.5)
        elif name.endswith(("bias", "running_mean")):
            nn.init.normal_(value, 0, 0.1)
    return network


def frames_of(network: Any, count: int, seed: int = 0) -> Tensor:
    """(2, C, count, *space) of what the network takes."""
    shape = network.frame_shape if hasattr(network, "frame_shape") else (3, 32, 32)
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(2, shape[0], count, *shape[1:], dtype=torch.float64, generator=draw)


def shape_of(network: Any) -> tuple[int, ...]:
    return tuple(frames_of(network, 1).select(2, 0).shape[1:])


def adapted(network: Any, method: str = "splora", density: float = 0.4, **settings: Any) -> tuple[Any, Adapter]:
    """A network that was masked and has adapters as if trained, and what is stored of it."""
    config = AdapterConfig(method=method, **settings)
    groups, source = channel_groups(network, shape_of(network)), network.state_dict()
    pupil = copy.deepcopy(network)
    attach(pupil, config)
    attach_masks(pupil, groups)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in pupil.named_parameters():
        if parameter.requires_grad:
            scale = 0.1 if name.endswith((".A", ".B", ".D", ".C")) else 0.01
            parameter.data += scale * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    retained = select_channels(groups, channel_scores(groups, "magnitude", plain_state(pupil), {}), density)
    shapes = {name: value.shape for name, value in source.items()}
    axes = {} if method == "splopa" else retained_axes(groups, retained, shapes)
    set_masks(pupil, axes)
    assert forms(pupil) or method == "finetune"
    return pupil, extract(pupil, source, axes, config)


def derive(network: Any, adapter: Adapter) -> Any:
    """The small network."""
    small = copy.deepcopy(network)
    resize(small, adapter.stack(network.state_dict()))
    return small
