"""Channels that go together: found as one would by hand, and gone as if they had never been there."""

from __future__ import annotations

import copy
from collections import OrderedDict
from shutil import which

import pytest
import torch
from helpers.prunable_networks import NETWORKS, adapted, derive, filled, frames_of, shape_of, skeleton
from torch import nn

import co_perception.continual as co
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.groups import ChannelGroup, resize, retained_axes
from co_perception.continual.check import check_streaming
from co_perception.networks.cost import macs_per_step, stream_bytes
from co_perception.networks.inception import MIXED, InceptionCoI3D
from co_perception.runtime.steppers.choose import stepper


def by_tensor(group: ChannelGroup) -> set[tuple[str, int]]:
    return {(member.tensor, member.axis) for member in group.members}


def test_the_groups_of_a_skeleton_network_are_those_found_by_hand() -> None:
    groups = channel_groups(skeleton(), (3, 17, 1))
    assert [group.channels for group in groups] == [32, 32, 64, 64]
    first = "body.layer1.sum.gcn"
    norm = ("weight", "bias", "running_mean", "running_var")
    expected = {(f"{first}.g_conv.{kind}.{leaf}", 0) for kind in range(3) for leaf in ("weight", "bias")}
    expected |= {(f"{first}.gcn_residual.0.{leaf}", 0) for leaf in ("weight", "bias")}
    expected |= {(f"{first}.{bn}.{leaf}", 0) for bn in ("gcn_residual.1", "bn") for leaf in norm}
    expected |= {("body.layer1.sum.tcn.t_conv.weight", 1)}
    assert by_tensor(groups[0]) == expected
    # The second block adds its input, and its graph convolution too: all of that are the same channels.
    second = "body.layer2.sum.body"
    assert {(f"{second}.gcn.g_conv.0.weight", 0), (f"{second}.gcn.g_conv.0.weight", 1)} <= by_tensor(groups[1])
    assert {(f"{second}.tcn.t_conv.weight", 0), ("body.layer3.sum.shortcut.t_conv.weight", 1)} <= by_tensor(groups[1])
    assert ("fc.weight", 1) in by_tensor(groups[-1])
    answers = {tensor for group in groups for tensor, axis in by_tensor(group) if tensor.startswith("fc.") and not axis}
    assert not answers


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", ["splora", "finetune"])
def test_a_pruned_network_answers_as_its_masked_self(name: str, method: str) -> None:
    network = NETWORKS[name]()
    pupil, adapter = adapted(network, method)
    small = derive(network, adapter)
    x = frames_of(network, network.receptive_field + 4 * network.timing.stride)
    with torch.no_grad():
        torch.testing.assert_close(small.clip(x), pupil.clip(x), rtol=1e-9, atol=1e-9)
    shape, whole, part = shape_of(network), copy.deepcopy(network).float(), copy.deepcopy(small).float()
    assert macs_per_step(part, shape) < 0.5 * macs_per_step(whole, shape)
    assert stream_bytes(part, shape) < 0.9 * stream_bytes(whole, shape)
    assert small.timing == network.timing and small.lag_after(0) == network.lag_after(0)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_pruned_network_streams_and_exports(name: str) -> None:
    network = NETWORKS[name]()
    _, adapter = adapted(network)
    small = derive(network, adapter)
    # Without effect in every network of that kind, pruned or not.
    gradients = name != "adaptive_starred"
    stride, frames = network.timing.stride, None
    if network.receptive_field >= 30:
        frames = network.receptive_field // stride * stride + 8
    check_streaming(small.requires_grad_(True), shape_of(network), frames=frames, gradients=gradients)


