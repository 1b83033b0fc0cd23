"""Importance scores against torch-pruning's and sums by hand; which channels and blocks are retained."""

from __future__ import annotations

import pytest
import torch
import torch_pruning
from helpers.prunable_networks import derive, filled, frames_of, skeleton
from torch import Tensor, nn

import co_perception.continual as co
from co_perception.adapters.attach import AdapterConfig, attach, forms, plain_state
from co_perception.adapters.coupling import channel_groups
from co_perception.adapters.file import extract
from co_perception.adapters.forms import Blocks
from co_perception.adapters.groups import ChannelGroup, Member
from co_perception.adapters.selection import channel_scores, density_at, select_blocks, select_channels


def groups(*sizes: int) -> tuple[ChannelGroup, ...]:
    return tuple(
        ChannelGroup(f"g{place}", (Member(f"w{place}", 0, torch.arange(size)[:, None]),))
        for place, size in enumerate(sizes)
    )


def scores(*rows: list[float]) -> dict[str, Tensor]:
    return {f"g{place}": torch.tensor(row) for place, row in enumerate(rows)}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("linear", [1, 0.8, 0.6, 0.2]),
        ("cubic", [1, 0.2 + 0.8 * 0.75**3, 0.2 + 0.8 * 0.5**3, 0.2]),
        ("once", [1, 1, 1, 0.2]),
    ],
)
def test_density_falls_as_it_is_said(schedule: str, expected: list[float]) -> None:
    found = [density_at(done, 0.2, schedule, until=0.8) for done in (0.0, 0.2, 0.4, 0.9)]
    assert found == pytest.approx(expected)


def test_the_best_of_all_groups_stay_and_no_group_goes() -> None:
    two = groups(4, 4)
    retained = select_channels(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.5, least=0.5)
    assert retained["g0"].tolist() == [0, 1, 2] and retained["g1"].tolist() == [1]
    assert select_channels(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.5, least=1)["g1"].tolist() == [1, 3]
    least = select_channels(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.01)
    assert [len(places) for places in least.values()] == [1, 1]


def test_what_is_gone_does_not_come_back() -> None:
    two = groups(4, 4)
    before = select_channels(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.75)
    after = select_channels(two, scores([0.0, 0, 0, 9], [9.0, 0, 0, 0]), 0.5, before)
    assert all(set(after[name].tolist()) <= set(before[name].tolist()) for name in after)
    assert sum(len(places) for places in after.values()) == 4


@pytest.mark.parametrize("density", [0.1, 0.3, 0.5, 0.9])
def test_the_density_is_that_of_all_channels(density: float) -> None:
    some = groups(64, 128, 32, 256)
    random = {group.name: torch.rand(group.channels, generator=torch.Generator().manual_seed(1)) for group in some}
    retained = select_channels(some, random, density)
    assert sum(map(len, retained.values())) == round(density * 480)
    assert min(len(retained[group.name]) / group.channels for group in some) >= density * 0.5 - 1 / 32


def test_counts_are_multiples_where_a_group_is_large_enough() -> None:
    retained = select_channels(groups(64, 6), scores(list(range(64)), list(range(6))), 0.3, multiple=8)
    assert len(retained["g0"]) % 8 == 0 and 1 <= len(retained["g1"]) <= 6


