"""OpenPose's and COCO's JSON as data sets: folders of classes, frames by number, people by score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.data.datasets.estimator_json import (
    coco_samples,
    openpose_samples,
    read_coco_clip,
    read_openpose_clip,
)
from co_perception.data.datasets.kinetics_skeleton import LONGEST
from co_perception.data.datasets.registry import guess, open_samples
from co_perception.engine.data import SkeletonSequence
from co_perception.skeletons.layouts import LAYOUTS


def joints(x: float, count: int, score: float = 0.9) -> list[float]:
    """x, y, score of each joint of a person, at their own places."""
    return [value for n in range(count) for value in (x + 3.0 * n, 50.0 + 5.0 * n, score)]


def frame(*people: list[float], key: str = "pose_keypoints_2d") -> dict[str, Any]:
    return {"version": 1.3, "people": [{"person_id": [-1], key: person, "face_keypoints_2d": []} for person in people]}


def written(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def placed(sequence: SkeletonSequence) -> list[list[int]]:
    """x of the first joint in each frame, of each place."""
    return [[round(float(x)) for x in each] for each in sequence.data[0, :, 0]]


def test_clips_of_openpose_are_files_of_one_name(tmp_path: Path) -> None:
    for number in (3, 4, 6):
        written(tmp_path / "wave" / f"a_{number:012}_keypoints.json", frame(joints(100 + number, 25)))
    written(tmp_path / "wave" / "b_000000000000_keypoints.json", frame(joints(7, 25)))
    written(tmp_path / "sit" / "take1" / "000001_keypoints.json", frame(joints(9, 18), key="pose_keypoints"))
    written(tmp_path / "sit" / "notes.json", frame(joints(9, 25)))
    samples, skipped = openpose_samples(tmp_path, 25.0)
    assert samples.classes == ("sit", "wave") and samples.counts() == {"sit": 1, "wave": 2}
    assert [name for name, _ in skipped] == [str(tmp_path / "sit" / "notes.json")]
    found = {item.source: item.read() for item in samples.items}
    sequence = found[str(tmp_path / "wave" / "a")]
    assert placed(sequence) == [[103, 0], [104, 0], [0, 0], [106, 0]]  # of frame 5 there is no file
    assert (sequence.layout, sequence.rate_hz, sequence.coordinates) == ("body25", 25.0, "pixels")
    assert found[str(tmp_path / "sit" / "take1" / "take1")].layout == "openpose18"
    assert guess(tmp_path) == "openpose" and open_samples(tmp_path, rate_hz=25.0)[0].counts() == samples.counts()


def test_people_are_ordered_by_score_and_absent_joints_are_zeros(tmp_path: Path) -> None:
    half = joints(300, 25, 0.8)
    half[3 * 12 :] = [0.0] * len(half[3 * 12 :])  # the border cuts the legs: OpenPose writes 0, 0, 0
    path = written(tmp_path / "a_0_keypoints.json", frame(joints(20, 25, 0.3), half, joints(100, 25, 0.9)))
    sequence = read_openpose_clip({0: path}, 30.0)
    assert placed(sequence) == [[100, 300]]
    assert (sequence.data[:, 0, 12:, 1] == 0).all() and (sequence.data[2, 0, :12, 1] > 0).all()
    assert placed(read_openpose_clip({0: path}, 30.0, persons=1)) == [[100]]


def test_results_of_coco_and_its_annotations(tmp_path: Path) -> None:
    results = [{"image_id": id, "keypoints": joints(10 * id, 17), "score": 0.5} for id in (5, 8)]
    path = written(tmp_path / "wave" / "a.json", results)
    assert placed(read_coco_clip(path, 30.0)) == [[50, 0], [0, 0], [0, 0], [80, 0]]
    images = written(tmp_path / "images.json", {"images": [{"id": 8}, {"id": 5}, {"id": 900}]})
    assert placed(read_coco_clip(path, 30.0, images=images)) == [[50, 0], [80, 0], [0, 0]]
    named = [{**entry, "image_id": f"frame_{entry['image_id']}.jpg"} for entry in results]
    assert placed(read_coco_clip(written(tmp_path / "b.json", named), 30.0)) == [[50, 0], [0, 0], [0, 0], [80, 0]]
    crowd = {"image_id": 8, "keypoints": [0] * 51, "num_keypoints": 0, "iscrowd": 1}
    seen: dict[str, Any] = {"image_id": 8, "keypoints": [float(v) for v in joints(30, 17, 2)]}
    seen["keypoints"][2] = 1.0  # labeled, not visible
    content = {"images": [{"id": 8}, {"id": 9}], "annotations": [crowd, seen], "categories": []}
    sequence = read_coco_clip(written(tmp_path / "c.json", content), 30.0)
    assert placed(sequence) == [[30, 0], [0, 0]] and sequence.data[2, 0, :, 0].tolist() == [0.5] + 16 * [1]
    samples, skipped = coco_samples(tmp_path, 30.0, images=images)
    assert samples.counts() == {"wave": 1} and not skipped
    for loose in ("b.json", "c.json", "images.json"):
        (tmp_path / loose).unlink()
    assert guess(tmp_path) == "coco"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([], "there is nobody in it"),
        ([{"image_id": 1, "keypoints": joints(1, 18)}], "51 numbers, not 54"),
        ([{"image_id": "first.jpg", "keypoints": joints(1, 17)}], "has no number"),
        ([{"image_id": n * LONGEST, "keypoints": joints(50, 17)} for n in (0, 1)], "more than the 20000"),
        ([{"image_id": 1, "keypoints": [v / 1000 for v in joints(1, 17)]}], "write the joints in pixels"),
        ([{"image_id": 1}], "damaged, or not a list"),
        ([{"image_id": 1, "keypoints": ["x"] * 51}], "could not convert"),
        ({"images": [{"id": 1}], "annotations": [{"image_id": 2, "keypoints": joints(1, 17)}]}, "none of its images"),
        (7, "damaged, or not a list"),
    ],
)
def test_coco_that_cannot_be_read(content: object, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        read_coco_clip(written(tmp_path / "a.json", content), 30.0)


@pytest.mark.parametrize(
    ("people", "why"),
    [
        ([frame()], "there is nobody in it"),
        ([frame(joints(1, 17))], "51 numbers; BODY_25 has 75 and COCO 54"),
        ([{"people": [{"face_keypoints_2d": []}]}], "no pose_keypoints_2d"),
        ([frame(joints(1, 18)), frame(joints(1, 25))], "several layouts: body25, openpose18"),
        ([frame([v / 1000 for v in joints(1, 25)])], "--keypoint_scale 0"),
        ([{"people": 3}], "damaged"),
    ],
)
def test_openpose_that_cannot_be_read(people: list[object], why: str, tmp_path: Path) -> None:
    files = {n: written(tmp_path / f"a_{n}_keypoints.json", content) for n, content in enumerate(people)}
    with pytest.raises(ValueError, match=why):
        read_openpose_clip(files, 30.0)


def test_joints_of_animals_are_not_taken_for_those_of_people(tmp_path: Path) -> None:
    """The fault: 17 keypoints of a zebra, or of people in another order, were read as COCO's."""
    people = {"id": 1, "name": "person", "keypoints": [name.replace("_", " ") for name in LAYOUTS["coco17"].joints]}
    zebra = {"id": 2, "name": "zebra", "keypoints": ["left_eye", *LAYOUTS["coco17"].joints[1:]]}
    entry = {"image_id": 7, "category_id": 1, "keypoints": joints(100, 17, 2)}
    content = {"images": [{"id": 7}], "categories": [people, zebra, {"id": 3, "name": "table"}], "annotations": [entry]}
    assert read_coco_clip(written(tmp_path / "a.json", content), 25.0).data.shape == (3, 1, 17, 2)
    entry["category_id"] = 2
    with pytest.raises(
        ValueError, match="category 'zebra' are not those of COCO's people: left_eye where COCO has nose"
    ):
        read_coco_clip(written(tmp_path / "b.json", content), 25.0)


@pytest.mark.parametrize("kind", ["openpose", "coco"])
def test_the_rate_is_asked_for(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="do not tell the rate of their frames.*--rate 30"):
        open_samples(tmp_path, kind)
    with pytest.raises(FileNotFoundError):
        open_samples(tmp_path / "none", kind, rate_hz=30.0)
    with pytest.raises(ValueError, match="a folder with a folder for each class"):
        open_samples(tmp_path, kind, rate_hz=30.0)


def test_huge_numbers_are_no_place(tmp_path: Path) -> None:
    values = joints(100, 17)
    values[0] = 1e300
    sequence = read_coco_clip(written(tmp_path / "a.json", [{"image_id": 1, "keypoints": values}]), 30.0)
    assert np.isfinite(sequence.data).all()
