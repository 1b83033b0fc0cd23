"""Reader of DeepMimic's motion capture (joint angles of a humanoid as JSON), and forward kinematics to joints in space.

Peng et al., DeepMimic, SIGGRAPH 2018, arXiv:1804.02717. A frame is 44 numbers: its duration in s, the position of the
root in m, and rotations, each relative to the parent joint: quaternions w, x, y, z for ball joints, an angle in rad
about z for knees and elbows. The body faces +x, its right side is +z, +y is up. Lengths are those of the humanoid in
pybullet, where they are four times as large.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import parse_errors, read_json

Floats = NDArray[np.float64]

NUMBERS = 44
FARTHEST = 1e6  # s, m or rad: more is damage, and overflows where it is squared
SHORTEST = 1e-6  # length of a quaternion: less has no direction
# In the order of the file. Parent, offset from it in m, numbers of its rotation.
_TREE: dict[str, tuple[str, tuple[float, float, float], int]] = {
    "root": ("", (0.0, 0.0, 0.0), 4),
    "chest": ("root", (0.0, 0.236151, 0.0), 4),
    "neck": ("chest", (0.0, 0.223894, 0.0), 4),
    "right_hip": ("root", (0.0, 0.0, 0.084887), 4),
    "right_knee": ("right_hip", (0.0, -0.421546, 0.0), 1),
    "right_ankle": ("right_knee", (0.0, -0.409870, 0.0), 4),
    "right_shoulder": ("chest", (-0.02405, 0.2435, 0.18311), 4),
    "right_elbow": ("right_shoulder", (0.0, -0.274788, 0.0), 1),
    "left_hip": ("root", (0.0, 0.0, -0.084887), 4),
    "left_knee": ("left_hip", (0.0, -0.421546, 0.0), 1),
    "left_ankle": ("left_knee", (0.0, -0.409870, 0.0), 4),
    "left_shoulder": ("chest", (-0.02405, 0.2435, -0.18311), 4),
    "left_elbow": ("left_shoulder", (0.0, -0.274788, 0.0), 1),
}
TURNING = tuple(_TREE)
"""The joints with a rotation, in the order of the file."""
# Points without a rotation of their own: the wrists of the humanoid, and places on its head, a ball of 0.10 m.
_POINTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "right_wrist": ("right_elbow", (0.0, -0.258947, 0.0)),
    "left_wrist": ("left_elbow", (0.0, -0.258947, 0.0)),
    "nose": ("neck", (0.11, 0.16, 0.0)),
    "left_eye": ("neck", (0.09, 0.195, -0.032)),
    "right_eye": ("neck", (0.09, 0.195, 0.032)),
    "left_ear": ("neck", (0.005, 0.175, -0.075)),
    "right_ear": ("neck", (0.005, 0.175, 0.075)),
}
JOINTS = (*TURNING, *_POINTS)
"""Names of the 20 joints of `places`."""


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of the humanoid at T instants.

    Args:
        root: (T, 3) position in m.
        turns: (T, 13, 4) unit quaternions of `TURNING`, relative to the parent joint.
    """

    root: Floats
    turns: Floats


@dataclass(frozen=True, eq=False)
class Motion:
    """One clip.

    Args:
        name: of the clip.
        times: (N,) of its frames in s, from 0.
        poses: at these times.
        wraps: whether the end of the clip joins its beginning.
    """

    name: str
    times: Floats
    poses: Poses
    wraps: bool

    @property
    def duration(self) -> float:
        """Seconds from the first to the last frame."""
        return float(self.times[-1])

    def at(self, seconds: Floats) -> Poses:
        """Poses at the instants `seconds` (T,), interpolated between frames. Beyond its ends a clip that wraps begins
        anew, at its first place on the ground, and any other stands still."""
        t = seconds % self.duration if self.wraps else np.clip(seconds, 0, self.duration)
        after = np.clip(np.searchsorted(self.times, t, side="right"), 1, len(self.times) - 1)
        share = (t - self.times[after - 1]) / (self.times[after] - self.times[after - 1])
        one, other = (Poses(self.poses.root[frames], self.poses.turns[frames]) for frames in (after - 1, after))
        return mixed(one, other, share)


