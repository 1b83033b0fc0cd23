"""A recording replayed without ROS, and the same messages sent to the running node: they say the same."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from helpers.bag_writer import (  # noqa: E402
    SECOND,
    Frame,
    Person,
    compressed,
    image,
    skeleton_array,
    store,
    write_bag,
    write_messages,
)
from helpers.drawn_people import Figure  # noqa: E402
from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable  # noqa: E402
from helpers.node_stream import RecognizerStream, overrides_of  # noqa: E402
from helpers.random_models import skeleton_model  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from co_perception.data.bags.bag_file import Bag  # noqa: E402
from co_perception.data.bags.bag_frames import image_frames, skeleton_frames  # noqa: E402
from co_perception.data.messages.image import encode_jpeg  # noqa: E402
from co_perception.engine.settings import Value, values_of  # noqa: E402
from co_perception.evaluation.activity_topic import ActivityReader  # noqa: E402
from co_perception.evaluation.records import FrameRecord  # noqa: E402
from co_perception.learners.paired_frames import paired  # noqa: E402
from co_perception.learners.recognizers import KINDS  # noqa: E402
from co_perception.learners.replay import replay  # noqa: E402
from co_perception.msg import SkeletonArray  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

CLASSES = ("squat", "wave", "stand")
T0 = 1_700_000_000 * SECOND


SETTLED = ("processed", "early", "late", "duplicate", "unreadable")


def play(bench: Any, node: Any, bag: Path, topics: dict[str, tuple[str, Any]]) -> RecognizerStream:
    """Plays a bag to the node; `topics` are those of the bag, with the node's topic and type of each.

    A single topic is played message by message: the next once the one before is settled.
    """
    stream = RecognizerStream(bench, node, dict(topics.values()))
    with AnyReader([bag]) as reader:
        for sent, (connection, _, data) in enumerate(reader.messages(), 1):
            topic, kind = topics[connection.topic]
            stream.publishers[topic].publish(deserialize_message(bytes(data), kind))
            if len(topics) > 1:
                bench.spin(0.01)
            else:
                bench.until(lambda sent=sent: sum(map(stream.counts, SETTLED)) == sent, f"message {sent}")
    return stream


def check_same(direct: Sequence[FrameRecord], messages: Sequence[Any], classes: Sequence[str]) -> int:
    """Compares every record that has an answer; gives how many have a label."""
    live = {record.key: record for message in messages for record in ActivityReader(classes).read(message)}
    answered = {record.key: record for record in direct if not record.dropped}
    assert answered.keys() == live.keys()
    for key, record in answered.items():
        other = live[key]
        assert (record.status, record.label(classes)) == (other.status, other.label(classes))
        assert record.progress == pytest.approx(other.progress, abs=1e-6)
        if record.probabilities is None or other.probabilities is None:
            assert record.probabilities is other.probabilities
        else:
            assert np.abs(record.probabilities - other.probabilities).max() < 1e-5
    return sum(bool(record.label(classes)) for record in answered.values())


def crowd() -> list[Frame]:
    """Two people at 30 Hz with trembling stamps: blinks, a long absence, lost frames, a bad one, a bag that pauses."""
    rng = np.random.default_rng(5)
    frames = []
    for number in range(170):
        at_s = number / 30 + (3.0 if number >= 120 else 0.0)
        people = [Person(f"p{n}", Figure(activity, n).frame(at_s)) for n, activity in enumerate(("wave", "squat"))]
        seen = [person for n, person in enumerate(people) if rng.random() > 0.1 and not (n and 40 <= number < 90)]
        if number == 60:
            seen = [dataclasses.replace(seen[0], layout="octopus8")]
        if rng.random() > 0.05:
            frames.append(Frame(T0 + round((at_s + rng.uniform(-0.008, 0.008)) * SECOND), seen))
    return frames


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["hold", "zero"])
def test_people(bench: Any, tmp_path: Path, missing: str) -> None:
    bag = write_bag(tmp_path / "b", {"/skeletons": crowd()})
    kind, model = KINDS["skeleton"], skeleton_model(tmp_path / "model", CLASSES)
    chosen: dict[str, Value] = {"missing": missing, "threads": 1, "threshold": 0.5}
    given: dict[str, Value] = {"model": "", "model_path": str(model), **chosen}
    values = values_of(kind.settings, given)
    with Bag(bag) as recording:
        recognizer = kind.recognizer(kind.loaded(values), values)
        direct = list(replay(recognizer, skeleton_frames(recording)))

    live = overrides_of({**given, "queue_depth": 1000, "reliability": "reliable"})
    node = SkeletonActivityNode(parameter_overrides=live)
    stream = play(bench, node, bag, {"/skeletons": ("skeletons", SkeletonArray)})
    assert check_same(direct, stream.answered(stream.counts("processed")), CLASSES) > 40
    assert sum(record.dropped for record in direct) == stream.counts("unreadable") == 1
    assert len({record.label(CLASSES) for record in direct}) >= 3


@pytest.mark.parametrize("coding", ["raw", "compressed"])
def test_pictures(bench: Any, tmp_path: Path, coding: str) -> None:
    """A camera at 30 Hz before a network at 25, with a pause, a lost second and a picture that is none."""
    types = store()
    bag = write_messages(tmp_path / "b", {"/image": [(m[0], m[1]) for m in film(types, coding)]}, types=types)
    kind = KINDS["video"]
    given: dict[str, Value] = {"max_hold_frames": 3, "model_rate_hz": 25.0}
    with Bag(bag) as recording:
        recognizer = kind.recognizer(FakeLearner(), values_of(kind.settings, given))
        direct = list(replay(recognizer, image_frames(recording)))

    live = {**given, "queue_depth": 1000, "image_reliability": "reliable", "image_transport": coding}
    node = VideoActivityNode(lambda settings: FakeLearner(), parameter_overrides=overrides_of(live))
    topic = ("image_raw", Image) if coding == "raw" else ("image_raw/compressed", CompressedImage)
    stream = play(bench, node, bag, {"/image": topic})
    assert check_same(direct, stream.answered(stream.counts("processed")), FakeLearner.labels) > 30
    assert sum(record.dropped for record in direct) == stream.counts("unreadable") == 1
    assert stream.counts("early") > 5


def test_people_in_any_order(bench: Any, tmp_path: Path) -> None:
    """faults/reordered, stamps_ahead: overtaken, repeated, by a clock that is ahead for a time and one that is set."""
    order = [0, 1, 3, 2, 4, 4, 5, 3, 900, 901, 902, 6, 7, 9, 8, 10, 11, 12, 13, -60, -59, -57, -58, *range(-56, -40)]
    figure = Figure("wave", 1)
    stamps = [T0 + n * SECOND // 10 for n in order]
    sent = [
        Frame(ns, [Person("p0", figure.frame(n / 10))], log_ns=T0 + n * SECOND // 10) for n, ns in enumerate(stamps)
    ]
    bag = write_bag(tmp_path / "b", {"/skeletons": sent})
    kind, counts = KINDS["skeleton"], Counter[str]()
    with Bag(bag) as recording:
        recognizer = kind.recognizer(FakePeopleLearner(), values_of(kind.settings, {}))
        direct = list(replay(recognizer, skeleton_frames(recording), counts=counts))

    live: dict[str, Value] = {"queue_depth": 1000, "reliability": "reliable"}
    node = SkeletonActivityNode(lambda settings: FakePeopleLearner(), parameter_overrides=overrides_of(live))
    stream = play(bench, node, bag, {"/skeletons": ("skeletons", SkeletonArray)})
    assert check_same(direct, stream.answered(counts["processed"]), FakePeopleLearner.labels) > 10
    assert counts == Counter({event: stream.counts(event) for event in counts})
    assert (counts["late"], counts["duplicate"], counts["received"]) == (6, 1, len(order))
    assert sum(message.dropped_frames for message in stream.answers) == 6


def film(types: Any, coding: str) -> Iterator[tuple[int, Any]]:
    rng = np.random.default_rng(3)
    for number in range(80):
        stamp_ns = T0 + round((number / 30 + (2.0 if number > 60 else 0.0)) * SECOND)
        if 30 <= number < 34:
            continue
        pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        pixels[..., number // 20 % 3] |= 128
        if coding == "compressed":
            yield stamp_ns, compressed(types, stamp_ns, b"cut off" if number == 50 else encode_jpeg(pixels))
        else:
            message = image(types, stamp_ns, pixels[..., ::-1], "bgr8", step=50)
            yield stamp_ns, dataclasses.replace(message, encoding="16UC1") if number == 50 else message


def test_people_cut_out_of_pictures(bench: Any, tmp_path: Path) -> None:
    """Pictures and the skeletons found in them; some lack the one or the other."""
    types = store()
    bag = write_messages(tmp_path / "b", {"/image": shots(types), "/skeletons": companions(types)}, types=types)
    kind = KINDS["video"]
    given: dict[str, Value] = {"subject": "person", "model_rate_hz": 10.0, "max_people": 2}
    values = values_of(kind.settings, given)
    with Bag(bag) as recording:
        frames = paired(image_frames(recording), skeleton_frames(recording))
        direct = list(replay(kind.recognizer(FakeRestorable(), values), frames))

    live = {**given, "queue_depth": 1000, "image_reliability": "reliable", "skeletons_wait_s": 0.2}
    node = VideoActivityNode(lambda settings: FakeRestorable(), parameter_overrides=overrides_of(live))
    stream = play(bench, node, bag, {"/image": ("image_raw", Image), "/skeletons": ("skeletons", SkeletonArray)})
    answered = {record.stamp_ns for record in direct}
    assert check_same(direct, stream.answered(len(answered)), FakeRestorable.labels) > 20
    assert len(answered) < 30
    assert {record.subject for record in direct} == {"a", "b"}


def shots(types: Any) -> Iterator[tuple[int, Any]]:
    """Red on the left, blue on the right."""
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[:, :50, 0] = pixels[:, 50:, 2] = 200
    for number in range(30):
        stamp_ns = T0 + number * SECOND // 10
        if number != 20:
            yield stamp_ns, image(types, stamp_ns, pixels)


def companions(types: Any) -> Iterator[tuple[int, Any]]:
    joints = np.column_stack([np.tile([10.0, 20.0], 9)[:17], np.linspace(10, 50, 17), np.full(17, np.nan), np.ones(17)])
    for number in range(30):
        stamp_ns = T0 + number * SECOND // 10
        people = [Person("a", joints.astype(np.float32))]
        if number > 8:
            people.append(Person("b", (joints + (70, 0, 0, 0)).astype(np.float32)))
        if number not in (5, 6):
            array = skeleton_array(Frame(stamp_ns, people), types)
            yield stamp_ns, dataclasses.replace(array, image_width=100, image_height=60)
