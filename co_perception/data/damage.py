"""One kind of error for all the ways in which a file can be damaged."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What code that trusts a format stumbles over when the file does not keep to it.
STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, csv.Error)


@contextmanager
def reading(source: object, what: str) -> Iterator[None]:
    """Turns whatever goes wrong inside into a ValueError that names the file and what it was taken for.

    OSError passes: then it is the disk and not the content.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
    except STUMBLES as error:
        how = f"{type(error).__name__}: {error}"
        raise ValueError(f"{source}: damaged, or not {what} ({how}).") from error


# YAML's & and *, wherever a value may begin: what they stand for may be more than any memory holds, lists and merged
# mappings alike.
_ANCHOR = re.compile(r"(?<![0-9A-Za-z])[&*]\S")
_COMMENT = re.compile(r"(^|\s)#.*")


def has_anchors(yaml: str) -> bool:
    """Whether a text in YAML may have anchors or aliases; true for some texts that have none."""
    # Behind a quote, # may be text and what follows no comment.
    bare = (line if {"'", '"'} & set(line) else _COMMENT.sub("", line) for line in yaml.splitlines())
    return any(map(_ANCHOR.search, bare))


MOST_BYTES = 64 * 1024 * 1024
"""Of one file of text; the largest that others publish have a few MiB."""


def bounded(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All of a file. Raises ValueError where it is larger than any of its kind would be."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"more than {most_bytes / 1024**2:g} MiB, which no such file has.")
    return content


def bounded_json(path: Path, most_bytes: int = MOST_BYTES, **options: Any) -> Any:
    """What a JSON file holds; `options` as of `json.loads`. Raises as `bounded`; ValueError for what is no JSON."""
    try:
        return json.loads(bounded(path, most_bytes).decode("utf-8"), **options)
    except (json.JSONDecodeError, RecursionError) as error:  # the latter: lists in lists in lists
        raise ValueError(f"this is not JSON: {error}") from error
