"""`co-perception why` as a user calls it, of a recording and of a running node: the answer of then, to the last bit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("rosbags")

from helpers.drawn_people import recording
from helpers.random_models import skeleton_model

from co_perception import cli

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recording(tmp_path_factory.mktemp("bag") / "monday", 2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return skeleton_model(tmp_path_factory.mktemp("model") / "model", ("squat", "wave"))


@pytest.mark.slow
@pytest.mark.parametrize("of", ["a model", "a bundle"])
def test_one_answer_is_replayed_and_written(bag: Path, model: Path, of: str, tmp_path: Path, capsys: Capture) -> None:
    if of == "a bundle":
        assert cli.main(["bundle", str(model), "--out", str(tmp_path / "bundle")]) == 0
        model = tmp_path / "bundle"
        capsys.readouterr()
    out = tmp_path / "why.html"
    assert cli.main(["why", str(bag), "--at", "6", "--model", str(model), "--out", str(out)]) == 0
    printed, page = capsys.readouterr().out, out.read_text()
    assert "Replay equal to the last bit: yes" in printed and "http" not in page
    label, score = re.match(r"\S+: (\w+) ([\d.]+), then", printed).groups()  # type: ignore[union-attr]
    assert f"<h1>{label}</h1>" in page and f"probability {score}" in page
    [content] = re.findall(r'<script id="poses"[^>]*>(.*?)</script>', page)
    shown = json.loads(content)
    assert len(shown["frames"]) == len(shown["seconds"]) >= 16 and shown["seconds"][-1] == 0.0
    assert page.count("<tr>") == 18  # the head and a row for each joint of COCO


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--at", "9000"], "nobody had an answer"),
        (["--at", "6", "--subject", "z"], "nobody 'z' had"),
        (["--event", "x_e1"], "topic"),
        ([], "which moment"),
        (["--at", "6", "--ago", "1"], "which moment"),
    ],
)
def test_a_moment_that_is_not_there(bag: Path, model: Path, words: list[str], says: str, capsys: Capture) -> None:
    assert cli.main(["why", str(bag), *words, "--model", str(model)]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["x_e1", "--ago", "3"], ["x_e1", "--at", "3"], ["--event", "x_e1"]])
def test_a_moment_of_the_running_graph_is_named_once(words: list[str], capsys: Capture) -> None:
    assert cli.main(["why", *words]) == 1
    assert "the id of an event, or --ago" in capsys.readouterr().err
