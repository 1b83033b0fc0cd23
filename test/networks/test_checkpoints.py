"""Key maps of the published video checkpoints. The names were read off the libraries; `make peers` runs the libraries
themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from helpers.refusals import assert_refused
from helpers.small_video_networks import clip, network, pyslowfast, small
from torch import Tensor, nn

from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.checkpoints import own_names, unwrap
from co_perception.networks.variants import COI3D_R50, COSLOW_R50, COX3D_M, ResidualVariant
from co_perception.networks.video import VideoNetwork

X3D_NAMES = {
    "blocks.0.conv.conv_t.weight": "s1.conv_xy.weight",
    "blocks.0.conv.conv_xy.weight": "s1.conv.weight",
    "blocks.0.norm.running_var": "s1.bn.running_var",
    "blocks.1.res_blocks.0.branch1_conv.weight": "s2.res0.shortcut.conv.weight",
    "blocks.2.res_blocks.0.branch1_norm.bias": "s3.res0.shortcut.bn.bias",
    "blocks.3.res_blocks.10.branch2.conv_a.weight": "s4.res10.body.a.weight",
    "blocks.3.res_blocks.10.branch2.norm_a.weight": "s4.res10.body.a_bn.weight",
    "blocks.4.res_blocks.1.branch2.norm_b.0.weight": "s5.res1.body.b_bn.weight",
    "blocks.4.res_blocks.2.branch2.norm_b.1.block.0.bias": "s5.res2.body.se.fc1.bias",
    "blocks.4.res_blocks.2.branch2.norm_b.1.block.2.bias": "s5.res2.body.se.fc2.bias",
    "blocks.4.res_blocks.2.branch2.norm_c.running_mean": "s5.res2.body.c_bn.running_mean",
    "blocks.5.pool.pre_conv.weight": "head.conv_5.weight",
    "blocks.5.pool.pre_norm.weight": "head.conv_5_bn.weight",
    "blocks.5.pool.post_conv.weight": "head.lin_5.weight",
    "blocks.5.proj.weight": "head.projection.weight",
}
# Block 2 is the pool over time.
I3D_NAMES = {
    "blocks.0.conv.weight": "s1.conv.weight",
    "blocks.0.norm.weight": "s1.bn.weight",
    "blocks.1.res_blocks.0.branch2.conv_c.weight": "s2.res0.body.c.weight",
    "blocks.3.res_blocks.1.branch2.norm_b.weight": "s3.res1.body.b_bn.weight",
    "blocks.4.res_blocks.0.branch2.norm_c.weight": "s4.res0.body.c_bn.weight",
    "blocks.5.res_blocks.0.branch2.conv_b.weight": "s5.res0.body.b.weight",
    "blocks.6.proj.bias": "head.projection.bias",
}
# A container of OpenDR's without names puts numbers in; co3d and Lightning put `module.` and `model.` before.
OPENDR_NAMES = {
    "s1.pathway0_stem.conv.weight": "s1.conv.weight",
    "module.s1.pathway0_stem.conv_xy.weight": "s1.conv_xy.weight",
    "s2.pathway0_res0.0.0.branch1_bn.weight": "s2.res0.shortcut.bn.weight",
    "s4.pathway0_res10.0.1.branch2.se.1.fc1.weight": "s4.res10.body.se.fc1.weight",
    "model.head.conv_5_bn.weight": "head.conv_5_bn.weight",
}


def pytorchvideo(net: VideoNetwork, *, head: int) -> dict[str, Tensor]:
    """The network's weights as PyTorchVideo names them, by rules of this test's own."""
    renamed = {}
    gated = {name.partition(".body.")[0] for name in net.state_dict() if ".body.se." in name}
    for name, value in net.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "s1":
            rest = {"conv_xy": "conv.conv_t", "conv": "conv.conv_xy" if gated else "conv", "bn": "norm"}[
                rest.split(".")[0]
            ] + rest[rest.index(".") :]
            renamed[f"blocks.0.{rest}"] = value
        elif part == "head":
            swap = {"conv_5": "pool.pre_conv", "conv_5_bn": "pool.pre_norm", "lin_5": "pool.post_conv"}
            first, _, last = rest.partition(".")
            renamed[f"blocks.{head}.{swap.get(first, 'proj')}.{last}"] = value
        else:
            block, _, inner = rest.partition(".")
            stage = int(part[1:]) - 1 + (head == 6 and part != "s2")
            renamed[f"blocks.{stage}.res_blocks.{block[3:]}.{_inner(inner, bool(gated))}"] = value
    return renamed


def _inner(name: str, x3d: bool) -> str:
    name = name.replace("shortcut.conv", "branch1_conv").replace("shortcut.bn", "branch1_norm")
    name = name.replace("body.se.fc1", "branch2.norm_b.1.block.0").replace("body.se.fc2", "branch2.norm_b.1.block.2")
    name = name.replace("body.b_bn", "branch2.norm_b.0" if x3d else "branch2.norm_b")
    return re.sub(r"body\.([abc])\.", r"branch2.conv_\1.", re.sub(r"body\.([ac])_bn", r"branch2.norm_\1", name))


@pytest.mark.parametrize("names", [X3D_NAMES, I3D_NAMES, OPENDR_NAMES], ids=["X3D", "I3D", "OpenDR"])
def test_names(names: dict[str, str]) -> None:
    renamed = own_names({theirs: torch.full((1, 1), float(place)) for place, theirs in enumerate(names)})
    for place, ours in enumerate(names.values()):
        assert renamed[ours].item() == place, ours


@pytest.mark.parametrize("variant", [COX3D_M, COSLOW_R50, COI3D_R50], ids=lambda v: v.name)
def test_whole_checkpoints(variant: ResidualVariant) -> None:
    """Every parameter finds its place, from each naming, wrapped as published or not, and from our own."""
    net = network(small(variant))
    sources: dict[str, dict[str, Any]] = {
        "PySlowFast": {"epoch": 3, "model_state": pyslowfast(net), "cfg": "NUM_GPUS: 8"},
        "PyTorchVideo": {"model_state": pytorchvideo(net, head=6 if variant is COI3D_R50 else 5)},
        "ours": net.state_dict(),
    }
    for source, checkpoint in sources.items():
        other = build_video(net.variant).double()
        load_checkpoint(other, checkpoint)
        for name, value in net.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), (source, name)


@torch.no_grad()
def test_a_norm_that_pytorchvideo_leaves_out_changes_nothing() -> None:
    """Its shortcut has none where channels stay the same; ours then answers as if it had none either."""
    net = network(small(COX3D_M))
    checkpoint = {
        name: value
        for name, value in pytorchvideo(net, head=5).items()
        if "blocks.1.res_blocks.0.branch1_norm" not in name
    }
    other = build_video(net.variant).double().eval()
    load_checkpoint(other, checkpoint)
    shortcut = net.get_submodule("s2.res0.shortcut")
    shortcut.replace("bn", nn.Identity())  # type: ignore[operator]
    x = clip(4)
    torch.testing.assert_close(other.clip(x), net.clip(x), rtol=0, atol=1e-12)


def test_checkpoints_of_others_are_refused_with_a_reason_and_change_nothing() -> None:
    net = network(small(COX3D_M))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    good = pyslowfast(net)
    more_classes = good | {"head.projection.weight": torch.zeros(7, 2048), "head.projection.bias": torch.zeros(7)}
    assert_refused("7 classes, the network 5: build it with classes=7", load_checkpoint, net, more_classes)
    with pytest.raises(ValueError, match=r"x.pyth is not for cox3d_m: .* missing .*; .* of another shape"):
        load_checkpoint(net, pyslowfast(network(small(COSLOW_R50))), "x.pyth")
    with pytest.raises(ValueError, match=r"1 tensors are missing \(head.lin_5.weight\)"):
        load_checkpoint(net, {name: value for name, value in good.items() if "lin_5" not in name})
    assert_refused("no tensors", unwrap, {"epoch": 1})
    with pytest.raises(ValueError, match="s1.conv.weight as well"):
        own_names({"s1.conv.weight": torch.zeros(1), "s1.pathway0_stem.conv.weight": torch.zeros(1)})
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
