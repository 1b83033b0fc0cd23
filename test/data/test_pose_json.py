"""JSON of pose estimators, in the words of their documentation: named as what it is, by every door."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.recorded_file import BagError
from co_perception.data.datasets.registry import guess
from co_perception.data.pose_json import pose_json_refusal

# As in OpenPose's doc/02_output.md, older versions without _2d, and cocodataset.org's formats of results and data.
OPENPOSE = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": [582.3, 507.1, 0.8]}]}
OLDER_OPENPOSE = {"version": 1.1, "people": [{"pose_keypoints": [582.3, 507.1, 0.8]}]}
NOBODY = {"version": 1.3, "people": []}
RESULTS = [{"image_id": 42, "category_id": 1, "keypoints": [309.5, 218.7, 1], "score": 0.36}]
ANNOTATIONS = {"info": {"year": 2017}, "images": [], "annotations": [], "categories": []}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (OPENPOSE, "the JSON that OpenPose writes"), (OLDER_OPENPOSE, "the JSON that OpenPose writes"),
        (NOBODY, "the JSON that OpenPose writes"), (RESULTS, "pose results in COCO's JSON"),
        (ANNOTATIONS, "annotations of pictures in COCO's JSON"),
    ],
)  # fmt: skip
def test_foreign_poses_are_named_by_train_and_evaluate(tmp_path: Path, content: object, words: str) -> None:
    """The fault: they were refused as tables of videos, as Kinetics-Skeleton or as no recording."""
    file = tmp_path / "walk_000000000000_keypoints.json"
    file.write_text(json.dumps(content))
    for path in (file, tmp_path):
        with pytest.raises(ValueError, match=words):
            guess(path)
        with pytest.raises(BagError, match=words), Bag(path):
            pass


def test_what_is_read_is_not_refused(tmp_path: Path) -> None:
    table = tmp_path / "clips.json"
    table.write_text(json.dumps([{"path": "a.mp4", "label": "wave"}]))
    kinetics = {"data": [{"frame_index": 1, "skeleton": []}], "label": "people", "label_index": 3}
    (tmp_path / "kinetics").mkdir()
    (tmp_path / "kinetics" / "clip.json").write_text(json.dumps(kinetics))
    assert (pose_json_refusal(table), guess(table)) == ("", "video")
    assert (pose_json_refusal(tmp_path / "kinetics"), guess(tmp_path / "kinetics")) == ("", "kinetics")
