"""JSON files of pose estimators: which format they are of, and why one without a label cannot be read."""

from __future__ import annotations

import re
from pathlib import Path

HEAD_BYTES = 4096  # of a file, in which its first keys are
ADVICE = (
    "It has no label: to train, lay the clips into a folder for each class (wave/clip1...) and name the folder above "
    "them, with --rate. It is no recording either: to evaluate, write the frames as co_perception/msg/SkeletonArray "
    "into one. docs/data.md has the formats."
)
# First keys of each format. OpenPose: https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md; COCO:
# https://cocodataset.org/#format-results and #format-data.
_OPENPOSE = re.compile(rb'"pose_keypoints(_2d|_3d)?"\s*:|^\s*\{\s*("version"\s*:[^,]*,\s*)?"people"\s*:')
_COCO_RESULTS = re.compile(rb'^\s*\[\s*\{[^{}]*"(image_id|keypoints)"\s*:')
_COCO_ANNOTATIONS = re.compile(rb'^\s*\{\s*"(info|licenses|images|annotations|categories)"\s*:\s*[\[{]')


_NAMES = {
    "openpose": "is the JSON that OpenPose writes for a frame",
    "coco": "has pose results in COCO's JSON (keypoints by image_id)",
    "coco annotations": "has annotations of pictures in COCO's JSON",
}


def pose_json_kind(path: Path) -> str:
    """The format of a JSON file, one of openpose, coco, coco annotations; empty for anything else."""
    if path.suffix.lower() != ".json":
        return ""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if _OPENPOSE.search(head):
        return "openpose"
    if _COCO_RESULTS.match(head):
        return "coco"
    return "coco annotations" if _COCO_ANNOTATIONS.match(head) else ""


def pose_json_refusal(path: Path) -> str:
    """Why a file of OpenPose's or COCO's JSON, or a folder of them, cannot be read; empty for anything else."""
    first = path if path.is_file() else min(path.glob("*.json"), default=None)
    kind = pose_json_kind(first) if first is not None else ""
    return f"{first} {_NAMES[kind]}. {ADVICE}" if kind else ""


def pose_data_set(path: Path) -> str:
    """openpose or coco for a folder with a folder for each class whose first file is of that format; else empty."""
    first = min(path.glob("*/**/*.json"), default=None) if path.is_dir() else None
    return pose_json_kind(first).partition(" ")[0] if first is not None else ""
