"""Recordings by rosbags and by our own recorder are read back; damaged ones up to the damage."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import MESSAGES, SECOND, T0, Frame, frames, store, write_bag
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from co_perception.data.bags import message_types
from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bags.recorded_file import BagError
from co_perception.data.messages.people import poses_of


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_gives_back_what_was_written(tmp_path: Path, storage: Literal["mcap", "sqlite3"]) -> None:
    path = write_bag(tmp_path / "kitchen", {"/skeletons": frames(5, people=2), "/other": frames(2)}, storage)
    with Bag(path) as bag:
        assert (bag.name, bag.start_ns) == ("kitchen", T0)
        assert bag.topics == dict.fromkeys(("/skeletons", "/other"), SKELETONS[0])
        found = list(bag.messages(bag.topic(SKELETONS, "/skeletons")))
        assert [(each.stamp_ns - T0) * 10 // SECOND for each in found] == [0, 1, 2, 3, 4]
        poses = poses_of(found[3].message)
        assert [pose.id for pose in poses] == ["p0", "p1"]
        assert poses[0].data[2].tolist() == pytest.approx([3.0, 20.0, 0.8])
        assert not bag.damage


@pytest.mark.parametrize("ending", [".mcap", ".db3"])
def test_a_file_alone_and_a_folder_without_metadata_are_recordings_too(tmp_path: Path, ending: str) -> None:
    folder = write_bag(tmp_path / "b", {"/s": frames(4)}, "mcap" if ending == ".mcap" else "sqlite3")
    (file,) = folder.glob(f"*{ending}")
    (folder / "metadata.yaml").unlink()
    for path in (file, folder):
        with Bag(path) as bag:
            assert (bag.name, len(list(bag.messages("/s")))) == ("b", 4)


def test_the_definition_in_the_recording_counts_not_todays(tmp_path: Path) -> None:
    text = (MESSAGES / "SkeletonArray.msg").read_text()
    older = store({"SkeletonArray": text.replace("uint32 image_width", "uint16 image_width")})
    with Bag(write_bag(tmp_path / "b", {"/s": frames(2)}, types=older)) as bag:
        first = next(bag.messages("/s")).message
        assert (first.image_width, first.image_height, len(first.skeletons)) == (640, 480, 1)


def test_a_database_without_definitions_is_read_with_ours(tmp_path: Path) -> None:
    import sqlite3

    path = write_bag(tmp_path / "b", {"/s": frames(3)}, "sqlite3")
    with sqlite3.connect(next(path.glob("*.db3"))) as database:  # as ROS 2 Humble and older leave it
        database.execute("DELETE FROM message_definitions")
    with Bag(path) as bag:
        assert [len(poses_of(each.message)) for each in bag.messages("/s")] == [1, 1, 1]


def test_our_messages_are_found_where_a_workspace_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "install/share/co_perception/msg"
    shutil.copytree(MESSAGES, share)
    installed = tmp_path / "install/lib/python3/site-packages/co_perception/data/bag_file.py"
    installed.parent.mkdir(parents=True)
    installed.touch()
    monkeypatch.setattr(message_types, "__file__", str(installed))
    assert {file.parent for file in message_types.message_files()} == {share}
    installed.rename(tmp_path / "bag_file.py")
    monkeypatch.setattr(message_types, "__file__", str(tmp_path / "bag_file.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/opt/nothing:{tmp_path / 'install'}")
    assert {file.parent for file in message_types.message_files()} == {share}


def test_messages_come_as_they_were_recorded_whatever_their_stamps(tmp_path: Path) -> None:
    order = [0, 2, 1, 3, 5, 4, 6, 7, 8, 9, 2, 10]  # stamps in the order of recording
    recorded = [Frame(T0 + stamp, [], log_ns=T0 + 100 * n) for n, stamp in enumerate(order)]
    with Bag(write_bag(tmp_path / "b", {"/s": recorded})) as bag:
        assert [each.stamp_ns - T0 for each in bag.messages("/s")] == order
        assert not bag.damage


@pytest.mark.parametrize(
    ("ahead", "start_s"),
    [(range(4), 0), (range(20, 24), 0), (range(16), 100), (range(0), 0)],
    ids=["first four", "amid", "most", "none"],
)
def test_a_recording_starts_by_the_clock_of_the_longest_part_of_its_stamps(
    tmp_path: Path, ahead: range, start_s: int
) -> None:
    """faults/stamps_ahead: a hardware clock that is set while it stamps (realsense-ros #2127, #3498)."""
    moments = [T0 + n * SECOND // 10 for n in range(24)]
    recorded = [Frame(at + 100 * SECOND * (n in ahead), [], log_ns=at) for n, at in enumerate(moments)]
    with Bag(write_bag(tmp_path / "b", {"/s": recorded})) as bag:
        assert bag.clock("/s").origin_ns == T0 + start_s * SECOND


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A file of our own recorder with 300 messages in many small chunks."""
    pytest.importorskip("rclpy")
    from rclpy.serialization import serialize_message
    from std_msgs.msg import Header

    from co_perception.msg import SkeletonArray
    from co_perception.nodes.core.messages import to_time
    from co_perception.nodes.recording.recorder import Recorder

    noise = random.Random(7)  # or it would be compressed to nothing
    with Recorder(tmp_path / "whole.mcap", chunk_bytes=2000) as recorder:
        for n in range(300):
            message = SkeletonArray(header=Header(stamp=to_time(T0 + n)), estimator=noise.randbytes(150).hex())
            recorder.write("/skeletons", SkeletonArray, serialize_message(message), T0 + n)
    return tmp_path / "whole.mcap"


def test_a_recording_cut_off_anywhere_gives_its_whole_chunks(recorded: Path) -> None:
    data = recorded.read_bytes()
    counts = []
    for share in (0.4, 0.6, 0.8, 0.999):
        path = recorded.with_name(f"cut_{share}.mcap")
        path.write_bytes(data[: int(len(data) * share)])
        with Bag(path) as bag:
            counts.append(len(list(bag.messages("/skeletons"))))
            assert len(bag.damage) == 1
            assert "has no end" in bag.damage[0]
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[2] < counts[3] == 300
    assert recorded.read_bytes() == data


def test_damage_in_the_middle_ends_the_recording_there(recorded: Path) -> None:
    data = bytearray(recorded.read_bytes())
    from mcap.reader import make_reader

    with recorded.open("rb") as file:
        chunks = make_reader(file).get_summary().chunk_indexes
    at = chunks[len(chunks) // 2].chunk_start_offset + 500  # among a chunk's messages, not in what tells its length
    data[at : at + 5] = bytes(byte ^ 0xFF for byte in data[at : at + 5])
    recorded.write_bytes(data)
    with Bag(recorded) as bag:
        found = len(list(bag.messages("/skeletons")))
        assert 0 < found < 300
        assert f"damaged after {found} messages of /skeletons" in bag.damage[0]


def test_what_is_no_recording_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no recording"):
        Bag(tmp_path / "none")
    with pytest.raises(BagError, match=r"no \.mcap, \.db3 or \.bag file"):
        Bag(tmp_path)
    for name, content, reason in (
        ("film.mp4", b"x", r"end in \.mcap, \.db3 or \.bag"),
        ("a.mcap", b"this is something else entirely", "not an MCAP file"),
        ("b.mcap", b"\x89MCAP0\r\n\x01\x10\0\0\0\0\0\0\0ros", "breaks off within its first record"),
        ("c.db3", b"not a database", "cannot be read as a ROS 2 recording"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BagError, match=reason):
            Bag(tmp_path / name)


def test_a_missing_topic_is_answered_with_those_there_are(tmp_path: Path) -> None:
    with Bag(write_bag(tmp_path / "b", {"/s": frames(1), "/t": frames(1)})) as bag:
        with pytest.raises(BagError, match="several topics of .*: /s, /t"):
            bag.topic(SKELETONS)
        with pytest.raises(BagError, match=r"no topic /u of .*; its topics: /s \(.*SkeletonArray\), /t"):
            bag.topic(SKELETONS, "/u")
        with pytest.raises(BagError, match="no topic of sensor_msgs/msg/Image or sensor_msgs/msg/CompressedImage"):
            bag.topic(IMAGES)


@pytest.mark.parametrize("missing", ["own_msgs/msg/Top", "own_msgs/msg/Part"])
def test_a_missing_definition_is_no_damage(tmp_path: Path, missing: str) -> None:
    """The fault: "damaged after 0 messages" of a recording that is whole, whose recorder did not find a definition."""
    store = get_typestore(Stores.LATEST)
    store.register(get_types_from_msg("int32 number\n", "own_msgs/msg/Part"))
    store.register(get_types_from_msg("own_msgs/Part[] parts\n", "own_msgs/msg/Top"))
    kinds = store.types
    with Writer(tmp_path / "bag", version=9) as writer:
        connection = writer.add_connection("/own", "own_msgs/msg/Top", typestore=store)
        message = kinds["own_msgs/msg/Top"](parts=[kinds["own_msgs/msg/Part"](number=1)])
        for stamp_ns in range(3):
            writer.write(connection, stamp_ns, store.serialize_cdr(message, "own_msgs/msg/Top"))
    text = "" if missing.endswith("Top") else "own_msgs/Part[] parts\n"
    with closing(sqlite3.connect(next((tmp_path / "bag").glob("*.db3")))) as database, database:
        database.execute("UPDATE message_definitions SET encoded_message_definition = ?", [text])
        database.execute("UPDATE topics SET type_description_hash = ''")
    with Bag(tmp_path / "bag") as bag:
        assert list(bag.messages("/own")) == []
        assert len(bag.damage) == 1
        assert f"nothing is damaged, but the recording has no definition of {missing}" in bag.damage[0]
        assert "the 3 messages of /own cannot be decoded as own_msgs/msg/Top" in bag.damage[0]
        assert "Record it again where the package of these messages is installed" in bag.damage[0]
