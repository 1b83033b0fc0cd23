"""Random augmentation of skeleton sequences and video clips for training.

An augmentation is a pure function of the generator it is given: the same seed gives the same example, so that a resumed
training equals one that was never interrupted. Skeletons are augmented in raw coordinates, before
`skeletons.normalize`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

Floats = NDArray[np.float64]
Joints = NDArray[np.generic]
Random = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class SkeletonAugment:
    """Random changes of a sequence (C, T, V, M) of raw joints; 0 everywhere leaves it as it is.

    A body's size is the joints' root mean square distance from their middle, about the length of a torso.

    Args:
        rotation: degrees, up to this much to either side; in the picture, or about each axis where there is depth.
        scale: each axis is stretched by 1 - scale to 1 + scale, on its own: a common factor would be normalized away.
        shift: up to this many body sizes in each direction; only the normalization "image" notices.
        time_warp: locally slower or faster by up to this share, below 1; first and last frame stay.
        joint_dropout: probability of each joint of each person to be lost for a stretch of frames.
        flicker: probability of each joint to be lost in each frame; the share differs from sequence to sequence, up to
            this.
        frame_dropout: probability of each frame to show no person.
        jitter: standard deviation of noise on every joint, in body sizes.
        mirror: probability of the mirror image, left and right joints swapped. It can be another class: see
            `mirrored_label`.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    time_warp: float = 0.0
    joint_dropout: float = 0.0
    flicker: float = 0.0
    frame_dropout: float = 0.0
    jitter: float = 0.0
    mirror: float = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "time_warp", "joint_dropout", "flicker", "frame_dropout", "mirror"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share or a probability 0..1, got {getattr(self, name)}")
        if min(self.rotation, self.shift, self.jitter) < 0:
            raise ValueError(f"rotation, shift and jitter say how far to go to either side: 0 or more, got {self}")
        if max(self.scale, self.time_warp) >= 1:
            raise ValueError(f"scale and time_warp are below 1, or a body or a second would vanish, got {self}")

    def __call__(self, sequence: Joints, layout: Layout, rng: Random) -> NDArray[np.float32]:
        """An augmented copy of one sequence.

        Args:
            sequence: (C, T, V, M), the score last in C, absent joints zeros.
            layout: of the V joints.
            rng: the only source of randomness.

        Returns:
            (C, T, V, M) float32.

        Raises:
            ValueError: where the sequence is not of `layout`.
        """
        joints = _PointsAndScores(sequence, layout)
        if rng.random() < self.mirror:
            joints = _PointsAndScores(mirrored(sequence, layout), layout)
        points, score = joints.points, joints.score
        if self.rotation or self.scale or self.shift:
            axes = points.shape[-1]
            stretch = rng.uniform(1 - self.scale, 1 + self.scale, axes)
            rotation = _rotation(np.deg2rad(rng.uniform(-self.rotation, self.rotation, 1 if axes == 2 else 3)))
            shift = rng.uniform(-self.shift, self.shift, axes) * joints.size
            points = (points - joints.middle) * stretch @ rotation.T + joints.middle + shift
        if self.time_warp:
            points, score = _time_warped(points, score, self.time_warp, rng)
        if self.jitter:
            points = points + rng.normal(0, self.jitter * joints.size, points.shape)
        if self.joint_dropout:  # from one random frame to another
            frames = np.arange(len(score))[:, None, None]
            ends = np.sort(rng.integers(0, len(score), (2, *score.shape[1:])), 0)
            chosen = rng.random(score.shape[1:]) < self.joint_dropout
            score = np.where(chosen & (ends[0] <= frames) & (frames <= ends[1]), 0, score)
        if self.flicker:
            score = np.where(rng.random(score.shape) < rng.uniform(0, self.flicker), 0, score)
        if self.frame_dropout:
            score = np.where(rng.random(len(score))[:, None, None] < self.frame_dropout, 0, score)
        return _sequence(points, score)


def mirrored(sequence: Joints, layout: Layout) -> NDArray[np.float32]:
    """The mirror image of a sequence (C, T, V, M): x negated about the middle of the scene, left and right swapped."""
    joints = _PointsAndScores(sequence, layout)
    points = joints.points.copy()
    points[..., 0] = 2 * joints.middle[0] - points[..., 0]
    return _sequence(points, joints.score)[:, :, list(layout.mirror)]


def mirrored_label(classes: Sequence[str]) -> tuple[int | None, ...]:
    """For each class the class of its mirror image: itself, the one with left and right swapped, or None for neither.

    Only an example whose class is its own mirror image may be mirrored at random. One of another may be added as a
    second example with the class given here; one with None must not be mirrored at all.
    """
    places = {name: number for number, name in enumerate(classes)}
    return tuple(places.get(_SIDE.sub(_other_side, name)) for name in classes)


class ClipView(NamedTuple):
    """How training looks at one video clip: one crop, scale and light for all its frames."""

    scale: float = 1.0  # of the picture before the crop
    down: float = 0.5  # vertical place of the crop, 0 to 1; 0.5 is the center
    right: float = 0.5  # horizontal place of the crop, 0 to 1
    mirrored: bool = False  # left for right
    gain: float = 1.0  # factor of pixel values in [0, 1]
    shift: float = 0.0  # added to pixel values in [0, 1]


