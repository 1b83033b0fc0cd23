"""Joint layouts: names and numbers of joints, bones between them, and the graph of a layout as matrices.

Joints are named in small letters, side first (`left_wrist`). A link (joint, towards) runs one bone inward, towards the
center: the graphs of the published networks consist of them, so their ends and their order are those of the
checkpoints. Bone pairs give each joint the joint that its bone starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Layout:
    """Names and graph of a skeleton of V joints.

    Args:
        name: family and number of joints, such as "coco17".
        center: the joint that the links lead to.
        links: (joint, towards) for each bone, V - 1 of them.
        bone_starts: for each joint the joint that its bone starts from, itself where it has none.
    """

    name: str
    joints: tuple[str, ...]
    center: int
    links: Pairs
    bone_starts: tuple[int, ...]
    source: str

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each joint its counterpart on the other side; itself in the middle of the body."""
        other_side = {"left": "right", "right": "left"}
        sided = (joint.partition("_") for joint in self.joints)
        return tuple(self.index(other_side.get(side, side) + line + rest) for side, line, rest in sided)

    @property
    def sides(self) -> Pairs:
        """(left, right) of each pair of counterparts."""
        return tuple((j, other) for j, other in enumerate(self.mirror) if self.joints[j].startswith("left_"))

    def index(self, joint: str) -> int:
        """Number of a joint. Raises ValueError that names those there are."""
        if joint not in self.joints:
            raise ValueError(f"{self.name} has no joint {joint!r}; it has {', '.join(self.joints)}")
        return self.joints.index(joint)


def layout(name: str) -> Layout:
    """The layout called `name`. Raises ValueError that names those there are."""
    if name not in LAYOUTS:
        raise ValueError(f"no joint layout {name!r}; there are: {', '.join(sorted(LAYOUTS))}")
    return LAYOUTS[name]


def spatial_partition(layout: Layout) -> NDArray[np.float64]:
    """Adjacency matrices (3, V, V) of the graph convolutions: a joint itself, its inward and its outward neighbors.

    Entry [p, v, w] is what joint v adds to joint w, in a frame x (..., V) as `x @ A[p]`. A link (i, j) sets A[j, i];
    each column is divided by its sum, columns of zeros stay. As in 2s-AGCN (Shi et al., CVPR 2019, arXiv:1805.07694)
    and all networks here. Not the 'spatial' strategy of the ST-GCN paper (arXiv:1801.07455), which normalizes before it
    parts joints by distance to the center: weights trained with one are wrong with the other.
    """
    inward = np.zeros((len(layout), len(layout)))
    for joint, towards in layout.links:
        inward[towards, joint] = 1
    matrices = np.stack([np.eye(len(layout)), inward, inward.T])
    sums = matrices.sum(1, keepdims=True)
    return np.divide(matrices, sums, out=np.zeros_like(matrices), where=sums > 0)


def _by_links(name: str, joints: tuple[str, ...], center: int, links: Pairs, source: str) -> Layout:
    """A layout whose bones are its links: each joint's bone starts from the joint that its link leads to."""
    towards = dict(links)
    return Layout(name, joints, center, links, tuple(towards.get(joint, joint) for joint in range(len(joints))), source)


# Shahroudy et al., "NTU RGB+D", CVPR 2016; a Kinect v2's joints from 0. The links of the hands are those of the
# published graphs: the tip hangs on the thumb and the thumb on the hand.
NTU25 = _by_links(
    name="ntu25",
    joints=(
        "spine_base", "spine_middle", "neck", "head", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_shoulder", "right_elbow", "right_wrist", "right_hand", "left_hip", "left_knee", "left_ankle",
        "left_foot", "right_hip", "right_knee", "right_ankle", "right_foot", "spine_shoulder", "left_hand_tip",
        "left_thumb", "right_hand_tip", "right_thumb",
    ),
    center=20,
    links=(
        (0, 1), (1, 20), (2, 20), (3, 2), (4, 20), (5, 4), (6, 5), (7, 6), (8, 20), (9, 8), (10, 9), (11, 10), (12, 0),
        (13, 12), (14, 13), (15, 14), (16, 0), (17, 16), (18, 17), (19, 18), (21, 22), (22, 7), (23, 24), (24, 11),
    ),
    source="Shahroudy et al., NTU RGB+D, CVPR 2016",
)  # fmt: skip

