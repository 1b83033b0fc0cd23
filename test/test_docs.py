"""What the documentation shows runs, and what it points to is there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import co_perception.continual as co
from co_perception.data.annotations import Interval
from co_perception.evaluation.metrics.summary import summarise
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.tracks import Replayed

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/continual.md").read_text(), re.DOTALL)
    exec(compile(example, "docs/continual.md", "exec"), {})
    promised = re.search(r"print\(.*# (\d+), (\d+):", example)
    assert promised and capsys.readouterr().out.split() == list(promised.groups())


def test_the_example_of_samples_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(), re.DOTALL)[-1]
    exec(compile(example, "docs/data.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)", example)


def test_the_example_of_figures_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/evaluation.md").read_text(), re.DOTALL)
    exec(compile(example, "docs/evaluation.md", "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)", example)


def test_every_figure_is_defined() -> None:
    page = (ROOT / "docs/evaluation.md").read_text()
    classes = [str(n) for n in range(6)]
    record = FrameRecord(0, "p", probabilities=np.eye(6, dtype=np.float32)[0])
    found = summarise([Replayed("a", [record], [Interval(0, 1, "0", "p")])], classes).overall
    named = set(re.findall(r"`([a-z0-9_.]+)`", page))
    assert not {name for name in found if name not in named and "_f1_" not in name}
    assert {"..._f1_10", "_25", "_50"} <= named


def test_the_table_has_every_layer_and_no_other() -> None:
    table = (ROOT / "docs/continual.md").read_text().split("## Layers")[1].split("## From plain torch")[0]
    layers = {
        name
        for name in co.__all__
        if isinstance(getattr(co, name), type) and issubclass(getattr(co, name), co.Streaming)
    }
    layers -= {"Streaming", "EachFrame", "Dag", "WindowAttention"}  # bases, and what convert() makes
    layers = {name for name in layers if not name.endswith(("2d", "3d", "EncoderLayer"))}
    assert not [name for name in layers if f"`{name}" not in table]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target