@pytest.mark.parametrize("wrong", [{"least": 2.0}, {"multiple": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least is a share"):
        select_channels(groups(4), scores([1.0, 2, 3, 4]), 0.5, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="schedule is one of"):
        density_at(0.5, 0.3, "square")
    with pytest.raises(ValueError, match="shares above 0"):
        density_at(0.5, 0.0)


def network() -> co.Sequential:
    wide, narrow, last = co.Conv1d(3, 6, 3), co.Conv1d(6, 4, 1), co.Conv1d(4, 2, 1)
    return filled(co.Sequential(wide, nn.BatchNorm1d(6), nn.ReLU(), narrow, nn.ReLU(), last))


@pytest.mark.parametrize(
    ("how", "theirs"),
    [
        ("magnitude", torch_pruning.importance.GroupMagnitudeImportance(p=2)),
        ("taylor", torch_pruning.importance.GroupTaylorImportance(multivariable=False)),
    ],
)
def test_scores_are_those_of_the_library(how: str, theirs: torch_pruning.importance.Importance) -> None:
    ours = network()
    convolutions = nn.Conv1d(3, 6, 3), nn.Conv1d(6, 4, 1), nn.Conv1d(4, 2, 1)
    # The same layers in plain torch, for the library to look at by itself.
    plain = nn.Sequential(convolutions[0], nn.BatchNorm1d(6), nn.ReLU(), convolutions[1], nn.ReLU(), convolutions[2])
    plain.double().eval().load_state_dict(ours.state_dict())
    x = torch.randn(4, 3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    plain(x).square().sum().backward()
    graph = torch_pruning.DependencyGraph().build_dependency(plain, x)
    plain(x).square().sum().backward()
    found = [theirs(group).double() for group in graph.get_all_groups(ignored_layers=[plain[-1]])]
    expected = sorted(found, key=len, reverse=True)
    weights = dict(plain.named_parameters())
    if how == "taylor":  # theirs overlooks batch norms there: the branch asks for a group norm's function
        weights = {name: weight for name, weight in weights.items() if weight.dim() > 1}
    gradients = {name: weight.grad for name, weight in weights.items() if weight.grad is not None}
    scores = channel_scores(channel_groups(ours, (3,)), how, weights, gradients)
    assert [len(score) for score in scores.values()] == [6, 4]
    for ours_, theirs_ in zip(scores.values(), expected, strict=True):
        torch.testing.assert_close(ours_, theirs_ / theirs_.mean(), rtol=1e-5, atol=1e-7)


def test_gradients_count_squared() -> None:
    ours = network()
    gradients = {name: torch.zeros_like(value) for name, value in ours.named_parameters()}
    gradients["3.weight"][2] = 3.0  # output channel 2 of the second convolution, six entries
    gradients["5.weight"][0, 1] = 2.0
    scores = channel_scores(channel_groups(ours, (3,)), "gradient", dict(ours.named_parameters()), gradients)
    by_hand = torch.tensor([0.0, 4.0, 54.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(scores["3"], by_hand / by_hand.mean())


def test_a_score_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="magnitude, gradient, taylor"):
        channel_scores((), "hessian", {}, {})


def pruned(density: float) -> tuple[object, dict[str, Blocks]]:
    network = skeleton()
    attach(network, AdapterConfig(method="splopa", block=16, prototypes=4))
    blocks = {name: form for name, form in forms(network).items() if isinstance(form, Blocks)}
    select_blocks(blocks, density, "magnitude", plain_state(network), {})
    return network, blocks


def test_the_share_of_blocks_that_is_said_stays_and_every_weight_keeps_one() -> None:
    _, blocks = pruned(0.3)
    total = sum(form.stays.numel() for form in blocks.values())
    left = sum(int(form.stays.sum()) for form in blocks.values())
    assert 0.3 * total - 1 <= left <= 0.3 * total + len(blocks)
    assert all(form.stays.any() for form in blocks.values())


def test_the_strongest_blocks_stay() -> None:
    w = torch.full((32, 32), 0.1)
    w[16:, :16] = 1.0
    _, blocks = pruned(1.0)
    form = next(iter(blocks.values()))
    form.stays = torch.ones(2, 2, dtype=torch.bool)
    select_blocks({"w": form}, 0.25, "magnitude", {"w": w}, {})
    assert form.stays.tolist() == [[False, False], [True, False]]
    w[:16, 16:] = 9.0
    select_blocks({"w": form}, 0.5, "magnitude", {"w": w}, {})
    assert form.stays.tolist() == [[False, False], [True, False]]  # what is gone does not come back


def test_learned_numbers_are_those_of_blocks_that_stay_and_of_the_prototypes_once() -> None:
    source = skeleton()
    network, blocks = pruned(0.4)
    left = sum(int(form.stays.sum()) for form in blocks.values())
    adapter = extract(network, source.state_dict(), {}, AdapterConfig(method="splopa", block=16, prototypes=4))  # type: ignore[arg-type]
    assert adapter.learned == 4 * left + 2 * 4 * 16
    small = derive(source, adapter)
    x = frames_of(source, 16)
    with torch.no_grad():
        torch.testing.assert_close(small.clip(x), network.clip(x), rtol=1e-9, atol=1e-9)  # type: ignore[attr-defined]
    weight = small.get_parameter("body.layer3.sum.body.tcn.t_conv.weight")
    assert (weight.unflatten(0, (-1, 16)).unflatten(2, (-1, 16)).abs().sum((1, 3, 4, 5)) == 0).any()