OPENPOSE18 = Layout(
    name="openpose18",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
        "right_ear", "left_ear",
    ),
    center=1,
    links=(
        (4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1), (0, 1),
        (15, 0), (14, 0), (17, 15), (16, 14),
    ),
    bone_starts=(0, 0, 1, 2, 3, 1, 5, 6, 2, 8, 9, 5, 11, 12, 0, 0, 14, 15),
    source="Yan et al., ST-GCN, AAAI 2018 (Kinetics-Skeleton)",
)  # fmt: skip

COCO17 = _by_links(
    name="coco17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ),
    center=0,
    links=(
        (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8), (8, 6), (5, 0), (6, 0),
        (1, 0), (3, 1), (2, 0), (4, 2),
    ),
    source="Lin et al., Microsoft COCO, ECCV 2014; links of Duan et al., PYSKL, 2022",
)  # fmt: skip

# What motion capture, the Kinect and every pose estimator have in common: COCO's body without the face.
BODY13 = _by_links(
    name="body13",
    joints=("nose", *COCO17.joints[5:]),
    center=0,
    links=(
        (11, 9), (9, 7), (12, 10), (10, 8), (7, 1), (8, 2), (5, 3), (3, 1), (6, 4), (4, 2), (1, 0), (2, 0),
    ),
    source="the joints of COCO-17 but for eyes and ears",
)  # fmt: skip

# ROS4HRI (REP-155) counts OpenPose's joints with the left eye and the left ear first. Same body, same links.
_HRI_JOINTS = (*OPENPOSE18.joints[:14], "left_eye", "right_eye", "left_ear", "right_ear")
_HRI_NUMBER = tuple(_HRI_JOINTS.index(joint) for joint in OPENPOSE18.joints)
HRI18 = Layout(
    name="hri18",
    joints=_HRI_JOINTS,
    center=1,
    links=tuple((_HRI_NUMBER[joint], _HRI_NUMBER[towards]) for joint, towards in OPENPOSE18.links),
    bone_starts=tuple(_HRI_NUMBER[OPENPOSE18.bone_starts[OPENPOSE18.index(joint)]] for joint in _HRI_JOINTS),
    source="hri_msgs/Skeleton2D, ROS4HRI, REP-155",
)

BODY25 = _by_links(
    name="body25",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
        "middle_hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye",
        "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel", "right_big_toe",
        "right_small_toe", "right_heel",
    ),
    center=1,
    links=(
        (0, 1), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 1), (9, 8), (10, 9), (11, 10), (12, 8), (13, 12),
        (14, 13), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11), (23, 22), (24, 11),
    ),
    source="Cao et al., OpenPose, TPAMI 2019 (BODY_25)",
)  # fmt: skip

# MediaPipe draws closed loops (shoulders and hips, hands, feet). A graph needs one way inward: as in COCO-17 the hips
# hang on the shoulders and the shoulders on the nose; fingers hang on the wrist, heel and toe on the ankle.
BLAZEPOSE33 = _by_links(
    name="blazepose33",
    joints=(
        "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
        "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
        "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
        "left_heel", "right_heel", "left_foot_index", "right_foot_index",
    ),
    center=0,
    links=(
        (1, 0), (2, 1), (3, 2), (7, 3), (4, 0), (5, 4), (6, 5), (8, 6), (9, 0), (10, 0), (11, 0), (12, 0), (13, 11),
        (14, 12), (15, 13), (16, 14), (17, 15), (18, 16), (19, 15), (20, 16), (21, 15), (22, 16), (23, 11), (24, 12),
        (25, 23), (26, 24), (27, 25), (28, 26), (29, 27), (30, 28), (31, 27), (32, 28),
    ),
    source="Bazarevsky et al., BlazePose, 2020 (MediaPipe Pose)",
)  # fmt: skip

LAYOUTS: dict[str, Layout] = {
    known.name: known for known in (NTU25, OPENPOSE18, COCO17, BODY13, HRI18, BODY25, BLAZEPOSE33)
}
