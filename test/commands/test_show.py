"""`co-perception show`: recordings of drawn figures become a gallery, which `evaluate` judges on another one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.drawn_people import recording

from co_perception import cli
from co_perception.commands import show
from co_perception.commands.show import MAX_GAP_S, piece_vectors
from co_perception.data.bags.labeled_bags import recordings as recordings_of
from co_perception.data.parsing import Skipped
from co_perception.engine.time import on_grid
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


def test_what_is_labeled_other_and_unmarked_time_are_examples_of_anything_else(tmp_path: Path, capsys: Capture) -> None:
    assert show.OTHER == OTHER
    activities = ("wave", "squat", "stand", OTHER)
    teach, asked = (recording(tmp_path / name, seed, activities=activities)
                    for name, seed in (("teach", 1), ("asked", 2)))  # fmt: skip
    for bag in (teach, asked):
        table = bag / "annotations.csv"
        rows = [line for line in table.read_text(encoding="utf-8").splitlines(True) if "stand" not in line]
        table.write_text("".join(rows), encoding="utf-8")
    marked, alone = str(tmp_path / "marked"), str(tmp_path / "alone")
    assert cli.main(["show", str(teach), "--gallery", marked]) == 0
    assert Gallery(marked).counts == {"squat": 3, "wave": 3, OTHER: 3}
    assert cli.main(["show", str(teach), "--gallery", alone, "--background", OTHER]) == 0
    assert Gallery(alone).counts == {"squat": 3, "wave": 3, OTHER: 6}
    assert "other     6" in capsys.readouterr().out
    out = tmp_path / "out"
    assert cli.main(["evaluate", str(asked), "--model", alone, "--background", OTHER, "--out", str(out)]) == 0
    figures = json.loads((out / "summary.json").read_text())["figures"]
    assert figures["classes"] == ["squat", "wave", OTHER] and figures["per_class"][OTHER]["recall"] > 0.6


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


def test_of_a_long_stream_no_more_is_looked_at_than_reaches_into_a_show(tmp_path: Path) -> None:
    """Vectors of a piece are those of the whole stream."""
    bag = recording(tmp_path / "long", 1, rounds=6, seconds=6)
    gallery, skipped = Gallery("cotcn_everyday"), Skipped()
    [found] = recordings_of([bag], None, gallery.variant.layout, skipped)
    [stream] = found.streams
    runs = on_grid(stream.stamps_ns, gallery.variant.rate_hz, MAX_GAP_S)
    whole = [gallery.vectors(stream.joints[run], stream.layout, stream.coordinates)[0] for run in runs]
    assert gallery.context < 0.6 * len(runs[0])  # so that the last pieces are cut out of it
    for piece in found.pieces:
        part = piece_vectors(gallery, stream, runs, piece)
        assert part is not None
        first, last = piece.stream.stamps_ns[[0, -1]]
        inside = [(stream.stamps_ns[run] >= first) & (stream.stamps_ns[run] <= last) for run in runs]
        expected = np.concatenate([vectors[chosen] for vectors, chosen in zip(whole, inside, strict=True)])
        np.testing.assert_allclose(part[0], expected, atol=1e-4)
