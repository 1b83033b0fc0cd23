"""Files that are written whole or not at all, and digests of files."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files that belong together, whole or not at all, as readable as the user's umask says.

    All are written beside their places before the first one is renamed: after an error the earlier files are as they
    were. (The writer of safetensors makes files that only their owner can read.)

    Raises:
        OSError: names the file that could not be written, also where the disk is full.
    """
    unfinished = {path: path.with_name(f".{path.name}.{secrets.token_hex(4)}") for path in contents}
    try:
        for path, content in contents.items():
            try:
                with unfinished[path].open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        for path, part in unfinished.items():
            os.replace(part, path)
    finally:
        for part in unfinished.values():
            part.unlink(missing_ok=True)


def cached_file_digest(path: Path) -> str:
    """`file_digest` of a large file that is asked for many times: by size and time of change it is known again."""
    found = path.stat()
    return _digest_of(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest_of(path: Path, size: int, changed_ns: int) -> str:
    del size, changed_ns  # which say that it is the same content
    return file_digest(path)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, what `sha256sum` prints. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
