"""Answers as messages, stamps as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration, Time
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from co_perception.data.messages.people import Box, from_bodies, from_detections, from_skeletons, region_of
from co_perception.engine.target import Category, Pose, Status
from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityHypothesis, Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.messages import activity_array, label_info, skeleton_array, to_duration, to_time
from co_perception.online.recognizer import Answer
from co_perception.skeletons.layouts import LAYOUTS

SCORES = np.array([0.2, 0.5, 0.3], np.float32)
SURE = Category(1, description="green", confidence=0.5, probabilities=SCORES, progress=0.9, delay=3)


def message(fake: Any, category: Category, since_ns: int | None = None, top_k: int = 5) -> Any:
    answer = Answer(category, 7, 1_900_000_000, since_ns)
    header = Header(stamp=Time(sec=2, nanosec=5), frame_id="eye")
    return activity_array(header, [answer], fake, epoch=7, top_k=top_k, latency_ns=12_000_000, dropped=4)


def test_a_valid_answer(fake: Any) -> None:
    array = message(fake, SURE, since_ns=1_500_000_000)
    assert (array.header.frame_id, array.header.stamp) == ("eye", Time(sec=2, nanosec=5))
    assert (array.recognizer, array.label_set) == ("fake/colors", "colors")
    assert array.observation_delay == Duration(sec=0, nanosec=100_000_005)
    assert array.processing_latency == Duration(sec=0, nanosec=12_000_000)
    assert (array.dropped_frames, array.state_epoch) == (4, 7)
    (activity,) = array.activities
    assert (activity.subject_id, activity.status) == ("", Activity.STATUS_VALID)
    assert (activity.label, activity.class_id) == ("green", 1)
    assert activity.score == pytest.approx(0.5)
    assert activity.progress == pytest.approx(0.9)
    assert activity.since == Time(sec=1, nanosec=500_000_000)
    assert [(guess.label, guess.class_id) for guess in activity.hypotheses] == [("green", 1), ("blue", 2), ("red", 0)]
    assert (activity.roi.width, activity.roi.height) == (0, 0)


@pytest.mark.parametrize("top_k", [1, 5])
def test_of_one_group_only_the_scores_are_new(fake: Any, top_k: int) -> None:
    """The fields that earlier versions had are what they were, and the group has no name."""
    (activity,) = message(fake, SURE, since_ns=1_500_000_000, top_k=top_k).activities
    assert (activity.group, list(activity.scores)) == ("", SCORES.tolist())
    assert list(label_info(fake, Time()).groups) == []
    ranked = [("green", 1, 0.5), ("blue", 2, SCORES[2]), ("red", 0, SCORES[0])][:top_k]
    earlier = Activity(
        status=Activity.STATUS_VALID, label="green", class_id=1, score=0.5, since=Time(sec=1, nanosec=500_000_000),
        hypotheses=[ActivityHypothesis(label=label, class_id=n, score=float(score)) for label, n, score in ranked],
        progress=0.9, scores=SCORES.tolist(),
    )  # fmt: skip
    assert serialize_message(activity) == serialize_message(earlier)


@pytest.mark.parametrize("status", [Status.WARMING_UP, Status.UNCERTAIN, Status.STALE])
def test_scores_without_a_label_that_counts(fake: Any, status: Status) -> None:
    (activity,) = message(fake, replace(SURE, status=status), top_k=2).activities
    assert (activity.status, activity.label, activity.class_id) == (int(status), "", -1)
    assert activity.score == pytest.approx(0.5)
    assert len(activity.hypotheses) == 2
    assert activity.since == Time()


def test_no_score_yet(fake: Any) -> None:
    (activity,) = message(fake, Category(-1, status=Status.WARMING_UP, progress=0.1)).activities
    assert (activity.label, activity.class_id, activity.score, activity.hypotheses) == ("", -1, 0.0, [])


def test_the_numbers_of_the_status_are_those_of_the_message() -> None:
    for status in Status:
        assert getattr(Activity, f"STATUS_{status.name}") == status.value


def test_label_info(fake: Any) -> None:
    info = label_info(fake, Time(sec=3))
    assert (info.recognizer, info.label_set, list(info.labels)) == ("fake/colors", "colors", ["red", "green", "blue"])
    assert (info.threshold, info.min_progress, info.receptive_field, info.rate_hz) == (0.0, 0.75, 8, 25.0)
    assert info.header.stamp.sec == 3


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, 1_000_000_000, 1_795_437_902_563_100_245])
def test_stamps_there_and_back(ns: int) -> None:
    assert nanoseconds(to_time(ns)) == ns


@pytest.mark.parametrize("ns", [-1, 2**31 * 1_000_000_000])
def test_a_stamp_that_cannot_be_sent_is_refused(ns: int) -> None:
    with pytest.raises(ValueError, match="clock"):
        to_time(ns)


def test_a_negative_duration_keeps_its_value() -> None:
    assert nanoseconds(to_duration(-1_500_000_000)) == -1_500_000_000
    assert to_duration(-1_500_000_000).nanosec == 500_000_000


def person(id: str = "a", joints: int = 17, x: float = 10.0, **fields: Any) -> Skeleton:
    keypoints = [Keypoint(x=x + i, y=2.0 * i, z=float("nan"), score=0.5) for i in range(joints)]
    return Skeleton(**{"subject_id": id, "layout": "coco17", "score": 0.9, "keypoints": keypoints, **fields})


def array(*people: Skeleton, **fields: Any) -> SkeletonArray:
    return SkeletonArray(skeletons=list(people), **fields)


def kinds(reading: Any) -> list[str]:
    return [refusal.kind for refusal in reading.refused]


@pytest.mark.parametrize("metric", [False, True])
def test_poses_there_and_back_over_the_wire(metric: bool) -> None:
    rng, channels, scale = np.random.default_rng(3), 4 if metric else 3, 1 if metric else [1, 640, 480, 1]
    poses = [Pose((rng.uniform(0.1, 1, (17, 4)) * scale)[:, -channels:].astype(np.float32), id=id) for id in ("a", "b")]
    poses[1].data[4] = 0
    header = Header(stamp=Time(sec=3, nanosec=4), frame_id="eye_optical_frame" if metric else "eye")
    message = skeleton_array(header, poses, "me", (0, 0) if metric else (640, 480))
    reading = from_skeletons(deserialize_message(serialize_message(message), SkeletonArray))
    assert (message.estimator, message.header, reading.refused) == ("me", header, [])
    for given, back in zip(poses, reading.poses, strict=True):
        assert (back.id, back.layout, back.confidence) == (given.id, "coco17", 1.0)
        np.testing.assert_array_equal(back.data, given.data)


def test_a_region_is_that_of_the_message_or_the_box_around_the_joints() -> None:
    given = RegionOfInterest(x_offset=1, y_offset=2, width=3, height=4)
    reading = from_skeletons(array(person("a", roi=given), person("b", x=-3.5), image_width=640, image_height=20))
    assert reading.regions["a"] == Box(1, 2, 3, 4)
    # x from -3.5 to 12.5, y from 0 to 32, cut at the border of the image
    assert reading.regions["b"] == Box(0, 0, 13, 20)
    optical = Header(frame_id="eye_optical_frame")
    metric = from_skeletons(array(person("b"), coordinates=SkeletonArray.COORDINATES_METRES, header=optical))
    assert metric.regions["b"] == Box()
    assert region_of(Pose(np.zeros((17, 3), np.float32)), (640, 480)) == Box()


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), 1e30])
@pytest.mark.parametrize("where", ["x", "y"])
def test_a_joint_without_a_place_is_one_that_was_not_found(wrong: float, where: str) -> None:
    bad = person()
    setattr(bad.keypoints[3], where, wrong)
    reading = from_skeletons(array(bad, person("b", x=200.0)))
    assert kinds(reading) == ["joints without a place"]
    assert [int(pose.found.sum()) for pose in reading.poses] == [16, 17]
    assert np.isfinite(reading.poses[0].data).all()
    assert not reading.poses[0].data[3].any()


def test_a_score_that_is_no_number_is_no_joint() -> None:
    bad = person(score=float("nan"))
    bad.keypoints[0].score = float("nan")
    bad.keypoints[1].score = -1.0
    (pose,) = from_skeletons(array(bad)).poses
    assert (pose.confidence, int(pose.found.sum())) == (0.0, 15)


@pytest.mark.parametrize(
    ("bad", "kind", "teaches"),
    [
        (person("b", layout="octopus8"), "unknown layout", "'octopus8' is none of"),
        (person("b", joints=16), "wrong joints", "'b' has 16 joints, coco17 has 17"),
        (person("b", joints=0), "wrong joints", "0 joints"),
        (person("a"), "repeated id", "'a' occurs twice"),
        (person("b", keypoints=[Keypoint()] * 17), "no joint found", "'b' has no joint"),
    ],
)
def test_a_person_who_cannot_be_read_is_told_and_the_other_kept(bad: Skeleton, kind: str, teaches: str) -> None:
    reading = from_skeletons(array(person("a"), bad))
    assert [pose.id for pose in reading.poses] == ["a"]
    assert set(reading.regions) == {"a"}
    assert kinds(reading) == [kind]
    assert teaches in reading.refused[0].why
    reading.check()


def test_people_without_an_id_are_told_to_switch_the_tracker_on() -> None:
    reading = from_skeletons(array(person(""), person("")))
    assert len(reading.poses) == 1
    assert "tracker" in reading.refused[0].why


def test_a_message_that_makes_no_sense_at_all_is_an_error_and_an_empty_one_is_not() -> None:
    with pytest.raises(ValueError, match="octopus8"):
        from_skeletons(array(person(layout="octopus8"))).check()
    from_skeletons(array()).check()
    from_skeletons(array(person(keypoints=[Keypoint()] * 17))).check()


def test_five_hundred_people_are_read() -> None:
    assert len(from_skeletons(array(*[person(str(i)) for i in range(500)])).poses) == 500


# Stand-ins with the documented fields of messages that are not installed everywhere.


@dataclass
class NormalizedPointOfInterest2D:
    """hri_msgs: shares of the image's width and height, and a confidence."""

    x: float
    y: float
    c: float


