"""Our MoViNets against the PyTorch port of Atze00: same random weights, in its files; same frames; same answers.

The port (MoViNet-pytorch, MIT) is in no registry. Clone it into a folder of sources and say which:

    git clone https://github.com/Atze00/MoViNet-pytorch SOURCES/MoViNet-pytorch      # tried: c2d1edf48fc6
    make peers PEERS=movinet SOURCES=SOURCES

Without it these tests are skipped. Networks are whole, with images of the published size.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.random_weights import randomize_norm
from helpers.small_movinets import BASE, STREAM
from torch import Tensor, nn

from co_perception.learners.weights import read_checkpoint
from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import (
    MovinetVariant,
)
from co_perception.networks.video import VideoNetwork

AGREE = 1e-4  # of the largest logit
STEPS = 60  # frames, more than the window of the published clips
ALWAYS = 10**9  # frames of a mean: all that there are

SOURCES = os.environ.get("PEER_SOURCES", "")
if not (Path(SOURCES) / "MoViNet-pytorch" / "movinets").is_dir() or not SOURCES:
    pytest.skip("no MoViNet-pytorch in the folder of sources: make peers SOURCES=FOLDER", allow_module_level=True)
sys.path.insert(0, str(Path(SOURCES) / "MoViNet-pytorch"))


def port(variant: MovinetVariant) -> Any:
    """The port's network as its published checkpoints need it, with random weights."""
    size = variant.name.split("_")[1].upper()
    settings = getattr(importlib.import_module("movinets.config")._C.MODEL, f"MoViNet{size}")
    torch.manual_seed(0)
    kind = "2plus1d" if variant.causal else "3d"
    peer = importlib.import_module("movinets").MoViNet(
        settings, causal=variant.causal, pretrained=False, num_classes=600, conv_type=kind, tf_like=True
    )
    draw = torch.Generator().manual_seed(0)
    for module in peer.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            randomize_norm(module, draw)
        for name, value in module.named_parameters(recurse=False):
            if name == "alpha":  # zero at first: nothing of a block would show
                value.data.fill_(0.4 + 0.4 * torch.rand((), generator=draw).item())
            elif name == "weight" and value.dim() > 1:
                value.data.copy_(torch.randn(value.shape, generator=draw) * (2 / value[0].numel()) ** 0.5)
            elif name == "bias" and value.dim() == 1 and not isinstance(module, nn.modules.batchnorm._BatchNorm):
                value.data.copy_(torch.randn(value.shape, generator=draw) * 0.2)
    return peer.eval()


def ours(variant: MovinetVariant, file: Path) -> VideoNetwork:
    """Our network with the weights of a file that the port's state dict was saved to."""
    network = build_video(variant)
    load_checkpoint(network, read_checkpoint(file), str(file))
    return network.eval()


def frames(variant: MovinetVariant, count: int) -> Tensor:
    return torch.rand(1, 3, count, variant.size, variant.size, generator=torch.Generator().manual_seed(7))


def report(what: str, got: Tensor, wanted: Tensor) -> None:
    error, span = (got - wanted).abs().max().item(), wanted.abs().max().item()
    print(f"{what}: largest difference {error:.2e}, largest logit {span:.2f}")
    assert got.shape == wanted.shape and span > 0.5, "answers that are all alike would agree by themselves"
    assert error <= AGREE * span


@pytest.mark.parametrize("variant", STREAM, ids=lambda v: v.name)
@torch.no_grad()
def test_stream_networks_frame_by_frame_and_clip_by_clip(variant: MovinetVariant, tmp_path: Path) -> None:
    peer, x = port(variant), frames(variant, STEPS)
    torch.save(peer.state_dict(), tmp_path / "statedict")
    own = ours(dataclasses.replace(variant, window=ALWAYS), tmp_path / "statedict")
    wanted = torch.stack([peer(frame) for frame in x.split(1, 2)], 2)
    assert wanted[:, :, 0].sub(wanted[:, :, -1]).abs().max() > 1e-3  # frames differ
    state, got = own.init_state(1, variant.frame_shape), []
    for frame in x.split(1, 2):
        y, state = own(frame, state)
        got.append(y)
    report(f"{variant.name}, {STEPS} frames one by one", torch.cat(got, 2), wanted)
    fades = ours(variant, tmp_path / "statedict")
    begin = x[:, :, : variant.window]
    report(f"{variant.name}, a clip of {variant.window}", fades.clip(begin), wanted[:, :, : variant.window])
    peer.clean_activation_buffers()
    report(f"{variant.name}, classified", fades.classify(begin), peer(begin))


@pytest.mark.parametrize("variant", BASE, ids=lambda v: v.name)
@torch.no_grad()
def test_base_networks_clip_by_clip(variant: MovinetVariant, tmp_path: Path) -> None:
    peer, x = port(variant), frames(variant, 16)
    torch.save(peer.state_dict(), tmp_path / "statedict")
    own = ours(dataclasses.replace(variant, past_gates=False), tmp_path / "statedict")
    report(f"{variant.name}, a clip of 16", own.classify(x), peer(x))


@pytest.mark.parametrize("variant", [*STREAM, *BASE], ids=lambda v: v.name)
def test_as_many_parameters(variant: MovinetVariant) -> None:
    counts = [sum(p.numel() for p in network.parameters()) for network in (port(variant), build_video(variant))]
    assert counts[0] == counts[1]
