"""Bounded reader of untrusted files that `torch.save` wrote: no code in them runs, and none grows when it is read.

`weights_only` sees to the first. The second is checked here: torch does not refuse a compressed archive, which it never
writes, nor a tensor that repeats one number a million times, nor a key that takes years to hash.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from co_perception.runtime.untrusted.limits import RefusedPickleError, bounded, check_claims
from co_perception.runtime.versions import numbers

SAFE_SINCE = (2, 6)  # before, torch ran what some files brought in spite of weights_only (CVE-2025-32434)
_ARCHIVE = b"PK\x03\x04"
_PICKLES = 5  # of the format before archives: magic number, version, machine, what was saved, names of the storages


def load_plain(path: Path, *, checksums: bool = False) -> Any:
    """The file's content, on the CPU.

    Args:
        path: a file of `torch.save`.
        checksums: compare those of the archive, which torch does not. A file of the older format has none, and is
            refused.

    Raises: FileNotFoundError; pickle.UnpicklingError where it needs more than tensors, numbers, texts and containers;
        ValueError for a compressed archive, and for tensors larger than what is stored of them; RuntimeError and
        EOFError of torch for a damaged file; ImportError where torch is too old to be safe.
    """
    if numbers(torch.__version__) < SAFE_SINCE:
        raise ImportError(
            f"torch {torch.__version__} may run code that a file brings, in spite of weights_only (CVE-2025-32434); "
            "checkpoints are read from torch 2.6 on: pip install 'torch>=2.8' in a virtual environment (README.md)"
        )
    source: Path | BinaryIO = path
    with path.open("rb") as file:
        # As torch decides it, or an archive could be taken for something else here and unpacked there.
        is_archive = file.read(len(_ARCHIVE)) == _ARCHIVE
    if is_archive:
        _check_archive(path, checksums)
    elif checksums:
        raise ValueError("it is no archive, and has no checksums")
    else:  # a file makes room for as many bytes as it is asked for, these give what there is
        source = io.BytesIO(path.read_bytes())
        _check_pickles(source, _PICKLES)
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise pickle.UnpicklingError(_asked_for(error)) from None
    except (RuntimeError, EOFError, OSError):
        raise
    except Exception as error:  # torch trusts what it reads, and stumbles over what is damaged in any way
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    for tensor in _tensors(found):
        if tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"it has a tensor of layout {tensor.layout} on {tensor.device}, expected plain numbers")
        stored = tensor.untyped_storage().nbytes()
        if tensor.numel() * tensor.element_size() > stored:
            raise ValueError(f"it has a tensor of shape {tuple(tensor.shape)} of which only {stored} bytes are stored")
    return found


def _check_archive(path: Path, checksums: bool) -> None:
    try:
        with path.open("rb") as file, zipfile.ZipFile(bounded(file)) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ValueError("its archive is compressed, and torch writes none that is")
            if sum(entry.file_size for entry in entries) > os.path.getsize(path):
                raise ValueError("its archive claims to hold more than the whole file")
            for entry in entries:
                if entry.filename.endswith(".pkl"):
                    _check_pickles(io.BytesIO(archive.read(entry)), 1)
            if checksums and (damaged := archive.testzip()):
                raise ValueError(f"{damaged} differs from its checksum")
    except ValueError:
        raise
    except Exception as error:  # what a broken archive raises depends on where it is broken
        raise ValueError(f"its archive is damaged: {error}") from error


def _check_pickles(file: BinaryIO, count: int) -> None:
    """Check as many pickles, one after the other, and go back to the first."""
    try:
        for _ in range(count):
            check_claims(file)
    except RefusedPickleError:
        raise
    except Exception as error:  # what a broken pickle raises depends on where it is broken
        raise ValueError(f"it is cut off, damaged or no file of torch.save ({error})") from error
    file.seek(0)


def _asked_for(error: pickle.UnpicklingError) -> str:
    """What the file asked for, without torch's advice to read it with `weights_only` switched off."""
    reason = re.search(r"WeightsUnpickler error: (?:Unsupported \w+: )?(?:GLOBAL )?(.+)", str(error))
    what = "" if reason is None else reason[1].partition(" was not an allowed global")[0].partition(". Please")[0]
    return f"it asks for {what}" if what else "its pickle is damaged"


def _tensors(tree: object) -> Iterator[Tensor]:
    """All tensors in containers of any depth; each container once, however often it is contained."""
    waiting, visited = [tree], set()
    while waiting:
        item = waiting.pop()
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (Mapping, list, tuple)) and id(item) not in visited:
            visited.add(id(item))
            waiting += item.values() if isinstance(item, Mapping) else item
