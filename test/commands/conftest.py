"""Recordings of drawn figures, and a model trained on some of them once for all tests here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

pytest.importorskip("rosbags")
pytest.importorskip("lightning")

from bag_writing import SECOND, Frame, Person, write_bag
from drawn_people import performance

from co_perception import cli
from co_perception.data.annotations import Interval, write_annotations

T0 = 1_700_000_000 * SECOND


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    """The network is small: sharing it out among threads takes longer than computing."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recording(path: Path, seed: int, rounds: int = 3) -> Path:
    """A bag with waving and squatting figures and its annotations beside it."""
    frames, said = [], []
    for figure, instants in performance(rounds, 3.0, ("wave", "squat"), seed):
        seen = [Frame(T0 + round(at_s * SECOND), [Person("body_1", figure.frame(at_s))]) for at_s in instants]
        said.append(Interval(seen[0].stamp_ns, seen[-1].stamp_ns + 1, figure.activity))
        frames += seen
    write_bag(path, {"/skeletons": frames})
    write_annotations(path / "annotations.csv", said)
    return path


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
