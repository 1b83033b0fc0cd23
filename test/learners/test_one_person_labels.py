"""One person gives the same label through learner, replay and clip; every place where people come in is tried."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.one_person import FRAMES, HEIGHT, WIDTH, Array, clip, written

import co_perception
from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag
from co_perception.data.bags.bag_frames import skeleton_frames
from co_perception.data.datasets.registry import READERS
from co_perception.data.messages import people as doors
from co_perception.data.messages import people_fields
from co_perception.engine.coordinates import COORDINATES
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.metadata import shipped
from co_perception.learners.preprocess_pose import clip_input
from co_perception.learners.recognizers import SkeletonSettings, skeleton_recognizer
from co_perception.learners.replay import replay
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.pose.estimator import ESTIMATORS
from co_perception.skeletons.layouts import LAYOUTS, layout

# Where the package makes poses and sequences of something else, and what tries it (in this file where no other is
# named). A new reader, estimator or message has a new place: draw the person of helpers/one_person.py for it.
PLACES = {
    "data/messages/people.py _read_poses": "test_one_person.py test_metres_frame",
    "data/messages/people.py _placed": "test_one_person.py test_other_messages_and_estimators",
    "pose/movenet.py estimate": "test_one_person.py test_other_messages_and_estimators",
    "pose/mediapipe.py _pose": "test_one_person.py test_other_messages_and_estimators",
    "data/datasets/ntu.py read_skeleton_file": "test_one_person.py test_data_sets",
    "data/datasets/kinetics_skeleton.py read_kinetics_file": "test_one_person.py test_data_sets",
    "data/datasets/pyskl.py sequence": "test_one_person.py test_data_sets",
    "data/datasets/estimator_json.py _sequence": "test_one_person.py test_data_sets",
    "data/bags/labeled_bags.py _windows": "test_one_person.py test_recordings",
    "pose/tracker.py expected": "makes no person: where those that it follows should be, for a second look",
    "commands/adapt.py _step_ms": "makes no person: random joints, to measure time",
    "commands/doctor.py _costs_ms": "makes no person: random joints, to measure time",
    "nodes/output_formats/markers.py _marker": "makes no person: a pose of a marker, of geometry_msgs",
    "nodes/output_formats/markers.py _person": "makes no person: the same",
    "nodes/answer_inputs_service.py steps_of": "people as they went in: test/nodes/test_answer_inputs_service.py",
    "learners/clip_recordings.py write_clip_recording": "people of `pose/` as found: test_clip_recordings.py",
    "learners/bundle_writer.py drawn_steps": "makes no person: random joints, to compare programs",
}


def places() -> Iterator[str]:
    """Functions of the package that call `Pose(...)` or `SkeletonSequence(...)`."""
    package = Path(co_perception.__file__).parent
    for path in sorted(package.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for call in ast.walk(function):
                name = getattr(call.func, "id", getattr(call.func, "attr", "")) if isinstance(call, ast.Call) else ""
                if name in ("Pose", "SkeletonSequence"):
                    yield f"{path.relative_to(package).as_posix()} {function.name}"


def test_every_place_where_people_come_in_is_tried() -> None:
    assert set(places()) == PLACES.keys()
    text = Path(__file__).with_name("test_one_person.py").read_text("utf-8")
    assert all(f"def {test.split()[1]}(" in text for test in PLACES.values() if test.startswith("test_"))


def test_every_kind_of_message_data_set_and_estimator_is_tried() -> None:
    """What a registry names, test_one_person.py draws: parameters of its tests are these names."""
    assert set(READERS) == {"ntu", "kinetics", "pyskl", "openpose", "coco", "video"}  # video has no joints
    assert {name for name in vars(doors) if name.startswith("from_")} == {
        "from_skeletons", "from_bodies", "from_detections", "from_poses",
    }  # fmt: skip
    assert set(ESTIMATORS) == {"movenet", "mediapipe"}
    assert set(COORDINATES) == {"pixels", "shares", "optical", "kinect", "rep103"}
    assert SKELETONS == ("co_perception/msg/SkeletonArray",)
    assert {kind.split("/")[-1] for kind in IMAGES} == {"Image", "CompressedImage", "FFMPEGPacket", "CompressedVideo"}
    message = Path(__file__).parents[2].joinpath("msg/SkeletonArray.msg").read_text("utf-8")
    units = {int(unit) for unit in re.findall(r"^uint8 COORDINATES_\w+=(\d+)", message, re.MULTILINE)}
    assert units == {people_fields.PIXELS, people_fields.METRES, people_fields.NORMALIZED}


@cache
def model() -> ContinualSkeletonLearner:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(shipped("costgcn_short_poses"))
    return learner


def label_of_clip(joints: Array, name: str, coordinates: str) -> str | None:
    """Joints (T, V, C) at 30 Hz."""
    data = np.ascontiguousarray(joints.transpose(2, 0, 1)[..., None])
    aspect = WIDTH / HEIGHT if coordinates == "shares" else None
    return model().infer(SkeletonSequence(data, name, 30.0, coordinates, aspect))[0].description


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_label_in_every_layout_and_coordinates(name: str, coordinates: str) -> None:
    """The left hand is up. The label knows left from right by the joints' names."""
    assert label_of_clip(clip(name, coordinates), name, coordinates) == "Stand_LeftArmRaised"


