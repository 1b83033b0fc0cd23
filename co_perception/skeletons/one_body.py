"""Poses of one frame that are one body: doubles of a person, and halves that make a person together.

Estimators that look for people by parts (bottom-up) split somebody whom an arm or a table crosses, and detectors find a
person twice. Doubles are what pose evaluation suppresses by keypoint similarity (COCO's, Lin et al., arXiv:1405.0312);
halves share too few joints for that, so they are known by the bones between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout
from co_perception.skeletons.normalize import SEGMENTS

Joints = NDArray[np.floating]
Places = NDArray[np.float64]
Mask = NDArray[np.bool_]

# In torsos, as in `normalize`. No camera lengthens a bone, but estimators err.
BONES = {**SEGMENTS, **{(f"{s}_{a}", f"{s}_{b}"): 0.8 for s in ("left", "right")
                        for a, b in (("knee", "ankle"), ("elbow", "wrist"))}}  # fmt: skip
LONGEST = 1.3  # times the length of a bone between two halves
DOUBLE = 0.12  # median distance of the joints that doubles share
SHARED = 0.3  # farthest distance of a joint that halves share
LEAST = 3  # joints that doubles share
ALIKE = 3.0  # times the size of one half that the other has at most; bent legs are seen short
MOST = 64  # poses of a frame that are compared


def bodies(joints: Joints, layout: Layout, *, doubles: bool = True) -> list[list[int]]:
    """The numbers of poses by body, each in order, the bodies by their first pose.

    Args:
        joints: (N, V, 3 or 4) of one layout and unit; a joint that was not found has score 0. Of more than `MOST`
            poses each is a body.
        layout: of the V joints.
        doubles: whether they count; without, only halves make one body.
    """
    body = list(range(len(joints)))
    places, visible = joints[..., :-1].astype(np.float64), joints[..., -1] > 0
    for one, other in _near(places, visible):
        if body[one] != body[other] and _is_one(places[[one, other]], visible[[one, other]], layout, doubles):
            low, high = sorted((body[one], body[other]))
            body = [low if number == high else number for number in body]
    return [[n for n, number in enumerate(body) if number == first] for first in sorted(set(body))]


def joined(joints: Joints) -> Joints:
    """(V, 3 or 4) one body of its poses (n, V, 3 or 4): each joint from the pose that is surest of it."""
    surest = joints[..., -1].argmax(0)
    return np.asarray(joints[surest, np.arange(joints.shape[1])])


def _near(places: Places, visible: Mask) -> list[tuple[int, int]]:
    """Pairs of poses that may be one body: their boxes, enlarged, touch, and what both show is at nearly one place."""
    if not 2 <= len(places) <= MOST:
        return []
    low = np.where(visible[..., None], places, np.inf).min(1)
    high = np.where(visible[..., None], places, -np.inf).max(1)
    room = np.maximum(high - low, 0).max(-1, keepdims=True) / 2
    touch = ((low - room)[:, None] <= (high + room)[None]) & ((low - room)[None] <= (high + room)[:, None])
    both, numbers = visible[:, None] & visible[None], visible.sum(1)
    apart = np.where(both, np.linalg.norm(places[:, None] - places[None], axis=-1), 0).sum(-1)
    common, reach = both.sum(-1), np.maximum(room, room.T)
    halves = 2 * common <= np.minimum(numbers[:, None], numbers[None])
    likely = touch.all(-1) & (halves | ((common >= LEAST) & (apart <= reach * common)))
    return [(int(one), int(other)) for one, other in np.argwhere(np.triu(likely, 1))]


def _is_one(places: Places, visible: Mask, layout: Layout, doubles: bool) -> bool:
    """Whether two poses (2, V, D) are one body."""
    both = visible.all(0)
    sizes = [_size(each, mask, layout) for each, mask in zip(places, visible, strict=True)]
    apart = np.linalg.norm(places[0] - places[1], axis=-1)[both]
    if doubles and len(apart) >= LEAST and max(sizes) < ALIKE * min(sizes) and np.median(apart) <= DOUBLE * max(sizes):
        return True
    fewest, size = visible.sum(1).min(), max(sizes)  # the size is none of a bone between the two: any bone would fit it
    if 2 * len(apart) > fewest or not size or (len(apart) and apart.max() > SHARED * size):
        return False
    if min(sizes) > 0 and max(sizes) > ALIKE * min(sizes):
        return False
    return _bones_fit(places, visible, size, layout)


def _bones_fit(places: Places, visible: Mask, size: float, layout: Layout) -> bool:
    """Whether there are bones between the halves, and none is longer than a body has it."""
    between = []
    for (start, end), length in BONES.items():
        if start not in layout.joints or end not in layout.joints:
            continue
        ends = [layout.index(start), layout.index(end)]
        own = visible[:, ends] & ~visible[::-1, ends]  # (2, 2) which half alone has the start, and the end
        for first, second in ((0, 1), (1, 0)):
            if own[first, 0] and own[second, 1]:
                between.append(np.linalg.norm(places[first, ends[0]] - places[second, ends[1]]) / length)
    return bool(between) and float(max(between)) <= LONGEST * size


def _size(places: Places, visible: Mask, layout: Layout) -> float:
    """Length of the torso by the longest of the bones that were found, over their expected lengths; 0 without any."""
    lengths = [
        np.linalg.norm(np.subtract(*places[[layout.index(start), layout.index(end)]])) / length
        for (start, end), length in BONES.items()
        if start in layout.joints and end in layout.joints and visible[[layout.index(start), layout.index(end)]].all()
    ]
    return float(max(lengths, default=0.0))
