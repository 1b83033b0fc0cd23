"""Camera motion by TF: a camera that turns, drives, lies on its side, and whose transforms are late or missing."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import NoEstimator
from helpers.node_stream import RELIABLE, NodeStream, header, overrides_of
from helpers.output_frames import OutputBench
from helpers.transforms_double import Place, TransformsDouble
from sensor_msgs.msg import CameraInfo, Image

from co_perception.data.messages.image import fill
from co_perception.engine.data import Image as ImageData
from co_perception.engine.picture_motion import PictureMotion
from co_perception.engine.picture_turn import PictureTurn
from co_perception.engine.target import Pose
from co_perception.msg import SkeletonArray
from co_perception.nodes.camera_motion_input import TransformMotion, rotation_vector, turned_by
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.pose import PoseNode

FOCAL, WIDTH, HEIGHT, TICK_NS = 260.0, 320, 240, 50_000_000
STANDS = np.array([0.4, 0.2, 3.0])  # somebody in the room, in the frame that stands still (optical axes) [m]
NOBODY: tuple[Pose, ...] = ()


def turning(rate: float = 0.0, speed: float = 0.0) -> Callable[[int], Place]:
    """A camera that turns to the right [rad/s] and drives to the right [m/s], in a frame with optical axes."""

    def place(stamp_ns: int) -> Place:
        angle, way = rate * stamp_ns / 1e9, speed * stamp_ns / 1e9
        return (0.0, math.sin(angle / 2), 0.0, math.cos(angle / 2)), (way, 0.0, 0.0)

    return place


def pixel(place: Place, point: np.ndarray = STANDS) -> np.ndarray:
    """(2,) where the camera at this place sees a point of the room."""
    (_, y, _, w), translation = place
    angle = 2 * math.atan2(y, w)
    turn = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    x, y, z = turn.T @ (point - translation)
    return np.array([FOCAL * x / z + WIDTH / 2, FOCAL * y / z + HEIGHT / 2])


class Robot:
    """A source of motion on a bare node, with camera_info."""

    def __init__(
        self, patch: pytest.MonkeyPatch, place: Callable[[int], Place], turn: PictureTurn | None = None
    ) -> None:
        self.tf2, self.bench, self.turn = TransformsDouble(place), OutputBench(), turn or PictureTurn()
        patch.setitem(sys.modules, "tf2_ros", self.tf2)
        self.bench.listen = self._listen  # type: ignore[attr-defined]
        self.source = TransformMotion(self.bench, "odom", False, self.turn)  # type: ignore[arg-type]
        self.inform()

    def _listen(self, kind: Any, topic: str, callback: Any, qos: Any) -> None:
        self._on_camera_info = callback

    def inform(self, **fields: Any) -> None:
        k = [FOCAL, 0.0, WIDTH / 2, 0.0, FOCAL, HEIGHT / 2, 0.0, 0.0, 1.0]
        self._on_camera_info(CameraInfo(**{"width": WIDTH, "height": HEIGHT, "k": k, **fields}))

    def motion(self, tick: int) -> PictureMotion | None:
        self.source.begin_frame(SimpleNamespace(frame_id="eye"), (WIDTH, HEIGHT))
        return self.source.motion(ImageData(np.zeros((2, 2, 3), np.uint8), tick * TICK_NS), NOBODY)


def moved(motion: PictureMotion | None, place: np.ndarray, depth: float = math.inf) -> np.ndarray:
    assert motion is not None
    return motion.places(place[None], depth)[0]


def test_a_turn_moves_people_as_it_moves_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    place = turning(rate=1.2)
    robot = Robot(monkeypatch, place)
    assert robot.motion(1) is None
    motion = robot.motion(2)
    before, now = (pixel(place(tick * TICK_NS)) for tick in (1, 2))
    assert moved(motion, before) == pytest.approx(now, abs=1e-6) and abs(now - before).max() > 10
    assert robot.tf2.asked == [("odom", "eye", TICK_NS), ("odom", "eye", 2 * TICK_NS)]


def test_a_drive_moves_whoever_is_near_by_their_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    place = turning(speed=1.0)
    robot = Robot(monkeypatch, place)
    near = SimpleNamespace(distance=3.0, bearing=0.0)
    robot.motion(1)
    robot.source.end_frame({"p1": near})  # type: ignore[dict-item]
    motion, depth = robot.motion(2), robot.source.depths()["p1"]
    before, now = (pixel(place(tick * TICK_NS)) for tick in (1, 2))
    assert moved(motion, before, depth) == pytest.approx(now, abs=1e-6)
    assert moved(motion, before) == pytest.approx(before), "without a distance they are far away"


@pytest.mark.parametrize(
    "turn", [PictureTurn(90), PictureTurn(180), PictureTurn(0, mirrored=True), PictureTurn(270, True)]
)
def test_it_is_of_the_upright_picture(monkeypatch: pytest.MonkeyPatch, turn: PictureTurn) -> None:
    place, size = turning(rate=1.2, speed=0.5), (WIDTH, HEIGHT)
    robot = Robot(monkeypatch, place, turn)
    robot.motion(1)
    motion = robot.motion(2)
    before, now = (
        turn.places_upright(turn.unmirrored(pixel(place(tick * TICK_NS))[None], size), size)[0] for tick in (1, 2)
    )
    assert moved(motion, before, STANDS[2]) == pytest.approx(now, abs=0.3)


def test_while_tf_is_late_the_camera_goes_on_and_is_made_good_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames of six are without a transform: what people were moved by adds up to what it was."""
    place = turning(rate=1.0, speed=0.2)
    robot = Robot(monkeypatch, place)
    robot.tf2.known = lambda stamp_ns: stamp_ns // TICK_NS not in (4, 5)
    here, robot_at = pixel(place(TICK_NS)), robot.motion(1)
    assert robot_at is None
    for tick in range(2, 7):
        here = moved(robot.motion(tick), here, STANDS[2])
        assert here == pytest.approx(pixel(place(tick * TICK_NS)), abs=1.0)
    assert robot.source.counts == {"no transform": 2} and not robot.bench.warnings, "it may be the beginning"


