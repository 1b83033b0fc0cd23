"""Input of skeleton networks: joints free of the person's place and size in the picture, and the streams made of them.

The same function normalizes for training, evaluation and the robot. It takes one frame at a time and has no state, so a
stream and a clip agree. The equations are in docs/skeletons.md. Input streams of multi-stream networks are joints,
bones, and the motion of either: Shi et al., Two-Stream Adaptive Graph Convolutional Networks (2s-AGCN), CVPR 2019,
arXiv:1805.07694; Shi et al., MS-AAGCN, IEEE TIP 2020, arXiv:1912.06971.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

How = Literal["body", "spine", "image"]
HOW: tuple[How, ...] = ("body", "spine", "image")
StreamKind = Literal["joint", "bone", "motion", "bone_motion"]
KINDS: tuple[StreamKind, ...] = ("joint", "bone", "motion", "bone_motion")
Number = TypeVar("Number", bound=np.number)
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Lengths in torsos, from the middle of the shoulders to the middle of the hips, as pose estimators place the joints:
# between the median and the 90th percentile of MoveNet on five clips and OpenPose on pose-classification-kit. Their
# shoulders and hips lie further in, and their torsos are longer, than anatomy has it. No segment ends at a wrist or an
# ankle: those are what estimators get wrong most.
SHOULDERS, HIPS = 0.70, 0.40
SEGMENTS: dict[tuple[str, str], float] = {
    ("left_shoulder", "left_hip"): 1.01, ("right_shoulder", "right_hip"): 1.01,
    ("left_shoulder", "right_shoulder"): SHOULDERS, ("left_hip", "right_hip"): HIPS,
    ("left_hip", "left_knee"): 0.83, ("right_hip", "right_knee"): 0.83,
    ("left_shoulder", "left_elbow"): 0.58, ("right_shoulder", "right_elbow"): 0.58,
    ("left_ear", "left_shoulder"): 0.45, ("right_ear", "right_shoulder"): 0.45,
}  # fmt: skip
REACH = 3.0  # torsos from the hips, or from the shoulders, that no joint of a person exceeds


def normalize(
    keypoints: NDArray[np.number],
    layout: Layout,
    how: str,
    min_score: float = 0.1,
    *,
    persons: int | None = None,
    image_size: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Normalized keypoints (..., V, 3) float32: finite, and zeros for joints that are not visible.

    A joint is visible if its score is at least `min_score` and above zero, and it is finite. Frames are independent of
    each other, and so are persons unless `persons` is given.

    Args:
        keypoints: (..., V, C); C is 3 (x, y, score) or 4 (x, y, z, score).
        how: "body": x, y in torsos from the middle of the hips, y downwards as in an image, and the score. The middle
            and the length of the torso are estimated from the visible joints; a person without a visible segment is
            zeros.
            "spine": x, y, z less the middle of the spine, in their own unit (metres), for C = 4. The published networks
            on NTU RGB+D take the spine of the first person for all persons of a frame, see `persons`.
            "image": (x / width - 0.5, 0.5 - y / height, score), as in Kinetics-Skeleton (Yan et al., ST-GCN, AAAI 2018,
            arXiv:1801.07455); needs `image_size`. Unlike the others it depends on the person's place in the picture.
        persons: for "spine", the axis of `keypoints` that counts the persons of a frame; None: each by its own spine.
        image_size: width and height [pixels], for "image"; ValueError where it is missing, as for other shapes, names.
    """
    if how not in HOW:
        raise ValueError(f"no normalization {how!r}; there are: {', '.join(HOW)}")
    channels = (4,) if how == "spine" else (3, 4)
    if keypoints.ndim < 2 or keypoints.shape[-2] != len(layout.joints) or keypoints.shape[-1] not in channels:
        raise ValueError(
            f"{how!r} expects {layout.name} keypoints (..., {len(layout)}, {' or '.join(map(str, channels))}) with the "
            f"score last, got shape {keypoints.shape}. A sequence (C, T, V, M) goes through normalize_sequence."
        )
    if how == "image" and (image_size is None or not min(image_size) > 0):
        raise ValueError(f"'image' divides by the picture's size: give image_size=(width, height), got {image_size}")
    points, score = keypoints[..., :-1].astype(np.float64), keypoints[..., -1].astype(np.float64)
    visible = (score >= min_score) & (score > 0) & np.isfinite(score) & np.isfinite(points).all(-1)
    points = np.where(visible[..., None], points, 0.0)
    if how == "spine":
        values, valid = _around_spine(points, visible, layout, persons)
    else:
        flat = points[..., :2]
        if how == "body":
            values, valid = _in_torsos(flat, visible, layout)
        else:
            width, height = image_size or (1.0, 1.0)
            values, valid = np.stack([flat[..., 0] / width - 0.5, 0.5 - flat[..., 1] / height], -1), visible
        values = np.concatenate([values, score[..., None]], -1)
    return np.where(valid[..., None], values, 0.0).astype(np.float32)


