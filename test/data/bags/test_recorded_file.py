"""Files of ROS 1, packed files, and folders with several recordings: read, or refused with the remedy."""

from __future__ import annotations

import bz2
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, frames, write_bag
from rosbags.highlevel import AnyReader
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from co_perception.data.bags import rosbags_library
from co_perception.data.bags.bag_file import IMAGES, Bag
from co_perception.data.bags.bag_frames import image_frames
from co_perception.data.bags.recorded_file import BagError, is_recording

PERIOD = SECOND // 10


def ros1_bag(path: Path, compression: Any = None, order: tuple[int, ...] = tuple(range(20))) -> Path:
    """Pictures of ROS 1 whose stamps are 100 s before the times of recording, as gray as their number."""
    types = get_typestore(Stores.ROS1_NOETIC)
    kinds = types.types
    writer = Writer(path)
    if compression:
        writer.set_compression(compression)
    with writer:
        connection = writer.add_connection("/camera", "sensor_msgs/msg/Image", typestore=types)
        note = writer.add_connection("/note", "std_msgs/msg/String", typestore=types)
        for number, n in enumerate(order):
            at = T0 - 100 * SECOND + n * PERIOD
            stamp = kinds["builtin_interfaces/msg/Time"](sec=at // SECOND, nanosec=at % SECOND)
            message = kinds["sensor_msgs/msg/Image"](
                header=kinds["std_msgs/msg/Header"](seq=n, stamp=stamp, frame_id="eye"), height=2, width=3,
                encoding="rgb8", is_bigendian=0, step=9, data=np.full(18, n, np.uint8),
            )  # fmt: skip
            writer.write(connection, T0 + number * PERIOD, types.serialize_ros1(message, "sensor_msgs/msg/Image"))
        text = kinds["std_msgs/msg/String"](data="lights on")
        writer.write(note, T0 + 5, types.serialize_ros1(text, "std_msgs/msg/String"))
    return path


@pytest.mark.parametrize("compression", [None, Writer.CompressionFormat.BZ2, Writer.CompressionFormat.LZ4])
@pytest.mark.parametrize("folder", [False, True])
def test_a_ros1_bag_is_read_like_one_of_ros2(tmp_path: Path, compression: Any, folder: bool) -> None:
    order = (0, 2, 1, *range(3, 20))
    file = ros1_bag(tmp_path / "day.bag", compression, order)
    with AnyReader([file]) as reader:
        expected = [log for each, log, _ in reader.messages() if each.topic == "/camera"]
    path = tmp_path if folder else file
    assert is_recording(path)
    with Bag(path) as bag:
        assert bag.topics == {"/camera": IMAGES[0], "/note": "std_msgs/msg/String"}
        assert (bag.start_ns, bag.end_ns, bag.count("/camera")) == (T0, T0 + 19 * PERIOD + 1, 20)
        assert [each.log_ns for each in bag.messages("/camera")] == expected
        found = list(image_frames(bag))
        assert [int(frame.read().data[0, 0, 0]) for frame in found] == list(order)
        assert [(frame.stamp_ns - T0) // PERIOD + 1000 for frame in found] == list(order)
        assert bag.clock("/camera").origin_ns == T0 - 100 * SECOND
        (note,) = bag.messages("/note")
        assert (note.stamp_ns, note.message.data) == (T0 + 5, "lights on")
        assert not bag.damage


def test_a_ros1_bag_that_was_not_closed_names_the_command_that_mends_it(tmp_path: Path) -> None:
    path = ros1_bag(tmp_path / "day.bag")
    content = path.read_bytes()
    at = content.index(b"index_pos=") + len(b"index_pos=")
    path.write_bytes(content[:at] + bytes(8) + content[at + 8 :])
    with pytest.raises(BagError, match="rosbag reindex"):
        Bag(path)


def test_a_ros1_bag_that_breaks_off_is_damaged_or_refused(tmp_path: Path) -> None:
    path = ros1_bag(tmp_path / "day.bag")
    content = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(BagError, match="cannot be read as a ROS 1 recording"):
            Bag(path)


def test_a_ros1_chunk_that_unpacks_to_too_much_ends_the_topic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = ros1_bag(tmp_path / "day.bag", Writer.CompressionFormat.BZ2)
    monkeypatch.setattr(rosbags_library, "MOST_CHUNK", 100)
    with Bag(path) as bag:
        assert not list(bag.messages("/camera"))
        assert "unpacks to more than 100 bytes" in " ".join(bag.damage)


def test_no_room_is_made_for_a_ros1_record_longer_than_the_file() -> None:
    rosbags_library.rosbags1()
    from rosbags.rosbag1 import ReaderError, reader

    with pytest.raises(ReaderError, match="claims 4294967295 bytes, the file has 10 more"):
        reader.read_bytes(io.BytesIO(b"x" * 10), 2**32 - 1)


def test_a_folder_of_several_recordings_is_none(tmp_path: Path) -> None:
    for name in ("monday", "friday"):
        ros1_bag(tmp_path / f"{name}.bag")
    with pytest.raises(
        BagError, match=r"several recordings.*friday\.bag, monday\.bag by itself.*rosbags-convert --src"
    ):
        Bag(tmp_path)
    (tmp_path / "monday.bag").unlink()
    (ros2,) = write_bag(tmp_path / "ros2", {"/s": frames(2)}).glob("*.mcap")
    ros2.rename(tmp_path / "a.mcap")
    with pytest.raises(BagError, match=r"several recordings.*a\.mcap, friday\.bag"):
        Bag(tmp_path)


def test_a_packed_recording_is_to_be_unpacked(tmp_path: Path) -> None:
    (file,) = write_bag(tmp_path / "b", {"/s": frames(2)}).glob("*.mcap")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.write(file)
    (tmp_path / "b.mcap.bz2").write_bytes(bz2.compress(file.read_bytes()))
    for name in ("b.zip", "b.mcap.bz2"):
        with pytest.raises(BagError, match=r"packed: unpack it"):
            Bag(tmp_path / name)
