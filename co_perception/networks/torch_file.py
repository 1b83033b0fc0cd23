"""Files that `torch.save` wrote, read so that nothing in them runs and nothing in them grows.

`weights_only` sees to the first. The second is seen to here: torch neither asks whether an archive is compressed, which
those it writes are not, nor whether a tensor shows one number a million times.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def load_plain(path: Path) -> Any:
    """What the file holds, on the CPU.

    Raises: FileNotFoundError; pickle.UnpicklingError where it asks for more than tensors, numbers, texts and
        containers; ValueError for an archive that is packed, and for tensors wider than what is stored of them;
        RuntimeError and EOFError of torch for a damaged file.
    """
    source: Any = path
    if zipfile.is_zipfile(path):
        _check_archive(path)
    else:  # a file makes room for as many bytes as it is asked for, these give what there is
        source = io.BytesIO(path.read_bytes())
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError):
        raise
    except Exception as error:  # torch trusts what it reads, and stumbles over what is damaged in any way
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    for tensor in _tensors(found, set()):
        _check_stored(tensor)
    return found


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # what a broken archive raises depends on where it is broken
        raise ValueError(f"its archive is damaged: {error}") from error
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("its archive is compressed, and torch writes none that is")
    if sum(entry.file_size for entry in entries) > os.path.getsize(path):
        raise ValueError("its archive claims to hold more than the whole file")


def _tensors(tree: Any, seen: set[int]) -> Iterator[Tensor]:
    """All tensors in containers of any depth; each container once, however often it is held."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (Mapping, list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            waiting += item.values() if isinstance(item, Mapping) else item


def _check_stored(tensor: Tensor) -> None:
    if tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise ValueError(f"it has a tensor of layout {tensor.layout} on {tensor.device}, expected plain numbers")
    stored = tensor.untyped_storage().nbytes()
    if tensor.numel() * tensor.element_size() > stored:
        raise ValueError(f"it has a tensor of shape {tuple(tensor.shape)} of which only {stored} bytes are stored")
