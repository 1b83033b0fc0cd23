"""What is recorded is read back by an independent reader that knows nothing but the file."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("mcap_ros2")

from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import serialize_message
from std_msgs.msg import Header, String

from co_perception.msg import Activity, ActivityArray, ActivityHypothesis
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.recording.recorder import Recorder, definition


def read(path: Path) -> list[Any]:
    """(schema, channel, message, decoded message) of everything recorded."""
    with path.open("rb") as file:
        return list(make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages())


def said(label: str, stamp_ns: int) -> ActivityArray:
    guesses = [ActivityHypothesis(label=label, class_id=3, score=0.5)]
    header = Header(stamp=to_time(stamp_ns), frame_id="eye")
    return ActivityArray(header=header, activities=[Activity(label=label, hypotheses=guesses, progress=0.25)])


def test_messages_come_back_with_their_schema_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "activity.mcap"
    with Recorder(path) as recorder:
        for index, label in enumerate(["sit", "run"]):
            recorder.write("/activity", ActivityArray, serialize_message(said(label, 7 + index)), 1000 + index)
        recorder.write("/note", String, serialize_message(String(data="hello")), 1002)
        assert recorder.messages == 3
    found = read(path)
    assert [(entry.channel.topic, entry.message.log_time) for entry in found] == [
        ("/activity", 1000), ("/activity", 1001), ("/note", 1002),
    ]  # fmt: skip
    assert found[0].schema.name == "co_perception/msg/ActivityArray"
    first = found[0].decoded_message
    assert (first.header.stamp.nanosec, first.header.frame_id) == (7, "eye")
    assert (first.activities[0].label, first.activities[0].hypotheses[0].class_id) == ("sit", 3)
    assert found[2].decoded_message.data == "hello"


def test_a_definition_holds_every_type_inside_once() -> None:
    text = definition("co_perception/msg/ActivityArray")
    inner = [line.removeprefix("MSG: ") for line in text.splitlines() if line.startswith("MSG: ")]
    assert sorted(inner) == [
        "builtin_interfaces/Duration",
        "builtin_interfaces/Time",
        "co_perception/Activity",
        "co_perception/ActivityHypothesis",
        "co_perception/PersonPosition",
        "geometry_msgs/Point",
        "geometry_msgs/Vector3",
        "sensor_msgs/RegionOfInterest",
        "std_msgs/Header",
    ]


def test_a_topic_is_recorded_as_it_arrives(bench: Any, tmp_path: Path) -> None:
    heard: list[bytes] = []
    with Recorder(tmp_path / "a.mcap") as recorder:
        recorder.record(bench.node, ActivityArray, "activity", heard.append)
        publisher = bench.node.create_publisher(ActivityArray, "activity", 10)
        bench.matched(publisher, "activity")
        publisher.publish(said("sit", 9))
        bench.until(lambda: heard)
    (entry,) = read(tmp_path / "a.mcap")
    assert entry.channel.topic == "/activity"
    assert entry.decoded_message.activities[0].label == "sit"


def test_by_stamps_a_recording_is_as_long_as_its_source(bench: Any, tmp_path: Path) -> None:
    """Logged at the newest stamp: players go by the time of the log, which may not fall."""
    path = tmp_path / "activity.mcap"
    publisher = bench.node.create_publisher(ActivityArray, "activity", 10)
    with Recorder(path, by_stamps=True) as recorder:
        recorder.record(bench.node, ActivityArray, "activity")
        bench.matched(publisher, "activity")
        for stamp_ns in (7_000, 9_000, 8_000, 12_000):
            publisher.publish(said("sit", stamp_ns))
        bench.until(lambda: recorder.messages == 4)
    assert [entry.message.log_time for entry in read(path)] == [7_000, 9_000, 9_000, 12_000]


def test_an_empty_recording_is_a_whole_file_and_closing_twice_is_harmless(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "empty.mcap")
    recorder.close()
    recorder.close()
    assert read(tmp_path / "empty.mcap") == []
