"""Recycling positional encodings: a function of a frame's place in its clip, learned or fixed, and rotary positions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.refusals import assert_refused

import co_perception.continual as co
from co_perception.continual.check import check_streaming
from co_perception.continual.position import cyclic_table, rotate
from co_perception.continual.state import reset_rows

EXACT: dict[str, Any] = dict(tolerance=1e-12, dtype=torch.float64)


@pytest.mark.parametrize("learned", [True, False])
def test_adds_the_entry_of_the_frames_place_round_and_round(learned: bool) -> None:
    layer = co.RecyclingPositionalEncoding(6, 5, learned=learned).double()
    table = next(iter(layer.state_dict().values()))

    def reference(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, :, i] + table[i % 5] for i in range(x.shape[2])], dim=2)

    check_streaming(layer, (6,), frames=13, reference=reference, gradients=learned, **EXACT)


def test_frames_with_space_get_one_entry_everywhere() -> None:
    layer = co.RecyclingPositionalEncoding(6, 5).double()
    x = torch.randn(2, 6, 7, 3, dtype=torch.float64)
    y = layer.eval().clip(x)
    torch.testing.assert_close(y - x, (y - x)[..., :1].expand_as(x))
    check_streaming(layer, (6, 3), frames=6, **EXACT)


def test_counts_from_the_clip_also_behind_late_layers() -> None:
    net = co.Sequential(co.Conv1d(2, 6, 5, padding=2), co.RecyclingPositionalEncoding(6, 4)).double()
    check_streaming(net, (2,), reference=lambda x: net[1].eval().clip(net[0].clip(x)), **EXACT)  # type: ignore[operator]


def test_streams_of_a_batch_have_their_own_places() -> None:
    layer = co.RecyclingPositionalEncoding(6, 5).eval()
    _, state = layer(torch.zeros(2, 6, 3), layer.init_state(2, (6,)))
    y, _ = layer(torch.zeros(2, 6, 1), reset_rows(state, torch.tensor([False, True])))
    weight = layer.state_dict()["pe.weight"]
    assert torch.equal(y[:, :, 0], weight[[3, 0]])


def test_training_starts_clips_at_random_entries_and_shift_false_does_not() -> None:
    x = torch.zeros(64, 6, 3)
    layer = co.RecyclingPositionalEncoding(6, 5)
    weight = layer.state_dict()["pe.weight"]
    starts = {int((weight == row[:, 0]).all(1).nonzero()) for row in layer.clip(x)}
    assert starts == set(range(5))
    y = co.RecyclingPositionalEncoding(6, 5, shift=False).clip(x)
    assert torch.equal(y, y[:1].expand_as(y))


def test_the_fixed_table_closes_and_tells_places_apart() -> None:
    table = cyclic_table(127, 64)
    assert table.shape == (127, 64)
    torch.testing.assert_close(table.mean(0), torch.zeros(64, dtype=torch.float64))
    # The step from the last entry to the first is like any other along the table.
    steps = (table.roll(-1, dims=0) - table).norm(dim=1)
    assert steps[-1] <= steps.max()
    # Neighbors resemble each other more than any distant entry, all around the circle.
    distances = torch.cdist(table, table)
    near = distances.diagonal(1).max()
    far = torch.stack([distances[i, (i + 40) % 127] for i in range(127)]).min()
    assert near < far


def test_names_are_those_of_published_checkpoints() -> None:
    assert list(co.RecyclingPositionalEncoding(6, 5).state_dict()) == ["pe.weight"]
    assert list(co.RecyclingPositionalEncoding(6, 5, learned=False).state_dict()) == ["pe.pattern"]


def test_rotation_makes_products_depend_on_distance_only() -> None:
    q, k = torch.randn(2, 1, 8, dtype=torch.float64).unbind(0)
    products = [(rotate(q, 3 + shift) @ rotate(k, shift).T).item() for shift in (0, 5, 1000)]
    assert products == pytest.approx([products[0]] * 3, abs=1e-10)
    assert products[0] != pytest.approx((rotate(q, 4) @ rotate(k, 0).T).item(), abs=1e-6)
    # As complex numbers: channel i and i + d/2 turned by position * base ** (-2i/d).
    turned = torch.complex(q[0, :4], q[0, 4:]) * torch.exp(1j * 7 * 10_000.0 ** (-torch.arange(4) / 4))
    torch.testing.assert_close(rotate(q, 7)[0], torch.cat([turned.real, turned.imag]))


def test_errors_teach() -> None:
    assert_refused("at least one entry", co.RecyclingPositionalEncoding, 6, 0)
    assert_refused("at least 2", co.RecyclingPositionalEncoding, 1, 5, learned=False)