@dataclass(frozen=True)
class Build:
    """Proportions of a body: factors of the lengths of the humanoid."""

    torso: float = 1.0
    head: float = 1.0
    upper_arm: float = 1.0
    forearm: float = 1.0
    thigh: float = 1.0
    shank: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0

    def factor(self, joint: str) -> Floats:
        """(3,) of the offset from the parent joint."""
        side_less = joint.removeprefix("left_").removeprefix("right_")
        if side_less == "shoulder":
            return np.array([1.0, self.torso, self.shoulders])
        if side_less == "hip":
            return np.array([1.0, 1.0, self.hips])
        return np.full(3, getattr(self, _SEGMENT.get(side_less, "head")))


_SEGMENT = {"root": "torso", "chest": "torso", "neck": "torso", "knee": "thigh", "ankle": "shank", "elbow": "upper_arm"}
_SEGMENT["wrist"] = "forearm"


def read_motion(path: Path | str, name: str = "") -> Motion:
    """A clip from its file. Raises FileNotFoundError; ValueError for anything but finite frames of 44 numbers."""
    path = Path(path)
    with parse_errors(path, "a DeepMimic clip: JSON with Frames"):
        content = read_json(path)
        frames = np.array(content["Frames"], np.float64)
        if frames.ndim != 2 or frames.shape[1] != NUMBERS or len(frames) < 2 or not (np.abs(frames) < FARTHEST).all():
            raise ValueError(f"expected two or more finite frames of {NUMBERS} numbers, got {frames.shape}")
        times = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
        if (np.diff(times) <= 0).any():
            raise ValueError("a frame lasts no time")
        poses = Poses(frames[:, 1:4], _quaternions(frames[:, 4:]))
        return Motion(name or path.stem, times, poses, content.get("Loop") == "wrap")


def standing() -> Poses:
    """One upright pose with hanging arms, (1, ...)."""
    turns = np.zeros((1, len(TURNING), 4))
    turns[..., 0] = 1.0
    return Poses(np.array([[0.0, 0.89, 0.0]]), turns)


def mixed(one: Poses, other: Poses, share: Floats) -> Poses:
    """Interpolation between two poses, `share` (T,) of the other: rotations the shorter way, positions linearly."""
    same = np.sign((one.turns * other.turns).sum(-1, keepdims=True) + 1e-12)
    share = np.asarray(share)[:, None]
    turns = one.turns * (1 - share[..., None]) + same * other.turns * share[..., None]
    turns /= np.linalg.norm(turns, axis=-1, keepdims=True)
    return Poses(one.root * (1 - share) + other.root * share, turns)


def places(poses: Poses, build: Build | None = None) -> Floats:
    """Positions of `JOINTS`, (T, 20, 3) in m, by forward kinematics; `build`: proportions, None for the humanoid."""
    build = build or Build()
    turned: dict[str, Floats] = {}
    found: dict[str, Floats] = {}
    for number, (joint, (parent, offset, _)) in enumerate(_TREE.items()):
        own = poses.turns[:, number]
        if not parent:
            found[joint], turned[joint] = poses.root, own
            continue
        found[joint] = found[parent] + rotated(turned[parent], np.array(offset) * build.factor(joint))
        turned[joint] = _product(turned[parent], own)
    for point, (parent, offset) in _POINTS.items():
        found[point] = found[parent] + rotated(turned[parent], np.array(offset) * build.factor(point))
    return np.stack([found[joint] for joint in JOINTS], 1)


def rotated(q: Floats, v: Floats) -> Floats:
    """Vectors v (..., 3) rotated by unit quaternions q (..., 4)."""
    w, u = q[..., :1], q[..., 1:]
    across = 2 * np.cross(u, v)
    return np.asarray(v + w * across + np.cross(u, across))


def about_axis(axis: Floats, angle: Floats) -> Floats:
    """Unit quaternions (..., 4) of rotations by `angle` (...) rad about unit vectors `axis` (..., 3)."""
    half = np.asarray(angle)[..., None] / 2
    return np.concatenate([np.cos(half), np.sin(half) * axis], -1)


def _product(a: Floats, b: Floats) -> Floats:
    w = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdims=True)
    v = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([w, v], -1)


def _quaternions(numbers: Floats) -> Floats:
    """(N, 13, 4) unit quaternions of the rotations (N, 40) of a file."""
    turns, at = list[Floats](), 0
    for _, _, size in _TREE.values():
        part = numbers[:, at : at + size]
        turns.append(about_axis(np.array([0.0, 0.0, 1.0]), part[:, 0]) if size == 1 else part)
        at += size
    found = np.stack(turns, 1)
    lengths = np.linalg.norm(found, axis=-1, keepdims=True)
    if (lengths < SHORTEST).any():
        raise ValueError("a rotation is four zeros")
    return found / lengths
