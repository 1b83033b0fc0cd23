"""How alike two poses are: object keypoint similarity, the measure COCO scores pose estimators with."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import layout

LEAST_JOINTS = 3  # in common; two joints agree by chance too easily

# By how much people who annotate COCO differ on a joint, relative to the person's size (Ronchi and Perona, ICCV 2017).
# What COCO does not have takes the value of its neighbour: fingers of the wrist, heel and toes of the ankle.
_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "mouth": 0.026, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
    "pinky": 0.062, "index": 0.062, "thumb": 0.062, "hand": 0.062, "heel": 0.089, "foot": 0.089, "toe": 0.089,
}  # fmt: skip
_ELSEWHERE = 0.107  # neck, spine, head: on the trunk, as the hips


@lru_cache(maxsize=16)
def sigmas(name: str) -> NDArray[np.float64]:
    """(V,) standard deviation of each joint of the layout `name`, as a share of the square root of a person's area."""
    return np.array([_sigma(joint) for joint in layout(name).joints])


def similarity(
    these: NDArray[np.float64], those: NDArray[np.float64], name: str, slack: float = 1.0
) -> NDArray[np.float64]:
    """(N, M) similarity 0..1 of poses (N, V, 3) with poses (M, V, 3) of x, y, score in the layout `name`.

    The mean over joints found in both of exp(-d² / (2 area (2 sigma slack)²)); 0 where fewer than three are. COCO takes
    a person's area from a segmentation, here it is 0.53 of the box around both poses' joints on average, as for data
    sets without one. slack: above 1 forgives more, in units of the annotators' deviation.
    """
    common = np.logical_and(these[:, None, :, 2] > 0, those[None, :, :, 2] > 0)
    squared = ((these[:, None, :, :2] - those[None, :, :, :2]) ** 2).sum(-1)
    spread = 2 * (areas(these)[:, None] + areas(those)[None, :]) / 2
    exponent = squared / np.maximum(spread[..., None] * (2 * sigmas(name) * slack) ** 2, 1e-12)
    count = common.sum(-1)
    total = (np.exp(-exponent) * common).sum(-1)
    return np.where(count >= LEAST_JOINTS, total / np.maximum(count, 1), 0.0)


def areas(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) area of each person in (N, V, 3): 0.53 of the box around the joints found, which is at least a third as
    wide as it is high (somebody seen from the side is not as thin as the joints)."""
    box = boxes(poses)
    sides = box[:, 2:] - box[:, :2]
    longest = sides.max(-1, keepdims=True)
    return 0.53 * np.maximum(sides, longest / 3).prod(-1)


def boxes(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) left, top, right, bottom of the joints found in (N, V, 3); zeros for a pose without any."""
    found: NDArray[np.bool_] = poses[..., 2] > 0
    least = np.where(found[..., None], poses[..., :2], np.inf).min(1)
    most = np.where(found[..., None], poses[..., :2], -np.inf).max(1)
    return np.where(found.any(-1, keepdims=True), np.concatenate([least, most], -1), 0.0)


def _sigma(joint: str) -> float:
    return next((sigma for part, sigma in _SIGMAS.items() if part in joint.split("_")), _ELSEWHERE)
