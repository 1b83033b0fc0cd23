"""ROS4HRI's topics, in stand-ins of hri_msgs; this package's own reader of them is the second implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.depth_scenes import HEIGHT, WIDTH
from helpers.output_frames import LEFT, RIGHT, OutputBench, activities_of, boxed, frame_of, position
from helpers.published_messages import install

from co_perception.data.messages.people import from_bodies
from co_perception.nodes.output_formats.humans import HumansOutput
from co_perception.nodes.output_formats.people_frame import FrameReader
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> OutputBench:
    install(monkeypatch, "hri_msgs")
    return OutputBench()


def test_bodies_are_read_as_they_were(bench: OutputBench) -> None:
    bench.make(HumansOutput).publish(frame_of(LEFT, RIGHT))
    [ids] = bench.of("/humans/bodies/tracked")
    assert ids.ids == ["p1", "p2"]
    sent = {id: bench.of(f"/humans/bodies/{id}/skeleton2d")[0] for id in ids.ids}
    read = {pose.id: pose for pose in from_bodies(sent, (WIDTH, HEIGHT)).poses}
    for person in (LEFT, RIGHT):
        wanted = convert(person.pose().data, layout("coco17"), layout("hri18"))
        assert np.abs(read[person.id].data[:, :2] - wanted[:, :2]).max() < 0.01
    region = bench.of("/humans/bodies/p1/roi")[0]
    joints = LEFT.pose().data[:, :2] / (WIDTH, HEIGHT)
    assert (region.xmin, region.ymax) == pytest.approx((joints[:, 0].min(), joints[:, 1].max()), abs=0.01)
    place = bench.of("/humans/bodies/p2/position")[0]
    assert place.header.frame_id == "eye_optical_frame" and place.point.z == pytest.approx(RIGHT.middle[2])


def test_each_body_has_its_own_activity_beside_it(bench: OutputBench) -> None:
    bench.make(HumansOutput).publish(frame_of(LEFT, RIGHT))
    for id, label in (("p1", "standing"), ("p2", "sitting")):
        [message] = bench.of(f"/humans/bodies/{id}/activity")
        assert [(each.subject_id, each.label) for each in message.activities] == [(id, label)]
        assert (message.recognizer, message.header.stamp.sec) == ("net/own", 1)


def test_topics_come_and_go_with_the_bodies(bench: OutputBench) -> None:
    output = bench.make(HumansOutput)
    output.publish(frame_of(LEFT, RIGHT))
    assert sum(bench.topics.values()) == 1 + 2 * 4
    output.publish(frame_of(LEFT))
    own = {f"/humans/bodies/p1/{name}" for name in ("roi", "skeleton2d", "position", "activity")}
    assert {topic for topic, count in bench.topics.items() if count} == {"/humans/bodies/tracked", *own}
    assert [len(each.ids) for each in bench.of("/humans/bodies/tracked")] == [2, 1]
    bench.while_configured.close()
    assert {topic for topic, count in bench.topics.items() if count} == {"/humans/bodies/tracked"}


def test_ids_are_made_names_of_topics(bench: OutputBench) -> None:
    answers = activities_of(*(boxed(id, (1, 2, 3, 4), position(LEFT)) for id in ("7", "Jörg B.", "a/b")))
    bench.make(HumansOutput).publish(FrameReader().read(None, answers))
    assert bench.of("/humans/bodies/tracked")[0].ids == ["b7", "J_rg_B_", "a_b"]
    assert len(bench.of("/humans/bodies/a_b/position")) == 1
    assert bench.of("/humans/bodies/a_b/roi") == [], "shares of a picture of unknown size"


def test_memory_is_bounded(bench: OutputBench) -> None:
    crowd: list[Any] = [boxed(f"p{number}", (1, 2, 3, 4)) for number in range(100)]
    bench.make(HumansOutput).publish(FrameReader().read(None, activities_of(*crowd)))
    assert len(bench.of("/humans/bodies/tracked")[0].ids) == 64