@dataclass
class Skeleton2D:
    """hri_msgs: eighteen points, left eye before right."""

    skeleton: list[NormalizedPointOfInterest2D]
    header: Header = field(default_factory=Header)


@dataclass
class Point2D:
    x: float
    y: float


@dataclass
class KeyPoint2D:
    """yolo_msgs: numbered from 1, in pixels."""

    id: int
    point: Point2D
    score: float


@dataclass
class KeyPoint2DArray:
    data: list[KeyPoint2D]


@dataclass
class Detection:
    keypoints: KeyPoint2DArray
    id: str = "7"
    score: float = 0.8
    class_name: str = "person"


@dataclass
class DetectionArray:
    detections: list[Detection]
    header: Header = field(default_factory=Header)


def test_hri_skeletons_are_scaled_to_pixels_by_body_id() -> None:
    points = [NormalizedPointOfInterest2D(0.5, i / 18, 0.6) for i in range(18)]
    points[4] = NormalizedPointOfInterest2D(float("nan"), 0.0, 0.9)
    points[5] = NormalizedPointOfInterest2D(0.0, 0.0, 0.0)
    reading = from_bodies({"bd34f": Skeleton2D(points), "ff00a": Skeleton2D(points[:4])}, (640, 360))
    (pose,) = reading.poses
    assert (pose.id, pose.layout) == ("bd34f", "hri18")
    np.testing.assert_allclose(pose.data[9], (320, 180, 0.6), rtol=1e-6)
    assert not pose.data[[4, 5]].any()
    assert kinds(reading) == ["joints without a place", "wrong joints"]


