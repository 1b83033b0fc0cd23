"""Recordings of drawn figures, and a model trained on some of them once for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("lightning")

from helpers.drawn_people import recording

from co_perception import cli


@pytest.fixture(scope="package")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three recordings with other people in each."""
    root = tmp_path_factory.mktemp("recordings")
    return [recording(root / name, seed) for seed, name in enumerate(("one", "two", "three"))]


@pytest.fixture(scope="package")
def trained(recordings: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `train` wrote after the first two recordings."""
    out = tmp_path_factory.mktemp("trained") / "out"
    sources = [str(path) for path in recordings[:2]]
    assert cli.main(["train", *sources, "--out", str(out), "--epochs", "8"]) == 0
    return out
