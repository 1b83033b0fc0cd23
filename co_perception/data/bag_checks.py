"""What is looked at in a recording before rosbags reads it: parts that would have it work without end.

A recording may come from anybody. Its definitions become Python code, field by field; its database is asked by SQL, and
may answer by views of its own; its metadata is YAML. None of these can run anything (rosbags takes names letter by
letter), but a few bytes of each can ask for all memory, or for ever.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

MOST_METADATA = 4 * 1024 * 1024  # bytes
MOST_BRACKETS = 1000  # in metadata.yaml, which recorders write without: reading nested ones takes the square of time
MOST_DEFINITION = 256 * 1024  # bytes; those of common messages have a few thousand
MOST_ELEMENTS = 4096  # of an array of fixed length: it becomes as many lines of code
MOST_CHUNK = 256 * 1024 * 1024  # bytes, unpacked; recorders begin another after less than one, or one picture
_FIXED = re.compile(r"\[\s*([^\]<\s][^\]]*)\]")
_TABLE = re.compile(r"CREATE\s+(TABLE|(UNIQUE\s+)?INDEX)\b", re.IGNORECASE)
_IDL = "=" * 80 + "\n"


def check_metadata(path: Path) -> None:
    """Raises ValueError for a metadata.yaml that no recorder writes."""
    with path.open("rb") as file:
        content = file.read(MOST_METADATA + 1)
    if len(content) > MOST_METADATA or content.count(b"[") + content.count(b"{") > MOST_BRACKETS:
        raise ValueError(f"{path.name} is larger or more nested than any recorder writes it; take the files alone.")


def check_database(path: Path) -> None:
    """Raises ValueError for a database that has more than tables of what was recorded: views, columns that are computed
    when they are read, virtual tables. sqlite3.Error for what is none."""
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)
    try:
        entries = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        odd = [name for name, sql in entries if sql is not None and not _TABLE.match(sql)]
        names = [name for name, sql in entries if sql is not None and not odd]
        for name in names:
            columns = connection.execute("SELECT hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
            odd += [name] if any(hidden for (hidden,) in columns) else []
    finally:
        connection.close()
    if odd:
        raise ValueError(f"{odd[0]!r} in it is computed when it is read, and no recorder writes that.")


def check_definitions(text: str) -> None:
    """Raises ValueError for a definition of messages with arrays of a fixed length that is zero or large, or computed:
    an array of nothing costs nothing to send, and may hold others."""
    if len(text) > MOST_DEFINITION:
        raise ValueError(f"the definition of its messages has {len(text)} characters, more than {MOST_DEFINITION}")
    bare = re.sub(r"#.*|//.*", "", text)
    for length in _FIXED.findall(bare):
        if not length.strip().isdecimal() or not 0 < int(length[:10]) <= MOST_ELEMENTS:
            raise ValueError(f"its messages have an array of {length[:20]} elements, expected 1 to {MOST_ELEMENTS}")
    if "<<" in bare or "**" in bare:
        raise ValueError("the definition of its messages computes numbers")


def bound_chunks(storage: Any) -> None:
    """Has rosbags' MCAP storage unpack no more of a chunk than it claims, and none that claims more than MOST_CHUNK:
    by itself it unpacks first and compares then."""
    from lz4.frame import LZ4FrameDecompressor

    kinds = {"lz4": LZ4FrameDecompressor, "zstd": storage.zstd.ZstdDecompressor}
    storage.DECOMPRESSORS |= {name: partial(_unpacked, kind) for name, kind in kinds.items()}


def _unpacked(kind: Callable[[], Any], data: bytes, size: int) -> bytes:
    if size > MOST_CHUNK:
        raise ValueError(f"a chunk claims {size} bytes, more than {MOST_CHUNK}")
    return bytes(kind().decompress(data, max_length=size)) if size else b""


def idl_parts(text: str) -> list[str]:
    """The files of a definition in IDL, several in one text."""
    if not text.startswith(f"{_IDL}IDL: "):
        return [text]
    return [part.partition("\n")[2] for part in text.split(_IDL)[1:]]
