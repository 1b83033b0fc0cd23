"""The checkpoints of a training in its folder: whole or not there, and never more than numbers.

Written under another name, forced to the disk and renamed, so that a kill leaves the one before. Files are what
`torch.save` writes; their checksums are looked at before they are read, and they are read with `weights_only`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from co_perception.runtime.torch_file import load_plain

KEPT = 2  # a damaged one falls back to the one before
_PART = ".part"


def path_of(folder: Path, epochs: int) -> Path:
    """Where the training lies after so many epochs; 0: before the first."""
    return folder / f"epoch-{epochs:05d}.ckpt"


def found(folder: Path) -> list[Path]:
    """The checkpoints there are, newest first."""
    return sorted(folder.glob("epoch-*.ckpt"), reverse=True)


def write(checkpoint: Mapping[str, Any], path: Path) -> None:
    """All of it or nothing, even where the machine stops in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + _PART)
    with part.open("wb") as file:
        torch.save(dict(checkpoint), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync(path.parent)


def read(path: Path) -> dict[str, Any]:
    """What `write` wrote. Raises: ValueError where it is cut short, damaged, or would need code to be read."""
    try:
        return dict(load_plain(path, checksums=True))
    except FileNotFoundError:
        raise
    except Exception as error:  # what a broken archive raises depends on where it is broken
        why = str(error).partition("\n")[0] or type(error).__name__
    raise ValueError(f"{path} is not a whole checkpoint ({why})")


def newest(folder: Path) -> Path | None:
    """The newest whole checkpoint, with a warning for each newer one that is damaged; None where there is none."""
    for path in found(folder):
        try:
            read(path)
            return path
        except ValueError as error:
            warnings.warn(f"{error}; going back to the one before", stacklevel=3)
    return None


def tidy(folder: Path) -> None:
    """Remove all but the newest, and what a kill left half written."""
    for path in [*found(folder)[KEPT:], *folder.glob(f"*{_PART}")]:
        path.unlink()


def _sync(folder: Path) -> None:
    """Force a rename to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