def test_yolo_keypoints_go_to_the_joint_of_their_number() -> None:
    points = [KeyPoint2D(id, Point2D(10.0 * id, 5.0), 0.7) for id in (17, 1, 6)]  # nose, left shoulder, right ankle
    reading = from_detections(DetectionArray([Detection(KeyPoint2DArray(points)), Detection(KeyPoint2DArray([]), "8")]))
    (pose,) = reading.poses
    assert (pose.id, pose.layout, pose.confidence) == ("7", "coco17", 0.8)
    assert np.flatnonzero(pose.found).tolist() == [0, 5, 16]
    np.testing.assert_allclose(pose.data[5], (60, 5, 0.7), rtol=1e-6)
    assert reading.refused == []
    assert reading.regions["7"] == Box(10, 5, 160, 0)


def test_joints_at_zero_are_not_found() -> None:
    """Ultralytics puts joints of a confidence below .5 at (0, 0), and leaves them that confidence."""
    hidden = {8, 10, 16}
    points = [
        KeyPoint2D(
            k, Point2D(0.0, 0.0) if k in hidden else Point2D(299.0 + k, 191.0 + 9 * k), 0.44 if k in hidden else 0.9
        )
        for k in range(1, 18)
    ]
    reading = from_detections(DetectionArray([Detection(KeyPoint2DArray(points))]))
    (pose,) = reading.poses
    assert np.flatnonzero(~pose.found).tolist() == [7, 9, 15] and not pose.data[[7, 9, 15]].any()
    assert reading.regions["7"] == Box(300, 200, 16, 144) and reading.refused == []
    nobody = [KeyPoint2D(k, Point2D(0.0, 0.0), 0.44) for k in range(1, 18)]
    assert kinds(from_detections(DetectionArray([Detection(KeyPoint2DArray(nobody))]))) == ["no joint found"]


@pytest.mark.parametrize("id", [0, 18, -1])
def test_a_joint_number_that_coco_has_not_refuses_the_detection(id: int) -> None:
    reading = from_detections(DetectionArray([Detection(KeyPoint2DArray([KeyPoint2D(id, Point2D(1.0, 1.0), 0.9)]))]))
    assert (reading.poses, kinds(reading)) == ([], ["wrong joints"])


def test_the_eyes_of_hri_are_not_those_of_openpose() -> None:
    """REP-155 puts the left eye at 14, OpenPose the right one."""
    assert [LAYOUTS["hri18"].joints[i] for i in (14, 16)] == ["left_eye", "left_ear"]
