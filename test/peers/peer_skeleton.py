"""Our skeleton networks and encoders against their authors' code: same random weights, through our key maps; same
frames; same answers.

pytest collects this only when it is named (`pytest test/peers/peer_skeleton.py`), in an environment with
requirements-skeleton.txt. Networks are whole: published channels, blocks and pools.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import continual
import pytest
import torch
from peers import authors
from torch import Tensor, nn

from co_perception.networks import oadtr, stgcn
from co_perception.networks.oadtr import CoOadTR
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.variants_features import COOADTR_B1, FeatureVariant
from co_perception.networks.variants_skeleton import (
    COAGCN,
    COAGCN_MOD,
    COSTGCN,
    COSTGCN_MOD,
    COSTR,
    COSTR_MOD,
    SkeletonVariant,
)

AGREE = 1e-4
STEPS = 100  # in steady state
ZERO_BIASES = r"in_proj_bias|out_proj\.bias"
KINETICS = dict(layout="openpose18", persons=1, classes=20)

torch.set_num_threads(2)


def give_random_numbers(network: nn.Module, seed: int) -> None:
    """Weights and statistics of which none is at its default, scaled so that signals neither die nor explode."""
    draw = torch.Generator().manual_seed(seed)
    ranges = {"bias": (-0.3, 0.3), "running_mean": (-0.3, 0.3), "running_var": (0.5, 1.5), "graph_attn": (0.5, 1.5)}
    if any("a_conv" in name for name, _ in network.named_parameters()):
        ranges["graph_attn"] = (-0.05, 0.05)  # added to the graph, not multiplied with it
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        if name.endswith(("gcn.A", "pattern")) or not value.is_floating_point():
            continue
        low, high = ranges.get(name.rsplit(".", 1)[1], (0.3, 0.8) if value.dim() == 1 else (-1.0, 1.0))
        scale = (3 / value[0].numel()) ** 0.5 if value.dim() > 1 and "graph_attn" not in name else 1.0
        value.data.copy_(scale * (torch.rand(value.shape, generator=draw) * (high - low) + low))
    network.eval()


def ours(variant: SkeletonVariant, weights: Mapping[str, Any]) -> CoStGcn:
    network = CoStGcn(variant)
    stgcn.load_checkpoint(network, weights)
    return network.eval()


def frames(network: CoStGcn, count: int) -> Tensor:
    channels, *space = network.frame_shape
    return torch.randn(1, channels, count, *space, generator=torch.Generator().manual_seed(7))


def report(what: str, got: Tensor, wanted: Tensor) -> None:
    error, spread = (got - wanted).abs().max().item(), (wanted.max() - wanted.min()).item()
    print(f"{what}: largest difference {error:.2e}, logits spread over {spread:.2f}")
    assert got.shape == wanted.shape and spread > 0.1, "answers that are all alike would agree by themselves"
    assert error <= AGREE


def hold_against(peer: Any, own: CoStGcn) -> None:
    """Step both, own by its stride, theirs by frames; compare STEPS answers in steady state."""
    stride = own.timing.stride
    warm = -(-own.receptive_field // stride) * stride
    x = frames(own, warm + STEPS * stride)
    # Before it is warm, theirs lets a frame of zeros in where a network pads between its layers.
    for frame in x[:, :, :warm].unbind(2):
        peer.forward_step(frame)
    _, state = own(x[:, :, :warm], own.init_state(1, own.frame_shape))
    got, wanted = [], []
    for part in x[:, :, warm:].split(stride, dim=2):
        y, state = own(part, state)
        got.append(y[:, :, 0])
        wanted += [answer for frame in part.unbind(2) if (answer := peer.forward_step(frame)) is not None]
    assert len(got) == len(wanted) == STEPS
    report(f"{own.variant.name} of {own.variant.layout}, {len(got)} steps", torch.cat(got), torch.cat(wanted))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("other", [{}, KINETICS], ids=["ntu", "openpose"])
@pytest.mark.parametrize("variant", [COSTGCN_MOD, COAGCN_MOD, COSTR_MOD], ids=lambda v: v.name)
@torch.no_grad()
def test_starred_networks_of_opendr(variant: SkeletonVariant, other: dict[str, Any]) -> None:
    variant = dataclasses.replace(variant, **other)
    peer = authors.starred(variant)
    give_random_numbers(peer, seed=1)
    own = ours(variant, {"state_dict": peer.state_dict()})
    assert (own.receptive_field, own.delay) == (peer.receptive_field, peer.delay) == (300, 299)
    hold_against(peer, own)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("variant", [COSTGCN, COAGCN, COSTR], ids=lambda v: v.name)
@torch.no_grad()
def test_direct_networks_of_opendrs_blocks(variant: SkeletonVariant) -> None:
    """Our steps beside its clip: its own steps are not its clip, because in continual-inference 1.2.4 a convolution of
    one frame that should skip every second frame skips none, so that skips of strided blocks come two frames early."""
    # OpenDR has the adaptive convolution of the starred form only; that of the direct one is in test/networks.
    mixers = tuple("adaptive_starred" if mixer == "adaptive" else mixer for mixer in variant.mixers)
    peer = authors.direct(mixers, variant.channels, variant.strides)
    give_random_numbers(peer, seed=2)
    own = ours(dataclasses.replace(variant, mixers=mixers), peer.state_dict())
    assert (own.receptive_field, own.delay) == (peer.receptive_field, peer.delay) == (449, 296)
    edge = own.timing.before // own.timing.stride  # answers that see frames before the clip
    x = frames(own, (own.lag_after(0) + edge + STEPS) * own.timing.stride)
    state, got = own.init_state(1, own.frame_shape), []
    for part in x.split(own.timing.stride, dim=2):
        y, state = own(part, state)
        got.append(y)
    wanted = continual.Sequential.forward(peer, x)[:, :, edge : edge + STEPS]
    report(f"{variant.name} of ntu25, {STEPS} steps", torch.cat(got, 2)[:, :, -STEPS:], wanted)


@torch.no_grad()
def test_clips_of_opendrs_offline_network() -> None:
    """Its checkpoints have no adjacency in them."""
    peer = authors.skeleton_model("stgcn").STGCN(60, 25, 2, 3, "ntu")
    give_random_numbers(peer, seed=3)
    weights = peer.state_dict()
    assert not [name for name in weights if name.endswith(".A")]
    own = ours(COSTGCN, weights)
    x = frames(own, 300)
    report("st-gcn, clip of 300", own.classify(x), peer(x))


def names_of_continual_inference(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of CoOadTR from `authors.encoder`."""
    places = {"0": "embed", "1": "position", "2": "encoder", "3": "norm", "4": "head"}
    found = {}
    for name, value in weights.items():
        inner = re.sub(r"layers\.(\d)\..*\.(?=self_attn|norm|linear)", r"layers.\1.", name[2:]).replace("fn.", "")
        if not re.search(ZERO_BIASES, name):
            found[f"{places[name[0]]}.{inner}"] = value
    return found


