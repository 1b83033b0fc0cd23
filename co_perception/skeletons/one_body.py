"""Poses of one frame that are one body: doubles of a person, and halves that make a person together.

Estimators that look for people by parts (bottom-up) split somebody whom an arm or a table crosses, and detectors find a
person twice. Doubles are what pose evaluation suppresses by keypoint similarity (COCO's, Lin et al., arXiv:1405.0312);
halves share too few joints for that, so they are known by the bones between them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

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


def bodies(
    joints: Joints, layout: Layout, *, doubles: bool = True, two: Callable[[int, int], bool] | None = None
) -> list[list[int]]:
    """The numbers of poses by body, each in order, the bodies by their first pose.

    The two that fit best are one body first, and what remains is compared with that body: of two people in contact who
    are both found in halves, each half goes to its own.

    Args:
        joints: (N, V, 3 or 4) of one layout and unit; a joint that was not found has score 0. Of more than `MOST`
            poses each is a body.
        layout: of the V joints.
        doubles: whether they count; without, only halves make one body.
        two: whether two poses, by their numbers, are known to be of two people: they are no halves of one.
    """
    groups = {number: [number] for number in range(len(joints))}
    parts: dict[int, Joints] = {number: joints[number] for number in groups}

    def misfit(one: int, other: int) -> float | None:
        pair = np.stack([parts[one], parts[other]])
        halves = two is None or not any(two(a, b) for a in groups[one] for b in groups[other])
        return _misfit(pair[..., :-1].astype(np.float64), pair[..., -1] > 0, layout, doubles, halves)

    near = set(_near(joints[..., :-1].astype(np.float64), joints[..., -1] > 0))
    fits = {pair: fit for pair in near if (fit := misfit(*pair)) is not None}
    while fits:
        one, other = min(fits, key=lambda pair: (fits[pair], pair))
        groups[one] = sorted(groups[one] + groups.pop(other))
        parts[one] = joined(np.stack([parts[one], parts.pop(other)]))
        renamed = ((one if a == other else a, one if b == other else b) for a, b in near)
        near = {(min(a, b), max(a, b)) for a, b in renamed if a != b}
        fits = {pair: fit for pair, fit in fits.items() if one not in pair and other not in pair}
        fits |= {pair: fit for pair in near if one in pair and (fit := misfit(*pair)) is not None}
    return [groups[first] for first in sorted(groups)]


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
    least, most = low - room, high + room
    touch = ((least[:, None] <= most[None]) & (least[None] <= most[:, None])).all(-1)
    if not np.triu(touch, 1).any():  # mostly so: people who stand apart cost nothing more
        return []
    both, numbers = visible[:, None] & visible[None], visible.sum(1)
    apart = np.where(both, np.linalg.norm(places[:, None] - places[None], axis=-1), 0).sum(-1)
    common, reach = both.sum(-1), np.maximum(room, room.T)
    halves = 2 * common <= np.minimum(numbers[:, None], numbers[None])
    likely = touch & (halves | ((common >= LEAST) & (apart <= reach * common)))
    return [(int(one), int(other)) for one, other in np.argwhere(np.triu(likely, 1))]


def _misfit(places: Places, visible: Mask, layout: Layout, doubles: bool, halves: bool) -> float | None:
    """How badly two poses (2, V, D) fit together as one body, in torsos; None where they are none."""
    both = visible.all(0)
    sizes = body_sizes(places, visible, layout)
    apart = np.linalg.norm(places[0] - places[1], axis=-1)[both]
    if doubles and len(apart) >= LEAST and max(sizes) < ALIKE * min(sizes):
        middle = float(np.median(apart))
        if middle <= DOUBLE * max(sizes):
            return middle / max(sizes)
    if not halves:
        return None
    fewest, size = visible.sum(1).min(), max(sizes)  # the size is none of a bone between the two: any bone would fit it
    farthest = float(apart.max(initial=0.0))
    if 2 * len(apart) > fewest or not size or farthest > SHARED * size:
        return None
    if min(sizes) > 0 and max(sizes) > ALIKE * min(sizes):
        return None
    longest = _longest_bone(places, visible, layout) / size
    return longest + farthest / size if 0 < longest <= LONGEST else None


def _longest_bone(places: Places, visible: Mask, layout: Layout) -> float:
    """The longest of the bones between the halves, over its expected length; 0 without any."""
    between = []
    for (start, end), length in BONES.items():
        if start not in layout.joints or end not in layout.joints:
            continue
        ends = [layout.index(start), layout.index(end)]
        own = visible[:, ends] & ~visible[::-1, ends]  # (2, 2) which half alone has the start, and the end
        for first, second in ((0, 1), (1, 0)):
            if own[first, 0] and own[second, 1]:
                between.append(float(np.linalg.norm(places[first, ends[0]] - places[second, ends[1]])) / length)
    return max(between, default=0.0)


def body_sizes(places: Places, visible: Mask, layout: Layout) -> NDArray[np.float64]:
    """Length of the torso of each body (N, V, D) by the longest of the bones that were found, over their expected
    lengths; 0 without any."""
    starts, ends, lengths = _bones_of(layout)
    spans = np.linalg.norm(places[:, starts] - places[:, ends], axis=-1) / lengths
    found = np.where(visible[:, starts] & visible[:, ends], spans, 0.0)
    return np.asarray(found.max(-1, initial=0.0), np.float64)


@lru_cache(maxsize=16)
def _bones_of(layout: Layout) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Numbers of the two joints of each bone that a layout has, and their expected lengths."""
    known = [bone for bone in BONES if set(bone) <= set(layout.joints)]
    starts, ends = (np.array([layout.index(bone[side]) for bone in known], np.intp) for side in (0, 1))
    return starts, ends, np.array([BONES[bone] for bone in known])
