"""Reading of untrusted files: bounded in size, one kind of error for all damage, and a report of what was skipped."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from xml.parsers import expat

# What code that trusts a format stumbles over when the file does not keep to it.
STUMBLES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, csv.Error)

# Of a person without any joint.
NOT_FOUND = "A joint is found where it has a finite place other than the origin and, where any joint has one, a score."


@contextmanager
def parse_errors(source: object, what: str) -> Iterator[None]:
    """Turns whatever goes wrong inside into a ValueError that names the file and what it was taken for.

    OSError passes: then it is the disk and not the content.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        encoding = error.encoding.upper()
        raise ValueError(
            f"{source}: no text in {encoding} (at byte {error.start}): save it in this encoding."
        ) from error
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


MOST_BYTES = 64 * 1024 * 1024  # of one file of text; the largest that others publish have a few MiB


def read_bounded(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All of a file. Raises ValueError where it is larger than any of its kind would be."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"more than {most_bytes / 1024**2:g} MiB, which no such file has.")
    return content


def read_json(path: Path, most_bytes: int = MOST_BYTES, parse_float: Callable[[str], object] | None = None) -> Any:
    """The content of a JSON file; `parse_float` as of `json.loads`. Raises as `read_bounded`, and ValueError."""
    try:  # programs of Windows begin a file with a mark of its encoding
        return json.loads(read_bounded(path, most_bytes).decode("utf-8-sig"), parse_float=parse_float)
    except (json.JSONDecodeError, RecursionError) as error:  # the latter: lists in lists in lists
        raise ValueError(f"this is not JSON: {error}") from error


def read_table(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Columns of a CSV file, and its rows with their line; short rows end with empty cells.

    Raises as `read_bounded`; ValueError for a column that is there twice, and while rows are read for one with more
    cells than columns; csv.Error for a quote that is not closed, which would take in all that follows.
    """
    text = io.StringIO(read_bounded(path).decode("utf-8-sig"), newline="")
    reader = csv.DictReader(text, restkey="", restval="", skipinitialspace=True, strict=True)
    columns = list(reader.fieldnames or [])
    if twice := sorted(name for name, count in Counter(columns).items() if count > 1):
        raise ValueError(f"it has two columns {twice[0]!r}, and one counts: rename the other.")

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for row in reader:
            if isinstance(row.get(""), list):
                raise ValueError(f"row {reader.line_num}: more cells than columns. A comma in a cell needs quotes.")
            yield reader.line_num, row

    return columns, rows()


def cell_text(column: str, value: object) -> str:
    """A value of JSON as it stands in a table. Raises ValueError for what is no text and no number."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | float | Decimal)):
        raise ValueError(f"{column} is a text or a number, got {value!r:.50}.")
    return "" if value is None else str(value)


class XmlHandlers(Protocol):
    """Who takes an XML file element by element, as expat gives it."""

    def refuse_doctype(self, *_: object) -> None:
        """Raises ValueError: no file of this kind has a document type, which entities need."""

    def start(self, name: str, values: dict[str, str]) -> None:
        """Takes the begin of an element, with its attributes."""

    def characters(self, text: str) -> None:
        """Takes a part of a text."""

    def end(self, name: str) -> None:
        """Takes the end of an element."""


def parse_xml(content: bytes, handlers: XmlHandlers) -> None:
    """Gives an XML file to its handlers. Raises ValueError for what is none, and whatever they raise."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = handlers.refuse_doctype
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = handlers.characters
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise ValueError(f"no XML: {error}.") from error


@dataclass
class Skipped:
    """Report of what a reader left out: (source, reason) of each. Falsy while there is none."""

    entries: list[tuple[str, str]] = field(default_factory=list)

    def add(self, source: object, reason: object) -> None:
        """Adds one: where it lies and why it was left out; an exception stands for its text."""
        self.entries.append((str(source), str(reason) or type(reason).__name__))

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.entries)

    def __add__(self, other: Skipped) -> Skipped:
        return Skipped(self.entries + other.entries)

    def report(self, limit: int = 10) -> str:
        """How many were left out, how often for each reason, and the first `limit` of them by name."""
        if not self.entries:
            return "nothing was skipped"
        # A reason that begins with its own source would be a reason of its own each time.
        reasons = Counter(reason.removeprefix(f"{source}: ") for source, reason in self.entries)
        lines = [f"{len(self.entries)} skipped"]
        lines += [f"  {count} x {reason}" for reason, count in reasons.most_common(limit)]
        lines += [f"  - {source}" for source, _ in self.entries[:limit]]
        left = len(self.entries) - limit
        return "\n".join([*lines, f"  - and {left} more"] if left > 0 else lines)

    def require(self, samples: Sequence[object], where: object, usual: str) -> None:
        """Raises ValueError, with the usual mistake and all reasons, where `samples` is empty."""
        if not samples:
            raise ValueError(f"there is nothing to learn from in {where}. {usual}\n{self.report()}")
