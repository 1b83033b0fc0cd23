"""What docs/security.md promises: nothing is unpickled or run that came from outside, and what is fetched is pinned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from co_perception.runtime.assets import ASSETS

ROOT = Path(__file__).parents[1]
FOLDERS = ("co_perception", "examples", "launch", "recipes", "scripts", "tools", "benchmarks")
# Call -> the files that may have it, and why.
ALLOWED: dict[str, dict[str, str]] = {
    "pickle.load": {},
    "pickle.loads": {},
    "pickle.Unpickler": {"co_perception/runtime/unpickle.py": "the restricted one, of which a class is made"},
    "torch.load without weights_only": {},
    "torch.jit.load": {},
    "numpy.load": {},
    "yaml.load": {},
    "eval": {},
    "exec": {},
    "compile": {},
    "__import__": {},
    "os.system": {},
    "os.popen": {},
    "import of subprocess": {
        "co_perception/runtime/pip_download.py": "pip, for `weights fetch`",
        "co_perception/nodes/processes.py": "nodes as processes, for `make soak`",
        "benchmarks/people.py": "starts the nodes it measures",
        "benchmarks/node_latency.py": "likewise",
        "benchmarks/bench/remote.py": "contestants, each in a process of its own",
    },
    "shell=True": {},
    "import of a network module": {},
}
NETWORK = frozenset(["socket", "ssl", "urllib.request", "http.client", "http.server", "requests", "ftplib", "smtplib"])


def sources() -> list[Path]:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    return [file for file in files if file.suffix == ".py" or (not file.suffix and file.parent.name == "scripts")]


def acts(source: str) -> Iterator[str]:
    """What of ALLOWED is in a file, by what names were imported as."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                item.asname or item.name.partition(".")[0]: item.asname and item.name or "" for item in node.names
            }
            yield from (_module(item.name) for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {item.asname or item.name: f"{node.module}.{item.name}" for item in node.names}
            yield _module(node.module)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            yield _full(node, names)
        if isinstance(node, ast.Call):
            given = {word.arg: word.value for word in node.keywords}
            if _full(node.func, names) == "torch.load" and not _is_true(given.get("weights_only")):
                yield "torch.load without weights_only"
            if _is_true(given.get("shell")):
                yield "shell=True"


def _full(node: ast.AST, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_full(node.value, names)}.{node.attr}"
    if isinstance(node, ast.Name):
        known = names.get(node.id) or node.id
        return "numpy" if known == "np" else known
    return ""


def _module(name: str) -> str:
    if name in NETWORK:
        return "import of a network module"
    return "import of subprocess" if name.partition(".")[0] == "subprocess" else ""


def _is_true(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def test_nothing_dangerous_is_called_outside_the_list() -> None:
    found = {(act, str(file.relative_to(ROOT))) for file in sources() for act in acts(file.read_text())}
    used = {(act, file) for act, file in found if act in ALLOWED}
    assert not {(act, file) for act, file in used if file not in ALLOWED[act]}
    listed = {(act, file) for act, files in ALLOWED.items() for file in files}
    assert listed == used, "the list names what is there, and nothing else"


@pytest.mark.parametrize(
    ("source", "act"),
    [
        ("import pickle\npickle.load(f)", "pickle.load"),
        ("from pickle import loads as x\nx(f)", "pickle.loads"),
        ("import pickle as p\nread = p.load", "pickle.load"),
        ("import torch\ntorch.load(f)", "torch.load without weights_only"),
        ("import torch\ntorch.load(f, weights_only=False)", "torch.load without weights_only"),
        ("import numpy as np\nnp.load(f, allow_pickle=True)", "numpy.load"),
        ("import yaml\nyaml.load(f, Loader)", "yaml.load"),
        ("def f():\n    import subprocess", "import of subprocess"),
        ("run(x, shell=True)", "shell=True"),
        ("eval(x)", "eval"),
        ("import urllib.request", "import of a network module"),
        ("from http.client import HTTPConnection", "import of a network module"),
    ],
)
def test_what_is_dangerous_is_seen(source: str, act: str) -> None:
    assert act in set(acts(source))


def test_what_is_harmless_is_not_taken_for_it() -> None:
    source = "import torch, re\ntorch.load(f, weights_only=True)\nnetwork.eval()\nre.compile('x')\nself.load(f)"
    assert not set(acts(source)) & set(ALLOWED)


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_asset_is_pinned(name: str) -> None:
    """Name, version and checksum of the package, checksum and size of the file that is taken out of it."""
    item = ASSETS[name]
    for checksum in (item.sha256, item.distribution.sha256):
        assert re.fullmatch(r"[0-9a-f]{64}", checksum) and len(set(checksum)) > 8
    assert item.bytes > 0 and item.distribution.bytes > 0
    assert re.fullmatch(r"\d+(\.\d+)*", item.distribution.version)
    assert item.distribution.version in item.distribution.file
    assert not Path(item.member).is_absolute() and ".." not in Path(item.member).parts


def test_no_address_is_fetched_from_but_the_package_index() -> None:
    """Addresses in the code are for people to read: none is a value of its own."""
    for file in (ROOT / "co_perception").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not (urlparse(node.value).netloc and " " not in node.value), f"{file}: {node.value}"
