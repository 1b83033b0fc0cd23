"""The naming rules of CONTRIBUTING.md: unique class names, standard terms for files and identifiers, US spelling."""

from __future__ import annotations

import ast
import re
from collections import Counter

from helpers.package_source import PACKAGE, identifiers, trees

# Established nouns of the field, and adjectives within one.
NOUNS = {"coupling", "gating", "mapping", "matching", "pacing", "padding", "parsing", "scoring", "smoothing", "timing"}
METAPHORS = {
    "audience", "budgets", "cast", "damage", "glimpses", "interruption", "mailbox", "moments", "opening", "reception",
    "silence", "stage", "tally", "vitals", "recogniser", "recognisers",
}  # fmt: skip
PARTICIPLES = {"told", "said", "heard", "seen", "kept"}
BRITISH = re.compile(
    r"colour|behaviour|neighbour|honour|licence|centre|grey|catalogue|labell|cancell|modell|travell|artefact"
    r"|(?:normal|recogn|organ|optim|initial|serial|synchron|quant|summar|minim|maxim|general|standard|visual)is(?:e|ing|ation)",
    re.IGNORECASE,
)

THEIRS = {"Behaviour", "BehaviourTree", "initialise"}  # names of py_trees


def test_a_class_name_is_unique_in_the_package() -> None:
    classes = [(node.name, file) for file, tree in trees("co_perception").items() for node in ast.walk(tree)
               if isinstance(node, ast.ClassDef)]  # fmt: skip
    count = Counter(name for name, _ in classes)
    twice = [f"{name}: {file.relative_to(PACKAGE)}" for name, file in sorted(classes) if count[name] > 1]
    assert not twice, "give each class a name of its own:\n" + "\n".join(twice)


def test_no_file_is_named_by_a_participle_or_a_metaphor() -> None:
    files = [file for file in trees("co_perception") if (word := file.stem.split("_")[-1]) not in NOUNS
             and (word in METAPHORS or re.search(r"(ing|ed)$", word))]  # fmt: skip
    assert not files, f"name the thing in the field's words: {[str(file.relative_to(PACKAGE)) for file in files]}"


def test_no_identifier_is_a_bare_participle() -> None:
    found = Counter((str(file.relative_to(PACKAGE)), name) for file, tree in trees("co_perception").items()
                    for name in identifiers(tree) if name.strip("_") in PARTICIPLES)  # fmt: skip
    assert not found, f"say what it is (reported, predicted, received, visible, retained ...): {dict(found)}"


def test_settings_are_dataclasses() -> None:
    found = [str(file.relative_to(PACKAGE)) for file, tree in trees("co_perception").items()
             if "SimpleNamespace" in set(identifiers(tree))]  # fmt: skip
    assert not found, f"use a frozen dataclass instead of a SimpleNamespace: {found}"


def test_identifiers_have_american_spelling() -> None:
    names = {name for tree in trees("co_perception").values() for name in identifiers(tree)}
    assert not {name for name in names if BRITISH.search(name)} - THEIRS
