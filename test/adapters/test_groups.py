"""What stays of every tensor when channels go, and a network that takes the width of the tensors it is given."""

from __future__ import annotations

import pytest
import torch
from helpers.prunable_networks import NETWORKS, frames_of, skeleton

import co_perception.continual as co
from co_perception.adapters.groups import ChannelGroup, Member, resize, retained_axes, sliced
from co_perception.networks.cost import stream_bytes

GROUP = ChannelGroup(
    "a",
    (
        Member("a.weight", 0, torch.arange(3)[:, None]),
        Member("norm.weight", 0, torch.tensor([[0, 1], [2, 3], [4, 5]])),  # two entries a channel
        Member("b.weight", 1, torch.arange(3)[:, None] + 2),  # behind two channels of somebody else
    ),
)
SHAPES = {"a.weight": (3, 4), "norm.weight": (6,), "b.weight": (7, 5, 1)}


def test_every_member_loses_what_its_channels_are_there() -> None:
    axes = retained_axes([GROUP], {"a": torch.tensor([0, 2])}, SHAPES)
    assert {(name, axis): places.tolist() for name, each in axes.items() for axis, places in each.items()} == {
        ("a.weight", 0): [0, 2],
        ("norm.weight", 0): [0, 1, 4, 5],
        ("b.weight", 1): [0, 1, 2, 4],
    }
    assert sliced(torch.arange(35).view(7, 5, 1), axes["b.weight"]).shape == (7, 4, 1)


def test_a_group_that_is_not_named_or_loses_nothing_leaves_no_trace() -> None:
    assert retained_axes([GROUP], {}, SHAPES) == {} and retained_axes([GROUP], {"a": torch.arange(3)}, SHAPES) == {}


@pytest.mark.parametrize("places", [[], [3], [-1, 0]])
def test_channels_that_there_are_not_are_refused(places: list[int]) -> None:
    with pytest.raises(ValueError, match="a has 3 channels"):
        retained_axes([GROUP], {"a": torch.tensor(places, dtype=torch.int64)}, SHAPES)


@pytest.mark.parametrize("mixer", ["graph", "adaptive_starred", "joints"])
def test_it_becomes_the_network_that_is_built_narrow(mixer: str) -> None:
    wide, narrow = skeleton(mixer, channels=64), skeleton(mixer, channels=32)
    resize(wide, narrow.state_dict())
    if mixer == "joints":  # as many heads in both, so that those of the wide one are not the narrow one's
        for module in wide.modules():
            if isinstance(module, co.JointAttention):
                module.heads *= 2
    x = frames_of(narrow, 16)
    with torch.no_grad():
        torch.testing.assert_close(wide.clip(x), narrow.clip(x), rtol=0, atol=0)
    assert stream_bytes(wide.float(), (3, 17, 1)) == stream_bytes(narrow.float(), (3, 17, 1))
    assert {str(m) for m in wide.modules()} == {str(m) for m in narrow.modules()}


def test_parameters_ask_for_gradients_as_before_and_share_nothing() -> None:
    network, other = skeleton(), skeleton()
    network.requires_grad_(False)
    tensors = other.state_dict()
    resize(network, tensors)
    assert not any(p.requires_grad for p in network.parameters())
    network.get_parameter("fc.bias").data.add_(1)
    assert not torch.equal(network.get_parameter("fc.bias"), other.get_parameter("fc.bias"))


def test_tensors_of_another_network_are_refused() -> None:
    network = skeleton()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ValueError, match="not the tensors of this network: missing"):
        resize(network, NETWORKS["attention, one layer"]().state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