def test_tf_that_never_comes_is_counted_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    robot = Robot(monkeypatch, turning(rate=1.0))
    robot.tf2.known = lambda stamp_ns: stamp_ns < 3 * TICK_NS
    found = [robot.motion(tick) for tick in range(1, 30)]
    assert [each is not None for each in found[:10]] == [False, *[True] * 7, False, False], "0.3 s at most"
    assert robot.source.counts == {"no transform": 27}
    assert len(robot.bench.warnings) == 1 and "extrapolation into the future" in robot.bench.warnings[0]
    robot.tf2.known = lambda stamp_ns: True
    assert [robot.motion(tick) is not None for tick in (30, 31)] == [False, True]


@pytest.mark.parametrize(
    ("fields", "kind", "why"),
    [
        ({"k": [0.0] * 9}, "camera_info cannot be used", "never calibrated"),
        ({"width": 640, "height": 640}, "camera_info cannot be used", "another shape"),
    ],
)
def test_a_camera_that_is_not_known_has_no_motion(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], kind: str, why: str
) -> None:
    robot = Robot(monkeypatch, turning(rate=1.0))
    robot.inform(**fields)
    assert [robot.motion(tick) for tick in range(1, 4)] == [None] * 3
    assert robot.source.counts == {kind: 3} and len(robot.bench.warnings) == 1 and why in robot.bench.warnings[0]


def test_rotations_and_their_vectors() -> None:
    for vector in ([0.0, 0, 0], [1e-12, 0, 0], [0.3, -0.2, 0.9], [0.0, 3.1, 0.0]):
        assert rotation_vector(turned_by(np.array(vector))) == pytest.approx(vector, abs=1e-9)
    quarter = turned_by(np.array([0.0, 0.0, math.pi / 2]))
    assert quarter @ (1, 0, 0) == pytest.approx([0, 1, 0])


class Standing(NoEstimator):
    """Finds somebody who stands in the room, as the turning camera sees them."""

    name = "drawn"

    def __init__(self, place: Callable[[int], Place]) -> None:
        super().__init__()
        self._place = place

    def estimate(self, image: Any) -> list[Pose]:
        middle = pixel(self._place(image.stamp_ns))
        rows = [(*(middle + (10 * math.cos(n), 15 * math.sin(n))), 0.9) for n in range(17)]
        return [Pose(np.array(rows, np.float32), confidence=0.9)]


class Turning(NodeStream):
    """A pose node with a double of TF."""

    def __init__(self, bench: Any, place: Callable[[int], Place]) -> None:
        given = overrides_of(
            {"camera_motion": "tf", "confirm": 1, "second_look": 0, "id_prefix": "p", "image_reliability": "reliable",
             "queue_depth": 100}
        )  # fmt: skip
        self.bench, self.node = bench, bench.add(PoseNode(lambda values: Standing(place), parameter_overrides=given))
        self.answers = bench.listen(SkeletonArray, "skeletons")
        self.camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
        info = bench.node.create_publisher(CameraInfo, "camera_info", RELIABLE)
        for topic, publisher in (("image_raw", self.camera), ("camera_info", info)):
            bench.matched(publisher, topic)
        bench.matched(self.node._skeletons, "skeletons")
        k = [FOCAL, 0.0, WIDTH / 2, 0.0, FOCAL, HEIGHT / 2, 0.0, 0.0, 1.0]
        info.publish(CameraInfo(width=WIDTH, height=HEIGHT, k=k))
        bench.until(lambda: self.node._camera_transforms._cameras.info is not None, "camera_info")

    def show(self, tick: int) -> None:
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.camera.publish(fill(Image(header=header(tick * TICK_NS / 1e9)), picture))


def test_the_node_tells_what_the_camera_did(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = turning(rate=1.2)
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2 := TransformsDouble(place))
    stream = Turning(bench, place)
    for tick in range(1, 5):
        stream.show(tick)
    start = pixel(place(TICK_NS))
    for tick, message in enumerate(stream.answered(4), 1):
        [person] = message.skeletons
        wanted = pixel(place(tick * TICK_NS)) - start
        assert (person.subject_id, person.camera_motion_x) == ("p1", pytest.approx(wanted[0], abs=1.5))
    assert stream.answers[3].skeletons[0].camera_motion_x < -30
    stream.node.trigger_deactivate()
    assert not tf2.listeners and stream.node._camera_transforms is None


def test_tf_without_tf2_ros_is_refused_with_the_remedy(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    overrides = overrides_of({"camera_motion": "tf"})
    assert not bring_up(bench.add(PoseNode(lambda values: NoEstimator(), parameter_overrides=overrides), up=False))
