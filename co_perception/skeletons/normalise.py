"""Joints free of where a person stands and how large the camera sees them: what every skeleton network is given.

The same function serves training, evaluation and the robot. It looks at one frame at a time and keeps nothing, so a
stream and a clip agree. What it does is in docs/skeletons.md, with the equations.
"""

from __future__ import annotations

from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

How = Literal["body", "spine", "image"]
HOW: tuple[How, ...] = ("body", "spine", "image")
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Lengths in torsos, from the middle of the shoulders to the middle of the hips, as pose estimators place the joints:
# between the median and the 90th percentile of MoveNet on five clips and OpenPose on pose-classification-kit. Their
# shoulders and hips lie further in, and their torsos are longer, than anatomy has it. No segment ends at a wrist or an
# ankle: those are what estimators get wrong most.
SHOULDERS, HIPS = 0.70, 0.40
SEGMENTS: dict[tuple[str, str], float] = {
    ("left_shoulder", "left_hip"): 1.01,
    ("right_shoulder", "right_hip"): 1.01,
    ("left_shoulder", "right_shoulder"): SHOULDERS,
    ("left_hip", "right_hip"): HIPS,
    ("left_hip", "left_knee"): 0.83,
    ("right_hip", "right_knee"): 0.83,
    ("left_shoulder", "left_elbow"): 0.58,
    ("right_shoulder", "right_elbow"): 0.58,
    ("left_ear", "left_shoulder"): 0.45,
    ("right_ear", "right_shoulder"): 0.45,
}
REACH = 3.0  # torsos from the hips, or from the shoulders, that no joint of a person exceeds


