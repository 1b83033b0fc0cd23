"""Appearance of a person: the colors of seven parts of the body, sampled along the bones between their joints.

Only points inside of the body are looked at, so that the room behind somebody says nothing about them. Of each part
there are two histograms with soft bins, of lightness and of chroma (CIELAB), which are compared by the Bhattacharyya
coefficient, as in Farenzena et al. (CVPR 2010, doi:10.1109/CVPR.2010.5539926), but with parts by joints. It needs no
network and takes less than a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Pixels
from co_perception.engine.target import Pose
from co_perception.skeletons.layouts import layout

Floats = NDArray[np.float64]

PARTS = ("head", "chest", "waist", "upper arms", "forearms", "thighs", "shins")
WEIGHTS = np.array([1.5, 1.5, 0.5, 1.0, 0.5, 1.0, 1.0])  # by how steady a part is from view to view of the same person
LEAST_WEIGHT = 0.5 * float(WEIGHTS.sum())  # of the parts in sight
LEAST_TORSO_PX = 12.0  # below that a limb is a pixel wide
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_PAIRS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_LIMB_HALVES = np.array([0.07, 0.05, 0.1, 0.06])  # of the width of upper arms, forearms, thighs, shins, in torsos
_ALONG = (np.arange(8) + 0.5) / 8
_LIGHTNESS_BINS, _CHROMA_BINS = 8, 9
_LARGEST_CHROMA = 60.0  # of a and b in the outermost bins
_TO_XYZ = np.array([
    (0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041),
])  # fmt: skip


@dataclass(frozen=True)
class Appearance:
    """What somebody looks like in one picture.

    roots: (P, B) square roots of the shares of a part's points by lightness and by chroma, so that the product of two
    rows is their Bhattacharyya coefficient; zeros for a part out of sight. weights: (P,) of the parts, 0 out of sight.
    """

    roots: Floats
    weights: Floats


def similarities(these: Sequence[Appearance], those: Sequence[Appearance]) -> Floats:
    """(N, M) similarity of each with each, 0..1: 1 for the same colors in all parts that are in sight in both; 0 where
    those are too few."""
    own, other = (np.stack([each.roots for each in some]).swapaxes(0, 1) for some in (these, those))
    own_weights, other_weights = (np.stack([each.weights for each in some]) for some in (these, those))
    weights = np.minimum(own_weights[:, None], other_weights)  # (N, M, P)
    total = weights.sum(-1)
    found = np.einsum("pnm,nmp->nm", own @ other.swapaxes(1, 2), weights) / np.maximum(total, 1e-9)
    return np.where(total >= LEAST_WEIGHT, found, 0.0)


def appearance(pixels: Pixels, pose: Pose) -> Appearance | None:
    """What the person of a pose [pixels] looks like in their picture (H, W, 3) RGB; None where less than half of them
    is in sight, or they are too small."""
    parts = _parts(pose)
    if parts is None:
        return None
    height, width = pixels.shape[:2]
    x, y = np.moveaxis(np.nan_to_num(np.floor(parts), nan=-1.0), -1, 0).astype(int)  # (P, N)
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    weights = np.where(inside.mean(1) >= 0.5, WEIGHTS, 0.0)
    if weights.sum() < LEAST_WEIGHT:
        return None
    colors = lab(pixels[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)])
    counts = inside * ((weights > 0) / np.maximum(inside.sum(1), 1))[:, None]
    lightness, chroma = colors[..., 0] / 100, colors[..., 1:] / _LARGEST_CHROMA
    bright = _soft(lightness, _LIGHTNESS_BINS)
    a, b = (_soft(_expanded(chroma[..., axis]), _CHROMA_BINS) for axis in (0, 1))
    shares = [
        np.einsum("pn,pni->pi", counts, bright),
        np.einsum("pn,pni,pnj->pij", counts, a, b).reshape(len(PARTS), -1),
    ]
    return Appearance(np.sqrt(np.concatenate(shares, 1) / 2), weights)


def lab(colors: NDArray[np.uint8]) -> Floats:
    """(..., 3) CIELAB of sRGB colors (..., 3) 0..255, for the white D65 (IEC 61966-2-1, ISO/CIE 11664-4)."""
    shares = colors / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    xyz = linear @ (_TO_XYZ / _TO_XYZ.sum(1, keepdims=True)).T  # white is (1, 1, 1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _expanded(chroma: Floats) -> Floats:
    """Chroma -1..1 as 0..1, so that bins are narrow about gray, where most clothes are."""
    return np.asarray(0.5 + 0.5 * np.sign(chroma) * np.sqrt(np.abs(chroma)))


def _soft(values: Floats, bins: int) -> Floats:
    """(..., bins) shares of each value 0..1 in the two nearest bins."""
    place = np.clip(values, 0, 1)[..., None] * (bins - 1)
    return np.maximum(1 - np.abs(place - np.arange(bins)), 0)


@lru_cache(maxsize=8)
def _numbers(name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of the joints of the head (5,), and of both sides' shoulders, elbows, wrists, hips, knees and ankles
    (6, 2), in a layout; -1 for one that it lacks."""
    names = layout(name).joints
    pairs = [[f"left_{joint}", f"right_{joint}"] for joint in _PAIRS]
    return tuple(np.vectorize(lambda n: names.index(n) if n in names else -1)(each) for each in (_HEAD, pairs))


def _parts(pose: Pose) -> Floats | None:
    """(P, 48, 2) points in each part of the body, NaN where it is not known; None without a torso of some size."""
    places = np.full((len(pose.data) + 1, 2), np.nan)  # the last one for joints that there are not
    places[:-1][pose.found] = pose.data[pose.found, :2]
    head, pairs = (places[numbers] for numbers in _numbers(pose.layout))
    shoulders, hips = pairs[0], pairs[3]
    neck, pelvis, face = _middle(shoulders), _middle(hips), _middle(head)
    breadth = float(np.nan_to_num(np.hypot(*(shoulders[0] - shoulders[1]))))
    length = max(float(np.hypot(*(pelvis - neck))), 1.2 * breadth)
    if not length >= LEAST_TORSO_PX:
        return None
    waist, half, up = (neck + pelvis) / 2, max(0.3 * breadth, 0.14 * length), 0.12 * (neck - pelvis)
    trunk = _strips(np.stack([face - up, neck, waist]), np.stack([face + up, waist, pelvis]),
                    np.array([0.12 * length, half, half]), 6)  # fmt: skip
    limbs = _strips(pairs[[0, 1, 3, 4]], pairs[[1, 2, 4, 5]], _LIMB_HALVES[:, None] * length, 3)
    return np.concatenate([trunk, limbs.reshape(4, -1, 2)])


def _middle(places: Floats) -> Floats:
    """(2,) the mean of those that are known; NaN without any."""
    known = places[np.isfinite(places[:, 0])]
    return known.mean(0) if len(known) else np.full(2, np.nan)


def _strips(begins: Floats, ends: Floats, halves: Floats, columns: int) -> Floats:
    """(..., 8 * columns, 2) points of a grid along each bone (..., 2), `halves` of its width to either side."""
    along = ends - begins
    across = np.stack([-along[..., 1], along[..., 0]], -1)
    across = across * (halves / np.maximum(np.hypot(across[..., 0], across[..., 1]), 1e-6))[..., None]
    sides = (np.arange(columns) + 0.5) / columns * 2 - 1
    grid = begins[..., None, None, :] + _ALONG[:, None, None] * along[..., None, None, :]
    grid = grid + sides[:, None] * across[..., None, None, :]
    return np.asarray(grid.reshape(*begins.shape[:-1], -1, 2))
