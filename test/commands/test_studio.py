"""`co-perception studio`: what it serves, and recordings that it refuses before it serves anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import T0, Frame, write_bag

from co_perception import cli
from co_perception.studio import application

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served."""
    found: list[Any] = []
    monkeypatch.setattr(application, "serve", lambda recordings, port: found.append((recordings, port)))
    return found


def test_recordings_are_served_at_the_port(recordings: list[Path], served: list[Any], capsys: Capture) -> None:
    assert cli.main(["studio", *map(str, recordings[:2]), "--port", "9000"]) == 0
    [(found, port)] = served
    assert [each.name for each in found] == ["one", "two"] and port == 9000
    assert "http://127.0.0.1:9000/" in capsys.readouterr().out


def test_what_cannot_be_annotated_is_refused(tmp_path: Path, served: list[Any], capsys: Capture) -> None:
    empty = write_bag(tmp_path / "empty", {"/skeletons": [Frame(T0, [])]})
    assert cli.main(["studio", str(empty)]) == 1
    assert "nobody is found" in capsys.readouterr().err and not served