@pytest.mark.parametrize(
    "backend", ["onnxruntime", *(pytest.param(name, marks=pytest.mark.slow) for name in ("openvino", "compiled"))]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_pruned_network_steps_in_every_backend(name: str, backend: str) -> None:
    """As its masked self, from the first frame on."""
    if backend == "compiled" and not (name == "graph" and which("g++")):
        pytest.skip("compiling takes a C++ compiler, and so long that one network has to do")
    network = NETWORKS[name]()
    pupil, adapter = adapted(network)
    small = derive(network, adapter).float()
    made = stepper(small, shape_of(network), backend)
    assert made.name == backend
    stride = network.timing.stride
    x = frames_of(network, -(-(network.receptive_field + 8) // stride) * stride)
    state, expected = made.init_state(2), network.init_state(2, shape_of(network), dtype=x.dtype)
    got, wanted = [], []
    with torch.no_grad():
        for part in x.split(stride, dim=2):
            y, state = made(part.float(), state)
            z, expected = pupil(part, expected)
            got.append(y)
            wanted.append(z)
    torch.testing.assert_close(torch.cat(got).double(), torch.cat(wanted), rtol=0, atol=1e-4)


def test_channels_of_branches_keep_their_place_in_what_joins_them() -> None:
    branches = co.Parallel(
        OrderedDict(a=co.Conv1d(3, 4, 1), b=co.Sequential(co.Conv1d(3, 6, 3, padding=1), nn.BatchNorm1d(6))),
        reduce="concat",
    )
    network = filled(co.Sequential(branches, nn.ReLU(), co.Conv1d(10, 2, 3, padding=1)))
    groups = channel_groups(network, (3,))
    assert [group.channels for group in groups] == [4, 6]
    last = [next(m.places.flatten().tolist() for m in group.members if m.tensor == "2.weight") for group in groups]
    assert last == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]]
    retained = {groups[0].name: torch.tensor([1, 3]), groups[1].name: torch.tensor([0, 5])}
    axes = retained_axes(groups, retained, {name: value.shape for name, value in network.state_dict().items()})
    assert axes["2.weight"][1].tolist() == [1, 3, 4, 9]


def test_inception_loses_channels_of_every_branch() -> None:
    with torch.device("meta"):
        network = InceptionCoI3D()
    groups = channel_groups(network, (3, 224, 224))
    assert len(groups) == 3 + 6 * len(MIXED)  # each convolution by itself: none of its sums shares channels
    half = {group.name: torch.arange(group.channels // 2) for group in groups}
    state = network.state_dict()
    axes = retained_axes(groups, half, {name: value.shape for name, value in state.items()})
    shapes = {
        name: [len(axes.get(name, {}).get(axis, range(side))) for axis, side in enumerate(value.shape)]
        for name, value in state.items()
    }
    before = macs_per_step(network, (3, 224, 224))
    resize(network, {name: torch.empty(shape, device="meta") for name, shape in shapes.items()})
    assert 0.25 < macs_per_step(network, (3, 224, 224)) / before < 0.35  # the input and the answers stay whole


def test_what_a_layer_norm_measures_together_stays_together() -> None:
    network = filled(co.Sequential(co.Conv1d(3, 8, 1), co.Conv1d(8, 8, 1), co.LayerNorm(8), co.Linear(8, 2)))
    assert [group.name for group in channel_groups(network, (3,))] == ["0"]


def test_grouped_convolutions_stay_whole() -> None:
    network = filled(co.Sequential(co.Conv1d(3, 8, 1), co.Conv1d(8, 8, 3, groups=2, padding=1), co.Conv1d(8, 2, 1)))
    assert not channel_groups(network, (3,))


def test_heads_go_whole() -> None:
    network = NETWORKS["attention, one layer"]()
    [heads] = [group for group in channel_groups(network, shape_of(network)) if group.unit == "head"]
    rows = next(member.places for member in heads.members if member.tensor.endswith("in_proj_weight"))
    assert rows.shape == (4, 12)
    assert rows[1].tolist() == [4, 5, 6, 7, 20, 21, 22, 23, 36, 37, 38, 39]  # of queries, keys and values
    _, adapter = adapted(network)
    attention = derive(network, adapter).encoder.layers[0].self_attn
    assert 1 <= attention.num_heads < 4 and attention.out_proj.in_features == 4 * attention.num_heads


def test_the_network_that_is_looked_at_stays_as_it_is() -> None:
    network = skeleton()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = frames_of(network, 16)
    answer = network.clip(x)
    channel_groups(network, (3, 17, 1))
    assert torch.equal(network.clip(x), answer)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_pruning", None)
    with pytest.raises(ImportError, match=r"co_perception\[adapt\]"):
        channel_groups(skeleton(), (3, 17, 1))
