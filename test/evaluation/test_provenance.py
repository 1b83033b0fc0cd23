"""Digests are those of `sha256sum`, and do not depend on names where they should not."""

from __future__ import annotations

import hashlib
import platform
import shutil
from pathlib import Path

from co_perception.evaluation.provenance import digest_of_all, digests, surroundings, versions


def test_every_file_of_a_folder_has_its_digest(tmp_path: Path) -> None:
    (tmp_path / "bag" / "deep").mkdir(parents=True)
    contents = {"bag/a.mcap": b"x" * 3_000_000, "bag/deep/b.yaml": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    wanted = {str(tmp_path / name): hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert digests(tmp_path / "bag") == wanted
    assert digests(tmp_path / "bag/a.mcap") == {str(tmp_path / "bag/a.mcap"): wanted[str(tmp_path / "bag/a.mcap")]}


def test_one_digest_for_all_follows_the_contents_only(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a").write_bytes(b"1")
    (tmp_path / "c").write_bytes(b"2")
    before = digest_of_all([tmp_path / "one", tmp_path / "c"])
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert digest_of_all([tmp_path / "c", tmp_path / "two"]) == before
    (tmp_path / "c").write_bytes(b"3")
    assert digest_of_all([tmp_path / "one", tmp_path / "c"]) != before


def test_versions_and_machine_are_told() -> None:
    found = surroundings()
    assert found["versions"]["python"] == platform.python_version()
    assert {"numpy", "torch", "co_perception"} <= found["versions"].keys()
    assert found["machine"]


def test_versions_name_what_is_installed_and_nothing_else() -> None:
    assert set(versions(("numpy", "no-such-package"))) == {"python", "numpy"}