@dataclass(frozen=True)
class ClipAugment:
    """Random views of video clips.

    Args:
        scale: largest enlargement before the crop. The training of X3D (arXiv:2004.04730) and SlowFast
            (arXiv:1812.03982) scales the short side by 1 to 1.25.
        mirrored: share of clips with left and right exchanged; 0 unless no class means a side.
        gain: largest change of contrast either way.
        shift: largest change of brightness either way.
    """

    scale: float = 1.25
    mirrored: float = 0.0
    gain: float = 0.2
    shift: float = 0.1

    def __post_init__(self) -> None:
        if self.scale < 1 or not 0 <= self.mirrored <= 1 or not 0 <= self.gain < 1 or self.shift < 0:
            raise ValueError(f"scale is at least 1, mirrored a share, gain below 1, shift not negative, got {self}")

    def draw(self, rng: Random) -> ClipView:
        """A view, drawn from this generator alone."""
        return ClipView(
            scale=rng.uniform(1, self.scale),
            down=rng.uniform(),
            right=rng.uniform(),
            mirrored=bool(rng.uniform() < self.mirrored),
            gain=rng.uniform(1 - self.gain, 1 + self.gain),
            shift=rng.uniform(-self.shift, self.shift),
        )


# "left" as a word of its own, also in LeftArm and armLeft; l and r only where no letter is next to them.
_SIDE = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:[Ll]eft|[Rr]ight|LEFT|RIGHT)(?![a-z])|(?<![A-Za-z])[LlRr](?![A-Za-z])"
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def _other_side(found: re.Match[str]) -> str:
    word = found.group()
    other = _OTHER[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


class _PointsAndScores:
    """A sequence (C, T, V, M) as points (T, V, M, D) and scores (T, V, M), zeros where a joint is absent; `middle`
    (D,) is the mean of all visible joints."""

    def __init__(self, sequence: Joints, layout: Layout) -> None:
        if sequence.ndim != 4 or sequence.shape[0] not in (3, 4) or sequence.shape[2] != len(layout):
            raise ValueError(
                f"expected raw {layout.name} joints (3 or 4, T, {len(layout)}, M) with the score last, got shape "
                f"{sequence.shape}. Augment before you normalize."
            )
        values = np.moveaxis(sequence, 0, -1).astype(np.float64)
        self.visible = np.isfinite(values).all(-1) & (values[..., -1] > 0)
        self.points = np.where(self.visible[..., None], values[..., :-1], 0)
        self.score = np.where(self.visible, values[..., -1], 0)
        self.middle: Floats = self.points.sum((0, 1, 2)) / max(1, self.visible.sum())

    @property
    def size(self) -> float:
        """Root mean square distance of the joints from the middle of their person in their frame."""
        count = np.maximum(self.visible.sum(1, keepdims=True), 1)[..., None]
        away = np.where(self.visible[..., None], self.points - self.points.sum(1, keepdims=True) / count, 0)
        return float(np.sqrt((away**2).sum() / max(1, self.visible.sum())))


def _sequence(points: Floats, score: Floats) -> NDArray[np.float32]:
    """(C, T, V, M) float32 of a sequence taken apart; joints of score 0 become zeros."""
    values = np.concatenate([np.where(score[..., None] > 0, points, 0), score[..., None]], -1)
    return np.ascontiguousarray(np.moveaxis(values, -1, 0), dtype=np.float32)


def _rotation(angles: Floats) -> Floats:
    """Rotation matrix: one angle (1,) gives (2, 2) in the plane; three, about x, then y, then z, give (3, 3)."""
    matrices = []
    for about, angle in enumerate(angles if len(angles) == 3 else [0.0, 0.0, angles[0]]):
        a, b = (axis for axis in range(3) if axis != about)
        matrix = np.eye(3)
        matrix[[a, b], [a, b]] = np.cos(angle)
        matrix[b, a], matrix[a, b] = np.sin(angle), -np.sin(angle)
        matrices.append(matrix)
    whole = matrices[2] @ matrices[1] @ matrices[0]
    return whole if len(angles) == 3 else whole[:2, :2]


def _time_warped(points: Floats, score: Floats, strength: float, rng: Random) -> tuple[Floats, Floats]:
    """Points and score at increasing times between frames; of a joint that one neighbor lacks, the nearer frame."""
    last = len(score) - 1
    speed = np.interp(np.arange(last) + 0.5, np.linspace(0, last, 5), rng.uniform(1 - strength, 1 + strength, 5))
    places = np.concatenate([[0.0], np.cumsum(speed)])
    places = places * last / places[-1] if last > 0 else places  # first and last frame stay
    before = np.minimum(places.astype(int), max(0, len(score) - 2))
    after = np.minimum(before + 1, len(score) - 1)
    share = (places - before)[:, None, None]
    between = (score[before] > 0) & (score[after] > 0)
    share = np.where(between, share, np.rint(share))
    mixed = points[before] * (1 - share[..., None]) + points[after] * share[..., None]
    return mixed, score[before] * (1 - share) + score[after] * share
