"""States of NumPy's arrays, and of both libraries: the same trees, the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.refusals import assert_refused

from co_perception.continual import state as torch_states
from co_perception.engine.state_tree import (
    State,
    copied,
    fitted,
    join_rows,
    leaves,
    load,
    named_leaves,
    nested,
    put_rows,
    read_metadata,
    rows_of,
    save,
    state_bytes,
    take_rows,
    tree_map,
    unflatten,
)


def of_numpy() -> State:
    past = np.arange(6, dtype=np.float32).reshape(3, 2)
    return State(np.array([1, 2, 3]), ((past,), (), np.ones((3, 1, 2), np.float32), np.array([True, False, True])))


def of_torch() -> State:
    return tree_map(torch.from_numpy, of_numpy())


def as_lists(state: Any) -> list[Any]:
    return [leaf.tolist() for leaf in leaves(state)]


@pytest.mark.parametrize("make", [of_numpy, of_torch])
def test_both_libraries_have_rows_alike(make: Any) -> None:
    state = make()
    before = as_lists(state)
    row = take_rows(state, rows_of(state, [2]))
    assert as_lists(row) == [[3], [[4.0, 5.0]], [[[1.0, 1.0]]], [True]]
    changed = put_rows(state, rows_of(state, [0]), row)
    assert as_lists(changed)[:2] == [[3, 2, 3], [[4.0, 5.0], [2.0, 3.0], [4.0, 5.0]]]
    assert as_lists(join_rows([row, state]))[0] == [3, 1, 2, 3]
    assert as_lists(state) == before and as_lists(unflatten(state, leaves(state))) == before
    assert as_lists(take_rows(state, rows_of(state, [])))[0] == []
    own = copied(state)
    own.age[0] = 7
    assert state.age[0] == 1 and state_bytes(state) == 3 * 8 + 24 + 24 + 3


@pytest.mark.parametrize(("writer", "reader"), [(of_numpy, of_torch), (of_torch, of_numpy), (of_numpy, of_numpy)])
def test_a_file_of_one_library_goes_on_in_the_other(writer: Any, reader: Any, tmp_path: Path) -> None:
    save(writer(), tmp_path / "state", {"network": "small"})
    again = load(tmp_path / "state", reader())
    assert isinstance(again, State) and as_lists(again) == as_lists(writer())
    assert type(again.age) is type(reader().age) and again.layers[0][0].dtype == reader().layers[0][0].dtype
    assert read_metadata(tmp_path / "state") == {"network": "small"}


def test_trees_of_both_libraries_are_saved_as_one(tmp_path: Path) -> None:
    mixed = State(torch.tensor([4]), (np.array([[1.5]], np.float32),))
    save(mixed, tmp_path / "state")
    again = load(tmp_path / "state", mixed)
    assert type(again.layers[0]) is np.ndarray and as_lists(again) == [[4], [[1.5]]]


def test_what_numpy_does_not_have_is_refused(tmp_path: Path) -> None:
    state = torch_states.to(of_torch(), dtype=torch.bfloat16)
    save(state, tmp_path / "state")
    assert_refused("precision", load, tmp_path / "state", of_numpy())


@pytest.mark.parametrize(("make", "like"), [(of_numpy, of_torch), (of_torch, of_numpy)])
def test_a_snapshot_of_one_library_fits_the_other(make: Any, like: Any) -> None:
    found = fitted(make(), like())
    assert as_lists(found) == as_lists(like()) and type(found.age) is type(like().age)
    assert_refused("another network", fitted, make(), like()._replace(layers=()))
    assert_refused("another number of streams", fitted, take_rows(make(), rows_of(make(), [0])), like())


def test_a_tree_is_built_of_the_names_of_its_leaves() -> None:
    tree = (((), 1, 2), (), State(3, (4,)))
    named = dict(named_leaves(tree))
    assert list(named) == ["0.1", "0.2", "2.age", "2.layers.0"]
    assert list(named_leaves(nested(named))) == list(named.items())
    assert nested({"": 5}) == 5 and nested({}) == ()
    for names in (["1", "0"], ["99999999"], ["0", "a"], ["a-b"], ["", "0"]):
        assert_refused("numbered|field|identifier", nested, dict.fromkeys(names, 1))
