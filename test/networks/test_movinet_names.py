"""Published MoViNet checkpoints under each of their names, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from helpers.refusals import assert_refused
from helpers.small_movinets import drawn, garden_weights, port_weights, small_movinet
from torch import Tensor

from co_perception.networks.build import build_video, load_checkpoint
from co_perception.networks.movinet_names import movinet_names
from co_perception.networks.variants import MOVINET_A0_BASE, MOVINET_A0_STREAM, MovinetVariant

BOTH = [MOVINET_A0_STREAM, MOVINET_A0_BASE]

# Names in the notebook of MoViNet-pytorch that reads the networks of TensorFlow Hub, and in its models.
PORT_NAMES = {
    "conv1.conv_1.conv2d.weight": "stem.conv.weight",
    "conv1.conv_1.norm.running_var": "stem.bn.running_var",
    "blocks.b0_l0.alpha": "b0.l0.body.scale.alpha",
    "blocks.b3_l2.expand.conv_1.conv2d.weight": "b3.l2.body.expand.conv.weight",
    "blocks.b3_l2.deep.conv_1.conv2d.weight": "b3.l2.body.deep.conv.weight",
    "blocks.b3_l2.deep.conv_2.conv2d.weight": "b3.l2.body.temporal.conv.weight",
    "blocks.b3_l2.deep.conv_2.norm.bias": "b3.l2.body.temporal.bn.bias",
    "blocks.b3_l2.se.fc1.conv_1.conv2d.bias": "b3.l2.body.se.fc1.bias",
    "blocks.b1_l0.res.1.conv_1.norm.weight": "b1.l0.shortcut.project.bn.weight",
    "blocks.b4_l0.project.conv_1.conv3d.weight": "b4.l0.body.project.conv.weight",
    "conv7.conv_1.conv3d.weight": "project.conv.weight",
    "classifier.0.conv_1.conv3d.weight": "dense.weight",
    "classifier.3.conv_1.conv2d.bias": "fc.bias",
}
GARDEN_NAMES = {
    "stem/stem/conv2d/conv2d/kernel:0": "stem.conv.weight",
    "stem/stem/bn/moving_variance:0": "stem.bn.running_var",
    "b0/l0/bneck/scale:0": "b0.l0.body.scale.alpha",
    "b3/l2/bneck/expansion/conv2d/conv2d/kernel:0": "b3.l2.body.expand.conv.weight",
    "b3/l2/bneck/feature/conv2d/depthwise_conv2d/depthwise_kernel:0": "b3.l2.body.deep.conv.weight",
    "b3/l2/bneck/feature/conv2d_temporal/depthwise_conv2d_1/depthwise_kernel:0": "b3.l2.body.temporal.conv.weight",
    "b3/l2/bneck/feature/bn_temporal/beta:0": "b3.l2.body.temporal.bn.bias",
    "b3/l2/bneck/se/se_reduce/conv2d/conv2d_1/bias:0": "b3.l2.body.se.fc1.bias",
    "b1/l0/bneck/skip/skip_project/bn/gamma:0": "b1.l0.shortcut.project.bn.weight",
    "b4/l0/bneck/projection/conv3d/kernel:0": "b4.l0.body.project.conv.weight",
    "head/project/conv3d/kernel:0": "project.conv.weight",
    "classifier_head/head/conv3d/kernel:0": "dense.weight",
    "classifier_head/classifier/conv2d/conv2d_1/bias:0": "fc.bias",
}


@pytest.mark.parametrize("names", [PORT_NAMES, GARDEN_NAMES], ids=["port", "garden"])
def test_names(names: Mapping[str, str]) -> None:
    found = movinet_names({theirs: torch.full((1, 1, 1, 1, 1), float(i)) for i, theirs in enumerate(names)})
    assert {ours: value.flatten()[0].item() for ours, value in found.items()} == {
        ours: float(i) for i, ours in enumerate(names.values())
    }


@torch.no_grad()
@pytest.mark.parametrize("variant", BOTH, ids=lambda v: v.name)
def test_whole_checkpoints(variant: MovinetVariant) -> None:
    """Every parameter finds its place, from each naming and layout, wrapped or not, and from our own."""
    net = drawn(small_movinet(variant))
    sources: dict[str, Mapping[str, object]] = {
        "port": port_weights(net),
        "port, wrapped": {"epoch": 3, "state_dict": {f"module.{name}": v for name, v in port_weights(net).items()}},
        "garden": garden_weights(net, later=False),
        "garden, later": garden_weights(net, later=True),
        "ours": net.state_dict(),
    }
    for source, checkpoint in sources.items():
        other = build_video(net.variant)
        load_checkpoint(other, checkpoint)
        for name, value in net.state_dict().items():
            assert torch.equal(value, other.state_dict()[name]), (source, name)


def test_checkpoints_of_others_are_refused_with_a_reason() -> None:
    net = drawn(small_movinet())
    good = port_weights(net)
    more: dict[str, Tensor] = good | {
        "classifier.3.conv_1.conv2d.weight": torch.zeros(7, 24, 1, 1),
        "classifier.3.conv_1.conv2d.bias": torch.zeros(7),
    }
    assert_refused("7 classes, the network 5: build it with classes=7", load_checkpoint, net, more)
    assert_refused("missing", load_checkpoint, net, port_weights(drawn(small_movinet(MOVINET_A0_BASE))))
    assert_refused(
        "stem.conv.weight as well", movinet_names, good | {"stem.conv.weight": good["conv1.conv_1.conv2d.weight"]}
    )
    assert_refused("no tensors", movinet_names, {"epoch": 1})
