"""A network takes the width of the tensors it is given."""

from __future__ import annotations

import pytest
import torch
from prunable import NETWORKS, frames_of, skeleton

import co_perception.continual as co
from co_perception.adapters.resize import resize
from co_perception.networks.measure import stream_bytes


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
