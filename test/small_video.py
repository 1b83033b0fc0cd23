"""A reduced video network with random weights, which behaves like the published one and is quick."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from safetensors.torch import save_file

from co_perception.learners.metadata import VideoMetadata
from co_perception.networks.inception import InceptionCoI3D
from co_perception.networks.variants import COI3D_INCEPTION

LABELS = ("walk", "run", "jump")


def write_small_network(folder: Path) -> Path:
    """A folder as a learner's `save` writes it: Inception-I3D with three classes and pictures of 32 pixels."""
    torch.manual_seed(0)
    net = InceptionCoI3D(dataclasses.replace(COI3D_INCEPTION, size=32, classes=3))
    torch.nn.init.normal_(net.state_dict()["logits.conv3d.weight"], std=3.0)
    save_file(net.state_dict(), folder / "weights.safetensors")
    VideoMetadata(
        network="coi3d_inception",
        labels=LABELS,
        label_set="gym",
        size=32,
        short_side=36,
        mean=0.5,
        std=0.5,
        rate_hz=25.0,
        window=107,
        stride=8,
        min_progress=0.75,
        threshold=0.0,
    ).write(folder)
    return folder
