"""Positions in `skeletons` and `activity`: by depth, camera_info and TF, and what happens where those are wrong."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from helpers.depth_scenes import FOCAL, HEIGHT, WIDTH, DrawnPerson, depth_message, depth_of  # noqa: E402
from helpers.fake_learners import FakePeopleLearner, NoEstimator  # noqa: E402
from helpers.node_stream import RELIABLE, NodeStream, header, overrides_of  # noqa: E402
from helpers.transforms_double import TransformsDouble  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image  # noqa: E402

from co_perception.data.messages.image import fill  # noqa: E402
from co_perception.data.messages.people import from_skeletons  # noqa: E402
from co_perception.engine.person_position import PositionSource  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.msg import ActivityArray, PersonPosition, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import skeleton_array  # noqa: E402
from co_perception.nodes.pose import PoseNode  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402

PERSON = DrawnPerson(0.4, 2.5, 0.5)
TRUTH = float(np.linalg.norm(PERSON.middle))
NONE, DEPTH, METRIC, MONOCULAR = (int(source) for source in PositionSource)


class OnePerson(NoEstimator):
    """Finds the drawn person in every picture."""

    name = "drawn"

    def estimate(self, image: Any) -> list[Pose]:
        return [PERSON.pose()]


def camera_info(**fields: Any) -> CameraInfo:
    k = [FOCAL, 0.0, WIDTH / 2, 0.0, FOCAL, HEIGHT / 2, 0.0, 0.0, 1.0]
    return CameraInfo(**{"width": WIDTH, "height": HEIGHT, "k": k, "distortion_model": "plumb_bob", **fields})


def depth_picture(seconds: float, encoding: str = "16UC1", **fields: Any) -> Image:
    drawn = vars(depth_message(depth_of(PERSON), encoding))
    drawn["data"] = array("B", drawn["data"])
    return Image(**{"header": header(seconds), **drawn, **fields})


class Located(NodeStream):
    """A pose node that finds one drawn person, with publishers of pictures, depth and camera_info."""

    def __init__(self, bench: Any, **settings: Any) -> None:
        given: dict[str, Any] = {"image_reliability": "reliable", "queue_depth": 100, "confirm": 1, "second_look": 0}
        given |= {"id_prefix": "p", "position": "depth", **settings}
        overrides = overrides_of(given)
        self.bench, self.node = bench, bench.add(PoseNode(lambda values: OnePerson(), parameter_overrides=overrides))
        self.answers: list[Any] = bench.listen(SkeletonArray, "skeletons")
        kinds = {"image_raw": Image, "camera_info": CameraInfo, "depth": Image}
        self.publishers = {topic: bench.node.create_publisher(kind, topic, RELIABLE) for topic, kind in kinds.items()}
        for topic, publisher in self.publishers.items():
            if topic != "depth" or given["position"] == "depth":
                bench.matched(publisher, topic)
        bench.matched(self.node._skeletons, "skeletons")

    def inform(self, **fields: Any) -> None:
        self.publishers["camera_info"].publish(camera_info(**fields))
        self.bench.until(lambda: self.node._positions._cameras.info is not None, "camera_info")

    def measure(self, message: Image) -> None:
        before = self.depths
        self.publishers["depth"].publish(message)
        self.bench.until(lambda: self.depths > before, "depth")

    @property
    def depths(self) -> int:
        return len(self.node._positions._depths)

    def show(self, seconds: float) -> PersonPosition:
        """Publishes one picture; where the person is, as `skeletons` has it."""
        count = len(self.answers)
        self.publishers["image_raw"].publish(
            fill(Image(header=header(seconds)), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        )
        self.bench.until(lambda: len(self.answers) > count, "skeletons")
        return self.answers[-1].skeletons[0].position

    @property
    def wrong(self) -> dict[str, int]:
        return {what: count for what, count in self.node._positions.counts.items() if count}


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Warnings of the node `pose`."""
    logged: list[str] = []
    real = PoseNode.get_logger

    def logger(self: Any) -> Any:
        there = real(self)
        return SimpleNamespace(
            warning=lambda text, **rest: logged.append(text), info=there.info, error=there.error, debug=there.debug
        )

    monkeypatch.setattr(PoseNode, "get_logger", logger)
    yield logged


