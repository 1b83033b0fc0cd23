"""Other people, cameras and detectors made from one recording: what training changes about an example.

An augmentation is a pure function of the generator it is given: the same seed gives the same example, so that a resumed
training equals one that was never interrupted. Works on raw coordinates, before `skeletons.normalise`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

Floats = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class SkeletonAugment:
    """Changes a sequence (C, T, V, M) of raw joints; 0 everywhere leaves it as it is.

    rotation: degrees, up to this much to either side; in the picture, or about each axis where there is depth;
    scale: each axis is stretched by 1 - scale to 1 + scale, on its own: a common factor would be normalised away;
    shift: up to this many sizes of a body in each direction; only the normalisation "image" notices;
    time_warp: locally slower or faster by up to this share, below 1; first and last frame stay;
    joint_dropout: probability of each joint of each person to be lost for a stretch of frames;
    flicker: of each to be lost in each frame; the share differs from sequence to sequence, up to this;
    frame_dropout: probability of each frame to show nobody;
    jitter: standard deviation of noise on every joint, in sizes of a body;
    mirror: probability of the mirror image, left and right joints swapped. It can be another class: see
        `mirrored_label`.

    A body's size is the joints' root mean square distance from their middle, about the length of a torso.
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
        _check_shares(self, "scale", "time_warp", "joint_dropout", "flicker", "frame_dropout", "mirror")
        if min(self.rotation, self.shift, self.jitter) < 0:
            raise ValueError(f"rotation, shift and jitter say how far to go to either side: 0 or more, got {self}")
        if max(self.scale, self.time_warp) >= 1:
            raise ValueError(f"scale and time_warp are below 1, or a body or a second would vanish, got {self}")

    def __call__(self, sequence: NDArray[Any], layout: Layout, rng: Random) -> NDArray[np.float32]:
        """sequence (C, T, V, M), the score last in C and absent joints zeros, to the same; not changed in place.

        Raises: ValueError where it is not of `layout`.
        """
        joints = _Joints(sequence, layout)
        if rng.random() < self.mirror:
            joints = _Joints(mirrored(sequence, layout), layout)
        points, score = self._moved(joints, rng), joints.score
        if self.time_warp:
            points, score = _resampled(points, score, _warp(len(score), self.time_warp, rng))
        if self.jitter:
            points = points + rng.normal(0, self.jitter * joints.size, points.shape)
        if self.joint_dropout:
            score = np.where(_lost_stretches(score.shape, self.joint_dropout, rng), 0, score)
        if self.flicker:
            score = np.where(rng.random(score.shape) < rng.uniform(0, self.flicker), 0, score)
        if self.frame_dropout:
            score = np.where(rng.random(len(score))[:, None, None] < self.frame_dropout, 0, score)
        return _sequence(points, score)

    def _moved(self, joints: _Joints, rng: Random) -> Floats:
        """Points (T, V, M, D) stretched, turned about the middle of the scene, and shifted."""
        if not (self.rotation or self.scale or self.shift):
            return joints.points
        axes = joints.points.shape[-1]
        stretch = rng.uniform(1 - self.scale, 1 + self.scale, axes)
        turn = _rotation(np.deg2rad(rng.uniform(-self.rotation, self.rotation, 1 if axes == 2 else 3)))
        shift = rng.uniform(-self.shift, self.shift, axes) * joints.size
        return (joints.points - joints.middle) * stretch @ turn.T + joints.middle + shift


