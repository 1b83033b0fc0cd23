"""Recorded packets of video are pictures of their own stamps; those that are lost are counted."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import T0, compressed, header, store, write_messages
from helpers.video_packets import brightness, packets
from rosbags.typesys import get_types_from_msg

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import image_frames
from co_perception.data.bags.message_types import PACKETS
from co_perception.data.bags.recording_counts import count_recording
from co_perception.engine.stage_counts import Stage, StageCounts

STEP_NS = 33_333_333
FFMPEG, FOXGLOVE = PACKETS


@pytest.fixture(scope="module")
def types() -> Any:
    found = store()
    for kind, text in PACKETS.items():
        found.register(get_types_from_msg(text, kind))
    return found


def message(types: Any, kind: str, stamp_ns: int, packet: tuple[bytes, bool, int]) -> Any:
    data, top = np.frombuffer(packet[0], np.uint8), header(types, stamp_ns)
    if kind == FFMPEG:
        return types.types[FFMPEG](top, 64, 64, "libx264", packet[2], int(packet[1]), False, data)
    if kind == FOXGLOVE:
        return types.types[FOXGLOVE](top.stamp, "eye", data, "h264")
    return compressed(types, stamp_ns, packet[0], "h264")


def recorded(path: Path, types: Any, kind: str, numbers: list[int], storage: Literal["mcap", "sqlite3"]) -> Path:
    """The packets of these numbers, recorded 1 s after their stamps."""
    made = packets()
    sent = [(T0 + n * STEP_NS + 10**9, message(types, kind, T0 + n * STEP_NS, made[n])) for n in numbers]
    return write_messages(path, {"/eye": sent}, storage, types)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("kind", [FFMPEG, FOXGLOVE, "sensor_msgs/msg/CompressedImage"])
def test_packets_are_pictures_with_their_stamps(
    tmp_path: Path, types: Any, kind: str, storage: Literal["mcap", "sqlite3"]
) -> None:
    counts = StageCounts()
    with Bag(recorded(tmp_path / "b", types, kind, list(range(20)), storage)) as bag:
        frames = list(image_frames(bag, counts=counts))
        assert not bag.damage
    assert [frame.stamp_ns for frame in frames] == [T0 + n * STEP_NS for n in range(20)]
    for number, frame in enumerate(frames):
        assert abs(frame.read().data.mean() - brightness(number)) <= 4 and frame.content()
    assert (counts.passed(Stage.MESSAGES), counts.passed(Stage.DECODED), counts.lost(Stage.DECODED)) == (20, 20, 0)


@pytest.mark.parametrize("kind", [FFMPEG, FOXGLOVE, "sensor_msgs/msg/CompressedImage"])
def test_what_cannot_be_decoded_is_counted(tmp_path: Path, types: Any, kind: str) -> None:
    """A recording that begins between two keyframes, as most do."""
    counts = StageCounts()
    with Bag(recorded(tmp_path / "b", types, kind, list(range(3, 20)), "mcap")) as bag:
        read = list[int]()
        for frame in image_frames(bag, counts=counts):
            try:
                read.append(round((frame.stamp_ns - T0) / STEP_NS))
                frame.read()
            except ValueError as error:
                assert "waits for a keyframe" in str(error)
                read.pop()
    assert read == list(range(8, 20))
    assert (counts.passed(Stage.DECODED), counts.lost(Stage.DECODED)) == (12, 5)
    [loss] = counts.losses()
    assert "video codec" in str(loss) and "keyframe" in " ".join(loss.details)


@pytest.mark.parametrize("kind", [FFMPEG, FOXGLOVE, "sensor_msgs/msg/CompressedImage"])
def test_pictures_after_a_lost_packet_are_counted(tmp_path: Path, types: Any, kind: str) -> None:
    """Lost on the way to the recorder; with the last two messages it left no trace in the counts."""
    counts = StageCounts()
    with Bag(recorded(tmp_path / "b", types, kind, [*range(10), *range(11, 20)], "mcap")) as bag:
        for frame in image_frames(bag, counts=counts):
            with suppress(ValueError):
                assert abs(frame.read().data.mean() - brightness(round((frame.stamp_ns - T0) / STEP_NS))) <= 4
    assert (counts.passed(Stage.DECODED), counts.lost(Stage.DECODED)) == (14, 5)
    [loss] = counts.losses()
    assert "5 of 19 messages are lost" in str(loss) and "packets were lost before it" in str(loss)


def test_a_database_without_definitions(tmp_path: Path, types: Any) -> None:
    """As older versions of ROS wrote them."""
    path = recorded(tmp_path / "b", types, FFMPEG, list(range(5)), "sqlite3")
    [file] = path.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("DELETE FROM message_definitions")
        database.execute("UPDATE topics SET type_description_hash = ''")
    (path / "metadata.yaml").unlink()
    with Bag(file) as bag:
        assert [frame.read().data.shape for frame in image_frames(bag)] == [(64, 64, 3)] * 5


def test_a_new_recording_is_counted_by_its_first_pictures(tmp_path: Path, types: Any) -> None:
    counts = count_recording(recorded(tmp_path / "b", types, FFMPEG, list(range(20)), "mcap"), None)
    assert (counts.passed(Stage.MESSAGES), counts.passed(Stage.DECODED), counts.lost(Stage.DECODED)) == (20, 20, 0)
