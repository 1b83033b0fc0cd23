"""Numbers on the command line: every option of every command refuses what it cannot mean, before anything is done."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import pytest

from co_perception import cli
from co_perception.commands.sources import DATA_SETS
from co_perception.data.datasets.registry import READERS
from co_perception.engine.paths import expanded, user_path

IMPOSSIBLE = ("nan", "inf", "-inf", "-1", "-0.5", "1e30", "99999999999999999999", "", "five")
# Options that take 0, and what it means there.
ZERO = {
    "train --hold-out": "nothing is held out",
    "train --validate": "the last epoch is used",
    "train --embedding-weight": "the classification losses alone",
    "train --source-weight": "the source counts in the loss of the features only",
    "adapt --hold-out": "nothing is held out",
    "why --at": "the beginning of the recording",
    "why --ago": "the newest answer",
    "evaluate --seed": "a seed like any other",
    "demo --seconds": "to the end",
    "demo --model-rate": "each frame of the source is one of the network",
    "soak --model-rate": "each frame is one of the network",
}
# Options that are text, and read as more than a name; each is refused with words of its own.
TEXT = {
    "train --set", "adapt --set", "evaluate --set", "tune --set", "why --set", "evaluate --require", "record --keys",
    "train --pose-set", "clips --pose-set",
}  # fmt: skip


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every parser of the package by the words that reach it."""
    yield from inner("", cli.make_parser())
    pytest.importorskip("rclpy")
    from co_perception.nodes.demo import main as demo
    from co_perception.nodes.soak import main as soak

    yield "demo", demo.make_parser()
    yield "soak", soak.make_parser()


def inner(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, each in action.choices.items():
                yield from inner(f"{name} {word}".strip(), each)


def options() -> dict[str, argparse.Action]:
    return {
        f"{name} {(action.option_strings or [action.dest])[-1]}": action
        for name, parser in parsers() for action in parser._actions
    }  # fmt: skip


def accepts(reader: Callable[[str], object], text: str) -> bool:
    try:
        reader(text)
    except (argparse.ArgumentTypeError, TypeError, ValueError):
        return False
    return True


def test_no_number_is_taken_that_is_none_negative_or_absurd() -> None:
    paths = (user_path, expanded)
    numbers = {name: each.type for name, each in options().items() if callable(each.type) and each.type not in paths}
    assert {"train --step", "adapt --rank", "evaluate --drop", "soak --minutes"} <= set(numbers)
    taken = {(name, text) for name, reader in numbers.items() for text in IMPOSSIBLE if accepts(reader, text)}
    assert taken == set()
    assert {name for name, reader in numbers.items() if accepts(reader, "0")} == set(ZERO)


def test_no_number_is_text() -> None:
    """An option without a type whose default is a number, or whose help asks for one, would take anything."""
    texts = {name: each for name, each in options().items() if each.type is None and each.nargs != 0}
    metavars = {"HZ", "SHARE", "MS", "RATIO", "FRAMES", "N", "S", "SECONDS"}
    assert [
        name for name, each in texts.items() if isinstance(each.default, (int, float)) or each.metavar in metavars
    ] == []
    assert {name for name, each in texts.items() if "=" in str(each.metavar)} == TEXT


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (("train", "x", "--out", "o", "--step", "0"), "--step: expected frames from window to window: a whole number, "
         "at least 1, at most 2147483647, got '0'"),
        (("train", "x", "--out", "o", "--step", "-4"), "got '-4'"),
        (("train", "x", "--out", "o", "--hold-out", "-1"), "--hold-out: expected a share, such as 0.25 for a quarter; "
         "0 for nothing (at least 0, below 1), got '-1'"),
        (("train", "x", "--out", "o", "--hold-out", "1.5"), "got '1.5'"),
        (("train", "x", "--out", "o", "--kind", "ntuu"), "--kind: invalid choice: 'ntuu'"),
        (("adapt", "m", "--data", "x", "--out", "o", "--seeds", "0"), "--seeds: expected a number of repetitions"),
        (("adapt", "m", "--data", "x", "--out", "o", "--rank", "0"), "--rank: expected a rank, a whole number from 1"),
        (("adapt", "m", "--data", "x", "--out", "o", "--rank", "-3"), "got '-3'"),
        (("adapt", "m", "--data", "x", "--out", "o", "--density", "0"), "--density: expected a share"),
        (("evaluate", "x", "--drop", "1.5"), "--drop: expected a share of the frames, such as 0.2"),
        (("evaluate", "x", "--jobs", "0"), "--jobs: expected a number of processes"),
    ],
)  # fmt: skip
def test_impossible_values_are_told_with_what_was_expected(
    arguments: tuple[str, ...], reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert reported in capsys.readouterr().err


def test_kinds_are_those_of_the_readers_of_skeletons() -> None:
    assert set(DATA_SETS) == set(READERS) - {"video"}


def test_a_model_of_ones_own_is_soaked_at_its_own_rate() -> None:
    pytest.importorskip("rclpy")
    from co_perception.nodes.soak import main as soak

    def rate_hz(*arguments: str) -> object:
        given = soak.make_parser().parse_args(["--source", "x.mp4", *arguments])
        return next(one for one in soak.graph(given) if one.module == "video_activity").parameters["model_rate_hz"]

    assert rate_hz() == 12.5
    assert rate_hz("--video-model", "own") == rate_hz("--video-network", "cox3d_m") == -1.0
    assert rate_hz("--video-model", "own", "--model-rate", "5") == 5.0