def test_depth_of_the_same_instant_is_taken(bench: Any) -> None:
    stream = Located(bench)
    stream.inform()
    nothing = array("B", bytes(2 * WIDTH * HEIGHT))
    stream.measure(depth_picture(1.0, data=nothing))
    stream.measure(depth_picture(1.1))
    stream.measure(depth_picture(1.2, data=nothing))
    position = stream.show(1.105)
    assert (position.source, position.frame_id) == (DEPTH, "eye")
    assert position.distance == pytest.approx(TRUTH, abs=0.1)
    assert [position.point.x, position.point.y, position.point.z] == pytest.approx(PERSON.middle.tolist(), abs=0.1)
    assert position.bearing == pytest.approx(-np.arctan2(0.4, 2.5), abs=0.02), "to the right"
    assert position.covariance.reshape(3, 3)[2, 2] == pytest.approx(position.distance_deviation**2, rel=0.2)
    assert np.isnan(position.velocity.x) and stream.wrong == {"by depth": 1}


def test_camera_info_alone_gives_a_distance_by_the_body(bench: Any) -> None:
    stream = Located(bench, position="camera_info", position_stature_m=1.7)
    assert bench.node.count_subscribers("depth") == 0, "what is not needed is not subscribed to"
    stream.inform()
    for frame in range(10):
        position = stream.show(1.0 + frame / 10)
    assert position.source == MONOCULAR and position.distance == pytest.approx(TRUTH, rel=0.1)
    assert abs(position.distance - TRUTH) < 2 * position.distance_deviation < 0.5 * TRUTH
    assert position.velocity.z == pytest.approx(0.0, abs=1e-3) and position.velocity_deviation < 0.01


def test_without_the_parameter_there_is_no_position_and_no_subscription(bench: Any) -> None:
    node = bench.add(PoseNode(lambda values: OnePerson(), parameter_overrides=overrides_of({"confirm": 1})))
    assert node._positions is None
    assert bench.node.count_subscribers("camera_info") == bench.node.count_subscribers("depth") == 0


@pytest.mark.parametrize(
    ("info", "depth", "kind", "teaches"),
    [
        (None, {}, "no camera_info", "remap it to the camera's"),
        ({"k": [0.0] * 9}, {}, "camera_info cannot be used", "never calibrated"),
        ({"width": 100}, {}, "camera_info cannot be used", "another shape"),
        ({}, None, "no depth of the frame", "No depth picture comes"),
        ({}, {"header": header(9.0)}, "no depth of the frame", "nearest is"),
        ({}, {"encoding": "rgb8"}, "depth cannot be read", "16UC1"),
        ({}, {"height": 100}, "depth of another shape", "register"),
        ({}, {"data": array("B", b"xx")}, "depth cannot be read", "holds 2 bytes"),
    ],
)
def test_what_is_wrong_is_counted_and_told_once_and_answers_go_on(
    bench: Any, warnings: list[str], info: dict[str, Any] | None, depth: dict[str, Any] | None, kind: str, teaches: str
) -> None:
    stream = Located(bench)
    if info is not None:
        stream.inform(**info)
    for frame in range(12):
        if depth is not None and stream.depths < 8:
            stream.measure(depth_picture(1.0 + frame / 10, **depth))
        position = stream.show(1.0 + frame / 10)
    usable = info == {}  # then the body alone tells the distance
    assert position.source == (MONOCULAR if usable else NONE)
    assert stream.wrong[kind] >= 4
    told = [text for text in warnings if text.startswith("People have no position")]
    assert len(told) == 1 and teaches in told[0]
    assert stream.node.values()[f"positions, {kind}"] == stream.wrong[kind]


def test_depth_of_nothing_but_nan_leaves_the_distance_to_the_body(bench: Any) -> None:
    stream = Located(bench)
    stream.inform()
    nothing = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    stream.measure(depth_picture(1.0, "32FC1", data=array("B", nothing.tobytes())))
    assert stream.show(1.0).source == MONOCULAR


@pytest.fixture
def tf2(monkeypatch: pytest.MonkeyPatch) -> TransformsDouble:
    double = TransformsDouble()
    monkeypatch.setitem(sys.modules, "tf2_ros", double)
    return double


