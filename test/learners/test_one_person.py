"""One person, written in every format and layout there is, gives the same network input."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from helpers import one_person
from helpers.one_person import FRAMES, HEIGHT, WIDTH, Array, clip, written
from numpy.typing import NDArray

from co_perception.data.bags.labeled_bags import bag_samples
from co_perception.data.datasets.registry import guess, open_samples
from co_perception.data.messages import people as doors
from co_perception.data.messages import people_fields
from co_perception.engine.coordinates import COORDINATES
from co_perception.engine.data import Image, SkeletonSequence
from co_perception.engine.target import Pose
from co_perception.learners.pose_examples import AUGMENT, PoseExamples
from co_perception.learners.preprocess_pose import PersonSlots, clip_input, frame_input, to_input
from co_perception.networks.temporal import JointMotion
from co_perception.networks.variants_skeleton import COSTGCN_SHORT, COTCN, SKELETON_VARIANTS
from co_perception.pose.mediapipe import MediaPipePose
from co_perception.skeletons.layouts import LAYOUTS, layout

SPINE = next(variant for variant in SKELETON_VARIANTS.values() if variant.normalization == "spine")


def wanted(name: str, coordinates: str = "pixels") -> Array:
    """The network's input of the person whom a pose estimator finds in the picture, in a layout.

    The origin of REP 103's frames is no camera: people in them are seen without perspective.
    """
    drawn = "parallel" if coordinates == "rep103" else "pixels"
    people = np.stack([written(name, frame, drawn)[None] for frame in range(0, FRAMES, 2)])
    return to_input(people, name, COSTGCN_SHORT).values


# Confidences of joints that were found, as estimators write them; none hides a joint.
PROBABILITIES = np.random.default_rng(3).uniform(0.55, 0.99, 33)
ANY_SCALE: dict[str, NDArray[np.float64]] = {
    "0..1": PROBABILITIES, "halved": PROBABILITIES / 2, "percent": 100 * PROBABILITIES, "bytes": 255 * PROBABILITIES,
    "log-odds": np.log(PROBABILITIES / (1 - PROBABILITIES)), "zero": np.zeros(33), "minus one": -np.ones(33),
    "NaN": np.full(33, np.nan), "heat maps": 1.2 * PROBABILITIES,
}  # fmt: skip


@pytest.fixture(params=ANY_SCALE)
def scores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every door gets confidences of this scale."""
    unscored = one_person.optical

    def scored(name: str, frame: int) -> Array:
        joints = unscored(name, frame)
        joints[:, -1] = ANY_SCALE[request.param][: len(joints)]
        return joints

    monkeypatch.setattr(one_person, "optical", scored)
    return str(request.param)


def same(got: Array, name: str, coordinates: str = "pixels") -> None:
    np.testing.assert_allclose(got[..., :1], wanted(name, coordinates)[..., :1], atol=2e-5)


def streamed(pose: Callable[[int], Pose]) -> Array:
    """The input of a node that is given the pose of each frame of the network."""
    inputs = [frame_input([pose(frame)], COSTGCN_SHORT, PersonSlots(1)) for frame in range(0, FRAMES, 2)]
    return np.concatenate([each.values for each in inputs], 1)


def test_the_person_is_upright_and_asymmetric() -> None:
    values = dict(zip(layout("coco17").joints, wanted("coco17")[:, 0, :, 0].T, strict=True))
    assert values["left_shoulder"][1] < -0.8 < 0.8 < values["left_ankle"][1]
    assert values["left_wrist"][1] < -1 < 0 < values["right_wrist"][1] and values["left_wrist"][0] > 0