def normalise(
    keypoints: NDArray[Any],
    layout: Layout,
    how: str,
    min_score: float = 0.1,
    *,
    persons: int | None = None,
    image_size: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Keypoints (..., V, C) as networks take them: (..., V, 3) float32, finite, and zeros where nothing was seen.

    C is 3 (x, y, score) or 4 (x, y, z, score). A joint counts as seen if its score is at least `min_score` and above
    zero, and it is finite. Frames are independent of each other, and so are persons unless `persons` is given.

    how:
        "body": x, y in torsos from the middle of the hips, y downwards as in an image, and the score. What is unseen is
            estimated; a person of whom no segment is seen is zeros.
        "spine": x, y, z less the middle of the spine, in their own unit (metres), for C = 4. The published networks on
            NTU RGB+D take the spine of the first person for everybody: say which axis of `keypoints` the persons are.
        "image": (x / width - 0.5, 0.5 - y / height, score), as Kinetics-Skeleton has it (Yan et al., ST-GCN, AAAI
            2018); needs `image_size`. Unlike the others it keeps where a person is in the picture.

    Raises: ValueError for other shapes, another name, or a missing `image_size`.
    """
    _check(keypoints, layout, how, image_size)
    points, score = keypoints[..., :-1].astype(np.float64), keypoints[..., -1].astype(np.float64)
    seen = (score >= min_score) & (score > 0) & np.isfinite(score) & np.isfinite(points).all(-1)
    points = np.where(seen[..., None], points, 0.0)
    if how == "spine":
        values, kept = _around_spine(points, seen, layout, persons)
    else:
        width, height = image_size or (1.0, 1.0)
        flat = points[..., :2]
        values, kept = _in_torsos(flat, seen, layout) if how == "body" else (_in_image(flat, width, height), seen)
        values = np.concatenate([values, score[..., None]], -1)
    return np.where(kept[..., None], values, 0.0).astype(np.float32)


def normalise_sequence(
    sequence: NDArray[Any],
    layout: Layout,
    how: str,
    min_score: float = 0.1,
    *,
    image_size: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """`normalise` for the (C, T, V, M) of a SkeletonSequence: (3, T, V, M) float32, ready for a network's clip."""
    if sequence.ndim != 4:
        raise ValueError(f"expected a sequence (channels, time, joints, persons), got shape {sequence.shape}")
    people = sequence.transpose(1, 3, 2, 0)
    ready = normalise(people, layout, how, min_score, persons=1, image_size=image_size)
    return np.ascontiguousarray(ready.transpose(3, 0, 2, 1))


def _check(keypoints: NDArray[Any], layout: Layout, how: str, image_size: tuple[float, float] | None) -> None:
    if how not in HOW:
        raise ValueError(f"no normalisation {how!r}; there are: {', '.join(HOW)}")
    channels = (4,) if how == "spine" else (3, 4)
    if keypoints.ndim < 2 or keypoints.shape[-2] != len(layout) or keypoints.shape[-1] not in channels:
        raise ValueError(
            f"{how!r} expects {layout.name} keypoints (..., {len(layout)}, {' or '.join(map(str, channels))}) with the "
            f"score last, got shape {keypoints.shape}. A sequence (C, T, V, M) goes through normalise_sequence."
        )
    if how == "image" and (image_size is None or not min(image_size) > 0):
        raise ValueError(f"'image' divides by the picture's size: give image_size=(width, height), got {image_size}")


def _in_torsos(points: Floats, seen: Mask, layout: Layout) -> tuple[Floats, Mask]:
    """Points (..., V, 2) less the middle of the hips, over the length of the torso; which of them stand."""
    shoulders, shoulders_seen = _middle(points, seen, layout, "shoulder", 0.0)
    hips, hips_seen = _middle(points, seen, layout, "hip", HIPS / SHOULDERS)
    anchor = np.where(hips_seen[..., None], hips, shoulders)
    size = _torso(points, seen, layout)
    reach = np.linalg.norm(points - anchor[..., None, :], axis=-1)
    size = np.where(size > 0, np.maximum(size, np.where(seen, reach, 0).max(-1) / REACH), 0)
    # Hips behind a table: one torso below the shoulders, where they are when somebody sits or stands.
    below = np.where(hips_seen, 0.0, size)
    centre = anchor + np.stack([np.zeros_like(below), below], -1)
    unit = np.where(size > 0, size, 1.0)[..., None, None]
    return (points - centre[..., None, :]) / unit, seen & (size > 0)[..., None]


def _torso(points: Floats, seen: Mask, layout: Layout) -> Floats:
    """Length of the torso (...) from all segments that are seen, 0 without any.

    A camera shortens segments and lengthens none, hence the fourth powers: the longest decide, and unlike in a maximum
    nothing jumps where another takes over.
    """
    known = [ends for ends in SEGMENTS if set(ends) <= set(layout.joints)]
    a, b = ([layout.index(ends[end]) for ends in known] for end in (0, 1))
    there = seen[..., a] & seen[..., b]
    typical = np.array([SEGMENTS[ends] for ends in known])
    lengths = np.linalg.norm(points[..., a, :] - points[..., b, :], axis=-1)
    expected = np.where(there, typical**4, 0).sum(-1)
    measured = np.where(there, lengths**4, 0).sum(-1)
    return cast(Floats, (measured / np.where(expected > 0, expected, 1)) ** 0.25)


def _middle(points: Floats, seen: Mask, layout: Layout, pair: str, slope: float) -> tuple[Floats, Mask]:
    """Middle of the left and right joint of a `pair` (..., 2), and whether one was seen.

    With one alone, the other is taken to be `slope` of the shoulders' breadth away, along them.
    """
    left, right = layout.index("left_shoulder"), layout.index("right_shoulder")
    both = (seen[..., left] & seen[..., right])[..., None]
    half = np.where(both, (points[..., right, :] - points[..., left, :]) * slope / 2, 0)
    ends = [layout.index(f"{side}_{pair}") for side in ("left", "right")]
    there = seen[..., ends, None].astype(np.float64)
    guesses = np.stack([points[..., ends[0], :] + half, points[..., ends[1], :] - half], -2)
    count = there.sum(-2)
    return (guesses * there).sum(-2) / np.maximum(count, 1), count[..., 0] > 0


def _around_spine(points: Floats, seen: Mask, layout: Layout, persons: int | None) -> tuple[Floats, Mask]:
    """Points (..., V, 3) less the middle of the spine; which of them stand."""
    trunk = [layout.index(f"{side}_{pair}") for side in ("left", "right") for pair in ("shoulder", "hip")]
    there = seen[..., trunk, None].astype(np.float64)
    origin = (points[..., trunk, :] * there).sum(-2) / np.maximum(there.sum(-2), 1)
    found = np.asarray(seen[..., trunk].any(-1))
    if "spine_middle" in layout.joints:
        spine = layout.index("spine_middle")
        origin = np.where(seen[..., spine, None], points[..., spine, :], origin)
        found |= seen[..., spine]
    if persons is not None:
        axis = persons if persons >= 0 else persons + points.ndim
        first = np.expand_dims(found.argmax(axis), axis)  # the first of those who were seen
        origin = np.take_along_axis(origin, first[..., None], axis)
        found = np.take_along_axis(found, first, axis)
    return points - origin[..., None, :], seen & found[..., None]


def _in_image(points: Floats, width: float, height: float) -> Floats:
    return np.stack([points[..., 0] / width - 0.5, 0.5 - points[..., 1] / height], -1)
