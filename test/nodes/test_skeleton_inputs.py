"""Bodies of one stamp are grouped from topics of their own, as REP-155 has them."""

from __future__ import annotations

import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import header
from helpers.one_person import optical
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from co_perception.data.messages.camera_info import image_size
from co_perception.data.messages.people import DetectedPeople
from co_perception.nodes.core.worker_node import WITHOUT_SIZE
from co_perception.nodes.skeleton_activity import SkeletonNodeSettings
from co_perception.nodes.skeleton_inputs import BodyFrame, BodySynchronizer, Humans
from co_perception.skeletons.layouts import layout


def at(seconds: float) -> Any:
    return SimpleNamespace(header=header(seconds))


@pytest.fixture
def bodies() -> BodySynchronizer:
    return BodySynchronizer(max_gap_s=1.0)


def stamps_and_ids(frames: list[BodyFrame]) -> list[tuple[float, str]]:
    return [(frame.stamp_ns / 1e9, "".join(sorted(frame.skeletons))) for frame in frames]


def test_a_frame_is_complete_with_everybody_who_is_tracked(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    assert bodies.add("b", at(1.0)) == []
    assert stamps_and_ids(bodies.add("a", at(1.0))) == [(1.0, "ab")]
    assert bodies.add("a", at(1.1)) == []
    assert stamps_and_ids(bodies.add("b", at(1.1))) == [(1.1, "ab")]


def test_a_later_stamp_ends_a_frame_from_which_somebody_is_missing(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    bodies.add("a", at(1.0))
    assert stamps_and_ids(bodies.add("a", at(1.1))) == [(1.0, "a")]
    assert stamps_and_ids(bodies.add("b", at(1.1))) == [(1.1, "ab")]


def test_bodies_heard_before_the_list_wait_for_the_next_stamp(bodies: BodySynchronizer) -> None:
    assert bodies.add("a", at(1.0)) == []
    assert bodies.add("b", at(1.0)) == []
    assert stamps_and_ids(bodies.add("a", at(1.1))) == [(1.0, "ab")]


def test_a_list_that_becomes_shorter_completes_the_frame(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    bodies.add("a", at(1.1))
    assert stamps_and_ids(bodies.track(["a"], at(1.1).header)) == [(1.1, "a")]


def test_nobody_in_sight_is_a_frame_too(bodies: BodySynchronizer) -> None:
    assert stamps_and_ids(bodies.track([], at(2.0).header)) == [(2.0, "")]


def test_what_comes_too_late_is_counted_and_never_goes_back_in_time(bodies: BodySynchronizer) -> None:
    bodies.track(["a"], at(1.0).header)
    assert stamps_and_ids(bodies.add("a", at(1.2))) == [(1.2, "a")]
    assert bodies.add("b", at(1.2)) == []
    assert bodies.add("b", at(1.1)) == []
    bodies.track(["a", "b"], at(1.3).header)
    bodies.add("a", at(1.3))
    assert bodies.add("b", at(1.25)) == []
    assert bodies.late == 3


def test_stamps_that_stay_behind_are_a_new_stream_whatever_gaps_are_allowed() -> None:
    """Or a recording of less than that, in a loop, would be late for ever."""
    bodies = BodySynchronizer(max_gap_s=60.0)
    for _ in range(3):
        bodies.track(["a"], at(0.0).header)
        given = [stamps_and_ids(bodies.add("a", at(n / 10))) for n in range(20)]
        assert given[2:] == [[(n / 10, "a")] for n in range(2, 20)]
    assert bodies.late == 4


def test_a_long_step_back_is_a_new_stream(bodies: BodySynchronizer) -> None:
    bodies.track(["a"], at(9.0).header)
    bodies.add("a", at(9.0))
    assert stamps_and_ids(bodies.add("a", at(3.0))) == [(3.0, "a")]
    assert bodies.late == 0


class Cameraman:
    """An `hri` input on a node that notes what is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> None:
        types = SimpleNamespace(IdsList="IdsList", Skeleton2D="Skeleton2D")
        monkeypatch.setitem(sys.modules, "hri_msgs", SimpleNamespace(msg=types))
        monkeypatch.setitem(sys.modules, "hri_msgs.msg", types)
        self.input = Humans(SkeletonNodeSettings(input="hri", **settings))
        self.topics, self.counts, self.people = dict[str, Any](), Counter[str](), list[DetectedPeople]()
        self.counters = SimpleNamespace(count=self._count, counts=lambda: self.counts)
        self.while_active = SimpleNamespace(callback=lambda *given: None)
        self.conflicts = SimpleNamespace(watch=lambda *given: None)
        self.log = SimpleNamespace(warning=lambda *given: None)
        self.input.subscribe(self, None, lambda decode, found, *_: self.people.append(decode(found)))  # type: ignore

    def _count(self, event: str, times: int = 1) -> None:
        self.counts[event] += times

    def listen(self, kind: Any, topic: str, callback: Any, qos: Any) -> Any:
        self.topics[topic] = callback
        return SimpleNamespace(topic_name=f"/eye/{topic}" if topic == "camera_info" else topic)

    create_subscription = listen

    def show(self, seconds: float, width: int = 1280, height: int = 720) -> None:
        """Somebody 3 m before a camera of 1000 pixels focal length."""
        x, y, z, score = optical("hri18", round(seconds * 10)).T
        shares = (width / 2 + 1000 * x / z) / width, (height / 2 + 1000 * y / z) / height
        rows = np.stack([*shares, score], 1).tolist()
        points = [SimpleNamespace(x=a, y=b, c=c) for a, b, c in rows]
        tracked = SimpleNamespace(header=header(seconds), ids=["p"])
        self.topics["/humans/bodies/tracked"](tracked)
        self.topics["/humans/bodies/p/skeleton2d"](SimpleNamespace(header=tracked.header, skeleton=points))


def angles(joints: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Direction of each bone in the picture [degrees]."""
    first, second = np.array(layout("hri18").links).T
    step = joints[second, :2] - joints[first, :2]
    return np.degrees(np.arctan2(step[:, 1], step[:, 0]))


@pytest.mark.parametrize("known", ["camera_info", "settings"])
def test_angles_of_hri_are_right_at_16_to_9(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were scaled by 640 x 480 whatever the picture was: an upper arm was 8 degrees off."""
    settings = {"hri_image_width": 1280, "hri_image_height": 720} if known == "settings" else {}
    eye = Cameraman(monkeypatch, **settings)
    assert ("camera_info" in eye.topics) == (known == "camera_info")
    if known == "camera_info":
        eye.topics["camera_info"](CameraInfo(width=1280, height=720))
    for tick in range(5):
        eye.show(tick / 10)
    x, y, z, _ = optical("hri18", 4).T
    turned = angles(eye.people[4].poses[0].data) - angles(np.stack([1000 * x / z, 1000 * y / z], 1))
    assert np.abs((turned + 180) % 360 - 180).max() < 0.01
    narrow = eye.people[4].poses[0].data * [640 / 1280, 480 / 720, 1]
    assert np.abs(angles(narrow) - angles(eye.people[4].poses[0].data)).max() > 7


def test_bodies_of_hri_wait_for_camera_info_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    eye = Cameraman(monkeypatch)
    assert eye.input.lack == ""
    eye.show(0.0)
    eye.topics["camera_info"](CameraInfo())  # of a driver that does not know
    eye.show(0.1)
    assert (eye.counts[WITHOUT_SIZE], eye.people) == (2, [])
    assert "no sensor_msgs/CameraInfo on /eye/camera_info tells its size" in eye.input.lack
    eye.topics["camera_info"](CameraInfo(width=1280, height=720))
    eye.show(0.2)
    assert (eye.counts[WITHOUT_SIZE], len(eye.people), eye.input.lack) == (2, 1, "")
    before = np.ptp(eye.people[0].poses[0].data[:, 0])
    eye.topics["camera_info"](CameraInfo(width=1280, height=720, binning_x=2, binning_y=2))
    eye.show(0.3)
    assert np.ptp(eye.people[1].poses[0].data[:, 0]) == pytest.approx(before / 2, rel=0.05)


def test_half_a_size_behind_hri_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="set both hri_image_width and hri_image_height .* or none"):
        Cameraman(monkeypatch, hri_image_width=640)


@pytest.mark.parametrize(
    ("info", "size"),
    [
        ({}, (0, 0)),
        ({"width": 1920, "height": 1080}, (1920, 1080)),
        ({"width": 1920, "height": 1080, "binning_x": 2, "binning_y": 2}, (960, 540)),
        ({"width": 1920, "height": 1080, "roi": RegionOfInterest(width=640, height=480)}, (640, 480)),
    ],
)
def test_the_size_of_pictures_by_camera_info(info: dict[str, Any], size: tuple[int, int]) -> None:
    assert image_size(CameraInfo(**info)) == size