@pytest.mark.parametrize("name", ["openpose18", "hri18", "body25", "blazepose33"])
def test_layouts_of_a_whole_body_give_the_same(name: str) -> None:
    np.testing.assert_allclose(wanted(name), wanted("coco17"), atol=2e-5)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_clips_and_poses_in_every_layout_and_coordinates(name: str, coordinates: str) -> None:
    data = np.ascontiguousarray(clip(name, coordinates).transpose(2, 0, 1)[..., None])
    sequence = SkeletonSequence(data, name, 30.0, coordinates, WIDTH / HEIGHT if coordinates == "shares" else None)
    same(clip_input(sequence, COSTGCN_SHORT).values, name, coordinates)
    examples = PoseExamples([(sequence, None)], [0], ("wave",), COSTGCN_SHORT, None)  # type: ignore[list-item]
    same(examples.tensor(0, None).numpy(), name, coordinates)
    if coordinates != "shares":  # a frame of them comes through hri alone, which makes them pixels
        same(
            streamed(lambda frame: Pose(written(name, frame, coordinates), name, coordinates=coordinates)),
            name,
            coordinates,
        )


def sequence_of(coordinates: str) -> SkeletonSequence:
    data = np.ascontiguousarray(clip("coco17", coordinates).transpose(2, 0, 1)[..., None])
    return SkeletonSequence(data, "coco17", 30.0, coordinates, WIDTH / HEIGHT if coordinates == "shares" else None)


@pytest.mark.parametrize("coordinates", ["shares", "optical", "kinect"])
def test_metres_are_augmented_as_pixels_are(coordinates: str) -> None:
    """A turn about the axes of space, or a jitter that grows with the distance, would be another training."""
    drawn = []
    for given in (coordinates, "pixels"):
        examples = PoseExamples([(sequence_of(given), None)], [0], ("wave",), COSTGCN_SHORT, AUGMENT)  # type: ignore[list-item]
        drawn.append(np.stack([examples.tensor(0, np.random.default_rng(seed)).numpy() for seed in range(4)]))
    np.testing.assert_allclose(drawn[0], drawn[1], atol=2e-5)
    assert np.abs(drawn[1] - clip_input(sequence_of("pixels"), COSTGCN_SHORT).values).max() > 0.1


@pytest.mark.parametrize("coordinates", ["shares", "optical", "kinect"])
def test_motion_of_the_whole_body_is_that_of_the_picture(coordinates: str) -> None:
    """The unit of place and size is the source's own; their quotient is what the network sees."""
    metres, pixels = (
        JointMotion(len(layout(COTCN.layout))).clip(torch.from_numpy(clip_input(sequence, COTCN).values[None]))
        for sequence in (sequence_of(coordinates), sequence_of("pixels"))
    )
    torch.testing.assert_close(metres, pixels, atol=5e-5, rtol=0)
    assert pixels[0, -2, 1:].abs().min() > 1e-3


def test_the_distance_of_the_camera_is_seen() -> None:
    """Whoever reaches towards the camera has a larger hand in pixels and in metres."""
    values, without = wanted("coco17"), wanted("coco17", "rep103")
    assert np.abs(values - without).max() > 0.1


@pytest.mark.parametrize("coordinates", ["optical", "kinect", "rep103"])
def test_published_networks_of_the_kinect_get_its_axes(coordinates: str) -> None:
    data = np.ascontiguousarray(clip("ntu25", coordinates).transpose(2, 0, 1)[..., None])
    values = clip_input(SkeletonSequence(data, "ntu25", 30.0, coordinates), SPINE).values
    raw = clip("ntu25", "kinect")[:: round(30 / SPINE.rate_hz)]
    np.testing.assert_allclose(values[..., 0][:, : len(raw)], (raw - raw[:, 1:2]).transpose(2, 0, 1)[:3], atol=2e-5)


def test_ntu_upside_down() -> None:
    """As the network is given it by hand: an array of a Kinect's joints that names no coordinates."""
    y = dict(
        zip(
            layout("coco17").joints,
            to_input(clip("ntu25", "kinect")[:, None], "ntu25", COSTGCN_SHORT).values[1, 0, :, 0],
            strict=True,
        )
    )
    assert y["left_shoulder"] < 0 < y["left_ankle"]


def ntu(folder: Path) -> Path:
    lines = [str(FRAMES)]
    for joints in clip("ntu25", "kinect").tolist():
        lines += ["1", "72057594037931101 0 1 1 1 1 0 0.01 -0.2 2", "25"]
        lines += [f"{x:.6f} {y:.6f} {z:.6f} 277.4 191.6 1036.2 519.4 -0.2 0.05 0.97 -0.04 2" for x, y, z, _ in joints]
    (folder / "S001C001P001R001A001.skeleton").write_text("\n".join(lines) + "\n")
    return folder


