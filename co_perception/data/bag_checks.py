"""What is looked at in a recording before rosbags reads it, and what it is held to while it reads: parts that would
have it work without end.

A recording may come from anybody. Its definitions become Python code, field by field; its database is asked by SQL, and
may answer by views of its own; its metadata is YAML. None of these can run anything (rosbags takes names letter by
letter), but a few bytes of each can ask for all memory, or for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO
from urllib.parse import quote

from co_perception.data.damage import has_anchors
from co_perception.runtime.clamped import clamped

MOST_METADATA = 4 * 1024 * 1024  # bytes
MOST_BRACKETS = 1000  # in metadata.yaml, which recorders write without: reading nested ones takes the square of time
MOST_DEFINITION = 256 * 1024  # bytes; those of common messages have a few thousand
MOST_ELEMENTS = 4096  # of an array of fixed length: it becomes as many lines of code
MOST_CHUNK = 256 * 1024 * 1024  # bytes, unpacked; recorders begin another after less than one, or one picture
UNPACK = "Unpack them beside it (zstd -d *.zstd), and open it again."
_PAGE = 4096  # bytes of a database, which always has one
_PACKED = re.compile(rb"^\s*compression_mode\s*:\s*[\"']?file\b", re.IGNORECASE | re.MULTILINE)
_FIXED = re.compile(r"\[\s*([^\]<\s][^\]]*)\]")
_TABLE = re.compile(r"CREATE\s+(TABLE|(UNIQUE\s+)?INDEX)\b", re.IGNORECASE)
_IDL = "=" * 80 + "\n"


def check_metadata(path: Path) -> None:
    """Raises ValueError for a metadata.yaml that no recorder writes."""
    with path.open("rb") as file:
        content = file.read(MOST_METADATA + 1)
    large = len(content) > MOST_METADATA or content.count(b"[") + content.count(b"{") > MOST_BRACKETS
    if large or has_anchors(content.decode("utf-8")):
        raise ValueError(
            f"{path.name} is larger or more nested than any recorder writes it, or has anchors; take the files alone."
        )


def check_database(path: Path) -> None:
    """Raises ValueError for a database that has more than tables of what was recorded: views, columns that are computed
    when they are read, virtual tables. apsw.Error for what is none."""
    import apsw  # as rosbags does: Python's own may be years older, and does not know all damage

    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"file:{quote(str(path.absolute()))}?immutable=1", flags)
    try:
        entries = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        odd = [name for name, sql in entries if sql is not None and not _TABLE.match(str(sql))]
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


def bound_rows() -> None:
    """Has connections of apsw that only read, as those of rosbags do, make no room for a row longer than the file."""
    import apsw

    if _bound not in apsw.connection_hooks:
        apsw.connection_hooks.append(_bound)


def _bound(connection: Any) -> None:
    from apsw import SQLITE_LIMIT_LENGTH

    if connection.filename and connection.readonly("main"):
        connection.limit(SQLITE_LIMIT_LENGTH, max(Path(connection.filename).stat().st_size, _PAGE))


def bound_chunks(storage: Any) -> None:
    """Has rosbags' MCAP storage make no room for a record longer than the file, unpack no more of a chunk than it
    claims, and none that claims more than MOST_CHUNK: by itself it unpacks first and compares then."""
    from lz4.frame import LZ4FrameDecompressor

    storage.read_exact = partial(_read_exact, storage.ReaderError)
    kinds = {"lz4": LZ4FrameDecompressor, "zstd": storage.zstd.ZstdDecompressor}
    storage.DECOMPRESSORS |= {name: partial(_unpacked, kind) for name, kind in kinds.items()}


def bound_messages(reader: Any) -> None:
    """Has rosbags' reader unpack messages (compression mode "message") to MOST_CHUNK at most, and no files: those would
    be as large as they like, and not have been looked at."""
    if not isinstance(reader.zstd, SimpleNamespace):  # not yet
        unpack = partial(_unpacked_message, reader.zstd.ZstdDecompressor)
        reader.zstd = SimpleNamespace(decompress=unpack, open=_unpacked_file)


def _unpacked_message(kind: Callable[[], Any], data: bytes) -> bytes:
    packed = kind()
    unpacked = bytes(packed.decompress(data, max_length=MOST_CHUNK))
    if not packed.eof:
        raise ValueError(f"a message is cut off, or unpacks to more than {MOST_CHUNK} bytes")
    return unpacked


def _unpacked_file(*_: Any) -> Any:
    raise ValueError(f"its files are packed as wholes, which is not read here. {UNPACK}")


def is_packed(metadata: Path) -> bool:
    """Whether a metadata.yaml says that whole files are compressed (`ros2 bag record --compression-mode file`)."""
    with metadata.open("rb") as file:
        return bool(_PACKED.search(file.read(MOST_METADATA)))


def _read_exact(error: type[Exception], file: BinaryIO, size: int) -> bytes:
    at, data = file.tell(), clamped(file).read(size)
    if len(data) != size:
        raise error(f"a record at {at} claims {size} bytes, the file has {len(data)} more")
    return data


def _unpacked(kind: Callable[[], Any], data: bytes, size: int) -> bytes:
    if size > MOST_CHUNK:
        raise ValueError(f"a chunk claims {size} bytes, more than {MOST_CHUNK}")
    return bytes(kind().decompress(data, max_length=size)) if size else b""


def idl_parts(text: str) -> list[str]:
    """The files of a definition in IDL, several in one text."""
    if not text.startswith(f"{_IDL}IDL: "):
        return [text]
    return [part.partition("\n")[2] for part in text.split(_IDL)[1:]]
