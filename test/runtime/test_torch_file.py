"""Files of torch.save, in both of its formats, and what must not be read from them."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from co_perception.runtime.torch_file import load_plain

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


def keyed() -> bytes:
    """A dict whose key takes years to hash."""
    key: tuple[Any, ...] = ()
    for _ in range(60):
        key = (key, key)
    return b"\x80\x02}" + pickle.dumps(key, 2)[2:-1] + b"K\x01s."


def test_a_key_that_takes_years_to_hash_is_refused_in_both_formats(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        for name, content in {"data.pkl": keyed(), "version": b"3\n", "byteorder": b"little"}.items():
            archive.writestr(f"a/{name}", content)
    head = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    (tmp_path / "b.pth").write_bytes(b"".join(head) + keyed() + pickle.dumps([], 2))
    for name in ("a.pth", "b.pth"):
        with pytest.raises(ValueError, match="a tuple that unfolds"):
            load_plain(tmp_path / name)


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


def test_a_packed_archive_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(10**6)}, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(tmp_path / "a.pth", "w", zipfile.ZIP_DEFLATED) as to:
        for name in source.namelist():
            to.writestr(name, source.read(name))
    with pytest.raises(ValueError, match="compressed"):
        load_plain(tmp_path / "a.pth")
