"""MCAP files: whether one is whole and its summary complete, and repair of one that was cut short.

An MCAP file is magic, records of (opcode, length, content), and a summary at the very end that readers look for first.
A killed recorder or a full disk leaves it without an end. The records before the cut are whole: they are copied, and
closed with an empty summary; the original is not touched. Format: https://mcap.dev/spec
"""

from __future__ import annotations

import shutil
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from co_perception.runtime.untrusted.limits import bounded

MOST_PROFILE = 256  # characters; "ros2" and the like
MAGIC = b"\x89MCAP0\r\n"
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _CHUNK_INDEX, _STATISTICS, _DATA_END = 2, 3, 4, 5, 6, 8, 0x0B, 0x0F
_HEAD = struct.Struct("<BQ")


def check_profile(path: Path) -> None:
    """Raises ValueError for an MCAP file that does not say it is of ROS 2."""
    with path.open("rb") as file:
        head = file.read(len(MAGIC) + _HEAD.size + 4)
        length = int.from_bytes(head[-4:], "little")
        if not head.startswith(MAGIC) or length > MOST_PROFILE:
            return  # rosbags says what is wrong with it
        profile = file.read(length).decode("utf-8", "replace")
    if profile != "ros2":
        hint = (
            "Name the .bag it was made of, or convert that: rosbags-convert --src FILE.bag --dst FOLDER."
            if profile == "ros1"
            else "Programs that write messages of ROS 2 give that profile: Writer.start(profile='ros2')."
        )
        raise ValueError(f"its MCAP profile is {profile!r}, expected 'ros2'. {hint}")


def is_whole(path: Path) -> bool:
    """Whether the file ends as an MCAP file should, and no record on the way there claims more than the file has."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - len(MAGIC), 0))
        if size < 2 * len(MAGIC) or file.read() != MAGIC:
            return False
        file.seek(len(MAGIC))
        return _end_of_records(file, ends=(0,)) == size - len(MAGIC)


def is_indexed(path: Path) -> bool:
    """Whether the summary of a whole MCAP file, if it has one, leads to all its messages: to every chunk, to the
    channels in each, and to their schemas. Writers may leave out any of these; rosbags then misses messages."""
    with path.open("rb") as file:
        file.seek(-len(MAGIC) - 20, 2)  # content of the footer
        (start,) = struct.unpack("<Q", file.read(8))
        if not start:
            return True  # rosbags goes through all records
        try:
            summary = [(kind, bounded(file).read(length)) for kind, length in _records(file, start)]
            indexes = [content for kind, content in summary if kind == _CHUNK_INDEX]
            maps = [_map_keys(content, 32) for content in indexes]
            used = set().union(*maps, *(_map_keys(content, 42) for kind, content in summary if kind == _STATISTICS))
            schema_of = dict(struct.unpack_from("<HH", content) for kind, content in summary if kind == _CHANNEL)
            schemas = {struct.unpack_from("<H", content)[0] for kind, content in summary if kind == _SCHEMA}
        except struct.error:
            return False
        if not used <= schema_of.keys() or not set(schema_of.values()) <= schemas | {0}:
            return False
        data = Counter(kind for kind, _ in _records(file, len(MAGIC), start)) if indexes else Counter[int]()
    return all(maps) and data[_CHUNK] == len(indexes) and not (indexes and data[_MESSAGE])


def _map_keys(content: bytes, at: int) -> set[int]:
    """The keys of a map from channels to numbers of 8 bytes."""
    (length,) = struct.unpack_from("<I", content, at)
    return {key for key, _ in struct.iter_unpack("<HQ", content[at + 4 : at + 4 + length])}


def _records(file: BinaryIO, start: int, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Kind and length of each record from `start` to `end`, or the footer. The file is then at the record's content."""
    while end is None or start < end:
        file.seek(start)
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return
        kind, length = _HEAD.unpack(head)
        if kind == _FOOTER:
            return
        yield kind, length
        start += _HEAD.size + length


def salvage(path: Path, to: Path) -> int:
    """Writes all whole records of `path` as a whole file `to`. Returns how many bytes at the end of `path` are lost.

    Raises ValueError where `path` is no MCAP file, or not even its first record is whole.
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
