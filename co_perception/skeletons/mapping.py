"""Conversion of keypoints from one joint layout to another: by the names of joints, never by their numbers.

A joint that the target has and the source lacks is computed where bodies allow it (the middle of the hips is between
the hips), and absent otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

Number = TypeVar("Number", bound=np.number)

# Names of one and the same place. OpenPose's neck was never annotated: it is the middle of COCO's shoulders, which the
# Kinect calls spine_shoulder; the Kinect's own neck lies above.
_SAME = {"middle_hip": "spine_base", "left_big_toe": "left_foot_index", "right_big_toe": "right_foot_index"}
_WITH_COCO_NECK = ("openpose18", "hri18", "body25")

# A joint is the mean of these. The Kinect's head is the middle of the skull, its hand the palm, its foot the toes.
_MEANS = {
    "spine_shoulder": ("left_shoulder", "right_shoulder"),
    "spine_base": ("left_hip", "right_hip"),
    "spine_middle": ("spine_base", "spine_shoulder"),
    "head": ("left_ear", "right_ear"),
    "neck": ("spine_shoulder", "head"),
    "left_hand": ("left_index", "left_pinky"),
    "right_hand": ("right_index", "right_pinky"),
    "left_foot": ("left_foot_index",),
    "right_foot": ("right_foot_index",),
}


def convert(keypoints: NDArray[Number], source: Layout, target: Layout) -> NDArray[Number]:
    """Keypoints of another layout; float32 stays float32, integers become floats.

    A computed joint has the least of the scores it was computed from, and needs all of them above 0. An absent joint is
    zeros, and so is every joint of score 0 or less, or not finite.

    Args:
        keypoints: (..., V, C); C is 3 (x, y, score) or 4 (x, y, z, score), in any unit of length.
        source: layout of the V joints; ValueError where they are not.
        target: layout wanted, of V' joints; the result is (..., V', C).
    """
    weights = _weights(source, target)
    if keypoints.ndim < 2 or keypoints.shape[-2] != weights.shape[1] or keypoints.shape[-1] not in (3, 4):
        raise ValueError(
            f"expected {source.name} keypoints (..., {len(source)}, 3 or 4) with the score last, got shape "
            f"{keypoints.shape}. A sequence (C, T, V, M) is turned by transpose(1, 3, 2, 0)."
        )
    visible = np.isfinite(keypoints).all(-1) & (keypoints[..., -1] > 0)
    clean = np.where(visible[..., None], keypoints, 0).astype(np.result_type(keypoints, np.float16), copy=False)
    points = np.einsum("tv,...vc->...tc", weights.astype(clean.dtype), clean[..., :-1])
    used = weights > 0
    least = np.where(used, clean[..., None, :, -1], np.inf).min(-1)
    score = np.where(used.any(-1), least, 0).astype(clean.dtype)
    return np.concatenate([np.where(score[..., None] > 0, points, 0), score[..., None]], -1)


def absent(source: Layout, target: Layout) -> tuple[str, ...]:
    """Joints of `target` that `convert` leaves zeros in every frame, because `source` has nothing to compute them."""
    return tuple(joint for joint, row in zip(target.joints, _weights(source, target), strict=True) if not row.any())


@lru_cache(maxsize=64)
def _weights(source: Layout, target: Layout) -> NDArray[np.float64]:
    """(V', V): the weight of each joint of the source in each joint of the target."""
    given = {_place(source, joint): number for number, joint in enumerate(source.joints)}
    weights = np.zeros((len(target), len(source)))
    for row, joint in zip(weights, target.joints, strict=True):
        shares = list(_shares(_place(target, joint), given))
        if all(number is not None for number, _ in shares):
            for number, share in shares:
                row[number] += share
    weights.flags.writeable = False  # shared by all callers
    return weights


def _shares(place: str, given: dict[str, int], share: float = 1.0) -> Iterator[tuple[int | None, float]]:
    """(number of a joint, its share) for each joint that `place` is the mean of; number None for one that is absent."""
    if place in given or place not in _MEANS:
        yield given.get(place), share
        return
    for part in _MEANS[place]:
        yield from _shares(part, given, share / len(_MEANS[place]))


def _place(layout: Layout, joint: str) -> str:
    """The name of a joint that all layouts share."""
    if joint == "neck" and layout.name in _WITH_COCO_NECK:
        return "spine_shoulder"
    return _SAME.get(joint, joint)
