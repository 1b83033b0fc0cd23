"""Names of the package that nothing uses, and names in docstrings that nothing defines."""

from __future__ import annotations

import ast
import builtins
import functools
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from helpers.package_source import PACKAGE, ROOT, docstrings, identifiers, trees

USERS = ("co_perception", "benchmarks", "recipes", "examples", "launch", "scripts")
TEXTS = ("README.md", "docs/*.md", "config/*.yaml", "CMakeLists.txt", "Makefile", "setup.py")
CALLED_BY_LIBRARIES = {
    "extra_repr", "is_leaf_module", "placeholder", "get_attr", "call_module", "call_function", "call_method",  # torch
    "find_class", "persistent_load",  # pickle
    "on_configure", "on_activate", "on_deactivate", "on_cleanup", "on_shutdown", "on_error",  # rclpy
    "training_step", "validation_step", "on_train_start", "on_train_epoch_start", "configure_optimizers",  # lightning
    "setup", "initialise", "update", "terminate",  # py_trees
    "train_dataloader", "val_dataloader", "on_save_checkpoint", "on_load_checkpoint",
}  # fmt: skip
PUBLIC_ANYWAY = {
    "from_opencv", "from_frames",  # ways in, for users who have arrays
    "opendr_name", "pyslowfast_name",  # for checkpoints of those projects
    "ages",  # of the streams in a pool
}  # fmt: skip
OTHER_WORDS = {
    "rclpy", "progress", "delay", "sha256sum", "zstandard", "ModelProto", "NodeProto", "setuptools/build_meta.py",
    "layer5", "s2", "pathway0_res0", "res_blocks", "res0", "branch2", "conv_a",  # in the names of checkpoints
    "new_age", "label_info_video", "label_info_skeleton", "_on_name",  # made from parts
}  # fmt: skip


def uses(tree: ast.Module) -> Iterator[str]:
    """Names that a file reads, imports, passes as keyword or has in a string, such as an entry point."""
    documentation = set(docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in documentation:
            yield from re.findall(r"\w+", node.value)


def definitions(tree: ast.Module) -> Iterator[str]:
    """Names at a module's top level, but for those that a decorator registers, and public methods of classes."""
    for node in tree.body:
        registered = isinstance(node, ast.FunctionDef) and any(isinstance(d, ast.Call) for d in node.decorator_list)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not registered:
            yield node.name
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield target.id
        if isinstance(node, ast.ClassDef):
            yield from (m.name for m in node.body if isinstance(m, ast.FunctionDef) and not m.name.startswith("_"))


@functools.cache
def used() -> set[str]:
    names = {name for folder in USERS for tree in trees(folder).values() for name in uses(tree)}
    return names.union(*(re.findall(r"\w+", file.read_text()) for text in TEXTS for file in ROOT.glob(text)))


def test_every_name_is_used_outside_of_tests() -> None:
    known = used() | CALLED_BY_LIBRARIES | PUBLIC_ANYWAY
    unused = [f"{file.relative_to(PACKAGE)}: {name}" for file, tree in trees("co_perception").items()
              for name in definitions(tree) if name not in known and not name.startswith("__")]  # fmt: skip
    assert not unused, "used nowhere, or in tests only:\n" + "\n".join(unused)


def test_the_list_of_exceptions_is_not_longer_than_it_must_be() -> None:
    assert not PUBLIC_ANYWAY & used()
    assert {name for tree in trees("co_perception").values() for name in definitions(tree)} >= PUBLIC_ANYWAY


def missing(file: Path, docstring: ast.Constant, known: set[str]) -> Iterator[str]:
    """The words in back-ticks of one docstring that neither the code nor the repository has."""
    for quoted in set(re.findall(r"`([^`\n]+)`", str(docstring.value))) - OTHER_WORDS:
        if re.fullmatch(r"[\w/]+\.py|\w+/[\w/]+\.(md|yaml|toml)", quoted):
            found = any((folder / quoted).exists() for folder in (ROOT, PACKAGE, file.parent))
        elif re.fullmatch(r"[a-z_]\w*", quoted) and file.name == "__init__.py" and docstring.lineno == 1:
            found = any(file.parent.glob(quoted + "*"))  # the contents of a folder
        elif re.fullmatch(r"[A-Za-z_][\w.]*(\(\))?", quoted):
            found = set(re.findall(r"[A-Za-z_]\w*", quoted)) <= known
        else:
            found = True
        if not found:
            yield f"{file.relative_to(PACKAGE)}:{docstring.lineno}: {quoted}"


def test_names_in_docstrings_exist() -> None:
    known = used() | OTHER_WORDS | {*dir(builtins), *keyword.kwlist, *sys.stdlib_module_names}
    for file, tree in trees("co_perception").items():
        known |= {*identifiers(tree), file.stem, file.parent.name}
    wrong = [text for file, tree in trees("co_perception").items() for docstring in docstrings(tree)
             for text in missing(file, docstring, known)]  # fmt: skip
    assert not wrong, "in back-ticks, but not there:\n" + "\n".join(wrong)
