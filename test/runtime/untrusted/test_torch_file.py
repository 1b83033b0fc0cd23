"""Files of torch.save, in both of its formats, and what must not be read from them."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from co_perception.runtime.untrusted.torch_file import load_plain

CORPUS = Path(__file__).parents[2] / "corpus/torch"
FORMATS = pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])


def saved(path: Path, content: Any, archive: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    return path


@FORMATS
def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path, archive: bool) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    content = {"state_dict": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "sizes": (1, (2,))}
    found = load_plain(saved(tmp_path / "a.pth", content, archive))
    assert found["epoch"] == 3 and found["sizes"] == (1, (2,))
    assert all(found["state_dict"][name].equal(value) for name, value in network.state_dict().items())
    assert found["optimizer"]["state"][0]["exp_avg"].equal(optimizer.state_dict()["state"][0]["exp_avg"])


@pytest.mark.parametrize("name", ["trap_key_of_doubled_tuples", "trap_legacy_key_of_doubled_tuples"])
def test_a_key_that_takes_years_to_hash_is_refused_in_both_formats(name: str) -> None:
    with pytest.raises(ValueError, match="a tuple that unfolds"):
        load_plain(CORPUS / name)


def test_checksums_are_compared_where_that_is_asked(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", {"a": torch.full((20,), 3.0)}, True)
    assert load_plain(path, checksums=True)["a"].tolist() == [3.0] * 20
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<f", 3.0) * 20) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="differs from its checksum"):
        load_plain(path, checksums=True)
    with pytest.raises(ValueError, match="has no checksums"):
        load_plain(saved(path, {"a": torch.ones(2)}, False), checksums=True)


def test_what_torch_takes_for_an_archive_is_looked_at_as_one(tmp_path: Path) -> None:
    """Python's zipfile looks for the end of an archive, torch for its beginning."""
    whole = saved(tmp_path / "a.pth", {"a": torch.ones(2)}, True).read_bytes()
    (tmp_path / "a.pth").write_bytes(whole[:-30])
    with pytest.raises(ValueError, match="archive is damaged"):
        load_plain(tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes(b"#" + whole)
    with pytest.raises(ValueError, match="no file of torch"):
        load_plain(tmp_path / "a.pth")


@FORMATS
def test_cut_off_anywhere_it_is_an_error_that_is_documented(tmp_path: Path, archive: bool) -> None:
    whole = saved(tmp_path / "a.pth", {"a": torch.ones(20), "b": [1, "c"]}, archive).read_bytes()
    for length in range(0, len(whole) - 1, 7):
        (tmp_path / "a.pth").write_bytes(whole[:length])
        with pytest.raises((ValueError, RuntimeError, EOFError, pickle.UnpicklingError)):
            load_plain(tmp_path / "a.pth")


def test_a_packed_archive_is_refused() -> None:
    with pytest.raises(ValueError, match="compressed"):
        load_plain(CORPUS / "trap_packed_zeros")


@FORMATS
def test_torchs_advice_to_switch_safety_off_is_not_passed_on(tmp_path: Path, archive: bool) -> None:
    path = saved(tmp_path / "model.pth", {"layer": nn.Linear(2, 2)}, archive)
    with pytest.raises(pickle.UnpicklingError) as refused:
        load_plain(path)
    assert str(refused.value) == "it asks for torch.nn.modules.linear.Linear"
    assert refused.value.__suppress_context__
