"""Commands and options named within the text of a page, and in blocks that no test runs: each is one that there is."""

from __future__ import annotations

import argparse
import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.page_blocks import FENCE, PAGES, ROOT, page_blocks

from co_perception import cli

TEXTS = [*PAGES, ROOT / "SECURITY.md", ROOT / "CHANGELOG.rst", *sorted((ROOT / "docs/api").glob("*.md")),
         *sorted((ROOT / "co_perception/models").glob("*/README.md"))]  # fmt: skip
COMMAND = re.compile(r"^(?:\S*/|ros2 run co_perception )?co-perception (?=\S)")
# Options of other programs: pip, venv, docker, ros2, FFmpeg, OpenPose, pytest.
OTHERS = {"--break-system-packages", "--cert", "--enable-gpl", "--extra-index-url", "--find-links", "--index-url",
          "--no-binary", "--no-index", "--once", "--require-hashes", "--ros-args", "--system-site-packages",
          "--gpus", "--hypothesis-profile", "--write_json"}  # fmt: skip

# Options of the programs here.
FOLDERS = ("co_perception", "benchmarks", "recipes", "fuzz", "tools", "docs")
OWN = {option for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")
       for option in re.findall(r"\"(--[a-z][\w-]*)\"", file.read_text())}  # fmt: skip


def inline(page: Path) -> list[str]:
    """The code within the lines of a page, without its blocks; a command may go on in the next line."""
    text = FENCE.sub("", page.read_text())
    quote = "``" if page.suffix == ".rst" else "`"
    return [" ".join(found.split()) for found in re.findall(rf"(?<!`){quote}([^`]+){quote}(?!`)", text)]


def named() -> Iterator[tuple[str, str]]:
    """Each command with the page that names it."""
    for page in TEXTS:
        for code in inline(page):
            yield page.name, code
    for block in page_blocks():
        if block.mark != "output" and block.language == "":
            yield from ((block.page, command) for command in block.commands())


COMMANDS = sorted({(page, COMMAND.sub("", code, count=1)) for page, code in named() if COMMAND.match(code)})


@functools.cache
def lenient() -> argparse.ArgumentParser:
    """The parser of the command line, where a text may leave out what a command needs."""
    parser = cli.make_parser()
    waiting = [parser]
    while waiting:
        for action in waiting.pop()._actions:
            action.required = False
            if isinstance(action, argparse._SubParsersAction):
                waiting.extend(action.choices.values())
            elif not action.option_strings and action.nargs in (None, "+"):
                action.nargs = "*" if action.nargs else "?"
    return parser


def options_of(parser: argparse.ArgumentParser, words: list[str]) -> dict[str, argparse.Action]:
    """The options of the command that these words begin with, however deep it is."""
    known = dict(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            deeper = next((word for word in words if word in action.choices), None)
            known |= options_of(action.choices[deeper], words[1:]) if deeper else {}
    return known


def words_of(command: str, takes_value: set[str]) -> list[str]:
    """The words of a command: the first of several by |, a 1 for RATE; an option may be named without a value."""
    words = [word for word in shlex.split(command.partition(" --ros-args")[0]) if word not in ("…", "...", "&")]
    words = [re.sub(r"^[A-Z]+$", "1", word).partition("|")[0] for word in words]
    return words[:-1] if words[-1] in takes_value else words


def test_pages_name_commands_in_their_text() -> None:
    assert len(COMMANDS) > 100 and {page for page, _ in COMMANDS} >= {"README.md", "evaluation.md", "CHANGELOG.rst"}


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_named_command_and_its_options_are_there(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = lenient()
    known = options_of(parser, command.split())
    words = words_of(command, {name for name, action in known.items() if action.nargs != 0})
    unknown = {word.partition("=")[0] for word in command.split() if word.startswith("--")} - known.keys()
    assert not unknown - {"--ros-args"}, f"{page}: co-perception {command}"
    try:
        parser.parse_args(words)
    except SystemExit as stopped:
        assert stopped.code == 0, f"{page}: co-perception {command}\n{capsys.readouterr().err}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_an_option_that_is_named_alone_is_one_of_a_program_here(page: Path) -> None:
    options = {word for code in inline(page) if code.startswith("--") for word in re.findall(r"^--[a-z][\w-]*", code)}
    assert not [option for option in options - OTHERS - OWN], page.name
