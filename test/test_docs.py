"""The examples of documentation and docstrings run; links, pictures and file names in the documentation exist."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

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
# What a block does not make: arrays and data sets of the reader, and the learner of the block before.
THE_READERS_OWN = {
    "recording", "camera", "pose", "train", "val", "test", "few", "many", "samples", "val_samples", "classes", "build",
    "learner",
}  # fmt: skip
ONE_PROGRAM = {"own_behavior.md", "own_layer.md", "own_network.md", "own_node.md"}
MODULES = [found.name for package in (co_perception.online, co_perception.evaluation.metrics)
           for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]  # fmt: skip


def test_the_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/continual.md").read_text(), re.DOTALL)
    exec(compile(example, "docs/continual.md", "exec"), {})
    promised = re.search(r"print\(.*# (\d+), (\d+):", example)
    assert promised and capsys.readouterr().out.split() == list(promised.groups())


def blocks() -> list[tuple[str, str]]:
    """Every block of Python on a page, with the page's name; where a page is one program they follow each other."""
    return [(page.name, text) for page in PAGES if page.name not in ONE_PROGRAM
            for text in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]  # fmt: skip


@pytest.mark.parametrize(("page", "text"), blocks(), ids=lambda value: value if value.endswith(".md") else "")
def test_a_block_of_python_imports_what_it_uses_and_it_is_there(page: str, text: str) -> None:
    tree, given = ast.parse(text), set(dir(builtins)) | THE_READERS_OWN
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            given |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.add(node.id)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("co_perception"):
            module = importlib.import_module(str(node.module))
            assert not [alias.name for alias in node.names if not hasattr(module, alias.name)], page
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert used <= given, f"{page} uses {used - given} and does not import it"


@pytest.mark.slow
def test_the_first_example_of_the_readme_tells_that_an_arm_is_raised() -> None:
    run = [sys.executable, str(ROOT / "tools/ci/readme_example.py"), str(ROOT / "README.md")]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    assert re.search(r"^arms VALID raising_right 0\.\d\d$", done.stdout, re.MULTILINE)


def test_every_page_is_in_the_index_in_its_list_and_in_its_tree() -> None:
    index = (ROOT / "docs/index.md").read_text()
    trees = {line for tree in re.findall(r"```{toctree}\n(.*?)```", index, re.DOTALL) for line in tree.split()}
    pages = {page.stem for page in PAGES[1:]} - {"index", "readme", "contributing"}
    listed = set(re.findall(r"\]\((\w+)\.md\)", index))
    assert pages <= listed & trees, f"add to docs/index.md, twice: {sorted(pages - (listed & trees))}"


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
def test_addresses_of_other_sites_are_well_formed(page: Path) -> None:
    """Whether they answer is looked up by tools/ci/docs.sh, where there is a network."""
    for address in re.findall(r"\]\((http[^)]*)\)|<(http[^>]*)>", page.read_text()):
        parts = urlsplit("".join(address))
        assert parts.scheme == "https" and re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", parts.netloc), address
        assert re.fullmatch(r"[\w/.,:;~%+#?=&@!-]*", parts.path + parts.query + parts.fragment), address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_named_in_the_text_are_there(page: Path) -> None:
    named = set(re.findall(r"`([\w./]+/[\w.]+\.(?:py|md|yaml|xml))`", page.read_text()))
    named = {name for name in named if not name.startswith(("out/", "model/", "DIR/"))}
    assert not {name for name in named if not (ROOT / name).exists() and not (ROOT / "co_perception" / name).exists()}
