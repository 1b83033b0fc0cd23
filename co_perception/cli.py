"""The command `co-perception`. Each of its commands is a file in `commands/`.

To add one: a file with a function `add(commands)` that makes its parser and ends in `set_defaults(run=...)`, where
`run` takes the parsed arguments and returns the exit status; and the file's name in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from co_perception.commands import adapt, evaluate, networks, record, train, weights

COMMANDS = (record, train, adapt, evaluate, weights, networks)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (of the process's arguments where none are given) and returns its exit status.

    0: done; 1: it failed, and one line on standard error says why; 2: it was not understood; 130: it was interrupted.
    """
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"co-perception: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("co-perception: interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    about = "Streaming human-activity perception for robots."
    parser = argparse.ArgumentParser(prog="co-perception", description=about)
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
