"""The node `outputs` on real middleware: what it joins, when it asks for pictures, and what it says where it cannot."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")
pytest.importorskip("visualization_msgs")

from helpers.depth_scenes import FOCAL, HEIGHT, WIDTH  # noqa: E402
from helpers.node_stream import RELIABLE, NodeStream, overrides_of  # noqa: E402
from helpers.output_frames import LEFT, RIGHT, activities_of, activity, header, skeletons_of  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

from co_perception.data.messages.image import fill, to_rgb  # noqa: E402
from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes import outputs  # noqa: E402
from co_perception.nodes.output_formats import annotated_picture, image_annotations, markers  # noqa: E402
from co_perception.nodes.outputs import OutputsNode, chosen_outputs  # noqa: E402

KINDS = {"skeletons": SkeletonArray, "activity": ActivityArray, "image_raw": Image, "camera_info": CameraInfo}
CONFIG = Path(__file__).parents[2] / "config"
STANDS = activity("p1", "standing", 0.9)


class Shown(NodeStream):
    """An active node that publishes markers and pictures, and publishers of all that it reads."""

    def __init__(self, bench: Any, wanted: str = "markers", **settings: Any) -> None:
        given = overrides_of({"outputs": wanted, "image_reliability": "reliable", **settings})
        self.bench, self.node = bench, bench.add(OutputsNode(parameter_overrides=given))
        self.publishers = {topic: bench.node.create_publisher(kind, topic, RELIABLE) for topic, kind in KINDS.items()}
        self.answers: list[Any] = []
        for topic in ("skeletons", "activity", *(["camera_info"] if "markers" in wanted else [])):
            bench.matched(self.publishers[topic], topic)
        if "markers" in wanted:
            self.answers = bench.listen(MarkerArray, "markers")
            bench.matched(self.node._formats["markers"]._publisher, "markers")

    def send(self, topic: str, message: Any) -> None:
        """Publishes a message; of skeletons and activities, waits until it was received."""
        before = self.counts(f"received from {topic}")
        self.publishers[topic].publish(message)
        if topic in ("skeletons", "activity"):
            self.bench.until(lambda: self.counts(f"received from {topic}") > before, topic)

    def inform(self, **fields: Any) -> None:
        k = [FOCAL, 0.0, WIDTH / 2, 0.0, FOCAL, HEIGHT / 2, 0.0, 0.0, 1.0]
        self.send("camera_info", CameraInfo(**{"width": WIDTH, "height": HEIGHT, "k": k, **fields}))
        self.bench.until(lambda: self.node._cameras.info is not None, "camera_info")

    def texts(self, number: int) -> list[str]:
        """The labels of a message of markers."""
        return [each.text for each in self.answered(number)[number - 1].markers if each.text]


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    logged: list[str] = []
    real = OutputsNode.get_logger

    def logger(self: Any) -> Any:
        there = real(self)
        return SimpleNamespace(warning=lambda text, **_: logged.append(text), info=there.info, error=there.error)

    monkeypatch.setattr(OutputsNode, "get_logger", logger)
    yield logged


def test_skeletons_and_activities_of_a_stamp_are_one_frame(bench: Any) -> None:
    stream = Shown(bench, max_wait_s=20.0)
    stream.inform()
    stream.send("activity", activities_of(STANDS, seconds=1.0))  # alone: nobody sends skeletons yet
    for seconds in (1.1, 1.2):
        stream.send("skeletons", skeletons_of(LEFT, RIGHT, seconds=seconds))
        stream.send("activity", activities_of(STANDS, seconds=seconds))
    last = stream.answered(3)[2].markers
    assert stream.counts("joined") == 2
    assert stream.texts(3) == ["p1 2.7 m\nstanding 0.90", "p2 3.5 m"]
    assert {each.ns for each in last} == {"skeletons", "joints", "people", "facing", "labels"}
    assert {each.header.stamp.nanosec for each in last} == {200_000_000}


def test_skeletons_that_no_recognizer_answers_are_shown_all_the_same(bench: Any) -> None:
    stream = Shown(bench, max_wait_s=0.1)
    stream.send("activity", activities_of(STANDS, seconds=1.0))
    stream.send("skeletons", skeletons_of(LEFT, seconds=1.05))
    assert stream.texts(2) == ["p1 2.7 m\nstanding 0.90"], "with the label of a moment ago"


def test_one_topic_alone_does_not_wait_for_the_other(bench: Any) -> None:
    stream = Shown(bench, max_wait_s=20.0)
    for seconds in (1.0, 1.1, 1.2):
        stream.send("skeletons", skeletons_of(LEFT, seconds=seconds))
    stream.answered(3)
    assert stream.counts("skeletons alone") == 3


def test_pictures_are_asked_for_while_somebody_looks(bench: Any) -> None:
    stream = Shown(bench, "annotated")
    assert bench.node.count_subscribers("image_raw") == 0
    shown = bench.node.create_subscription(Image, "annotated", stream.answers.append, 10)
    bench.matched(stream.publishers["image_raw"], "image_raw")
    bench.matched(stream.node._formats["annotated"]._publisher, "annotated")
    picture = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    stream.send("image_raw", fill(Image(header=header(1.0)), picture))
    bench.until(lambda: stream.node._formats["annotated"]._pictures, "a picture")
    stream.send("skeletons", skeletons_of(LEFT, seconds=1.0))
    [message] = stream.answered(1)
    assert (message.header, message.encoding) == (header(1.0), "rgb8")
    assert (to_rgb(message) != picture).any() and (to_rgb(message) == picture).all(-1).mean() > 0.7
    bench.node.destroy_subscription(shown)
    bench.until(lambda: bench.node.count_subscribers("image_raw") == 0, "no subscription to pictures")
    assert not stream.node._formats["annotated"]._pictures


def test_a_frame_without_its_picture_and_one_that_cannot_be_read_are_counted(bench: Any, warnings: list[str]) -> None:
    stream = Shown(bench, "annotated")
    bench.listen(Image, "annotated")
    bench.matched(stream.publishers["image_raw"], "image_raw")
    bench.matched(stream.node._formats["annotated"]._publisher, "annotated")
    pictures = stream.node._formats["annotated"]._pictures
    pictures.append(fill(Image(header=header(2.0)), np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    pictures[0].encoding = "octopus"
    for number in range(12):
        stream.send("skeletons", skeletons_of(LEFT, seconds=1.0 + number / 10))
    wrong = stream.node._complaints.counts
    assert wrong == {"annotated, without its picture": 11, "annotated, picture cannot be read": 1}
    assert len(warnings) == 2 and "octopus" in warnings[1]


def test_markers_without_camera_info_or_position_are_told_once(bench: Any, warnings: list[str]) -> None:
    stream = Shown(bench)
    for number in range(40):
        given: dict[str, Any] = {"positions": {}} if number % 4 else {}
        stream.send("skeletons", skeletons_of(LEFT, seconds=1 + number / 10, **given))
    assert stream.node._complaints.counts == {"markers without a position": 30, "markers without camera_info": 10}
    assert len(warnings) == 2
    assert "remap it to the camera's" in warnings[0] and "set `position` of the node" in warnings[1]
    stream.inform(k=[0.0] * 9)
    stream.send("skeletons", skeletons_of(LEFT, seconds=9.0))
    assert "never calibrated" in warnings[2] and "markers, camera_info cannot be used" in stream.node.values()


def test_skeletons_that_cannot_be_read_stop_nothing(bench: Any, warnings: list[str]) -> None:
    stream = Shown(bench)
    broken = skeletons_of(LEFT, seconds=1.0)
    broken.rotate, broken.image_width = 90, 0
    stream.send("skeletons", broken)
    stream.send("skeletons", skeletons_of(LEFT, seconds=1.1))
    stream.answered(1)
    assert stream.node._complaints.counts["skeletons that cannot be read"] == 1 and "image_width" in warnings[0]


def test_silence_is_a_warning(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Shown(bench, silence_s=0.5)
    assert stream.node.health()[1] == "markers"
    now_s = time.monotonic()
    monkeypatch.setattr(outputs, "monotonic", lambda: now_s + 60)
    assert "Neither skeletons nor activity for 60 s" in stream.node.health()[1]


def test_outputs_are_named(bench: Any) -> None:
    assert chosen_outputs(" markers,annotated, markers") == ["markers", "annotated"]
    with pytest.raises(ValueError, match="no output 'marker' .meant: 'markers'"):
        chosen_outputs("marker")
    with pytest.raises(ValueError, match="outputs is empty: name some of markers, annotations"):
        chosen_outputs(" , ")
    for wrong, why in (("marker", "meant: 'markers'"), ("markers,humans", "needs hri_msgs")):
        node = bench.add(OutputsNode(f"n{len(wrong)}", parameter_overrides=overrides_of({"outputs": wrong})), up=False)
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert why in node.failure


def test_the_layouts_of_the_viewers_show_these_topics() -> None:
    """In RViz's and Foxglove's own files, which are installed with the configuration."""
    yaml = pytest.importorskip("yaml")
    rviz = yaml.safe_load((CONFIG / "people.rviz").read_text())["Visualization Manager"]["Displays"]
    shown = {each["Class"].rpartition("/")[2]: each["Topic"]["Value"] for each in rviz if "Topic" in each}
    assert shown == {"MarkerArray": markers.TOPIC, "Image": annotated_picture.TOPIC}
    layout = json.loads((CONFIG / "foxglove_layout.json").read_text())
    picture = layout["configById"]["Image!people"]["imageMode"]
    assert list(picture["annotations"]) == [f"/{image_annotations.TOPIC}"] and picture["imageTopic"] == "/image_raw"
    assert f"/{markers.TOPIC}" in layout["configById"]["3D!people"]["topics"]
    assert set(re.findall(r'"(\w+!\w+)"', json.dumps(layout["layout"]))) == set(layout["configById"])
