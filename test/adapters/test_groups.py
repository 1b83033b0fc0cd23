"""What stays of every tensor when channels go."""

from __future__ import annotations

import pytest
import torch

from co_perception.adapters.groups import ChannelGroup, Member, sliced, stay

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
    axes = stay([GROUP], {"a": torch.tensor([0, 2])}, SHAPES)
    assert {(name, axis): places.tolist() for name, each in axes.items() for axis, places in each.items()} == {
        ("a.weight", 0): [0, 2],
        ("norm.weight", 0): [0, 1, 4, 5],
        ("b.weight", 1): [0, 1, 2, 4],
    }
    assert sliced(torch.arange(35).view(7, 5, 1), axes["b.weight"]).shape == (7, 4, 1)


def test_a_group_that_is_not_named_or_loses_nothing_leaves_no_trace() -> None:
    assert stay([GROUP], {}, SHAPES) == {} and stay([GROUP], {"a": torch.arange(3)}, SHAPES) == {}


@pytest.mark.parametrize("places", [[], [3], [-1, 0]])
def test_channels_that_there_are_not_are_refused(places: list[int]) -> None:
    with pytest.raises(ValueError, match="a has 3 channels"):
        stay([GROUP], {"a": torch.tensor(places, dtype=torch.int64)}, SHAPES)
