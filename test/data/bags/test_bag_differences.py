"""Recordings by rosbags' and mcap's writers, in all their options: each message that an independent reader gives comes,
or what is missing is named."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("rosbags")

import yaml
from helpers.bag_writer import SECOND, T0, Frame, Person, frames, standing, store, write_bag
from mcap.reader import NonSeekingReader
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin
from rosbags.rosbag2 import Writer as BagWriter
from rosbags.typesys import Stores, get_typestore

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.recorded_file import BagError

Storage = Literal["mcap", "sqlite3"]
STORAGES = pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
ENDINGS = {"mcap": ".mcap", "sqlite3": ".db3"}
PROFILE = {
    "history": "keep_last", "depth": 10, "reliability": "reliable", "durability": "volatile",
    "deadline": {"sec": 0, "nsec": 0}, "lifespan": {"sec": 0, "nsec": 0}, "liveliness": "automatic",
    "liveliness_lease_duration": {"sec": 0, "nsec": 0}, "avoid_ros_namespace_conventions": False,
}  # fmt: skip
TOPICS = ("/one", "/two")


def stamps(bag: Bag, topic: str = "/skeletons") -> list[int]:
    return [each.stamp_ns for each in bag.messages(topic)]


def database_of(folder: Path) -> Path:
    return next(folder.glob("*.db3"))


def change(folder: Path, changed: Callable[[dict[str, Any]], None]) -> None:
    """Changes the metadata of a recording."""
    path = folder / "metadata.yaml"
    content = yaml.safe_load(path.read_text())
    changed(content["rosbag2_bagfile_information"])
    path.write_text(yaml.safe_dump(content))


def parts(tmp_path: Path, storage: Storage, count: int, each: int) -> tuple[Path, list[int]]:
    """A folder of `count` files day_0, day_1 ... without metadata, as a killed recorder leaves it, and all stamps."""
    recorded, folder, ending = frames(count * each), tmp_path / "day", ENDINGS[storage]
    folder.mkdir()
    for i in range(count):
        one = write_bag(tmp_path / f"w{i}", {"/skeletons": recorded[each * i : each * (i + 1)]}, storage)
        (one / f"w{i}{ending}").replace(folder / f"day_{i}{ending}")
    return folder, [frame.stamp_ns for frame in recorded]


@STORAGES
def test_bag_qos_worded_otherwise_than_in_the_file(tmp_path: Path, storage: Storage) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, storage)

    def reworded(content: dict[str, Any]) -> None:
        for topic in content["topics_with_message_count"]:
            topic["topic_metadata"]["offered_qos_profiles"] = [PROFILE]

    change(path, reworded)
    with Bag(path) as bag:
        assert stamps(bag) == [frame.stamp_ns for frame in frames(30)]
        assert bag.damage == []


@pytest.mark.parametrize("profiles", ["- depth: 3", "- history: keep_all\n  deadline: infinite", "]", "reliable"])
def test_bag_qos_in_unknown_words_hides_nothing(tmp_path: Path, profiles: str) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, "sqlite3")
    with sqlite3.connect(database_of(path)) as database:
        database.execute("UPDATE topics SET offered_qos_profiles = ?", (profiles,))
    write_mcap(tmp_path / "a.mcap", qos={"offered_qos_profiles": profiles})
    for recording, topic, count in ((path, "/skeletons", 30), (tmp_path / "a.mcap", "/one", 50)):
        with Bag(recording) as bag:
            assert (len(stamps(bag, topic)), bag.damage) == (count, [])


@STORAGES
def test_metadata_without_a_topic_hides_none(tmp_path: Path, storage: Storage) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30), "/other": frames(3)}, storage)
    change(path, lambda content: content["topics_with_message_count"].pop(0))
    with Bag(path) as bag:
        assert (bag.count("/skeletons"), len(stamps(bag)), len(stamps(bag, "/other"))) == (30, 30, 3)


@STORAGES
def test_messages_that_metadata_counts_and_no_file_has_are_reported(tmp_path: Path, storage: Storage) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, storage)
    change(path, lambda content: content["topics_with_message_count"][0].update(message_count=40))
    with Bag(path) as bag:
        assert len(stamps(bag)) == 30
        assert bag.damage == ["metadata.yaml has 40 messages of /skeletons, its files have 30"]


@STORAGES
def test_a_file_that_metadata_does_not_list_is_read(tmp_path: Path, storage: Storage) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)[:20]}, storage)
    rest = write_bag(tmp_path / "rest", {"/skeletons": frames(30)[20:]}, storage)
    ending = ENDINGS[storage]
    (rest / f"rest{ending}").replace(path / f"b_1{ending}")
    with Bag(path) as bag:
        assert stamps(bag) == [frame.stamp_ns for frame in frames(30)]
        assert bag.damage == [f"metadata.yaml does not list b_1{ending} (is it older?), which is read all the same"]


def emptied(path: Path) -> None:
    (path / "metadata.yaml").write_text("")


def of_a_later_version(path: Path) -> None:
    change(path, lambda content: content.update(version=99))


def naming_a_file_that_is_gone(path: Path) -> None:
    change(path, lambda content: content["relative_file_paths"].append("b_1.mcap"))


@STORAGES
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(emptied, ""), (of_a_later_version, "version 99 not supported"), (naming_a_file_that_is_gone, "b_1.mcap")],
)
def test_files_are_read_where_metadata_cannot_be_used(
    tmp_path: Path, storage: Storage, spoil: Callable[[Path], None], reason: str
) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, storage)
    spoil(path)
    with Bag(path) as bag:
        assert len(stamps(bag)) == 30
        (damage,) = bag.damage
        assert "metadata.yaml cannot be used, the files beside it are read: " in damage
        assert reason in damage


def test_a_type_without_a_definition_is_named(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(3)}, "sqlite3")
    with sqlite3.connect(database_of(path)) as database:
        database.execute("DELETE FROM message_definitions")
        database.execute("UPDATE topics SET type = 'my_msgs/msg/Thing'")
    with Bag(database_of(path)) as bag:
        assert list(bag.messages("/skeletons")) == []
        assert "the recording has no definition of my_msgs/msg/Thing" in bag.damage[0]


@STORAGES
@pytest.mark.parametrize("metadata", [True, False])
def test_types_without_msg_in_their_names_are_read(tmp_path: Path, storage: Storage, metadata: bool) -> None:
    """As the recorder of ROS 2 Crystal writes them, and converters to MCAP."""
    path = write_bag(tmp_path / "b", {"/one": frames(50)}, storage)
    short = "co_perception/SkeletonArray"
    if storage == "mcap":
        short = "std_msgs/String"
        write_mcap(path / "b.mcap", name=short)
    else:
        with sqlite3.connect(database_of(path)) as database:
            database.execute("UPDATE topics SET type = ?", (short,))
            database.execute("DELETE FROM message_definitions")
    named = {"type": short, "type_description_hash": ""}
    change(path, lambda content: content["topics_with_message_count"][0]["topic_metadata"].update(named))
    if not metadata:
        (path / "metadata.yaml").unlink()
    with Bag(path) as bag:
        assert bag.topics["/one"] == short.replace("/", "/msg/")
        assert (len(stamps(bag, "/one")), bag.damage) == (50, [])


@STORAGES
def test_a_type_that_the_recorder_did_not_know_spoils_no_other_topic(tmp_path: Path, storage: Storage) -> None:
    """rosbag2 writes the encoding "unknown" where it finds no .msg file (local_message_definition_source.cpp)."""
    path = tmp_path / f"a{ENDINGS[storage]}"
    if storage == "mcap":
        write_mcap(path, unknown=True)
    else:
        folder = write_bag(tmp_path / "b", {"/one": frames(50)}, "sqlite3")
        shutil.copyfile(database_of(folder), path)
        with sqlite3.connect(path) as database:
            database.execute("INSERT INTO topics SELECT 2, '/two', 'a/msg/B', 'cdr', '', '' FROM topics")
            database.execute("UPDATE messages SET topic_id = 2 WHERE id % 2")
            database.execute("INSERT INTO message_definitions VALUES (99, 'a/msg/B', 'unknown', '', '')")
        before = path.read_bytes()
    with Bag(path) as bag:
        assert len(stamps(bag, "/one")) == bag.count("/one") > 20
        assert (stamps(bag, "/two"), len(bag.damage)) == ([], 1)
        assert "the recording has no definition of a/msg/B" in bag.damage[0]
    assert storage == "mcap" or path.read_bytes() == before


@STORAGES
def test_split_order_is_that_of_recording(tmp_path: Path, storage: Storage) -> None:
    folder, expected = parts(tmp_path, storage, 12, 25)
    with Bag(folder) as bag:
        assert stamps(bag) == expected
        assert bag.damage == []


@STORAGES
def test_split_order_does_not_depend_on_names(tmp_path: Path, storage: Storage) -> None:
    folder, expected = parts(tmp_path, storage, 5, 25)
    for i, name in enumerate(["z", "B", "10", "a 2", "a 11"]):
        (folder / f"day_{i}{ENDINGS[storage]}").replace(folder / f"{name}{ENDINGS[storage]}")
    with Bag(folder) as bag:
        assert (stamps(bag), bag.damage) == (expected, [])


@STORAGES
def test_files_of_two_recorders_at_once_are_merged(tmp_path: Path, storage: Storage) -> None:
    ending, folder = ENDINGS[storage], tmp_path / "both"
    folder.mkdir()
    for n, name in enumerate(("left", "right")):
        one = write_bag(tmp_path / name, {"/skeletons": frames(100)[n::2]}, storage)
        (one / f"{name}{ending}").replace(folder / f"{name}{ending}")
    with Bag(folder) as bag:
        assert (stamps(bag), bag.damage) == ([frame.stamp_ns for frame in frames(100)], [])


@STORAGES
def test_damage_of_one_file_leaves_the_others(tmp_path: Path, storage: Storage) -> None:
    folder, expected = parts(tmp_path, storage, 3, 10)
    with Bag(folder) as bag:
        bag._files[1] = replace(bag._files[1], read=lambda wanted: iter([(wanted[0], T0, b"none")]))
        assert stamps(bag) == expected[:10] + expected[20:]
        assert f"damaged after 0 messages of /skeletons of day_1{ENDINGS[storage]}, the rest is lost" in bag.damage[0]


def wal_recording(tmp_path: Path, folder_with_metadata: bool) -> Path:
    """A recording whose recorder was killed: 40 messages in the database, 60 more in its -wal."""
    whole = write_bag(tmp_path / "whole", {"/skeletons": frames(100)}, "sqlite3")
    live = tmp_path / "live.db3"
    shutil.copyfile(database_of(whole), live)
    database = sqlite3.connect(live, isolation_level=None)
    rows = database.execute("SELECT * FROM messages ORDER BY id").fetchall()
    database.execute("DELETE FROM messages WHERE id > 40")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.executemany(f"INSERT INTO messages VALUES ({','.join('?' * len(rows[0]))})", rows[40:])
    killed = tmp_path / "killed"
    killed.mkdir()
    for ending in ("", "-wal"):  # while it is open: closing it merges both
        shutil.copyfile(f"{live}{ending}", killed / f"whole.db3{ending}")
    database.close()
    if folder_with_metadata:
        shutil.copyfile(whole / "metadata.yaml", killed / "metadata.yaml")
    return killed


@pytest.mark.parametrize("metadata", [False, True])
def test_sqlite_wal_is_read_and_nothing_is_changed(tmp_path: Path, metadata: bool) -> None:
    path = wal_recording(tmp_path, metadata)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    for recording in (path, path / "whole.db3"):
        with Bag(recording) as bag:
            assert stamps(bag) == [frame.stamp_ns for frame in frames(100)]
            assert bag.damage == []
        assert {file.name: file.read_bytes() for file in path.iterdir()} == before
    shutil.copytree(path, tmp_path / "copy")
    with sqlite3.connect(tmp_path / "copy/whole.db3") as database:  # SQLite's own answer
        assert database.execute("SELECT count(*) FROM messages").fetchone() == (100,)


def test_sqlite_wal_of_another_database_is_not_read(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, "sqlite3")
    (path / "b.db3-wal").write_bytes(bytes(5000))
    with Bag(path) as bag:
        assert len(stamps(bag)) == 30


def test_sqlite_journal_of_a_killed_recorder_is_reported(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, "sqlite3")
    with sqlite3.connect(database_of(path), isolation_level=None) as database:
        database.execute("PRAGMA cache_size=1")
        database.execute("BEGIN")
        database.execute("UPDATE messages SET data = zeroblob(5000)")
        shutil.copytree(path, tmp_path / "killed")
        database.execute("ROLLBACK")
    assert (tmp_path / "killed/b.db3-journal").stat().st_size
    with Bag(tmp_path / "killed") as bag:
        assert "b.db3 was not closed" in bag.damage[0]


@pytest.mark.parametrize(
    ("encoding", "schema"), [("json", "jsonschema"), ("protobuf", "protobuf"), ("ros1", "ros1msg")]
)
def test_channels_in_other_encodings_are_named_and_spoil_no_other_topic(
    tmp_path: Path, encoding: str, schema: str
) -> None:
    """As Foxglove's tools add to recordings; a message of ROS 1 may even begin like one in CDR."""
    expected = write_mcap(tmp_path / "a.mcap", other=(encoding, schema))
    with Bag(tmp_path / "a.mcap") as bag:
        assert [("/one", log) for log in stamps(bag, "/one")] == [each for each in expected if each[0] == "/one"]
        assert bag.damage == []
        assert stamps(bag, "/two") == []
        assert bag.damage == [f"50 messages of /two are encoded as {encoding}, not as ROS 2 does (cdr)"]


