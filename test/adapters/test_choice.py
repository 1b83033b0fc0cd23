"""How many channels stay, and which."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from co_perception.adapters.choice import chosen, density_at
from co_perception.adapters.groups import ChannelGroup, Member


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
    kept = chosen(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.5, least=0.5)
    assert kept["g0"].tolist() == [0, 1, 2] and kept["g1"].tolist() == [1]
    assert chosen(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.5, least=1)["g1"].tolist() == [1, 3]
    least = chosen(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.01)
    assert [len(places) for places in least.values()] == [1, 1]


def test_what_is_gone_does_not_come_back() -> None:
    two = groups(4, 4)
    before = chosen(two, scores([9.0, 8, 7, 6], [1.0, 4, 2, 3]), 0.75)
    after = chosen(two, scores([0.0, 0, 0, 9], [9.0, 0, 0, 0]), 0.5, before)
    assert all(set(after[name].tolist()) <= set(before[name].tolist()) for name in after)
    assert sum(len(places) for places in after.values()) == 4


@pytest.mark.parametrize("density", [0.1, 0.3, 0.5, 0.9])
def test_the_density_is_that_of_all_channels(density: float) -> None:
    some = groups(64, 128, 32, 256)
    random = {group.name: torch.rand(group.channels, generator=torch.Generator().manual_seed(1)) for group in some}
    kept = chosen(some, random, density)
    assert sum(map(len, kept.values())) == round(density * 480)
    assert min(len(kept[group.name]) / group.channels for group in some) >= density * 0.5 - 1 / 32


def test_counts_are_multiples_where_a_group_is_large_enough() -> None:
    kept = chosen(groups(64, 6), scores(list(range(64)), list(range(6))), 0.3, multiple=8)
    assert len(kept["g0"]) % 8 == 0 and 1 <= len(kept["g1"]) <= 6


@pytest.mark.parametrize("wrong", [{"least": 2.0}, {"multiple": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="least is a share"):
        chosen(groups(4), scores([1.0, 2, 3, 4]), 0.5, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="schedule is one of"):
        density_at(0.5, 0.3, "square")
    with pytest.raises(ValueError, match="shares above 0"):
        density_at(0.5, 0.0)
