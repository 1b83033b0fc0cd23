"""Nodes get pictures from packets of video: with their own headers, and none where packets were lost."""

from __future__ import annotations

import sys
from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from helpers.fake_learners import FakeLearner, NoEstimator  # noqa: E402
from helpers.node_stream import RELIABLE, NodeStream, RecognizerStream, header, overrides_of, stamps_of  # noqa: E402
from helpers.video_packets import brightness, packets  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from sensor_msgs.msg import CompressedImage  # noqa: E402

from co_perception.engine import data  # noqa: E402
from co_perception.engine.stage_counts import Stage  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.msg import SkeletonArray  # noqa: E402
from co_perception.nodes.core.managed_node import LOST  # noqa: E402
from co_perception.nodes.image_inputs import image_type, listen_to_images  # noqa: E402
from co_perception.nodes.pose import PoseNode  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

LOSSLESS = {"image_reliability": "reliable", "queue_depth": 100}


class Eye(NoEstimator):
    """Finds nobody, and notes how bright the pictures were."""

    name = "eye"

    def __init__(self) -> None:
        self.seen: list[float] = []

    def estimate(self, image: data.Image) -> list[Pose]:
        self.seen.append(float(image.data.mean()))
        return []

    def reset(self) -> None: ...

    def close(self) -> None: ...


def coded(number: int, packet: tuple[bytes, bool, int]) -> CompressedImage:
    return CompressedImage(header=header(1 + number / 30), format="h264", data=array("B", packet[0]))


class PoseStream(NodeStream):
    """The node `pose`, and a camera that publishes packets on a topic."""

    def __init__(self, bench: Any, topic: str = "image_raw/compressed", transport: str = "compressed") -> None:
        self.bench, self.eye = bench, Eye()
        settings = overrides_of({**LOSSLESS, "image_transport": transport, "second_look": 0})
        self.node = bench.add(PoseNode(lambda values: self.eye, parameter_overrides=settings))
        self.answers: list[Any] = bench.listen(SkeletonArray, "skeletons")
        self.camera = bench.node.create_publisher(CompressedImage, topic, RELIABLE)
        bench.matched(self.camera, topic)
        bench.matched(self.node._skeletons, "skeletons")

    def send(self, message: CompressedImage) -> None:
        count = self.counts("received") + 1
        self.camera.publish(message)
        self.bench.until(lambda: self.counts("received") == count, "received")


def test_pose_looks_at_the_pictures_of_a_video(bench: Any) -> None:
    stream, made = PoseStream(bench), packets(count=20)
    for number in range(3, 20):  # it joins between two keyframes
        stream.send(coded(number, made[number]))
    answers = stream.answered(12)
    assert stamps_of(answers) == [10**9 + round(number / 30 * 1e9) for number in range(8, 20)]
    assert np.abs(np.array(stream.eye.seen) - [brightness(number) for number in range(8, 20)]).max() <= 4
    stream.bench.until(lambda: stream.counts("unreadable") == 5, "unreadable")
    assert (stream.node.stages.passed(Stage.DECODED), stream.node.stages.lost(Stage.DECODED)) == (12, 5)
    assert "keyframe" in " ".join(stream.node.stage_counts().losses()[0].details)


@pytest.mark.parametrize(("transport", "name"), [("ffmpeg", "FFMPEGPacket"), ("foxglove", "CompressedVideo")])
def test_transports_of_other_packages(bench: Any, transport: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = {"ffmpeg": "ffmpeg_image_transport_msgs", "foxglove": "foxglove_msgs"}[transport]
    with pytest.raises(ImportError, match=f"'{transport}' needs {package}, .*ros-.ROS_DISTRO-{package[:6]}"):
        image_type(transport)
    missing = PoseNode(lambda values: Eye(), parameter_overrides=overrides_of({"image_transport": transport}))
    bench.add(missing, up=False)
    assert missing.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert missing.trigger_activate() != TransitionCallbackReturn.SUCCESS
    types = SimpleNamespace(**{name: CompressedImage})
    monkeypatch.setitem(sys.modules, package, SimpleNamespace(msg=types))
    monkeypatch.setitem(sys.modules, f"{package}.msg", types)
    assert image_type(transport) == (CompressedImage, f"image_raw/{transport}")


def test_messages_without_a_header_get_one() -> None:
    """Foxglove's have a timestamp and a frame."""
    received, listened = list[Any](), dict[str, Any]()

    def listen(kind: Any, topic: str, callback: Any, qos: Any, **options: Any) -> Any:
        listened.update(callback=callback, depth=qos.depth, **options)

    node = SimpleNamespace(listen_counted=listen)
    types = SimpleNamespace(CompressedVideo=object)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "foxglove_msgs", SimpleNamespace(msg=types))
        patch.setitem(sys.modules, "foxglove_msgs.msg", types)
        settings = SimpleNamespace(image_transport="foxglove", image_reliability="best_effort")
        listen_to_images(node, settings, 1, received.append)  # type: ignore[arg-type]
    assert listened["depth"] >= 30  # a callback that is late for a moment loses no packet
    for number, packet in enumerate(packets(count=3)):
        stamp = Time(sec=5, nanosec=number)
        listened["callback"](SimpleNamespace(timestamp=stamp, frame_id="eye", format="h264", data=packet[0]))
        if number == 0:
            listened["on_gap"]()
    assert [(each.header.stamp.nanosec, each.header.frame_id, each.frame is None) for each in received] == [
        (0, "eye", False), (1, "eye", True), (2, "eye", True),
    ]  # fmt: skip


def test_video_activity_answers_each_picture_once(bench: Any) -> None:
    learner = FakeLearner()
    settings = overrides_of({**LOSSLESS, "image_transport": "compressed"})
    node = VideoActivityNode(lambda values: learner, parameter_overrides=settings)
    stream = RecognizerStream(bench, node, {"image_raw/compressed": CompressedImage})
    made = packets(count=16)
    for number in range(16):
        stream.publish({"image_raw/compressed": coded(number, made[number])})
    assert stamps_of(stream.answered(1))[0] == 10**9
    assert stream.counts("unreadable") == 0 and stream.counts(LOST) == 0
