"""The key map of published checkpoints: a small made-up tree for its rules, the published file for its completeness."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from helpers.refusals import assert_refused
from numpy.typing import NDArray

from co_perception.networks.inception import InceptionCoI3D, published_names
from co_perception.networks.inception_flax import inception_from_flax
from co_perception.runtime.store import store
from co_perception.runtime.untrusted.unpickle import read_arrays

STEM = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
BRANCHES = {
    "b0": "Branch_0/Conv3d_0a_1x1",
    "b1a": "Branch_1/Conv3d_0a_1x1",
    "b1b": "Branch_1/Conv3d_0b_3x3",
    "b2a": "Branch_2/Conv3d_0a_1x1",
    "b2b": "Branch_2/Conv3d_0b_3x3",
    "b3b": "Branch_3/Conv3d_0b_1x1",
}
MIXED = [f"Mixed_{name}" for name in ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")]


@pytest.fixture
def tree() -> dict[str, Any]:
    """Variables in the published nesting, with kernels of (1, 2, 3) and 4 to 5 channels everywhere."""
    random = np.random.default_rng(0)

    def numbers(*shape: int) -> NDArray[np.float32]:
        return random.random(shape, np.float32)

    def params() -> dict[str, Any]:
        return {"Conv_0": {"kernel": numbers(1, 2, 3, 4, 5)}, "BatchNorm_0": {"bias": numbers(5)}}

    def stats() -> dict[str, Any]:
        return {"BatchNorm_0": {"mean": numbers(1, 1, 1, 1, 5), "var": numbers(5)}}

    whole: dict[str, Any] = {}
    for collection, unit in (("params", params), ("batch_stats", stats)):
        mixed = {name: {branch: unit() for branch in BRANCHES.values()} for name in MIXED}
        whole[collection] = {name: unit() for name in STEM} | mixed
    whole["params"]["Logits/Conv3d_0c_1x1"] = {"Conv_0": {"kernel": numbers(1, 1, 1, 4, 7), "bias": numbers(7)}}
    return whole


def test_every_unit_is_where_it_belongs_and_the_given_tree_is_left_alone(tree: dict[str, Any]) -> None:
    before = repr(tree)
    found = inception_from_flax(tree)
    assert repr(tree) == before
    for mixed in MIXED:
        for ours, theirs in BRANCHES.items():
            kernel = tree["params"][mixed][theirs]["Conv_0"]["kernel"]
            weight = found[f"{mixed}.{ours}.conv3d.weight"]
            assert weight.shape == (5, 4, 1, 2, 3) and weight[2, 3, 0, 1, 2] == kernel[0, 1, 2, 3, 2]
            np.testing.assert_array_equal(weight, np.moveaxis(kernel, (3, 4), (1, 0)))
    assert len(found) == (len(STEM) + len(MIXED) * len(BRANCHES)) * 6 + 2
    # Batch norms become vectors.
    stats = tree["batch_stats"]["Mixed_4e"][BRANCHES["b2a"]]["BatchNorm_0"]
    np.testing.assert_array_equal(found["Mixed_4e.b2a.bn.running_mean"], stats["mean"].reshape(5))
    np.testing.assert_array_equal(found["Mixed_4e.b2a.bn.running_var"], stats["var"])
    bias = tree["params"]["Mixed_4e"][BRANCHES["b2a"]]["BatchNorm_0"]["bias"]
    np.testing.assert_array_equal(found["Mixed_4e.b2a.bn.bias"], bias)
    assert found["Mixed_4e.b2a.bn.num_batches_tracked"] == 0
    last = tree["params"]["Logits/Conv3d_0c_1x1"]["Conv_0"]
    assert found["logits.conv3d.weight"].shape == (7, 4, 1, 1, 1)
    np.testing.assert_array_equal(found["logits.conv3d.bias"], last["bias"])


def test_a_missing_scale_is_one_and_a_given_one_is_kept(tree: dict[str, Any]) -> None:
    given = np.arange(5, dtype=np.float32)
    tree["params"]["Conv3d_2b_1x1"]["BatchNorm_0"]["scale"] = given
    found = inception_from_flax(tree)
    np.testing.assert_array_equal(found["Conv3d_2b_1x1.bn.weight"], given)
    np.testing.assert_array_equal(found["Conv3d_2c_3x3.bn.weight"], np.ones(5))


UNIT = f"Mixed_5b/{BRANCHES['b0']}"
VECTOR = r"Mixed_5b.*expected 5 values, one per channel"
MISFITS: dict[str, tuple[str, str, Any, str]] = {  # a unit, what in it is set to which value (None: left out), advice
    "missing": (f"batch_stats/{UNIT}/BatchNorm_0", "var", None, f"batch_stats/{UNIT}/BatchNorm_0/var is missing"),
    "left over": ("params", "Mixed_6a", np.zeros(1), "1 entries left over, such as params/Mixed_6a"),
    "few": (f"params/{UNIT}/BatchNorm_0", "bias", np.zeros(4), VECTOR),
    "column": (f"params/{UNIT}/BatchNorm_0", "bias", np.zeros((5, 1)), VECTOR),
    "many": (f"params/{UNIT}/BatchNorm_0", "bias", np.zeros((2, 5)), VECTOR),
    "rank": ("params/Conv3d_1a_7x7/Conv_0", "kernel", np.zeros((7, 7, 3, 64)), r"Conv3d_1a_7x7.*expected 5 axes"),
    "no array": (f"params/{UNIT}/Conv_0", "kernel", [1.0], r"Mixed_5b.*expected an array, got list"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_named(tree: dict[str, Any], misfit: str) -> None:
    place, name, value, advice = MISFITS[misfit]
    node = tree
    for key in re.findall(r"(?:Branch_\d|Logits)/[^/]+|[^/]+", place):
        node = node[key]
    node[name] = value
    if value is None:
        del node[name]
    assert_refused(advice, inception_from_flax, tree)


def test_the_published_file_is_the_whole_network() -> None:
    arrays = inception_from_flax(read_arrays(store.locate("i3d_kinetics400")))
    state = published_names({name: torch.tensor(value) for name, value in arrays.items()})
    expected = InceptionCoI3D().state_dict()
    assert {name: value.shape for name, value in state.items()} == {name: v.shape for name, v in expected.items()}
    assert all(torch.isfinite(value).all() for value in state.values())
    assert all((value > 0).all() for name, value in state.items() if name.endswith("running_var"))
