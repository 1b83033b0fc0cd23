"""State as a value: rows, names, structure."""

from __future__ import annotations

import pytest
import torch

import co_perception.continual as co
from co_perception.continual.state import (
    State,
    leaves,
    named_leaves,
    put_rows,
    reset_rows,
    state_bytes,
    take_rows,
    unflatten,
)


def some_state() -> State:
    return State(torch.tensor([1, 2, 3]), ((torch.arange(6.0).view(3, 2),), (), torch.ones(3, 1, 2)))


def test_names_follow_the_tree() -> None:
    assert [name for name, _ in named_leaves(some_state())] == ["age", "layers.0.0", "layers.2"]


def test_rows_are_taken_put_and_reset() -> None:
    state = some_state()
    row = take_rows(state, torch.tensor([2]))
    assert row.age.tolist() == [3] and row.layers[0][0].tolist() == [[4.0, 5.0]]
    changed = put_rows(state, torch.tensor([0]), row)
    assert changed.layers[0][0].tolist() == [[4.0, 5.0], [2.0, 3.0], [4.0, 5.0]]
    fresh = reset_rows(state, torch.tensor([False, True, False]))
    assert fresh.age.tolist() == [1, 0, 3] and fresh.layers[2][:, 0, 0].tolist() == [1, 0, 1]
    assert state.age.tolist() == [1, 2, 3]


def test_unflatten_is_the_inverse_of_leaves() -> None:
    state = some_state()
    again = unflatten(state, leaves(state))
    assert isinstance(again, State) and all(a is b for a, b in zip(leaves(again), leaves(state), strict=True))
    with pytest.raises(ValueError, match="leaves"):
        unflatten(state, [*leaves(state), torch.zeros(1)])


def test_states_of_different_networks_do_not_mix() -> None:
    one = co.Conv1d(2, 2, 3).init_state(1, (2,))
    other = co.Conv1d(2, 2, 5).init_state(1, (2,))
    with pytest.raises(ValueError, match="same network"):
        put_rows(one, torch.tensor([0]), other)


def test_a_convolution_keeps_k_minus_1_frames() -> None:
    """The reference library keeps (k-1)^2 maps (facts of the dissertation's code); history needs k-1."""
    state = co.Conv3d(24, 24, 5, padding=2).init_state(2, (24, 7, 7))
    assert state_bytes(state.layers) == 2 * 4 * 24 * 7 * 7 * 4
