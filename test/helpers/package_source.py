"""Syntax trees of the repository's Python files, parsed once per run, for the tests of the code itself."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "co_perception"


@functools.cache
def trees(folder: str) -> dict[Path, ast.Module]:
    """Every Python file below a folder of the repository; in scripts/ the files have no suffix."""
    files = sorted((ROOT / folder).glob("*" if folder == "scripts" else "**/*.py"))
    return {file: ast.parse(file.read_text(), str(file)) for file in files}


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """The docstrings of a module, its classes and its functions, as nodes with a line number."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            yield node.body[0].value  # type: ignore[attr-defined]


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Every name that a file defines or uses: variables, attributes, parameters, functions, classes, imports."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield from name.split(".")
