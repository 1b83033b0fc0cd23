"""Matching of poses: object keypoint similarity (OKS), and the one-to-one assignment with the greatest total.

OKS is the measure by which COCO scores pose estimators (cocodataset.org/#keypoints-eval; Lin et al., "Microsoft COCO",
arXiv:1405.0312). The assignment is the Hungarian method (Kuhn 1955, doi:10.1002/nav.3800020109).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import layout

LEAST_JOINTS = 3  # in common; two joints agree by chance too easily

# Standard deviation of COCO's annotators on a joint, relative to the person's size (Ronchi and Perona, ICCV 2017,
# arXiv:1707.05388). Joints that COCO lacks take the value of a neighbor: fingers of the wrist, toes of the ankle.
_SIGMAS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "mouth": 0.026, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062,
    "hip": 0.107, "knee": 0.087, "ankle": 0.089,
    "pinky": 0.062, "index": 0.062, "thumb": 0.062, "hand": 0.062, "heel": 0.089, "foot": 0.089, "toe": 0.089,
}  # fmt: skip
_ELSEWHERE = 0.107  # neck, spine, head: on the trunk, as the hips


@lru_cache(maxsize=16)
def sigmas(name: str) -> NDArray[np.float64]:
    """(V,) standard deviation of each joint of the layout `name`, as a share of the square root of a person's area."""

    def sigma(joint: str) -> float:
        return next((value for part, value in _SIGMAS.items() if part in joint.split("_")), _ELSEWHERE)

    return np.array([sigma(joint) for joint in layout(name).joints])


def similarity(
    these: NDArray[np.float64], those: NDArray[np.float64], name: str, slack: float = 1.0
) -> NDArray[np.float64]:
    """(N, M) object keypoint similarity 0..1.

    The mean over joints found in both of exp(-d² / (2 area (2 sigma slack)²)); 0 where fewer than three are. COCO takes
    a person's area from a segmentation. Here it is the mean `areas` of both poses, as for data sets without one.

    Args:
        these: (N, V, 3) x, y, score.
        those: (M, V, 3) likewise.
        name: joint layout of both.
        slack: above 1 allows larger distances, in units of the annotators' deviation.
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
    wide as it is high (a person in side view is not as thin as the joints)."""
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


def assign(similarities: NDArray[np.float64], threshold: float) -> list[tuple[int, int]]:
    """Pairs (row, column) with the greatest sum of similarities, each row and column at most once, in row order.

    Shortest augmenting paths (Kuhn 1955, Munkres 1957, in the form of Jonker and Volgenant 1987,
    doi:10.1007/BF02278710), O(N² M). SciPy has one, but is a large dependency for a robot.

    Args:
        similarities: (N, M).
        threshold: pairs below are not made, and count as 0.
    """
    rows, columns = similarities.shape
    if not rows or not columns:
        return []
    gain = np.where(similarities >= threshold, similarities, 0.0)
    if rows > columns:
        pairs = sorted((row, column) for column, row in enumerate(_columns_of(-gain.T)))
    else:
        pairs = list(enumerate(_columns_of(-gain)))
    return [(row, column) for row, column in pairs if similarities[row, column] >= threshold]


def _columns_of(cost: NDArray[np.float64]) -> list[int]:
    """The column of each row at the least total cost; at least as many columns as rows."""
    rows, columns = cost.shape
    row_price, column_price = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for row in range(rows):
        # The cheapest path from `row` to a free column; came_from: the column before each on its path, -1 at its begin.
        distance, came_from, done = np.full(columns, np.inf), np.full(columns, -1), np.zeros(columns, bool)
        here, column, walked = row, -1, 0.0
        while True:
            through = walked + cost[here] - row_price[here] - column_price
            shorter = ~done & (through < distance)
            distance[shorter], came_from[shorter] = through[shorter], column
            column = int(np.argmin(np.where(done, np.inf, distance)))
            walked = float(distance[column])
            if row_of[column] < 0:
                break
            done[column], here = True, int(row_of[column])
        row_price[row] += walked  # prices: so that no reduced cost becomes negative
        row_price[row_of[done]] += walked - distance[done]
        column_price[done] -= walked - distance[done]
        while column >= 0:  # hand columns on along the path
            before = came_from[column]
            row_of[column] = row if before < 0 else row_of[before]
            column = before
    return [int(np.flatnonzero(row_of == row)[0]) for row in range(rows)]