def mirrored(sequence: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    """The mirror image of a sequence (C, T, V, M): x about the middle of the scene negated, left and right swapped."""
    joints = _Joints(sequence, layout)
    points = joints.points.copy()
    points[..., 0] = 2 * joints.middle[0] - points[..., 0]
    return _sequence(points, joints.score)[:, :, list(layout.mirror)]


def mirrored_label(classes: Sequence[str]) -> tuple[int | None, ...]:
    """For each class that of its mirror image: itself, the one with left and right swapped, or None for no class.

    Only an example whose class is its own mirror image may be mirrored at random. One of another may be added as a
    second example with the class given here; one with None must not be mirrored at all.
    """
    places = {name: number for number, name in enumerate(classes)}
    return tuple(places.get(_SIDE.sub(_other_side, name)) for name in classes)


@dataclass(frozen=True, kw_only=True)
class ClipAugment:
    """Changes a clip (C, T, H, W) of uint8, all its frames alike; 0 everywhere leaves it as it is.

    crop: a window of 1 - crop to 1 of the sides, anywhere, is enlarged to the whole;
    flip: probability of the horizontal mirror image, see `mirrored_label`;
    brightness: multiplied by 1 - brightness to 1 + brightness.
    """

    crop: float = 0.0
    flip: float = 0.0
    brightness: float = 0.0

    def __post_init__(self) -> None:
        _check_shares(self, "crop", "flip", "brightness")
        if self.crop >= 1:
            raise ValueError(f"crop is below 1, or nothing would be left of the picture, got {self.crop}")

    def __call__(self, clip: NDArray[np.uint8], rng: Random) -> NDArray[np.uint8]:
        """clip (C, T, H, W) uint8 to the same; not changed in place. Raises ValueError for anything else."""
        if clip.ndim != 4 or clip.dtype != np.uint8:
            raise ValueError(f"expected a clip (C, T, H, W) of uint8, got {clip.shape} {clip.dtype}")
        if rng.random() < self.flip:
            clip = clip[..., ::-1]
        if self.crop:
            side, start = rng.uniform(1 - self.crop, 1), rng.random(2)
            clip = _enlarged(_enlarged(clip, 2, side, start[0]), 3, side, start[1])
        if self.brightness:
            factor = np.float32(rng.uniform(1 - self.brightness, 1 + self.brightness))
            clip = np.clip(np.rint(clip * factor), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(clip)


# "left" as a word of its own, also in LeftArm and armLeft; l and r only where no letter is next to them.
_SIDE = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:[Ll]eft|[Rr]ight|LEFT|RIGHT)(?![a-z])|(?<![A-Za-z])[LlRr](?![A-Za-z])"
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


def _other_side(found: re.Match[str]) -> str:
    word = found.group()
    other = _OTHER[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _check_shares(record: object, *names: str) -> None:
    for name in names:
        if not 0 <= getattr(record, name) <= 1:
            raise ValueError(f"{name} is a share or a probability 0..1, got {getattr(record, name)}")


class _Joints:
    """A sequence (C, T, V, M) taken apart: points (T, V, M, D) and score (T, V, M), zeros where nothing was seen;
    middle (D,) of all that was seen, and the size of a body in it."""

    def __init__(self, sequence: NDArray[Any], layout: Layout) -> None:
        if sequence.ndim != 4 or sequence.shape[0] not in (3, 4) or sequence.shape[2] != len(layout):
            raise ValueError(
                f"expected raw {layout.name} joints (3 or 4, T, {len(layout)}, M) with the score last, got shape "
                f"{sequence.shape}. Augment before you normalise."
            )
        values = np.moveaxis(sequence, 0, -1).astype(np.float64)
        self.seen = np.isfinite(values).all(-1) & (values[..., -1] > 0)
        self.points = np.where(self.seen[..., None], values[..., :-1], 0)
        self.score = np.where(self.seen, values[..., -1], 0)
        self.middle: Floats = self.points.sum((0, 1, 2)) / max(1, self.seen.sum())

    @property
    def size(self) -> float:
        """Root mean square distance of the joints from the middle of their person in their frame."""
        count = np.maximum(self.seen.sum(1, keepdims=True), 1)[..., None]
        away = np.where(self.seen[..., None], self.points - self.points.sum(1, keepdims=True) / count, 0)
        return float(np.sqrt((away**2).sum() / max(1, self.seen.sum())))


def _sequence(points: Floats, score: Floats) -> NDArray[np.float32]:
    """(C, T, V, M) float32 of what `_Joints` took apart; joints of score 0 become zeros."""
    values = np.concatenate([np.where(score[..., None] > 0, points, 0), score[..., None]], -1)
    return np.ascontiguousarray(np.moveaxis(values, -1, 0), dtype=np.float32)


def _rotation(angles: Floats) -> Floats:
    """One angle: the matrix of the plane; three: about x, then y, then z."""
    turns = []
    for about, angle in enumerate(angles if len(angles) == 3 else [0.0, 0.0, angles[0]]):
        a, b = (axis for axis in range(3) if axis != about)
        turn = np.eye(3)
        turn[[a, b], [a, b]] = np.cos(angle)
        turn[b, a], turn[a, b] = np.sin(angle), -np.sin(angle)
        turns.append(turn)
    whole = turns[2] @ turns[1] @ turns[0]
    return whole if len(angles) == 3 else whole[:2, :2]


def _warp(frames: int, strength: float, rng: Random) -> Floats:
    """(T,) places in the original where the frames are taken: increasing, first and last stay."""
    knots = np.linspace(0, frames - 1, 5)
    speed = np.interp(np.arange(frames - 1) + 0.5, knots, rng.uniform(1 - strength, 1 + strength, 5))
    walked = np.concatenate([[0.0], np.cumsum(speed)])
    return walked * (frames - 1) / walked[-1] if frames > 1 else walked


def _resampled(points: Floats, score: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Points and score at `places` between frames; of a joint that only one neighbour shows, the nearer frame."""
    before = np.minimum(places.astype(int), max(0, len(score) - 2))
    after = np.minimum(before + 1, len(score) - 1)
    share = (places - before)[:, None, None]
    between = (score[before] > 0) & (score[after] > 0)
    share = np.where(between, share, np.rint(share))
    mixed = points[before] * (1 - share[..., None]) + points[after] * share[..., None]
    return mixed, score[before] * (1 - share) + score[after] * share


def _lost_stretches(shape: tuple[int, ...], probability: float, rng: Random) -> NDArray[np.bool_]:
    """(T, V, M) where joints are lost: with `probability` from one random frame to another."""
    frames = np.arange(shape[0])[:, None, None]
    ends = np.sort(rng.integers(0, shape[0], (2, *shape[1:])), 0)
    chosen = rng.random(shape[1:]) < probability
    return np.asarray(chosen & (ends[0] <= frames) & (frames <= ends[1]))


def _enlarged(clip: NDArray[np.uint8], axis: int, side: float, start: float) -> NDArray[np.uint8]:
    """A window of `side` of an axis, `start` of the way along what is left of it, brought to the axis' whole length."""
    length = clip.shape[axis]
    centres = (np.arange(length) + 0.5) * side + start * (1 - side) * length - 0.5
    before = np.clip(np.floor(centres).astype(int), 0, length - 1)
    after = np.minimum(before + 1, length - 1)
    share = np.clip(centres - before, 0, 1).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
    first, second = clip.take(before, axis), clip.take(after, axis)
    return np.rint(first * (1 - share) + second * share).astype(np.uint8)
