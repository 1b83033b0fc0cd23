"""Files that `torch.save` wrote, read so that nothing in them runs and nothing in them grows.

`weights_only` sees to the first. The second is seen to here: torch neither asks whether an archive is compressed, which
those it writes are not, nor whether a tensor shows one number a million times, nor how long a key takes to hash.
"""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from co_perception.runtime.clamped import clamped
from co_perception.runtime.pickle_claims import RefusedPickleError, check_claims
from co_perception.runtime.versions import numbers

SAFE_SINCE = (2, 6)  # before, torch ran what some files brought in spite of weights_only (CVE-2025-32434)
_ARCHIVE = b"PK\x03\x04"
_PICKLES = 5  # of the format before archives: magic number, version, machine, what was saved, names of the storages


def load_plain(path: Path, *, checksums: bool = False) -> Any:
    """What the file holds, on the CPU.

    checksums: compare those that the archive has, which torch does not; a file of the format before has none, and is
        refused.
    Raises: FileNotFoundError; pickle.UnpicklingError where it asks for more than tensors, numbers, texts and
        containers; ValueError for an archive that is packed, and for tensors wider than what is stored of them;
        RuntimeError and EOFError of torch for a damaged file; ImportError where torch is too old to be asked.
    """
    if numbers(torch.__version__) < SAFE_SINCE:
        raise ImportError(
            f"torch {torch.__version__} may run code that a file brings, in spite of weights_only (CVE-2025-32434); "
            "checkpoints are read from torch 2.6 on: pip install 'torch>=2.8' in a virtual environment (README.md)"
        )
    source: Any = path
    if _is_archive(path):
        _check_archive(path, checksums)
    elif checksums:
        raise ValueError("it is no archive, and has no checksums")
    else:  # a file makes room for as many bytes as it is asked for, these give what there is
        source = io.BytesIO(path.read_bytes())
        _check_pickles(source, _PICKLES)
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError):
        raise
    except Exception as error:  # torch trusts what it reads, and stumbles over what is damaged in any way
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    for tensor in _tensors(found, set()):
        _check_stored(tensor)
    return found


def _is_archive(path: Path) -> bool:
    """As torch decides it, or an archive could be taken for something else here and unpacked there."""
    with path.open("rb") as file:
        return file.read(len(_ARCHIVE)) == _ARCHIVE


def _check_archive(path: Path, checksums: bool) -> None:
    try:
        with path.open("rb") as file, zipfile.ZipFile(clamped(file)) as archive:
            entries = archive.infolist()
            _check_entries(entries, os.path.getsize(path))
            for entry in entries:
                if entry.filename.endswith(".pkl"):
                    _check_pickles(io.BytesIO(archive.read(entry)), 1)
            if checksums and (damaged := archive.testzip()):
                raise ValueError(f"{damaged} differs from its checksum")
    except ValueError:
        raise
    except Exception as error:  # what a broken archive raises depends on where it is broken
        raise ValueError(f"its archive is damaged: {error}") from error


def _check_entries(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("its archive is compressed, and torch writes none that is")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its archive claims to hold more than the whole file")


def _check_pickles(file: BinaryIO, count: int) -> None:
    """Looks through as many pickles, one after the other, and goes back to the first."""
    try:
        for _ in range(count):
            check_claims(file)
    except RefusedPickleError:
        raise
    except Exception as error:  # what a broken pickle raises depends on where it is broken
        raise ValueError(f"it is cut off, damaged or no file of torch.save ({error})") from error
    file.seek(0)


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