def test_tf_puts_positions_into_another_frame(bench: Any, tf2: TransformsDouble) -> None:
    stream = Located(bench, position_frame="base_link")
    stream.inform()
    stream.measure(depth_picture(1.0))
    position = stream.show(1.0)
    x, y, z = PERSON.middle
    assert position.frame_id == "base_link" and tf2.asked == [("base_link", "eye", 1_000_000_000)]
    assert [position.point.x, position.point.y, position.point.z] == pytest.approx([z, -x, 1.5 - y], abs=0.1)
    assert position.distance == pytest.approx(TRUTH, abs=0.1), "from the camera still"
    assert position.covariance.reshape(3, 3)[0, 0] == pytest.approx(position.distance_deviation**2, rel=0.2)
    stream.node.trigger_deactivate()
    assert not tf2.listeners, "nobody listens to /tf any more"


def test_tf_that_is_late_is_counted_and_told_once(bench: Any, tf2: TransformsDouble, warnings: list[str]) -> None:
    stream = Located(bench, position="camera_info", position_frame="odom")
    stream.inform()
    tf2.known = lambda stamp_ns: False
    for frame in range(12):
        position = stream.show(1.0 + frame / 10)
    assert position.source == NONE and stream.wrong["no transform"] == 12
    assert len([text for text in warnings if "extrapolation into the future" in text]) == 1
    tf2.known = lambda stamp_ns: True
    assert stream.show(3.0).source == MONOCULAR


def test_a_frame_without_tf2_ros_is_refused_with_the_remedy(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    overrides = overrides_of({"position": "depth", "position_frame": "base_link"})
    node = bench.add(PoseNode(lambda values: OnePerson(), parameter_overrides=overrides), up=False)
    from co_perception.nodes.core.run_node import bring_up

    assert not bring_up(node)


def test_positions_survive_their_message() -> None:
    from co_perception.localization.locator import Locator

    [pose] = [PERSON.pose()]
    found = Locator().locate([pose], 0, depth=None, camera=None)
    assert found == {}
    metric = Pose(np.column_stack([PERSON.joints, np.ones(17)]).astype(np.float32), coordinates="optical", id="p1")
    sent = Locator().locate([metric], 0)
    message = skeleton_array(header(1.0), [metric], "e", (0, 0), positions=sent)
    message.header.frame_id = "camera_optical_frame"
    read = from_skeletons(message).positions["p1"]
    assert read.source == PositionSource.METRIC and read.frame_id == "eye"
    for name in ("point", "covariance", "velocity"):
        np.testing.assert_allclose(getattr(read, name), getattr(sent["p1"], name))
    for name in ("distance", "distance_deviation", "bearing", "facing", "velocity_deviation"):
        assert getattr(read, name) == pytest.approx(getattr(sent["p1"], name), nan_ok=True)


class People(NodeStream):
    """`skeleton_activity` without weights, and somebody who publishes skeletons."""

    def __init__(self, bench: Any, **settings: Any) -> None:
        overrides = overrides_of({"reliability": "reliable", "queue_depth": 100, "model": "", **settings})
        learner = FakePeopleLearner()
        self.bench = bench
        self.node = bench.add(SkeletonActivityNode(lambda values: learner, parameter_overrides=overrides))
        self.answers: list[Any] = bench.listen(ActivityArray, "activity")
        self.publisher = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
        bench.matched(self.publisher, "skeletons")
        bench.matched(self.node._activity, "activity")

    def send(self, message: SkeletonArray) -> PersonPosition:
        count = len(self.answers)
        self.publisher.publish(message)
        return self.answered(count + 1)[-1].activities[0].position


def metric_message(seconds: float = 5.0) -> SkeletonArray:
    pose = Pose(np.column_stack([PERSON.joints, np.ones(17)]).astype(np.float32), coordinates="optical", id="anna")
    message = skeleton_array(header(seconds), [pose], "e", (0, 0))
    message.header.frame_id = "camera_optical_frame"
    return message


def test_activities_have_the_positions_of_their_skeletons(bench: Any) -> None:
    """Those of the message; metric joints give one themselves, where positions are asked for."""
    stream = People(bench)
    message = metric_message()
    assert stream.send(message).source == NONE
    message = metric_message(5.1)
    message.skeletons[0].position = PersonPosition(source=DEPTH, frame_id="map", distance=1.5)
    position = stream.send(message)
    assert (position.source, position.frame_id, position.distance) == (DEPTH, "map", 1.5)


def test_metric_skeletons_have_positions_where_they_are_asked_for(bench: Any) -> None:
    stream = People(bench, position="camera_info")
    position = stream.send(metric_message())
    assert (position.source, position.frame_id) == (METRIC, "camera_optical_frame")
    assert position.distance == pytest.approx(TRUTH, abs=1e-3) and position.facing == pytest.approx(0.5, abs=0.01)
