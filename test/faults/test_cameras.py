"""Cameras that change or are two: what is said stays true of one camera's pictures, and the rest is counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from faults.conftest import DEADLINE_S
from faults.diagnosed import Diagnosed
from helpers.fake_learners import FakeLearner, NoEstimator

rclpy = pytest.importorskip("rclpy")

from helpers.node_stream import RELIABLE, RecognizerStream, overrides_of, stamps_of  # noqa: E402
from helpers.stick_figures import person  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from co_perception.engine import data  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.msg import Activity, ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.pose import PoseNode  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

LOSSLESS = {"image_reliability": "reliable", "queue_depth": 100}
RED, BLUE = (200, 10, 10), (10, 10, 200)


def picture(stamp_ns: int, color: Sequence[int], size: tuple[int, int] = (48, 64), encoding: str = "rgb8") -> Image:
    """One color, given in RGB whatever the encoding."""
    rgb = np.full((*size, 3), color, np.uint8)
    pixels = {"rgb8": rgb, "bgr8": rgb[..., ::-1], "rgba8": np.dstack([rgb, rgb[..., :1]])}[encoding]
    message = Image(height=size[0], width=size[1], encoding=encoding, step=size[1] * pixels.shape[2])
    message.data = np.ascontiguousarray(pixels).tobytes()
    message.header.stamp, message.header.frame_id = to_time(stamp_ns), "eye"
    return message


def recognizer(bench: Any, fake: FakeLearner) -> RecognizerStream:
    node = VideoActivityNode(lambda values: fake, parameter_overrides=overrides_of(LOSSLESS))
    return RecognizerStream(bench, node, {"image_raw": Image})


def test_resolution_and_encoding_change_in_the_middle_of_a_stream(bench: Any, fake: FakeLearner) -> None:
    stream = recognizer(bench, fake)
    forms = [((48, 64), "rgb8"), ((96, 128), "bgr8"), ((64, 48), "rgba8"), ((48, 64), "bgr8")]
    sent = [(tick + 1) * 40_000_000 for tick in range(40)]
    for tick, stamp in enumerate(sent):
        size, encoding = forms[tick // 3 % len(forms)]
        stream.publishers["image_raw"].publish(picture(stamp, RED, size, encoding))
    heard = stream.answered(len(sent))
    assert stamps_of(heard) == sent
    assert {message.state_epoch for message in heard} == {0}
    assert [message.activities[0].label for message in heard] == [""] * 5 + ["red"] * 35
    assert stream.node.counters.dropped == 0


class Estimator(NoEstimator):
    """Always finds a person at the same pixels."""

    def estimate(self, image: data.Image) -> list[Pose]:
        return [person(100)]


@pytest.mark.parametrize("smoothing", ["none", "one_euro"])
def test_nobody_is_followed_into_pictures_of_another_size(bench: Any, smoothing: str) -> None:
    """The same pixels are another place there."""
    overrides = overrides_of({**LOSSLESS, "smoothing": smoothing, "confirm": 1, "id_prefix": "p"})
    node = bench.add(PoseNode(lambda values: Estimator(), parameter_overrides=overrides))
    diagnosed, heard = Diagnosed(bench, "pose"), bench.listen(SkeletonArray, "skeletons")
    camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
    bench.matched(camera, "image_raw")
    bench.matched(node._skeletons, "skeletons")
    for tick, size in enumerate([(480, 640)] * 3 + [(240, 320)] * 3):
        camera.publish(picture((tick + 1) * 40_000_000, RED, size))
    bench.until(lambda: len(heard) == 6, "skeletons")
    assert [[skeleton.subject_id for skeleton in message.skeletons] for message in heard] == [["p1"]] * 3 + [["p2"]] * 3
    assert [(message.image_width, message.image_height) for message in heard[2:4]] == [(640, 480), (320, 240)]
    assert heard[3].skeletons[0].keypoints[5].x == pytest.approx(float(person(100).data[5, 0]))
    bench.until(lambda: diagnosed.values.get("ids lost") == "1", "the loss in the diagnostics")


class TwoCameras:
    """Two publishers on `image_raw` that take turns at 25 Hz each, in real time; red and blue."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.publishers = {color: bench.node.create_publisher(Image, "image_raw", RELIABLE) for color in (RED, BLUE)}
        self.sent: dict[tuple[int, int, int], list[int]] = {RED: [], BLUE: []}
        bench.until(lambda: all(one.get_subscription_count() for one in self.publishers.values()))

    def play(self, until: Callable[[], object], *colors: tuple[int, int, int], least: int = 0) -> None:
        rounds, end = 0, time.monotonic() + DEADLINE_S
        while rounds < least or not until():
            for color in colors:
                stamp = time.time_ns()
                self.publishers[color].publish(picture(stamp, color))
                self.sent[color].append(stamp)
                self.bench.spin(0.04 / len(colors))
            rounds += 1
            assert time.monotonic() < end


