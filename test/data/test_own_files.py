"""The page's reader of another tool's JSON: joints by Microsoft's numbers, as Kinect SDK 1.8 lists them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from helpers.page_blocks import page_blocks

from co_perception.skeletons.layouts import LAYOUTS

KINECT = (
    "hip_center", "spine", "shoulder_center", "nose", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_shoulder", "right_elbow", "right_wrist", "right_hand", "left_hip", "left_knee", "left_ankle", "left_foot",
    "right_hip", "right_knee", "right_ankle", "right_foot",
)  # fmt: skip


def test_joints_of_a_kinect_are_those_of_body13(tmp_path: Path) -> None:
    [block] = [each for each in page_blocks() if each.mark.startswith("run by test/data/test_own_files.py")]
    page: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec"), page)
    joints = np.random.default_rng(0).uniform(-1, 3, (7, 20, 3)).astype(np.float32)
    (tmp_path / "a04_s01.json").write_text(json.dumps({"file_name": "a04_s01", "skeletons": joints.tolist()}))
    found = page["kinect_sequence"](tmp_path / "a04_s01.json")
    assert (found.data.shape, found.layout, found.coordinates, found.rate_hz) == (
        (4, 7, 13, 1),
        "body13",
        "kinect",
        30.0,
    )
    for place, name in enumerate(LAYOUTS["body13"].joints):
        np.testing.assert_array_equal(found.data[:3, :, place, 0], joints[:, KINECT.index(name)].T)
    assert (found.data[3] == 1).all()
