"""A fuzz target: one parser of untrusted data, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

REFUSALS: tuple[type[Exception], ...] = (ValueError, OSError)
"""What readers document: BagError, VideoError and FileNotFoundError are kinds of OSError."""


@dataclass(frozen=True)
class Target:
    """A function of bytes that calls a parser and checks its result.

    Args:
        name: on the command line, and of its folder in test/corpus.
        run: returns, or raises one of `refuses`; anything else is a finding.
        refuses: the errors that the parser documents.
        most_s: CPU seconds that one input may take.
        most_mib: memory that one input may take.
        generates: packages that compile code from data on purpose.
    """

    name: str
    run: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...] = REFUSALS
    most_s: float = 5.0
    most_mib: int = 256
    generates: tuple[str, ...] = ()


@cache
def _holder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="co_perception_fuzz_")


def scratch() -> Path:
    """The one folder in which a target may write; removed at exit."""
    return Path(_holder().name)


def of_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A function of bytes that writes them to a file called `name` and reads it by `read`."""

    def run(data: bytes) -> object:
        path = scratch() / name
        path.write_bytes(data)
        return read(path)

    return run