def kinetics(folder: Path) -> Path:
    people = [
        [{"pose": each[:, :2].ravel().tolist(), "score": each[:, 2].tolist()}] for each in clip("openpose18", "shares")
    ]
    data = [{"frame_index": number + 1, "skeleton": person} for number, person in enumerate(people)]
    (folder / "a.json").write_text(json.dumps({"data": data, "label": "zumba", "label_index": 399}))
    return folder


def pyskl(folder: Path, name: str = "coco17", coordinates: str = "pixels", scores: bool = True) -> Path:
    joints = clip(name, coordinates)[None]
    found: dict[str, Any] = {"frame_dir": "S001C001P001R001A001", "label": 0, "keypoint": joints[..., :-1]}
    found |= {"keypoint_score": joints[..., -1]} if scores else {}
    (folder / "a.pkl").write_bytes(pickle.dumps([found]))
    return folder / "a.pkl"


def openpose(folder: Path, name: str = "body25") -> Path:
    """As OpenPose's `--write_json` writes it, a file for each frame."""
    (folder / "wave").mkdir()
    for number, joints in enumerate(clip(name, "pixels")):
        people = [{"person_id": [-1], "pose_keypoints_2d": joints.ravel().tolist()}]
        path = folder / "wave" / f"clip1_{number:012}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": people}))
    return folder


def coco(folder: Path, annotated: bool = False) -> Path:
    """A list of results, or annotations of images, each person as x, y and score (or visibility) of each joint."""
    entries = [
        {"image_id": number + 7, "category_id": 1, "keypoints": joints.ravel().tolist(), "score": 0.9}
        for number, joints in enumerate(clip("coco17", "pixels"))
    ]
    images = [{"id": entry["image_id"], "width": WIDTH, "height": HEIGHT} for entry in entries]
    (folder / "wave").mkdir()
    content = {"images": images, "annotations": entries, "categories": []} if annotated else entries
    (folder / "wave" / "clip1.json").write_text(json.dumps(content))
    return folder


DATA_SETS: dict[str, list[tuple[str, Callable[[Path], Path]]]] = {
    "ntu": [("ntu25", ntu)],
    "kinetics": [("openpose18", kinetics)],
    "openpose": [("body25", openpose), ("openpose18", lambda folder: openpose(folder, "openpose18"))],
    "coco": [("coco17", coco), ("coco17", lambda folder: coco(folder, annotated=True))],
    "pyskl": [
        ("coco17", pyskl),
        ("coco17", lambda folder: pyskl(folder, scores=False)),
        ("openpose18", lambda folder: pyskl(folder, "openpose18")),
        ("ntu25", lambda folder: pyskl(folder, "ntu25", "kinect")),
        ("ntu25", lambda folder: pyskl(folder, "ntu25", "kinect", scores=False)),
    ],
}


@pytest.mark.parametrize(("kind", "number"), [(kind, n) for kind, each in DATA_SETS.items() for n in range(len(each))])
def test_data_sets(kind: str, number: int, tmp_path: Path) -> None:
    name, write = DATA_SETS[kind][number]
    told: dict[str, float] = {"rate_hz": 30.0} if kind in ("openpose", "coco") else {}
    path = write(tmp_path)
    samples, skipped = open_samples(path, None, **told)
    assert not skipped and guess(path) == kind
    sequence = samples[0][0]
    assert isinstance(sequence, SkeletonSequence)
    same(clip_input(sequence, COSTGCN_SHORT).values, name)


@pytest.mark.parametrize("coordinates", ["optical", "kinect", "rep103"])
def test_pyskl_in_space(coordinates: str, tmp_path: Path) -> None:
    path = pyskl(tmp_path, "coco17", coordinates)
    with pytest.raises(ValueError, match="nothing tells the axes of x, y, z in coco17"):
        open_samples(path)
    [(sequence, _)] = open_samples(path, coordinates=coordinates)[0]
    assert isinstance(sequence, SkeletonSequence)
    same(clip_input(sequence, COSTGCN_SHORT).values, "coco17", coordinates)


