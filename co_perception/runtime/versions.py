"""Versions of installed packages, read without importing them, and what to say where torch is not installed.

A robot has packages from apt and from pip, and the ranges in setup.py are not always heeded. A version that would break
what docs/security.md promises is refused by name. Standard library only.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TORCH_NEEDED = (
    "this needs torch, which is not installed: pip install 'co_perception[{extras}]'. Without torch, models run from "
    "bundles, which `co-perception bundle` writes on a machine that has it (docs/bundle.md)"
)
_RECORD = re.compile(r"(.+?)-([^-]+)(?:-.*)?\.(?:dist-info|egg-info|egg)")  # of an installed package


def numbers(version: str) -> tuple[int, ...]:
    """(2, 13, 0) of "2.13.0+cpu". Empty for what does not begin with a number."""
    return tuple(int(number) for number in re.split(r"[^\d.]", version, maxsplit=1)[0].split(".") if number)


def installed(package: str) -> str | None:
    """The version of an installed package, None where there is none; the first on `sys.path`, as it is imported.

    The names of the records of what is installed are enough. `importlib.metadata` reads them, too, and takes a tenth
    of the start of a node for it.
    """
    wanted = _normal(package)
    for folder in sys.path:
        with suppress(OSError):  # a zip file, or a folder that is not there
            for name in os.listdir(folder or os.curdir):
                found = _RECORD.fullmatch(name)
                if found and _normal(found[1]) == wanted:
                    return found[2]
    return None


def is_since(package: str, first: tuple[int, ...]) -> bool:
    """Whether a package of pip's is installed in version `first` or a later one."""
    version = installed(package)
    return version is not None and numbers(version) >= first


@contextmanager
def torch_advice(extras: str = "torch") -> Iterator[None]:
    """A context in which a torch that is not installed is an ImportError that says what to do.

    Args:
        extras: that bring all of what is needed, such as "train,ros".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "torch":
            raise ImportError(TORCH_NEEDED.format(extras=extras)) from error
        raise


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
