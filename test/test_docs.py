"""The examples of documentation and docstrings run; links, pictures and file names in the documentation exist."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import co_perception.continual as co
import co_perception.evaluation.metrics
import co_perception.online
from co_perception.data.annotations.intervals import Interval
from co_perception.evaluation.ground_truth import Replayed
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.summary import summarize

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = [found.name for package in (co_perception.online, co_perception.evaluation.metrics)
           for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]  # fmt: skip


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/continual.md").read_text(), re.DOTALL)
    exec(compile(example, "docs/continual.md", "exec"), {})
    promised = re.search(r"print\(.*# (\d+), (\d+):", example)
    assert promised and capsys.readouterr().out.split() == list(promised.groups())


@pytest.mark.parametrize("page", ["docs/data.md", "docs/evaluation.md"])
def test_the_last_example_of_a_page_prints_what_it_says(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)[-1]
    exec(compile(example, page, "exec"), {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)", example) != []


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples_in_docstrings() -> None:
    finder = doctest.DocTestFinder()
    found = [each for name in MODULES for each in finder.find(importlib.import_module(name)) if each.examples]
    assert len(found) >= 5


def test_every_figure_is_defined() -> None:
    page = (ROOT / "docs/evaluation.md").read_text()
    classes = [str(n) for n in range(6)]
    record = FrameRecord(0, "p", probabilities=np.eye(6, dtype=np.float32)[0])
    found = summarize([Replayed("a", [record], [Interval(0, 1, "0", "p")])], classes).overall
    named = set(re.findall(r"`([a-z0-9_.]+)`", page))
    assert not {name for name in found if name not in named and "_f1_" not in name}
    assert {"..._f1_10", "_25", "_50"} <= named


def test_the_table_has_every_layer_and_no_other() -> None:
    table = (ROOT / "docs/continual.md").read_text().split("## Layers")[1].split("## From plain torch")[0]
    public = {name: getattr(co, name) for name in co.__all__}
    layers = {name for name, value in public.items() if isinstance(value, type) and issubclass(value, co.Streaming)}
    layers -= {"Streaming", "EachFrame", "Dag", "WindowAttention"}  # bases, and what convert() makes
    layers = {name for name in layers if not name.endswith(("2d", "3d", "EncoderLayer"))}
    assert not [name for name in layers if f"`{name}" not in table]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_text_are_there(page: Path) -> None:
    named = set(re.findall(r"`([\w./]+/[\w.]+\.(?:py|md|yaml|xml))`", page.read_text()))
    named = {name for name in named if not name.startswith(("out/", "model/", "DIR/"))}
    assert not {name for name in named if not (ROOT / name).exists() and not (ROOT / "co_perception" / name).exists()}
