"""`co-perception show`: recordings of drawn figures become a gallery, which `evaluate` judges on another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("rosbags")

from helpers.drawn_people import recording

from co_perception import cli
from co_perception.learners.gallery import OTHER, Gallery

Capture = pytest.CaptureFixture[str]


def test_a_gallery_is_shown_extended_and_evaluated(recordings: list[Path], tmp_path: Path, capsys: Capture) -> None:
    one, two = map(str, recordings[:2])
    # Activities that last: in the first second and a half of each, what was done before is seen too.
    three = str(recording(tmp_path / "three", 2, rounds=1, seconds=8))
    folder = str(tmp_path / "gallery")
    assert cli.main(["show", one, "--gallery", folder]) == 0
    printed = capsys.readouterr().out
    shows = len(Gallery(folder).shows)
    assert f"of {shows} shows are recognized by the others" in printed and "model_path:=" in printed
    assert cli.main(["show", two, "--gallery", folder]) == 0
    gallery = Gallery(folder)
    assert len(gallery.shows) == 2 * shows and gallery.labels == ("squat", "wave")
    assert {show.source.split()[0] for show in gallery.shows} == {"one", "two"}
    out = tmp_path / "out"
    assert cli.main(["evaluate", three, "--model", folder, "--out", str(out)]) == 0
    figures = json.loads((out / "summary.json").read_text())["figures"]
    assert figures["classes"] == ["squat", "wave", OTHER] and figures["overall"]["top1"] > 0.8


def test_the_same_recording_shows_nothing_new(recordings: list[Path], tmp_path: Path, capsys: Capture) -> None:
    arguments = ["show", str(recordings[0]), "--gallery", str(tmp_path / "gallery")]
    assert cli.main(arguments) == 0
    before = (tmp_path / "gallery" / "weights.safetensors").read_bytes()
    assert cli.main(arguments) == 1
    printed = capsys.readouterr()
    assert "the gallery stays as it was" in printed.err and "it was shown before" in printed.err
    assert (tmp_path / "gallery" / "weights.safetensors").read_bytes() == before


def test_an_activity_is_forgotten(recordings: list[Path], tmp_path: Path, capsys: Capture) -> None:
    folder = str(tmp_path / "gallery")
    assert cli.main(["show", str(recordings[0]), "--gallery", folder]) == 0
    assert cli.main(["show", "--gallery", folder, "--forget", "wave"]) == 0
    assert Gallery(folder).labels == ("squat",)
    assert cli.main(["show", "--gallery", folder, "--forget", "squat"]) == 1
    assert "nothing was shown yet" in capsys.readouterr().err
