"""Recordings with options, types, topics and times drawn at random, whole or split: each message comes once, by time of
recording, as readers of others have them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0
from mcap.writer import CompressionType, IndexType, Writer
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Ros2Writer
from rosbags.typesys import Stores, get_typestore

from bench.other_readers import by_storage
from co_perception.data.bags.bag_file import Bag

TEXT, POINT = "std_msgs/msg/String", "geometry_msgs/msg/PointStamped"
TOPICS = [("/a", TEXT), ("/b", POINT), ("/c", POINT), ("/b", POINT)]  # the last is a second channel
INDEXES = [IndexType.ALL, IndexType.NONE, IndexType.CHUNK, IndexType.MESSAGE, IndexType.CHUNK | IndexType.MESSAGE]


def messages(types: Any, draw: random.Random, topics: list[tuple[str, str]]) -> Iterator[tuple[int, int, Any, str]]:
    """(number of its channel, when it is recorded [ns], message, type); some are recorded out of order or at once."""
    now_ns = T0
    for number in range(draw.choice([1, 5, 60])):
        now_ns += draw.choice([0, 1, SECOND // 1000, SECOND // 10])
        log_ns = now_ns + draw.choice([0, 0, 0, -SECOND // 5, SECOND // 2])
        channel = draw.randrange(len(topics))
        if topics[channel][1] == TEXT:
            yield channel, log_ns, types.types[TEXT](data=f"text {number}"), TEXT
            continue
        stamp_ns = log_ns - draw.choice([0, SECOND // 100, SECOND])
        stamp = types.types["builtin_interfaces/msg/Time"](sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)
        number_of_ros1 = {"seq": number} if types is ROS1 else {}
        header = types.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **number_of_ros1)
        yield (
            channel,
            log_ns,
            types.types[POINT](header=header, point=types.types["geometry_msgs/msg/Point"](1, 2, 3)),
            POINT,
        )


ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.LATEST)


def write_mcap(path: Path, draw: random.Random) -> None:
    flags = ("repeat_channels", "repeat_schemas", "use_statistics", "use_summary_offsets", "enable_crcs")
    options: dict[str, Any] = {name: draw.random() < 0.5 for name in flags}
    options |= {"use_chunking": draw.random() < 0.7, "chunk_size": draw.choice([100, 1000, 10**6])}
    compression, index = draw.choice(list(CompressionType)), draw.choice(INDEXES)
    with path.open("wb") as file:
        writer = Writer(file, compression=compression, index_types=index, **options)
        writer.start(profile="ros2", library="test")
        topics = draw.sample(TOPICS, draw.randint(1, 4))
        schemas = {
            kind: writer.register_schema(kind, "ros2msg", ROS2.generate_msgdef(kind)[0].encode()) for _, kind in topics
        }
        channels = [writer.register_channel(topic, "cdr", schemas[kind]) for topic, kind in topics]
        for number, (channel, log_ns, message, kind) in enumerate(messages(ROS2, draw, topics)):
            writer.add_message(channels[channel], log_ns, bytes(ROS2.serialize_cdr(message, kind)), log_ns, number)
            if draw.random() < 0.1:
                writer.add_attachment(log_ns, log_ns, "note", "text/plain", b"a note")
        writer.finish()


def write_sqlite(path: Path, draw: random.Random) -> None:
    topics = draw.sample(TOPICS[:3], draw.randint(1, 3))
    folder = path.parent.parent / f"writer_{path.stem}"
    with Ros2Writer(folder, version=draw.choice([8, 9]), storage_plugin=StoragePlugin.SQLITE3) as writer:
        connections = [writer.add_connection(topic, kind, typestore=ROS2) for topic, kind in topics]
        for channel, log_ns, message, kind in messages(ROS2, draw, topics):
            writer.write(connections[channel], log_ns, ROS2.serialize_cdr(message, kind))
    next(folder.glob("*.db3")).replace(path)


def write_bag(path: Path, draw: random.Random) -> None:
    topics = draw.sample(TOPICS[:3], draw.randint(1, 3))
    writer = Ros1Writer(path)
    if compression := draw.choice([None, *Ros1Writer.CompressionFormat]):
        writer.set_compression(compression)
    with writer:
        connections = [writer.add_connection(topic, kind, typestore=ROS1) for topic, kind in topics]
        for channel, log_ns, message, kind in messages(ROS1, draw, topics):
            writer.write(connections[channel], log_ns, ROS1.serialize_ros1(message, kind))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("ending", "write"), [(".mcap", write_mcap), (".db3", write_sqlite), (".bag", write_bag)])
def test_every_message_comes_by_time_of_recording(tmp_path: Path, ending: str, write: Any, seed: int) -> None:
    draw, folder = random.Random(seed), tmp_path / "day"
    folder.mkdir()
    for part in range(1 if ending == ".bag" else draw.choice([1, 3])):
        write(folder / f"day_{part}{ending}", draw)
    expected = by_storage(folder)
    with Bag(folder) as bag:
        found = {topic: list(bag.messages(topic)) for topic in bag.topics}
        counts = {topic: bag.count(topic) for topic in bag.topics}
        assert bag.damage == []
    assert {f"{topic} recorded": [each.log_ns for each in read] for topic, read in found.items()} == {
        name: part for name, part in expected.parts.items() if name.endswith(" recorded")
    }
    for topic, read in found.items():
        assert counts[topic] == len(read)
        if hasattr(read[0].message, "header"):
            others = zip(expected.parts[f"{topic} recorded"], expected.parts[f"{topic} stamped"], strict=True)
            assert sorted((each.log_ns, each.stamp_ns) for each in read) == sorted(others)
