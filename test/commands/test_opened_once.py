"""Recordings of the live page are added to those of the studio once, whichever pages ask."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest

from co_perception.commands.studio import OpenedOnce


def test_two_pages_that_ask_at_once_get_one_recording(tmp_path: Path) -> None:
    recordings: list[Any] = [SimpleNamespace(path=tmp_path / "known")]

    def open_recording(path: Path) -> Any:
        sleep(0.05)
        return SimpleNamespace(path=path)

    opened = OpenedOnce(recordings, open_recording)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(opened, [tmp_path / "new"] * 4)) == [1] * 4
    assert opened(tmp_path / "a" / ".." / "known") == 0
    assert [each.path.name for each in recordings] == ["known", "new"]


def test_one_that_cannot_be_opened_is_not_added(tmp_path: Path) -> None:
    recordings: list[Any] = []

    def refuse(path: Path) -> Any:
        raise ValueError(f"nobody is found in {path}")

    with pytest.raises(ValueError, match="nobody is found"):
        OpenedOnce(recordings, refuse)(tmp_path)
    assert recordings == []