def message(name: str, frame: int, coordinates: str, frame_id: str) -> Any:
    rows = written(name, frame, coordinates).tolist()
    keypoints = [
        SimpleNamespace(x=row[0], y=row[1], z=row[2] if len(row) == 4 else np.nan, score=row[-1]) for row in rows
    ]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    person = SimpleNamespace(subject_id="p", layout=name, score=1.0, keypoints=keypoints, roi=roi)
    header, unit = SimpleNamespace(frame_id=frame_id), UNITS.get(coordinates, people_fields.METRES)
    size = {"image_width": WIDTH, "image_height": HEIGHT}
    return SimpleNamespace(header=header, coordinates=unit, skeletons=[person], **size)


UNITS = {"pixels": people_fields.PIXELS, "shares": people_fields.NORMALIZED}
FRAME_IDS = {"pixels": "camera", "shares": "camera", "optical": "robot/camera_optical_frame", "rep103": "base_link"}


@pytest.mark.parametrize("coordinates", FRAME_IDS)
@pytest.mark.parametrize("name", LAYOUTS)
def test_metres_frame(name: str, coordinates: str) -> None:
    def pose(frame: int) -> Pose:
        found = doors.from_skeletons(message(name, frame, coordinates, FRAME_IDS[coordinates]))
        assert not found.refused
        return found.poses[0]

    same(streamed(pose), name, coordinates)


@pytest.mark.parametrize("frame_id", ["laser", ""])
def test_metres_in_a_frame_of_unknown_axes_are_refused(frame_id: str) -> None:
    found = doors.from_skeletons(message("coco17", 0, "optical", frame_id))
    assert not found.poses and [refusal.kind for refusal in found.refused] == ["unknown axes"]
    with pytest.raises(ValueError, match=f"metres in the frame '{frame_id}'.*publish them in a camera's optical frame"):
        found.check()


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"coordinates": 7}, "unknown axes", "coordinates is 7"),
        ({"coordinates": people_fields.NORMALIZED, "image_width": 0}, "unknown axes", "publish its size"),
        ({"coordinates": people_fields.PIXELS}, "wrong unit", "within .* pixels of the picture's corner, as shares"),
    ],
)
def test_shares_that_are_not_named_are_refused(changes: dict[str, int], kind: str, why: str) -> None:
    """Normalized joints (MediaPipe's) that are published as pixels have another aspect."""
    found = doors.from_skeletons(SimpleNamespace(**{**vars(message("coco17", 0, "shares", "camera")), **changes}))
    assert not found.poses and [refusal.kind for refusal in found.refused] == [kind]
    with pytest.raises(ValueError, match=why):
        found.check()


def test_joints_in_another_unit_are_refused(tmp_path: Path) -> None:
    points = [SimpleNamespace(x=x, y=y, c=c) for x, y, c in (1000 * written("hri18", 0, "shares")).tolist()]
    assert not doors.from_bodies({"p": SimpleNamespace(skeleton=points)}, (WIDTH, HEIGHT)).poses
    pose = Pose(1000 * written("coco17", 0, "optical"), coordinates="optical", id="p")
    assert [refusal.kind for refusal in doors.from_poses([pose], (0, 0)).refused] == ["wrong unit"]
    [(read, _)] = [(item.read, item) for item in open_samples(pyskl(tmp_path, "coco17", "shares"))[0].items]
    with pytest.raises(ValueError, match="as shares of a picture do: give their coordinates, to a command as --coord"):
        read()


def test_shares_of_pyskl_have_the_aspect_of_img_shape(tmp_path: Path) -> None:
    path = pyskl(tmp_path, "coco17", "shares")
    with pytest.raises(ValueError, match="joints are shares of a picture, and img_shape .* is None"):
        open_samples(path, coordinates="shares")
    [annotation] = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps([{**annotation, "img_shape": (HEIGHT, WIDTH)}]))
    [(sequence, _)] = open_samples(path, coordinates="shares")[0]
    assert isinstance(sequence, SkeletonSequence)
    same(clip_input(sequence, COSTGCN_SHORT).values, "coco17")


