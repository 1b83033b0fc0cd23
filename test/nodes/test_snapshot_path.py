"""A service may name files below one folder, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from co_perception.nodes.snapshot_path import path_inside


def test_names_lead_into_the_folder(tmp_path: Path) -> None:
    assert path_inside(str(tmp_path), "a/b.safetensors") == tmp_path.resolve() / "a/b.safetensors"
    assert path_inside(str(tmp_path), str(tmp_path / "b")) == tmp_path.resolve() / "b"


def test_home_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_inside(str(tmp_path / "x"), "~/x/b") == tmp_path.resolve() / "x/b"
    with pytest.raises(ValueError, match="below"):
        path_inside(str(tmp_path / "x"), "~/b")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/../../x", "/etc/passwd"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="below"):
        path_inside(str(tmp_path), name)


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="below"):
        path_inside(str(tmp_path / "folder"), "link/secret")
