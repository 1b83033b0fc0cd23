"""An MCAP file whose end is missing, made readable again: what a killed recorder or a full disk leaves behind.

A file is magic, records of (opcode, length, content), and a summary at the very end that readers look for first. The
records before the cut are whole. They are copied, and closed with an empty summary; the original is not touched.
Format: https://mcap.dev/spec
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import BinaryIO

MAGIC = b"\x89MCAP0\r\n"
_FOOTER, _DATA_END = 0x02, 0x0F
_HEAD = struct.Struct("<BQ")


def is_whole(path: Path) -> bool:
    """Whether the file ends as an MCAP file should, and no record on the way there claims more than the file has."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 2 * len(MAGIC):
            return False
        file.seek(-len(MAGIC), 2)
        if file.read() != MAGIC:
            return False
        file.seek(len(MAGIC))
        return _end_of_records(file, ends=(0,)) == size - len(MAGIC)


def salvage(path: Path, to: Path) -> int:
    """Writes all whole records of `path` as a whole file `to`; returns how many bytes had to be left behind.

    Raises: ValueError where `path` is no MCAP file, or not even its first record is whole.
    """
    with path.open("rb") as source:
        if source.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path} is not an MCAP file: it does not begin like one.")
        end = _end_of_records(source)
        if end == len(MAGIC):
            raise ValueError(f"{path} breaks off within its first record: nothing of it can be read.")
        source.seek(0)
        with to.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.truncate(end)
            copy.seek(end)
            # DataEnd without a checksum, Footer without a summary: readers then go through the records one by one.
            copy.write(_HEAD.pack(_DATA_END, 4) + bytes(4) + _HEAD.pack(_FOOTER, 20) + bytes(20) + MAGIC)
    return path.stat().st_size - end


def _end_of_records(source: BinaryIO, ends: tuple[int, ...] = (0, _FOOTER, _DATA_END)) -> int:
    """Where the last whole record before one of the kinds `ends` ends: by default, of the data section."""
    end = source.tell()
    size = source.seek(0, 2)
    while end + _HEAD.size <= size:
        source.seek(end)
        kind, length = _HEAD.unpack(source.read(_HEAD.size))
        if kind in ends or end + _HEAD.size + length > size:
            break
        end += _HEAD.size + length
    return end