def hri(frame: int) -> Pose:
    points = [SimpleNamespace(x=x, y=y, c=c) for x, y, c in written("hri18", frame, "shares").tolist()]
    return doors.from_bodies({"p": SimpleNamespace(skeleton=points)}, (WIDTH, HEIGHT)).poses[0]


def yolo(frame: int) -> Pose:
    rows = enumerate(written("coco17", frame, "pixels").tolist(), 1)
    points = [SimpleNamespace(id=k, point=SimpleNamespace(x=x, y=y), score=score) for k, (x, y, score) in rows]
    detection = SimpleNamespace(id="p", score=1.0, keypoints=SimpleNamespace(data=points))
    return doors.from_detections(SimpleNamespace(detections=[detection])).poses[0]


def movenet(frame: int) -> Pose:
    pose = Pose(written("coco17", frame, "pixels"), "coco17", id="p")
    return doors.from_poses([pose], (WIDTH, HEIGHT)).poses[0]


def mediapipe(frame: int) -> Pose | None:
    rows = written("blazepose33", frame, "shares").tolist()
    marks = [SimpleNamespace(x=x, y=y, z=-0.1, visibility=1.0, presence=1.0) for x, y, _ in rows]
    estimator = object.__new__(MediaPipePose)  # without its networks
    estimator._joint_threshold = 0.1
    return estimator._pose(marks, Image(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))


@pytest.mark.parametrize("door", [hri, yolo, movenet, mediapipe])
def test_other_messages_and_estimators(door: Callable[[int], Pose]) -> None:
    same(streamed(door), door(0).layout)


@pytest.mark.parametrize("coordinates", FRAME_IDS)
def test_recordings(coordinates: str, tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag

    from co_perception.data.annotations.intervals import Interval

    frames = []
    for n in range(FRAMES):
        joints = written("coco17", n, coordinates)
        joints = joints if joints.shape[1] == 4 else np.insert(joints, 2, np.nan, axis=1)
        unit, frame_id, size = UNITS.get(coordinates, people_fields.METRES), FRAME_IDS[coordinates], (WIDTH, HEIGHT)
        person = Person("p", joints)
        frames.append(Frame(T0 + n * SECOND // 30, [person], coordinates=unit, frame_id=frame_id, size=size))
    bag = write_bag(tmp_path / "b", {"/skeletons": frames})
    intervals = [Interval(T0, T0 + 2 * SECOND, "wave")]
    samples, skipped = bag_samples([bag], intervals, "coco17", 15.0, window=16, step=16)
    assert not skipped
    sequence = samples[0][0]
    assert isinstance(sequence, SkeletonSequence)
    same(clip_input(sequence, COSTGCN_SHORT).values, "coco17", coordinates)


def from_message(frame: int) -> Pose:
    return doors.from_skeletons(message("coco17", frame, "pixels", "camera")).poses[0]


@pytest.mark.parametrize("door", [from_message, hri, yolo, movenet])
def test_score_scale_of_messages(door: Callable[[int], Pose], scores: str) -> None:
    reference = streamed(door)
    name, hidden = door(0).layout, (reference == 0).all(0)
    assert not hidden.any() and (reference[2] == 1).all(), scores
    same(reference, name)


@pytest.mark.parametrize(
    ("kind", "number"), [("kinetics", 0), ("pyskl", 0), ("pyskl", 2), ("pyskl", 3), ("openpose", 0), ("coco", 0)]
)
def test_score_scale_of_data_sets(kind: str, number: int, scores: str, tmp_path: Path) -> None:
    name, write = DATA_SETS[kind][number]
    told: dict[str, float] = {"rate_hz": 30.0} if kind in ("openpose", "coco") else {}
    sequence = open_samples(write(tmp_path), kind, **told)[0][0][0]
    assert isinstance(sequence, SkeletonSequence), scores
    same(clip_input(sequence, COSTGCN_SHORT).values, name)


@pytest.mark.parametrize("coordinates", COORDINATES)
def test_score_scale_of_clips(coordinates: str, scores: str) -> None:
    same(clip_input(sequence_of(coordinates), COSTGCN_SHORT).values, "coco17", coordinates)