def test_a_database_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "b", {"/skeletons": frames(30)}, "sqlite3")
    with sqlite3.connect(database_of(path)) as database:
        database.execute("UPDATE topics SET serialization_format = 'protobuf'")
    with Bag(database_of(path)) as bag:
        assert stamps(bag) == []
        assert bag.damage == ["30 messages of /skeletons are encoded as protobuf, not as ROS 2 does (cdr)"]


@pytest.mark.parametrize(("profile", "hint"), [("ros1", "rosbags-convert"), ("", "profile='ros2'"), ("x", "'x'")])
def test_mcap_of_another_profile_is_refused_with_the_remedy(tmp_path: Path, profile: str, hint: str) -> None:
    write_mcap(tmp_path / "a.mcap", profile=profile)
    with pytest.raises(BagError, match=r"a\.mcap .*MCAP profile is .*expected 'ros2'") as caught:
        Bag(tmp_path / "a.mcap")
    assert hint in str(caught.value)


def by_rosbags(path: Path, topic: str) -> list[tuple[int, bytes]]:
    with Reader(path) as reader:
        return [(log, data) for each, log, data in reader.messages() if each.topic == topic]


@pytest.mark.slow
@STORAGES
@pytest.mark.parametrize("packed", [None, "message"])
@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("version", [8, 9])
def test_bags_by_rosbags_are_read_as_rosbags_reads_them(
    tmp_path: Path, storage: Storage, packed: Literal["message"] | None, metadata: bool, version: Literal[8, 9]
) -> None:
    types = get_typestore(Stores.LATEST)
    kind = types.types["std_msgs/msg/String"]
    path = tmp_path / "b"
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    writer = BagWriter(path, version=version, storage_plugin=plugin)
    if packed:
        writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connections = [writer.add_connection(topic, kind.__msgtype__, typestore=types) for topic in TOPICS]
        for n in range(100):
            data = types.serialize_cdr(kind(data=f"{n} of a hundred"), kind.__msgtype__)
            writer.write(connections[n % 3 == 0], T0 + n * SECOND // 10, data)
    expected = {topic: by_rosbags(path, topic) for topic in TOPICS}
    if not metadata:
        (path / "metadata.yaml").unlink()
    for recording in (path, next(path.glob(f"*{ENDINGS[storage]}"))):
        with Bag(recording) as bag:
            for topic in TOPICS:
                found = [
                    (each.log_ns, bytes(types.serialize_cdr(each.message, kind.__msgtype__)))
                    for each in bag.messages(topic)
                ]
                assert found == expected[topic]
                assert bag.count(topic) == len(found)
            assert bag.damage == []


def mcap_options() -> Iterator[dict[str, Any]]:
    for chunking, statistics, channels, schemas in itertools.product([True, False], repeat=4):
        indexes = (IndexType.ALL, IndexType.NONE, IndexType.CHUNK, IndexType.MESSAGE) if chunking else (IndexType.ALL,)
        for index in indexes:
            yield {
                "use_chunking": chunking, "use_statistics": statistics, "repeat_channels": channels,
                "repeat_schemas": schemas, "index_types": index,
            }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("compression", list(CompressionType))
def test_files_by_mcap_are_read_as_mcap_reads_them(tmp_path: Path, compression: CompressionType) -> None:
    for number, options in enumerate(mcap_options()):
        path = tmp_path / f"{number}.mcap"
        expected = write_mcap(path, compression=compression, chunk_size=500, **options)
        with path.open("rb") as file:  # record by record: its reader by index misses some, too
            linear = NonSeekingReader(file).iter_messages()
            assert [(channel.topic, message.log_time) for _, channel, message in linear] == expected
        with Bag(path) as bag:
            for topic in TOPICS:
                found = [each.log_ns for each in bag.messages(topic)]
                assert found == [log for name, log in expected if name == topic], options
                assert bag.count(topic) == len(found), options
            assert bag.damage == [], options


def write_mcap(
    path: Path,
    repeated: int = 1,
    unknown: bool = False,
    qos: dict[str, str] | None = None,
    other: tuple[str, str] = ("cdr", "unknown"),
    profile: str = "ros2",
    name: str = "std_msgs/msg/String",
    **options: Any,
) -> list[tuple[str, int]]:
    """100 texts on two topics, each with `repeated` channels; gives (topic, recorded at [ns]) of each.

    unknown: the second topic has a type without a definition. qos: metadata of the channels. other: how the second
    topic's messages and definitions are encoded, for a type without a definition. name: of the type in the file.
    """
    types = get_typestore(Stores.LATEST)
    kind = types.types["std_msgs/msg/String"]
    text, _ = types.generate_msgdef(kind.__msgtype__)
    with path.open("wb") as file:
        writer = Writer(file, **options)
        writer.start(profile=profile, library="test")
        schema = writer.register_schema(name, "ros2msg", text.encode())
        foreign = unknown or other[0] != "cdr"
        second = (writer.register_schema("a/msg/B", other[1], b""), other[0]) if foreign else (schema, "cdr")
        kinds = list(zip(TOPICS, ((schema, "cdr"), second), strict=True)) * repeated
        channels = [(topic, writer.register_channel(topic, coded, id, qos or {})) for topic, (id, coded) in kinds]
        written = []
        for n in range(100):
            topic, channel = channels[n * 7 % len(channels)]
            data = bytes(types.serialize_cdr(kind(data=f"text {n}"), kind.__msgtype__))
            writer.add_message(channel, T0 + n, data, T0 + n, n)
            written.append((topic, T0 + n))
        writer.finish()
    return written


def test_repeated_channels_of_one_topic_are_all_read(tmp_path: Path) -> None:
    expected = write_mcap(tmp_path / "a.mcap", repeated=3, chunk_size=300)
    with Bag(tmp_path / "a.mcap") as bag:
        for topic in TOPICS:
            assert [each.log_ns for each in bag.messages(topic)] == [log for name, log in expected if name == topic]


@pytest.mark.parametrize("indexed", [True, False])
def test_messages_out_of_order_in_a_file_come_by_time_of_recording(tmp_path: Path, indexed: bool) -> None:
    stamped = [Frame(T0 + n, [Person("p", standing(1.0))], log_ns=T0 + (n ^ 1)) for n in range(20)]
    types = store()
    folder = write_bag(tmp_path / "b", {"/skeletons": stamped}, types=types)
    schema_text, _ = types.generate_msgdef("co_perception/msg/SkeletonArray")
    messages = by_rosbags(folder, "/skeletons")
    with (tmp_path / "a.mcap").open("wb") as file:
        writer = Writer(file, use_chunking=indexed)
        writer.start(profile="ros2", library="test")
        schema = writer.register_schema("co_perception/msg/SkeletonArray", "ros2msg", schema_text.encode())
        channel = writer.register_channel("/skeletons", "cdr", schema)
        for n in range(20):
            log, data = messages[n ^ 1]
            writer.add_message(channel, log, bytes(data), log, n)
        writer.finish()
    with Bag(tmp_path / "a.mcap") as bag:
        assert (stamps(bag), bag.damage) == ([T0 + (n ^ 1) for n in range(20)], [])