def same_encoder(variant: FeatureVariant, seed: int) -> tuple[Any, CoOadTR]:
    peer = authors.encoder(variant)
    give_random_numbers(peer, seed)
    for name, value in nn.Module.named_parameters(peer):
        if re.search(ZERO_BIASES, name):
            value.zero_()
    own = CoOadTR(variant)
    oadtr.load_checkpoint(own, names_of_continual_inference(nn.Module.state_dict(peer)))
    return peer, own.eval()


@pytest.mark.parametrize("depth", [1, 2])
@torch.no_grad()
def test_encoders_of_continual_inference(depth: int) -> None:
    """Of two blocks theirs is asked for whole windows: stepped, it returns tokens in a wrong order from frame 2n - 2 on
    (it counts a ring of n tokens modulo n - 1)."""
    variant = dataclasses.replace(COOADTR_B1, depth=depth, features=512, width=256, feedforward=256)
    peer, own = same_encoder(variant, seed=4)
    n = variant.window
    x = torch.randn(1, variant.features, n + STEPS, generator=torch.Generator().manual_seed(7))
    _, state = own(x[:, :, :n], own.init_state(1, own.frame_shape))
    got, wanted = [], []
    for last in range(n, n + STEPS):
        y, state = own(x[:, :, last : last + 1], state)
        peer[1].state_index.fill_((last - n + 1) % variant.table)
        got.append(y[:, :, 0])
        wanted.append(peer.forward(x[:, :, last - n + 1 : last + 1]).reshape(1, variant.classes, -1)[:, :, -1])
    report(f"encoder of {depth} blocks, {STEPS} steps", torch.cat(got), torch.cat(wanted))


@torch.no_grad()
def test_steps_of_continual_inferences_encoder() -> None:
    variant = dataclasses.replace(COOADTR_B1, features=512)
    peer, own = same_encoder(variant, seed=5)
    x = torch.randn(1, variant.features, variant.window + STEPS, generator=torch.Generator().manual_seed(7))
    y, _ = own(x, own.init_state(1, own.frame_shape))
    answers = [answer for frame in x.unbind(2) if (answer := peer.forward_step(frame)) is not None]
    report(f"encoder of one block, {STEPS} steps", y[:, :, -STEPS:], torch.stack(answers[-STEPS:], dim=2))
