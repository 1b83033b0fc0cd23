"""Versions of installed packages, read without importing them.

A robot has packages from apt and from pip, and the ranges in setup.py are not always heeded. A version that would break
what docs/security.md promises is refused by name. Standard library only.
"""

from __future__ import annotations

import re
from importlib import metadata


def numbers(version: str) -> tuple[int, ...]:
    """(2, 13, 0) of "2.13.0+cpu". Empty for what does not begin with a number."""
    return tuple(int(number) for number in re.split(r"[^\d.]", version, maxsplit=1)[0].split(".") if number)


def is_since(package: str, first: tuple[int, ...]) -> bool:
    """Whether a package of pip's is installed in version `first` or a later one."""
    try:
        return numbers(metadata.version(package)) >= first
    except metadata.PackageNotFoundError:
        return False
