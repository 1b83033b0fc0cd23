"""The library rosbags with limits: what it reads may come from anywhere, and it trusts the sizes that a file claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, BinaryIO, NoReturn, Protocol

from co_perception.data.bags import sqlite_file
from co_perception.data.bags.metadata_file import UNPACK
from co_perception.runtime.untrusted.limits import bounded

MOST_CHUNK = 256 * 1024 * 1024  # bytes, unpacked; recorders begin another after less than one, or one picture
ROS2_DEFINITIONS = ("ros2msg", "ros2idl")
_MISSING = "reading recordings needs rosbags, which is not installed: pip install 'co_perception[ros]'."
_ZSTD = b"\x28\xb5\x2f\xfd"  # begins what zstandard packs


class _Decompressor(Protocol):
    """A decompressor of lz4 or zstandard; `decompress` gives at most `max_length` unpacked bytes."""

    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def rosbags2() -> ModuleType:
    """Its package for ROS 2 recordings. Raises ImportError that names the extra, where it is not installed."""
    try:
        import rosbags.rosbag2
        import rosbags.rosbag2.reader
        import rosbags.rosbag2.storage_mcap
        import rosbags.rosbag2.storage_sqlite3
    except ImportError as error:
        raise ImportError(f"{_MISSING} ({error})") from error
    bound_chunks(rosbags.rosbag2.storage_mcap)
    bound_messages(rosbags.rosbag2.reader)
    sqlite_file.bound_rows()
    for module in (rosbags.rosbag2.reader, rosbags.rosbag2.storage_mcap, rosbags.rosbag2.storage_sqlite3):
        tolerate_qos(module)
    return rosbags.rosbag2


def rosbags1() -> ModuleType:
    """Its package for ROS 1 recordings. Raises as `rosbags2`."""
    try:
        import rosbags.rosbag1
        import rosbags.rosbag1.reader
    except ImportError as error:
        raise ImportError(f"{_MISSING} ({error})") from error
    bound_ros1_chunks(rosbags.rosbag1.reader)
    return rosbags.rosbag1


def typesys() -> ModuleType:
    """Its package for definitions of messages. Raises as `rosbags2`."""
    try:
        import rosbags.typesys
    except ImportError as error:
        raise ImportError(f"{_MISSING} ({error})") from error
    return rosbags.typesys


def unpacked(data: bytes) -> bytes:
    """A ROS 2 message, which `--compression-mode message` packs; unpacked ones begin with a zero (CDR)."""
    return bytes(rosbags2().reader.zstd.decompress(data)) if data[:4] == _ZSTD else data


def bound_chunks(storage: Any) -> None:
    """Makes rosbags' MCAP storage allocate no record longer than the file, unpack no more of a chunk than it claims,
    and none that claims more than MOST_CHUNK: by itself it unpacks first and compares then."""
    from lz4.frame import LZ4FrameDecompressor

    def read_exact(file: BinaryIO, size: int) -> bytes:
        return _read_exact(file, size, storage.ReaderError)

    def unpacked(kind: Callable[[], _Decompressor], data: bytes, size: int) -> bytes:
        if size > MOST_CHUNK:
            raise ValueError(f"a chunk claims {size} bytes, more than {MOST_CHUNK}")
        return bytes(kind().decompress(data, max_length=size)) if size else b""

    def definition(get: Callable[[object], object], schema: Any) -> object:
        return get(schema if schema and schema.encoding in ROS2_DEFINITIONS else None)  # "unknown", JSON, Protobuf

    storage.read_exact = read_exact
    if not isinstance(storage.get_msgdef, partial):  # not yet
        storage.get_msgdef = partial(definition, storage.get_msgdef)
    kinds = {"lz4": LZ4FrameDecompressor, "zstd": storage.zstd.ZstdDecompressor}
    storage.DECOMPRESSORS |= {name: partial(unpacked, kind) for name, kind in kinds.items()}


def bound_ros1_chunks(reader: Any) -> None:
    """The same for rosbags' reader of ROS 1 files, whose chunks do not claim a size when they are unpacked."""
    from bz2 import BZ2Decompressor

    from lz4.frame import LZ4FrameDecompressor

    def read_bytes(file: BinaryIO, size: int) -> bytes:
        return _read_exact(file, size, reader.ReaderError)

    def unpack(kind: Callable[[], _Decompressor], data: bytes) -> bytes:
        packed = kind()
        content = bytes(packed.decompress(data, max_length=MOST_CHUNK))
        if not packed.eof:
            raise ValueError(f"a chunk is cut off, or unpacks to more than {MOST_CHUNK} bytes")
        return content

    reader.read_bytes = read_bytes
    reader.decompressors |= {"bz2": partial(unpack, BZ2Decompressor), "lz4": partial(unpack, LZ4FrameDecompressor)}


def _read_exact(file: BinaryIO, size: int, error: type[Exception]) -> bytes:
    at, data = file.tell(), bounded(file).read(size)
    if len(data) != size:
        raise error(f"a record at {at} claims {size} bytes, the file has {len(data)} more")
    return data


def tolerate_qos(module: Any) -> None:
    """Makes a module of rosbags read QoS in words that it does not know as none: no message is read by it."""

    def parse(known: Callable[[object], list[object]], profiles: object) -> list[object]:
        try:
            return known(profiles)
        except Exception:  # a missing field, a text for a number, no YAML
            return []

    if not isinstance(module.parse_qos, partial):  # not yet
        module.parse_qos = partial(parse, module.parse_qos)


def bound_messages(reader: Any) -> None:
    """Makes rosbags' reader unpack messages (compression mode "message") to MOST_CHUNK at most, and no files: those
    have no limit, and were not checked."""
    if not isinstance(reader.zstd, _BoundedZstd):  # not yet
        reader.zstd = _BoundedZstd(reader.zstd.ZstdDecompressor)


@dataclass(frozen=True)
class _BoundedZstd:
    """Replaces the module `zstandard` in rosbags' reader."""

    decompressor: Callable[[], _Decompressor]

    def decompress(self, data: bytes) -> bytes:
        packed = self.decompressor()
        unpacked = bytes(packed.decompress(data, max_length=MOST_CHUNK))
        if not packed.eof:
            raise ValueError(f"a message is cut off, or unpacks to more than {MOST_CHUNK} bytes")
        return unpacked

    def open(self, *_: object) -> NoReturn:
        raise ValueError(f"its files are packed as wholes, which is not read here. {UNPACK}")
