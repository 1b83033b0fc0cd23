"""Command line `co-perception`. Each of its commands is a file in `commands/`.

To add one: a file with a function `add(commands)` that makes its parser and ends in `set_defaults(run=...)`, where
`run` takes the parsed arguments and returns the exit status; and the file's name in `COMMANDS`. A command that needs
torch gives the `extras` of setup.py that bring it and the rest of what the command imports.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from co_perception.commands import (
    adapt,
    annotation_formats,
    bundle,
    clips,
    doctor,
    evaluate,
    networks,
    record,
    show,
    studio,
    train,
    tune,
    weights,
    why,
)
from co_perception.runtime.versions import torch_advice

COMMANDS = (
    doctor, record, clips, annotation_formats, studio, show, train, adapt, evaluate, tune, why, bundle, weights,
    networks,
)  # fmt: skip


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with a parser for each command."""
    about = "Streaming human-activity perception for robots."
    parser = argparse.ArgumentParser(prog="co-perception", description=about)
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (of the process's arguments where none are given) and returns its exit status.

    0: done; 1: it failed, for the reason on standard error; 2: its arguments are wrong; 130: it was interrupted.
    """
    parsed = make_parser().parse_args(arguments)
    try:
        with torch_advice(getattr(parsed, "extras", "torch")):
            return int(parsed.run(parsed))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"co-perception: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("co-perception: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
