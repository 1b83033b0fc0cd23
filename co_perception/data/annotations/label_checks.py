"""Checks of labels and names before they are trained on: spellings that are one, and words that stand for none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

NULL_WORDS = frozenset({
    "background", "bg", "blank", "empty", "false", "idle", "ignore", "misc", "na", "nan", "negative", "nil", "no",
    "noaction", "noactivity", "nogesture", "nolabel", "nolabels", "nonactivity", "nongesture", "none",
    "noneoftheabove", "nothing", "null", "other", "others", "rest", "undefined", "unknown", "unlabeled", "unlabelled",
    "void",
})  # fmt: skip
_JOINS = re.compile(r"(?<=\w)[\s_\u2010-\u2015-]+(?=\w)|\s+")


def plain_spelling(label: str) -> str:
    """The label without what is easily written in two ways: case, space, hyphens, Unicode form, invisible characters.

    >>> plain_spelling("Sit_ Down") == plain_spelling("sit\\u200b-down")
    True
    """
    visible = "".join(each for each in label if unicodedata.category(each) != "Cf")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return _JOINS.sub("", folded)


def similar_labels(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Labels that differ in case, space, hyphens or Unicode form only, those that look alike together.

    >>> similar_labels(["wave", "walk", "Wave ", "sit down", "sit  Down"])
    [('Wave ', 'wave'), ('sit  Down', 'sit down')]
    """
    alike: dict[str, list[str]] = {}
    for label in sorted(set(labels)):
        alike.setdefault(plain_spelling(label), []).append(label)
    return [tuple(group) for group in alike.values() if len(group) > 1]


def null_labels(labels: Iterable[str]) -> list[str]:
    """Labels that usually stand for no activity: "none", "null", "background", "other", "n/a", or no letter at all.

    >>> null_labels(["wave", "None", "N/A", "-", "other", "another"])
    ['-', 'N/A', 'None', 'other']
    """
    return [label for label in sorted(set(labels)) if _is_null(label)]


def _is_null(label: str) -> bool:
    letters = "".join(each for each in plain_spelling(label) if each.isalnum())
    return not letters or letters in NULL_WORDS
