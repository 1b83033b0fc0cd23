"""Networks with adapters: what is trained, what they answer, and plain again."""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.prunable_networks import NETWORKS, adapted, filled, frames_of, skeleton
from torch import nn

import co_perception.continual as co
from co_perception.adapters.attach import AdapterConfig, attach, forms, fuse, plain_parameters, plain_state
from co_perception.adapters.forms import LowRank


@pytest.mark.parametrize("method", ["splora", "sppara", "splopa"])
def test_fresh_adapters_change_hardly_anything_and_fused_ones_nothing(method: str) -> None:
    network = skeleton()
    pupil = copy.deepcopy(network)
    attach(pupil, AdapterConfig(method=method, block=8))
    x = frames_of(network, 16)
    with torch.no_grad():
        source, with_adapters = network.clip(x), pupil.clip(x)
        fuse(pupil)
        fused = pupil.clip(x)
    assert 0 < (with_adapters - source).abs().max() < 0.05 * source.abs().max()
    torch.testing.assert_close(fused, with_adapters, rtol=1e-12, atol=1e-12)
    assert pupil.state_dict().keys() == network.state_dict().keys()
    assert [type(m) for m in pupil.modules()] == [type(m) for m in network.modules()]


def test_source_weights_are_frozen_and_the_rest_is_trained() -> None:
    network = skeleton()
    attach(network, AdapterConfig(), classifier={"fc.weight", "fc.bias"})
    trained = {name for name, asks in plain_parameters(network) if asks}
    assert {"fc.weight", "fc.bias", "body.layer1.sum.tcn.bn.weight", "body.layer1.sum.tcn.t_conv.bias"} <= trained
    assert "body.layer1.sum.gcn.graph_attn" not in trained
    assert not {name for name in trained if name in forms(network)}
    network.clip(frames_of(network, 16)).sum().backward()
    for form in forms(network).values():
        assert isinstance(form, LowRank)
        assert form.A.grad is not None and form.A.grad.any() and form.B.grad is not None and form.B.grad.any()
    assert all(p.grad is None for name, p in network.named_parameters() if name.endswith(".original"))


def test_one_step_of_training_moves_answers_but_no_source_weight() -> None:
    network = skeleton()
    before = {name: value.clone() for name, value in network.state_dict().items() if value.dim() > 1}
    attach(network, AdapterConfig(rank=2))
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    x = frames_of(network, 16)
    answer = network.clip(x)
    answer.square().sum().backward()
    optimizer.step()
    assert not torch.allclose(network.clip(x), answer)
    state = network.state_dict()
    for name in forms(network):
        path, _, leaf = name.rpartition(".")
        assert torch.equal(state[f"{path}.parametrizations.{leaf}.original"], before[name])


@pytest.mark.parametrize("name", NETWORKS)
def test_masked_channels_are_gone_for_every_frame(name: str) -> None:
    """Whatever the source says in them: answers are those of a network whose masked rows are written over."""
    network = NETWORKS[name]()
    pupil, adapter = adapted(network)
    assert adapter.axes
    x = frames_of(network, network.receptive_field + 4 * network.timing.stride)
    with torch.no_grad():
        answer = pupil.clip(x)
        for tensor, stays in adapter.axes.items():
            path, _, leaf = tensor.rpartition(".")
            lists = getattr(pupil.get_submodule(path), "parametrizations", {})
            if leaf in lists and 0 in stays:
                rows = torch.ones(len(lists[leaf].original), dtype=torch.bool)
                rows[stays[0]] = False
                lists[leaf].original[rows] = 7.0
        torch.testing.assert_close(pupil.clip(x), answer, rtol=0, atol=0)


def test_fusing_one_leaves_its_copies_as_they_are() -> None:
    network = skeleton()
    attach(network, AdapterConfig())
    twin, x = copy.deepcopy(network), frames_of(network, 16)
    before = network.clip(x)
    fuse(twin)
    torch.testing.assert_close(network.clip(x), before, rtol=0, atol=0)
    assert forms(network) and not forms(twin)


def test_two_networks_share_no_prototypes() -> None:
    one, other = skeleton(), skeleton()
    for network in (one, other):
        attach(network, AdapterConfig(method="splopa", block=8))
    copied = copy.deepcopy(one)
    owned = [{id(form.prototypes) for form in forms(network).values()} for network in (one, other, copied)]
    assert [len(each) for each in owned] == [1, 1, 1] and len(set.union(*owned)) == 3
    names = [name for name, _ in one.named_parameters() if "prototypes" in name]
    assert names == ["prototypes.p", "prototypes.q"]  # once, whoever uses them


def test_attention_has_a_change_for_each_of_query_key_and_value() -> None:
    for kind, weight, parts, learned in (
        ("attention, one layer", "encoder.layers.0.self_attn.in_proj_weight", (16, 16, 16), 3 * 3 * (16 + 16)),
        ("joints", "body.layer4.sum.body.gcn.attention_conv.qkv_conv.weight", (16, 16, 64), 3 * (96 + 3 * 64)),
    ):
        network = NETWORKS[kind]()
        attach(network, AdapterConfig(rank=3))
        form = forms(network)[weight]
        assert isinstance(form, LowRank) and form.parts == parts and form.learned == learned


def test_plain_names_and_values_are_those_of_the_source() -> None:
    network = skeleton()
    source = {name: value.clone() for name, value in network.state_dict().items()}
    pupil, _ = adapted(network, density=0.5)
    state = plain_state(pupil)
    assert state.keys() == source.keys()
    fuse(pupil)
    assert all(torch.equal(value, state[name]) for name, value in pupil.state_dict().items())


@pytest.mark.parametrize(("layer", "named"), [(co.GRU(4, 4), "2.weight_ih_l0"), (co.Conv1d(4, 4, 2), "2.weight")])
def test_a_layer_without_a_form_is_named_and_nothing_is_changed(layer: nn.Module, named: str) -> None:
    network = co.Sequential(co.Conv1d(4, 4, 3), nn.ReLU(), layer)
    before = {name: p.requires_grad for name, p in network.named_parameters()}
    with pytest.raises(ValueError, match=named.replace(".", r"\.")):
        attach(network, AdapterConfig())
    assert {name: p.requires_grad for name, p in network.named_parameters()} == before


def test_everything_is_trained_by_finetune() -> None:
    network = filled(co.Sequential(co.Conv1d(4, 4, 2), nn.BatchNorm1d(4))).requires_grad_(False)
    attach(network, AdapterConfig(method="finetune"))
    assert all(p.requires_grad for p in network.parameters()) and not forms(network)


def test_methods_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match="method is one of splora"):
        AdapterConfig(method="lora")
