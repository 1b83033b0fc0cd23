"""Blocks of code on the pages of the documentation, each with the mark above it that says how it is run.

A mark is a comment in the line above a block, which no reader sees:

    <!-- run by test/nodes/test_launch.py -->     a test runs it, and names what it runs
    <!-- not run: there is no webcam -->          nothing runs it, for that reason
    <!-- output -->                               it shows what a command prints, or a file, and is no command

A block of Python without a mark is run by test/test_page_blocks.py, a command of this package by
test/commands/test_page_commands.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>.*?) -->\n)?^```(?P<language>[\w{}]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A block of code; `line` is that of its fence, `place` its number on the page from 0."""

    page: str
    place: int
    line: int
    language: str
    text: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a block without a language: lines joined at backslashes and split at &&, without comments."""
        joined = self.text.replace("\\\n", " ").splitlines()
        lines = [re.sub(r"(^|\s+)#.*", "", line) for line in joined]
        return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


def page_blocks() -> Iterator[Block]:
    """All blocks of all pages, but those that are directives of the site."""
    for page in PAGES:
        text, place = page.read_text(), 0
        for found in FENCE.finditer(text):
            if not found["language"].startswith("{"):
                line = text[: found.start("language")].count("\n") + 1
                name = str(page.relative_to(ROOT))
                yield Block(name, place, line, found["language"], found["text"], found["mark"] or "")
                place += 1
