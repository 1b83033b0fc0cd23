"""Our video networks against their authors' code: same random weights, through our key maps; same frames; same answers.

pytest collects this only when it is named (`pytest test/peers/peer_video.py`), in an environment with
requirements-video.txt. Image sizes are small, networks whole.
"""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from helpers.random_weights import randomize_norm
from peers import authors
from torch import Tensor, nn

from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.variants import (
    COI3D_R50,
    COSLOW_R50,
    COX3D_L,
    COX3D_M,
    COX3D_S,
    COX3D_XS,
    PooledVariant,
    ResNet3dVariant,
    X3DVariant,
)
from co_perception.networks.video import VideoNetwork

SIZE, EXTENT = 64, 2  # pixels of the image, and of what is left before the head's pool
AGREE = 1e-4
STEPS = 100  # in steady state

# What PyTorchVideo's model zoo passes for slow_r50 and i3d_r50, with heads for the smaller image.
PYTORCHVIDEO: dict[str, dict[str, Any]] = {
    "coslow_r50": {"stem_conv_kernel_size": (1, 7, 7), "head_pool_kernel_size": (8, EXTENT, EXTENT)},
    "coi3d_r50": {
        "stem_conv_kernel_size": (5, 7, 7),
        "head_pool_kernel_size": (4, EXTENT, EXTENT),
        "stage1_pool": nn.MaxPool3d,
        "stage_conv_a_kernel_size": ((3, 1, 1), [(3, 1, 1), (1, 1, 1)], [(3, 1, 1), (1, 1, 1)], [(1, 1, 1), (3, 1, 1)]),
    },
}

# PyTorchVideo's heads know region pooling for detection. Nothing here detects, and a torchvision must fit its torch.
vision, operators = types.ModuleType("torchvision"), types.ModuleType("torchvision.ops")
operators.RoIAlign = object  # type: ignore[attr-defined]
if find_spec("torchvision") is None:
    sys.modules |= {"torchvision": vision, "torchvision.ops": operators}


def give_random_numbers(network: nn.Module, seed: int) -> None:
    """Weights and statistics of which none is at its default, scaled so that signals neither die nor explode."""
    draw = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            randomize_norm(module, draw)
        elif isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
            fan_in = module.weight[0].numel()
            module.weight.data.copy_(torch.randn(module.weight.shape, generator=draw) * (1.5 / fan_in) ** 0.5)
            if module.bias is not None:
                module.bias.data.copy_(torch.randn(module.bias.shape, generator=draw) * 0.1)
    network.eval()


def ours(variant: PooledVariant, weights: Mapping[str, Any]) -> VideoNetwork:
    network = build_video(variant)
    load_checkpoint(network, weights)
    return network.eval()


def clip(frames: int, size: int = SIZE) -> Tensor:
    return torch.randn(1, 3, frames, size, size, generator=torch.Generator().manual_seed(7))


def report(what: str, got: Tensor, wanted: Tensor) -> None:
    error, span = (got - wanted).abs().max().item(), wanted.abs().max().item()
    print(f"{what}: largest difference {error:.2e}, largest logit {span:.2f}")
    assert got.shape == wanted.shape and span > 0.5, "answers that are all alike would agree by themselves"
    assert error <= AGREE


@pytest.mark.parametrize("variant", [COX3D_XS, COX3D_S, COX3D_M, COX3D_L], ids=lambda v: v.name)
@torch.no_grad()
def test_x3d_of_pytorchvideo(variant: X3DVariant) -> None:
    from pytorchvideo.models.x3d import create_x3d  # type: ignore[import-not-found]

    depth = variant.blocks[0]
    peer = create_x3d(
        input_clip_length=variant.window,
        input_crop_size=SIZE,
        depth_factor={3: 2.2, 5: 5.0}[depth],
        head_activation=None,
    )
    give_random_numbers(peer, seed=1)
    own = ours(dataclasses.replace(variant, size=SIZE, scope=None), {"model_state": peer.state_dict()})
    x = clip(variant.window)
    report(f"{variant.name}, clip", own.classify(x), peer(x))


@pytest.mark.parametrize("variant", [COSLOW_R50, COI3D_R50], ids=lambda v: v.name)
@torch.no_grad()
def test_resnets_of_pytorchvideo(variant: ResNet3dVariant) -> None:
    from pytorchvideo.models.resnet import create_resnet  # type: ignore[import-not-found]

    peer = create_resnet(head_activation=None, **PYTORCHVIDEO[variant.name])
    give_random_numbers(peer, seed=2)
    own = ours(dataclasses.replace(variant, size=SIZE), {"model_state": peer.state_dict()})
    x = clip(variant.window)
    report(f"{variant.name}, clip", own.classify(x), peer(x))


@pytest.mark.parametrize("variant", [COX3D_S, COX3D_L], ids=lambda v: v.name)
@torch.no_grad()
def test_x3d_of_opendr_which_is_pyslowfasts(variant: X3DVariant) -> None:
    """OpenDR keeps PySlowFast's modules, so that these are the names in the published `.pyth` files."""
    peer = authors.x3d(variant, SIZE)
    give_random_numbers(peer, seed=4)
    assert "s2.pathway0_res0.branch2.se.fc1.weight" in peer.state_dict()
    own = ours(dataclasses.replace(variant, size=SIZE, scope=None), {"model_state": peer.state_dict()})
    x = clip(variant.window)
    report(f"{variant.name}, clip", own.classify(x), peer(x))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("variant", [COX3D_XS, COX3D_S, COX3D_M, COX3D_L, COSLOW_R50, COI3D_R50], ids=lambda v: v.name)
@torch.no_grad()
def test_streams_of_opendr_and_co3d(variant: X3DVariant | ResNet3dVariant) -> None:
    peer = authors.cox3d(variant, SIZE) if isinstance(variant, X3DVariant) else authors.coresnet(variant, SIZE)
    give_random_numbers(peer, seed=3)
    own = ours(dataclasses.replace(variant, size=SIZE), peer.state_dict())
    assert (own.receptive_field, own.delay) == (peer.receptive_field, peer.delay)
    stride, warm = own.timing.stride, -(-own.receptive_field // own.timing.stride)
    x = clip((warm + STEPS) * stride)
    state, got, wanted = own.init_state(1, (3, SIZE, SIZE)), [], []
    for place, chunk in enumerate(x.split(stride, dim=2)):
        y, state = own(chunk, state)
        theirs = [answer for frame in chunk.unbind(2) if (answer := peer.forward_step(frame)) is not None]
        if place >= warm:  # before, it lets an unseen frame in where a network pads
            got.append(y[:, :, 0])
            wanted += theirs
    assert len(got) == len(wanted) == STEPS
    report(f"{variant.name}, {STEPS} steps", torch.cat(got), torch.cat(wanted))
