"""`co-perception studio`: what it serves, and recordings that it refuses before it serves anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, write_bag
from helpers.drawn_people import recording

from co_perception import cli
from co_perception.data.bags import pose_streams
from co_perception.studio import application

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served."""
    found: list[Any] = []
    monkeypatch.setattr(application, "serve", lambda recordings, port, *_: found.append((recordings, port)))
    return found


def test_recordings_are_served_at_the_port(recordings: list[Path], served: list[Any], capsys: Capture) -> None:
    assert cli.main(["studio", *map(str, recordings[:2]), "--port", "9000"]) == 0
    [(found, port)] = served
    assert [each.name for each in found] == ["one", "two"] and port == 9000
    assert "http://127.0.0.1:9000/" in capsys.readouterr().out


def test_how_much_of_a_long_recording_was_read_is_told(
    recordings: list[Path], served: list[Any], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["studio", str(recordings[0])]) == 0
    assert "reading" not in capsys.readouterr().err
    monkeypatch.setattr(pose_streams, "REPORTED", 10)
    assert cli.main(["studio", str(recordings[0])]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"reading {recordings[0]}" and told[-1] in [f"{told[0]}: {share} %" for share in (90, 100)]


def test_what_cannot_be_annotated_is_refused(tmp_path: Path, served: list[Any], capsys: Capture) -> None:
    empty = write_bag(tmp_path / "empty", {"/skeletons": [Frame(T0, [])]})
    assert cli.main(["studio", str(empty)]) == 1
    assert "nobody is found" in capsys.readouterr().err and not served


@pytest.mark.slow
def test_a_model_proposes_what_its_node_would_say(recordings: list[Path], served: list[Any], tmp_path: Path) -> None:
    gallery = str(tmp_path / "gallery")
    assert cli.main(["show", str(recordings[0]), "--gallery", gallery]) == 0
    shown = recording(tmp_path / "next", 2, rounds=1, seconds=8)  # wave, then squat
    assert cli.main(["studio", str(shown), "--propose", gallery]) == 0
    [([found], _)] = served
    proposals = found.overview()["proposals"]
    last: dict[str, int] = {}
    for each in proposals:
        last[each["label"]] = max(each["end"] - each["start"], last.get(each["label"], 0))
        assert 0 < each["share"] <= 1 and each["subject"] == "body_1" and each["end"] - each["start"] >= SECOND // 2
    assert set(last) == {"wave", "squat"} and min(last.values()) > 5 * SECOND
    assert found.overview()["intervals"] and "proposals" not in (shown / "annotations.csv").read_text()

    bundle = str(tmp_path / "bundle")
    assert cli.main(["bundle", gallery, "--out", bundle]) == 0
    assert cli.main(["studio", str(shown), "--propose", bundle]) == 0
    _, ([found], _) = served
    again = found.overview()["proposals"]
    assert [{**each, "share": 0} for each in again] == [{**each, "share": 0} for each in proposals]


def test_of_a_model_with_groups_one_is_named(recordings: list[Path], served: list[Any], capsys: Capture) -> None:
    assert cli.main(["studio", str(recordings[0]), "--propose", "cotcn_everyday"]) == 1
    assert "--group names one of posture, motion, arms" in capsys.readouterr().err and not served
