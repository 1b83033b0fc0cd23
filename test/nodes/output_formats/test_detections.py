"""Detections and classifications, in stand-ins of vision_msgs."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.output_frames import LEFT, OutputBench, activities_of, activity, boxed, frame_of, position, skeletons_of
from helpers.published_messages import install

from co_perception.engine.person_position import in_frame
from co_perception.msg import Activity
from co_perception.nodes.output_formats.detections import DetectionOutput
from co_perception.nodes.output_formats.people_frame import FrameReader


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> OutputBench:
    install(monkeypatch, "vision_msgs")
    return OutputBench()


def test_a_person_has_class_activities_box_and_place(bench: OutputBench) -> None:
    frame = frame_of(LEFT)
    bench.make(DetectionOutput).publish(frame)
    [message] = bench.of("people_detections")
    [found] = message.detections
    assert (message.header, found.header, found.id) == (frame.header, frame.header, "p1")
    named = [(each.hypothesis.class_id, round(each.hypothesis.score, 3)) for each in found.results]
    assert named == [("person", 1.0), ("posture/standing", 0.9), ("posture/other", 0.1)]
    joints = LEFT.pose().data[:, :2]
    assert found.bbox.center.position.x == pytest.approx((joints[:, 0].min() + joints[:, 0].max()) / 2, abs=1)
    assert found.bbox.size_y == pytest.approx(np.ptp(joints[:, 1]), abs=2)
    place = found.results[0].pose
    assert (place.pose.position.x, place.pose.position.z) == pytest.approx((LEFT.middle[0], LEFT.middle[2]))
    covariance = np.array(place.covariance).reshape(6, 6)
    assert covariance[:3, :3] == pytest.approx(position(LEFT).covariance) and not covariance[3:].any()
    assert bench.of("scene_classification") == []


def test_a_place_in_another_frame_is_left_out(bench: OutputBench) -> None:
    there = in_frame(position(LEFT), np.eye(3), np.zeros(3), "odom")
    message = bench.make(DetectionOutput).message(frame_of(LEFT, positions={"p1": there}))
    assert message.detections[0].results[0].pose.pose.position.z == 0


def test_the_scene_is_a_classification_and_cold_scores_are_left_out(bench: OutputBench) -> None:
    cold = activity("p1", "waving", 0.9, "arms", status=Activity.STATUS_WARMING_UP)
    frame = FrameReader().read(skeletons_of(LEFT), activities_of(activity("", "cooking", 0.6, ""), cold))
    bench.make(DetectionOutput).publish(frame)
    [scene] = bench.of("scene_classification")
    assert [(each.class_id, round(each.score, 3)) for each in scene.results] == [("cooking", 0.6), ("other", 0.4)]
    [people] = bench.of("people_detections")
    assert [each.hypothesis.class_id for each in people.detections[0].results] == ["person"]


def test_without_joints_the_box_is_the_recognizers(bench: OutputBench) -> None:
    frame = FrameReader().read(None, activities_of(boxed("y4", (10, 20, 30, 60))))
    [found] = bench.make(DetectionOutput).message(frame).detections
    assert (found.bbox.center.position.x, found.bbox.center.position.y, found.bbox.size_x) == (25, 50, 30)


def test_without_the_messages_the_remedy_is_named() -> None:
    with pytest.raises(ImportError, match=r"output 'detections' needs vision_msgs, .*ros-.ROS_DISTRO-vision-msgs"):
        OutputBench().make(DetectionOutput)