def test_of_two_cameras_on_one_topic_one_is_heard_and_the_other_counted(bench: Any, fake: FakeLearner) -> None:
    overrides = overrides_of({**LOSSLESS, "model_rate_hz": 0.0})
    node = bench.add(VideoActivityNode(lambda values: fake, parameter_overrides=overrides))
    diagnosed, heard = Diagnosed(bench, "video_activity"), bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")
    cameras = TwoCameras(bench)
    cameras.play(lambda: diagnosed.warnings("more than one publishes on /image_raw"), RED, BLUE, least=25)
    refused = len(cameras.sent[BLUE])
    diagnosed.until_count("of another camera", refused)
    assert stamps_of(heard) == cameras.sent[RED]
    assert {label for message in heard for label in [message.activities[0].label] if label} == {"red"}

    red = len(heard)
    cameras.play(lambda: any(message.activities[0].label == "blue" for message in heard), BLUE)
    diagnosed.until_well()
    later = heard[red:]
    assert set(stamps_of(later)) <= set(cameras.sent[BLUE])
    assert later[0].state_epoch == heard[red - 1].state_epoch + 1
    assert later[0].activities[0].status == Activity.STATUS_WARMING_UP
    assert {message.activities[0].label for message in later} == {"", "blue"}
    received, foreign = (int(diagnosed.values[f"frames {event}"]) for event in ("received", "of another camera"))
    assert received + foreign == len(cameras.sent[RED]) + len(cameras.sent[BLUE])
    assert sum(message.dropped_frames for message in heard) == foreign


def test_whom_another_camera_sees_is_somebody_else(bench: Any) -> None:
    """Who stood at the same place in its pictures got the id of whom the first camera had seen."""
    overrides = overrides_of({**LOSSLESS, "id_prefix": "p", "second_look": 0})
    node = bench.add(PoseNode(lambda values: Estimator(), parameter_overrides=overrides))
    heard = bench.listen(SkeletonArray, "skeletons")
    bench.matched(node._skeletons, "skeletons")
    cameras = TwoCameras(bench)

    def is_seen(id: str) -> bool:
        return bool(heard) and [each.subject_id for each in heard[-1].skeletons] == [id]

    cameras.play(lambda: is_seen("p1"), RED)
    cameras.play(lambda: is_seen("p2"), BLUE)
    first = stamps_of(heard).index(next(stamp for stamp in cameras.sent[BLUE] if stamp in set(stamps_of(heard))))
    ids = [[each.subject_id for each in message.skeletons] for message in heard]
    assert ids[:first] == [[], *[["p1"]] * (first - 1)] and ids[first : first + 2] == [[], ["p2"]]


def test_a_picture_that_is_not_read_takes_nothing_along(bench: Any, fake: FakeLearner) -> None:
    """A camera that switches to raw depth and back: what was lost is counted, what comes after is read."""
    diagnosed, stream = Diagnosed(bench, "video_activity"), recognizer(bench, fake)
    for tick in range(30):
        message = picture((tick + 1) * 40_000_000, RED)
        if 10 <= tick < 15:
            message.encoding = "16UC1"
        stream.publishers["image_raw"].publish(message)
    heard = stream.answered(25)
    diagnosed.until_count("unreadable", 5)
    assert sum(message.dropped_frames for message in heard) == 5
    assert (len(heard), heard[-1].activities[0].label) == (25, "red")
    assert {message.state_epoch for message in heard} == {0}