def normalize_sequence(
    sequence: NDArray[np.number],
    layout: Layout,
    how: str,
    min_score: float = 0.1,
    *,
    image_size: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """`normalize` for the (C, T, V, M) of a SkeletonSequence: (3, T, V, M) float32, ready for a network's clip."""
    if sequence.ndim != 4:
        raise ValueError(f"expected a sequence (channels, time, joints, persons), got shape {sequence.shape}")
    people = sequence.transpose(1, 3, 2, 0)
    ready = normalize(people, layout, how, min_score, persons=1, image_size=image_size)
    return np.ascontiguousarray(ready.transpose(3, 0, 2, 1))


class _Trunk(NamedTuple):
    """Numbers of the joints that place a body, (left, right), and of those at the ends of its segments."""

    shoulders: list[int]
    hips: list[int]
    starts: list[int]
    ends: list[int]
    lengths: Floats


@lru_cache(maxsize=64)
def _trunk(layout: Layout) -> _Trunk:
    shoulders, hips = ([layout.index(f"{side}_{pair}") for side in ("left", "right")] for pair in ("shoulder", "hip"))
    known = [ends for ends in SEGMENTS if set(ends) <= set(layout.joints)]
    starts, ends = ([layout.index(joints[end]) for joints in known] for end in (0, 1))
    return _Trunk(shoulders, hips, starts, ends, np.array([SEGMENTS[joints] for joints in known]))


def placed(keypoints: NDArray[np.number], layout: Layout) -> NDArray[np.float32]:
    """Keypoints normalized as "body", with the place and the size that this takes away: (..., V, 6) float32.

    For networks that tell standing from walking: x, y in torsos from the middle of the hips; 1 where the joint is
    visible, which any score above 0 says; and, the same for all joints, x, y of that middle and the length of the torso
    in the unit of the keypoints. Joints that are not visible are zeros.

    Args:
        keypoints: (..., V, 3 or 4), the score last; of 4 the depth is not used.
    """
    visible = (keypoints[..., -1] > 0) & np.isfinite(keypoints).all(-1)
    points = np.where(visible[..., None], keypoints[..., :2].astype(np.float64), 0.0)
    center, size, valid = _body_frame(points, visible, layout)
    values = (points - center[..., None, :]) / np.where(size > 0, size, 1.0)[..., None, None]
    place = np.concatenate([center, size[..., None]], -1)[..., None, :]
    marks = np.ones((*values.shape[:-1], 1))
    together = np.concatenate([values, marks, np.broadcast_to(place, (*values.shape[:-1], 3))], -1)
    return np.where(valid[..., None], together, 0.0).astype(np.float32)


def _in_torsos(points: Floats, visible: Mask, layout: Layout) -> tuple[Floats, Mask]:
    """Points (..., V, 2) less the middle of the hips, over the length of the torso; which of them are valid."""
    center, size, valid = _body_frame(points, visible, layout)
    unit = np.where(size > 0, size, 1.0)[..., None, None]
    return (points - center[..., None, :]) / unit, valid


def _body_frame(points: Floats, visible: Mask, layout: Layout) -> tuple[Floats, Floats, Mask]:
    """Middle of the hips (..., 2) and length of the torso (...) of points (..., V, 2); which of these are valid."""
    trunk = _trunk(layout)
    shoulders, _ = _middle(points, visible, trunk.shoulders, trunk.shoulders, 0.0)
    hips, hips_visible = _middle(points, visible, trunk.hips, trunk.shoulders, HIPS / SHOULDERS)
    anchor = np.where(hips_visible[..., None], hips, shoulders)
    size = _torso(points, visible, trunk)
    reach = np.linalg.norm(points - anchor[..., None, :], axis=-1)
    size = np.where(size > 0, np.maximum(size, np.where(visible, reach, 0).max(-1) / REACH), 0)
    # Hips behind a table: one torso below the shoulders, where they are when somebody sits or stands.
    below = np.where(hips_visible, 0.0, size)
    center = anchor + np.stack([np.zeros_like(below), below], -1)
    return center, size, visible & (size > 0)[..., None]


def _torso(points: Floats, visible: Mask, trunk: _Trunk) -> Floats:
    """Length of the torso (...) from all segments that are visible, 0 without any.

    A camera shortens segments and lengthens none, hence the fourth powers: the longest decide, and unlike in a maximum
    nothing jumps where another takes over.
    """
    there = visible[..., trunk.starts] & visible[..., trunk.ends]
    lengths = np.linalg.norm(points[..., trunk.starts, :] - points[..., trunk.ends, :], axis=-1)
    expected = np.where(there, trunk.lengths**4, 0).sum(-1)
    measured = np.where(there, lengths**4, 0).sum(-1)
    return cast(Floats, (measured / np.where(expected > 0, expected, 1)) ** 0.25)


def _middle(points: Floats, visible: Mask, pair: list[int], shoulders: list[int], slope: float) -> tuple[Floats, Mask]:
    """Middle of the left and right joint of a `pair` (..., 2), and whether one was visible.

    With one alone, the other is taken to be `slope` of the shoulders' breadth away, along them.
    """
    left, right = shoulders
    both = (visible[..., left] & visible[..., right])[..., None]
    half = np.where(both, (points[..., right, :] - points[..., left, :]) * slope / 2, 0)
    there = visible[..., pair, None].astype(np.float64)
    guesses = np.stack([points[..., pair[0], :] + half, points[..., pair[1], :] - half], -2)
    count = there.sum(-2)
    return (guesses * there).sum(-2) / np.maximum(count, 1), count[..., 0] > 0


def _around_spine(points: Floats, visible: Mask, layout: Layout, persons: int | None) -> tuple[Floats, Mask]:
    """Points (..., V, 3) less the middle of the spine; which of them are valid."""
    joints = [joint for side in zip(*_trunk(layout)[:2], strict=True) for joint in side]
    there = visible[..., joints, None].astype(np.float64)
    origin = (points[..., joints, :] * there).sum(-2) / np.maximum(there.sum(-2), 1)
    found = np.asarray(visible[..., joints].any(-1))
    if "spine_middle" in layout.joints:
        spine = layout.index("spine_middle")
        origin = np.where(visible[..., spine, None], points[..., spine, :], origin)
        found |= visible[..., spine]
    if persons is not None:
        axis = persons if persons >= 0 else persons + points.ndim
        first = np.expand_dims(found.argmax(axis), axis)  # the first of those who were visible
        origin = np.take_along_axis(origin, first[..., None], axis)
        found = np.take_along_axis(found, first, axis)
    return points - origin[..., None, :], visible & found[..., None]


def as_stream(sequence: NDArray[Number], kind: str, layout: Layout) -> NDArray[Number]:
    """A normalized sequence (C, T, V, M) as joints, bones, or the motion of joints or bones, in the same shape.

    Motion is what was added since the frame before; zeros in the first frame. It is causal: the published data takes
    the frame after, so it has the same values one frame earlier. A joint that comes or goes has not moved: without this
    a lost wrist would be the fastest motion of all. Absent joints are zeros.

    Raises ValueError for a kind that is none of `KINDS`, or joints that are not of `layout`.
    """
    if kind not in KINDS:
        raise ValueError(f"no stream {kind!r}; there are: {', '.join(KINDS)}")
    if sequence.ndim != 4 or sequence.shape[2] != len(layout):
        raise ValueError(f"expected a {layout.name} sequence (C, T, {len(layout)}, M), got shape {sequence.shape}")
    chosen = bones(sequence, layout) if kind.startswith("bone") else sequence
    if not kind.endswith("motion"):
        return chosen
    moved = np.zeros_like(chosen)
    moved[:, 1:] = chosen[:, 1:] - chosen[:, :-1]
    present = (sequence != 0).any(0)
    moved[:, 1:] *= present[1:] & present[:-1]
    return moved


def bones(joints: NDArray[Number], layout: Layout, *, axis: int = -2) -> NDArray[Number]:
    """Each joint minus the joint that its bone starts from, in the shape of `joints`; zero for a joint without one.

    Every channel is subtracted, a third one with scores included, as the published data has it. `axis` is that of the V
    joints; -2 for the networks' (C, T, V, M). Raises ValueError where it has another number of joints.
    """
    if joints.shape[axis] != len(layout):
        raise ValueError(
            f"{layout.name} has {len(layout)} joints, axis {axis} of shape {joints.shape} has {joints.shape[axis]}. "
            "Name the axis of the joints: axis=..."
        )
    return joints - np.take(joints, np.array(layout.bone_starts), axis=axis)
