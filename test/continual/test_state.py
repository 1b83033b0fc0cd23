"""State as a value: rows, names, structure."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import torch
from helpers.refusals import assert_refused
from safetensors.torch import save_file

import co_perception.continual as co
from co_perception.continual.state import (
    State,
    join_rows,
    leaves,
    load,
    named_leaves,
    put_rows,
    read_metadata,
    reset_rows,
    save,
    split_rows,
    state_bytes,
    take_rows,
    to,
    unflatten,
)
from co_perception.engine.files import write_files


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
    assert_refused("leaves", unflatten, state, [*leaves(state), torch.zeros(1)])


def test_states_of_different_networks_do_not_mix() -> None:
    one = co.Conv1d(2, 2, 3).init_state(1, (2,))
    other = co.Conv1d(2, 2, 5).init_state(1, (2,))
    assert_refused("same network", put_rows, one, torch.tensor([0]), other)


def test_a_convolution_keeps_k_minus_1_frames() -> None:
    """The reference library keeps (k-1)^2 maps (facts of the dissertation's code); history needs k-1."""
    state = co.Conv3d(24, 24, 5, padding=2).init_state(2, (24, 7, 7))
    assert state_bytes(state.layers) == 2 * 4 * 24 * 7 * 7 * 4


def network() -> co.Sequential:
    torch.manual_seed(0)
    return co.Sequential(co.Conv1d(2, 3, 3, padding=1), co.MaxPool1d(2, stride=2), co.Conv1d(3, 2, 3))


def seen(net: co.Sequential, frames: int, streams: int = 1) -> State:
    x = torch.randn(streams, 2, frames, generator=torch.Generator().manual_seed(frames))
    return net(x, net.init_state(streams, (2,)))[1]


def same(a: State, b: State) -> bool:
    return all(torch.equal(x, y) and x.dtype == y.dtype for x, y in zip(leaves(a), leaves(b), strict=True))


def test_streams_join_into_a_batch_and_part_again() -> None:
    net = network()
    young, old = seen(net, 2), seen(net, 12, streams=2)
    both = join_rows([young, old])
    assert both.age.tolist() == [2, 12, 12]
    assert all(same(a, b) for a, b in zip(split_rows(both, [1, 2]), (young, old), strict=True))
    x = torch.randn(3, 2, 2)
    together, _ = net(x, both)
    for row, part in enumerate(split_rows(both)):
        torch.testing.assert_close(together[row : row + 1], net(x[row : row + 1], part)[0])
    assert_refused("at least one", join_rows, [])
    assert_refused("same network", join_rows, [young, co.Conv1d(2, 2, 5).init_state(1, (2,))])


def test_a_parted_stream_does_not_keep_the_batch_alive() -> None:
    both = seen(network(), 12, streams=2)
    for leaf in leaves(split_rows(both)[0]):
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()


def test_precision_changes_for_frames_and_not_for_ages() -> None:
    state = seen(network(), 4)
    half = to(state, dtype=torch.bfloat16)
    assert half.age.dtype == torch.int64 and all(leaf.dtype == torch.bfloat16 for leaf in leaves(half.layers))
    assert state.layers[0][0].dtype == torch.float32
    assert {leaf.device.type for leaf in leaves(to(state, "meta"))} == {"meta"}
    assert_refused("floating point", to, state, dtype=torch.int64)


def test_a_saved_stream_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "state.safetensors"
    state = seen(net, 12, streams=2)
    save(state, path, {"network": "small"})
    again = load(path, net.init_state(1, (2,)))
    assert isinstance(again, State) and same(again, state)
    x = torch.randn(2, 2, 4)
    assert torch.equal(net(x, again)[0], net(x, state)[0]) and read_metadata(path) == {"network": "small"}
    assert os.listdir(tmp_path) == ["state.safetensors"]


def test_an_interrupted_save_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, path = network(), tmp_path / "state.safetensors"
    save(seen(net, 4), path)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        save(seen(net, 8), path)
    assert os.listdir(tmp_path) == ["state.safetensors"]
    assert same(load(path, net.init_state(1, (2,))), seen(net, 4))


def test_model_private_a_state_is_as_readable_as_the_umask_says(tmp_path: Path, umask_of_a_group: None) -> None:
    path = tmp_path / "state.safetensors"
    save(seen(network(), 4), path)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_is_named_with_the_file_and_costs_none_of_what_belongs_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / "weights", tmp_path / "metadata"]
    write_files(dict.fromkeys(paths, b"old"))
    written = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*metadata'"):
        write_files(dict.fromkeys(paths, b"new"))
    assert sorted(tmp_path.iterdir()) == sorted(paths) and {path.read_bytes() for path in paths} == {b"old"}


def test_files_that_are_not_a_state_of_this_network_are_refused(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "state.safetensors"
    fresh = net.init_state(1, (2,))
    with pytest.raises(FileNotFoundError):
        load(path, fresh)
    save(seen(net, 4), path)
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert_refused("not a whole safetensors file", load, path, fresh)
    save_file(net.state_dict(), path)
    assert_refused("not written by", load, path, fresh)
    save(co.Conv1d(2, 2, 3).init_state(1, (2,)), path)
    assert_refused("another network", load, path, fresh)
    save(to(seen(net, 4), dtype=torch.float64), path)
    assert_refused("precision", load, path, fresh)
