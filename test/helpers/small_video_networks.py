"""Small video networks with random weights: X3D and 3D ResNet, and a folder with a reduced Inception-I3D."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from co_perception.learners.metadata import FILE, VideoMetadata
from co_perception.networks.build import build_video
from co_perception.networks.checkpoints import pyslowfast_name
from co_perception.networks.inception import InceptionCoI3D
from co_perception.networks.variants import COI3D_INCEPTION, ResidualVariant, VideoVariant
from co_perception.networks.video import VideoNetwork

LABELS = ("walk", "run", "jump")


def small(variant: ResidualVariant, **changes: object) -> ResidualVariant:
    """As deep as needed to have every kind of block, few channels, an image of 32 pixels."""
    reduced: dict[str, object] = {"size": 32, "width": 8, "blocks": (1, 2, 1, 1), "classes": 5, "window": 4}
    return dataclasses.replace(variant, **(reduced | changes))  # type: ignore[arg-type]


def network(variant: ResidualVariant, *, published: bool = True) -> VideoNetwork:
    """In fp64, with norms of which none is at its default: fresh ones would hide a norm at the wrong place.

    `published` says whether it has the published classifier, whose scores are made to differ.
    """
    torch.manual_seed(0)
    net = build_video(variant).double()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    if published:
        nn.init.normal_(net.get_parameter("head.projection.weight"), std=0.3)
    return net.eval()


def pyslowfast(net: nn.Module) -> dict[str, Tensor]:
    """The network's weights under PySlowFast's names."""
    return {pyslowfast_name(name): value for name, value in net.state_dict().items()}


def clip(frames: int, size: int = 32) -> Tensor:
    return torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def trained_losses(net: VideoNetwork, x: Tensor, wanted: Tensor, *, lr: float, steps: int) -> tuple[float, float]:
    """The first and the last loss of a training with the same clips at every step."""
    optimizer, losses = torch.optim.SGD(net.parameters(), lr=lr), []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(net.classify(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def blank(variant: VideoVariant) -> VideoNetwork:
    """A whole network without numbers, which costs nothing to look at."""
    with torch.device("meta"):
        return build_video(variant)


def write_small_network(folder: Path) -> Path:
    """A folder as a learner's `save` writes it: Inception-I3D with three classes and pictures of 32 pixels."""
    torch.manual_seed(0)
    net = InceptionCoI3D(dataclasses.replace(COI3D_INCEPTION, size=32, classes=3))
    torch.nn.init.normal_(net.state_dict()["logits.conv3d.weight"], std=3.0)
    save_file(net.state_dict(), folder / "weights.safetensors")
    write_metadata(folder, LABELS, network="coi3d_inception", mean=0.5, std=0.5, rate_hz=25.0, window=107, stride=8)
    return folder


def write_metadata(folder: Path, labels: tuple[str, ...], **fields: Any) -> None:
    """Metadata of a video learner for frames of 32 pixels."""
    small: dict[str, Any] = {"label_set": "gym", "size": 32, "short_side": 36, "min_progress": 0.75, "threshold": 0.0}
    (folder / FILE).write_text(VideoMetadata(labels=labels, **(small | fields)).to_json())
