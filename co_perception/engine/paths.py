"""Paths as people write them: ~ is a home directory, also where no shell has replaced it (`model_path:=~/lesson`)."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str) -> str:
    """`path` with ~ or ~user at its beginning replaced by that home directory; as it is where there is none.

    Settings of nodes, options of commands and sources of video go through here, so errors name the file that was
    looked for.
    """
    return os.path.expanduser(path)


def user_path(text: str) -> Path:
    """Type of a command-line option: a path, see `expanded`."""
    return Path(expanded(text))
