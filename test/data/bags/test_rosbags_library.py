"""Recordings that would cause endless work in rosbags are refused, sound ones of the same kinds are read."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("rosbags")

import apsw
from helpers.bag_writer import frames, write_bag

from co_perception.data.bags import metadata_file, rosbags_library
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.recorded_file import BagError

Storage = Literal["mcap", "sqlite3"]
STORAGES = pytest.mark.parametrize("storage", ["mcap", "sqlite3"])


@STORAGES
def test_messages_that_are_packed_one_by_one_are_read(tmp_path: Path, storage: Storage) -> None:
    with Bag(write_bag(tmp_path / "b", {"/s": frames(4)}, storage, packed="message")) as bag:
        assert [each.stamp_ns for each in bag.messages("/s")] == [frame.stamp_ns for frame in frames(4)]
        assert not bag.damage


@STORAGES
def test_a_message_that_unpacks_to_too_much_ends_the_recording(
    tmp_path: Path, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bag(tmp_path / "b", {"/s": frames(4)}, storage, packed="message")
    monkeypatch.setattr(rosbags_library, "MOST_CHUNK", 100)
    with Bag(path) as bag:
        assert not list(bag.messages("/s"))
        assert "unpacks to more than 100 bytes" in " ".join(bag.damage)


@STORAGES
def test_a_folder_of_packed_files_says_how_to_unpack_them(tmp_path: Path, storage: Storage) -> None:
    path = write_bag(tmp_path / "b", {"/s": frames(4)}, storage, packed="file")
    (packed,) = path.glob("*.zstd")
    with pytest.raises(BagError, match=r"zstd -d \*\.zstd"):
        Bag(path)
    packed.with_suffix("").write_bytes(unpacked(packed))
    with Bag(path) as bag:  # whatever its metadata says
        assert len(list(bag.messages("/s"))) == 4


def unpacked(path: Path) -> bytes:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from backports import zstd
    return bytes(zstd.decompress(path.read_bytes()))


def test_packed_files_are_not_unpacked_behind_a_sound_one(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/s": frames(4)}, "mcap", packed="file")
    (packed,) = path.glob("*.zstd")
    packed.with_suffix("").write_bytes(unpacked(packed))
    metadata = path / "metadata.yaml"
    metadata.write_text(re.sub(r"(compression_mode)(:.*)", r'"\1"\2', metadata.read_text()))
    assert not metadata_file.is_packed(metadata)
    with Bag(path) as bag:
        assert len(list(bag.messages("/s"))) == 4
        assert "packed as wholes" in bag.damage[0]


def test_no_room_is_made_for_a_record_longer_than_the_file() -> None:
    rosbags_library.rosbags2()
    from rosbags.rosbag2 import ReaderError, storage_mcap

    file = io.BytesIO(b"x" * 10)
    file.read(3)
    with pytest.raises(ReaderError, match="a record at 3 claims 1099511627776 bytes, the file has 7 more"):
        storage_mcap.read_exact(file, 1 << 40)
    file.seek(3)
    assert storage_mcap.read_exact(file, 7) == b"x" * 7


def test_no_row_of_a_database_is_longer_than_the_file(tmp_path: Path) -> None:
    (path,) = write_bag(tmp_path / "b", {"/s": frames(4)}, "sqlite3").glob("*.db3")
    with Bag(path) as bag:
        connection = bag._files[0].read.args[0].__self__.dbconn  # type: ignore[attr-defined]
        assert connection.limit(apsw.SQLITE_LIMIT_LENGTH) == path.stat().st_size
        with pytest.raises(apsw.TooBigError):
            connection.execute("SELECT zeroblob(?)", (path.stat().st_size + 1,)).fetchall()


def test_who_writes_databases_beside_it_is_left_alone(tmp_path: Path) -> None:
    rosbags_library.rosbags2()
    with apsw.Connection(str(tmp_path / "a.db")) as own, apsw.Connection(":memory:") as other:
        for connection in (own, other):
            connection.execute("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000))")
            assert connection.execute("SELECT length(x) FROM t").fetchall() == [(100000,)]


def test_metadata_with_nonsense_that_nobody_reads_is_no_hindrance(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/s": frames(4)})
    metadata = path / "metadata.yaml"
    head, _, tail = metadata.read_text().partition("  files:")
    rest = tail.split("\n")
    while rest[1].startswith(("  -", "   ")):
        del rest[1]
    metadata.write_text("\n".join([f"{head}  files: nonsense", *rest[1:]]))
    with Bag(path) as bag:
        assert len(list(bag.messages("/s"))) == 4