@pytest.mark.parametrize("name", LAYOUTS)
def test_swapped_sides_and_turned_pictures_are_noticed(name: str) -> None:
    joints = clip(name, "pixels")
    swapped, mirrored, turned = joints[:, list(layout(name).mirror)], joints.copy(), joints.copy()
    mirrored[..., 0], turned[..., 1] = WIDTH - joints[..., 0], HEIGHT - joints[..., 1]
    assert label_of_clip(swapped, name, "pixels") != "Stand_LeftArmRaised"
    assert label_of_clip(turned, name, "pixels") != "Stand_LeftArmRaised"

    def values(changed: Array) -> Array:
        data = np.ascontiguousarray(changed.transpose(2, 0, 1)[..., None])
        return clip_input(SkeletonSequence(data, name, 30.0), COSTGCN_SHORT).values

    for changed in (swapped, mirrored, turned):
        assert np.abs(values(changed) - values(joints)).max() > 0.3


@pytest.mark.parametrize("coordinates", ["pixels", "optical", "kinect", "rep103"])
def test_the_label_of_a_stream(coordinates: str) -> None:
    model().reset()
    for frame in range(FRAMES):
        pose = Pose(written("coco17", frame, coordinates), "coco17", id="p", coordinates=coordinates)
        [answer] = model().infer([pose])
    assert (answer.description, answer.status) == ("Stand_LeftArmRaised", Status.VALID)


@pytest.mark.parametrize(("coordinates", "unit", "frame_id"), [
    ("pixels", people_fields.PIXELS, "camera"), ("shares", people_fields.NORMALIZED, "camera"),
    ("optical", people_fields.METRES, "eye_optical_frame"), ("rep103", people_fields.METRES, "base_link"),
])  # fmt: skip
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_label_of_a_replay(name: str, coordinates: str, unit: int, frame_id: str, tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag

    frames = []
    for number in range(FRAMES):
        joints = written(name, number, coordinates)
        joints = joints if joints.shape[1] == 4 else np.insert(joints, 2, np.nan, axis=1)
        person, stamp_ns = Person("p", joints, name), T0 + number * SECOND // 15
        frames.append(Frame(stamp_ns, [person], coordinates=unit, frame_id=frame_id, size=(WIDTH, HEIGHT)))
    bag = write_bag(tmp_path / "b", {"/skeletons": frames})
    with Bag(bag) as opened:
        records = list(replay(skeleton_recognizer(model(), SkeletonSettings()), skeleton_frames(opened)))
    assert (records[-1].label(model().labels), records[-1].status) == ("Stand_LeftArmRaised", Status.VALID)
