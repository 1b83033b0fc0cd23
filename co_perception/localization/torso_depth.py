"""Depth of a person's torso in a registered depth picture, where other surfaces and holes are in the same pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.depth_image import DepthImage
from co_perception.localization.torso import Torso

Floats = NDArray[np.float64]

SHARE = 0.7  # of the torso's length and width that is looked at: its edges are arms, clothes and what is behind
_NEIGHBORS = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])


@dataclass(frozen=True)
class TorsoDepthModel:
    """What of the depths within a torso is believed.

    Args:
        window_m: depth of a torso, leaning included; measurements within it are of one surface [m].
        least_share: of all pixels that are looked at, which the surface must have.
        least: pixels that it must have.
        tolerance: how far the distance by body lengths is off, as a logarithm: of several surfaces the one near it is
            taken, rather than the one with the most pixels.
        farthest: share of the distance by body lengths beyond which a surface is behind the person. People who bend
            or lie look farther away than they are, never nearer, but for those larger than expected.
        behind: how much less than for the most likely surface has to speak for one behind it, which that one hides.
        reach_m: how far joints are in front of the torso's surface or behind it [m].
    """

    window_m: float = 0.25
    least_share: float = 0.1
    least: int = 8
    tolerance: float = 0.2
    farthest: float = 1.45
    behind: float = 0.3
    reach_m: float = 0.2


@dataclass(frozen=True)
class TorsoDepth:
    """The surface of a torso: depth along the optical axis at its middle [m], and its deviation [m]."""

    depth: float
    deviation: float


def torso_depth(
    torso: Torso, joints: Floats, depth: DepthImage, expected: float | None, model: TorsoDepthModel
) -> TorsoDepth | None:
    """The depth of a torso's surface; None where no surface can be the person's.

    Args:
        torso: in pixels of the depth picture.
        joints: (N, 2) those found, in pixels of it: the surface that most of them are near is the person's.
        depth: the picture.
        expected: distance by body lengths [m]; None: not known.
        model: settings.
    """
    pixels = around(torso.points(share=SHARE), max(1, round(torso.length / 60)))
    depths = depth.at(pixels)
    measured = np.isfinite(depths)
    found = depths[measured]
    if len(found) < model.least:
        return None
    near = np.sort(patch_depths(depth, joints, 1))
    nearest = _best_window(np.sort(found), near[np.isfinite(near)], expected, model)
    inside = (found >= nearest) & (found <= nearest + model.window_m)
    values = found[inside]
    if math.isnan(nearest) or len(values) < max(model.least, model.least_share * len(depths)):
        return None
    middle = torso.middle
    along, aside = torso.axes
    places = (pixels[measured][inside] - middle) @ np.stack([along, aside], 1)
    return _at_middle(values, places / (SHARE * torso.length))


def around(places: Floats, step: int) -> NDArray[np.intp]:
    """(5 N, 2) the pixels at places (N, 2), and four beside each."""
    return np.asarray((np.rint(places).astype(np.intp)[:, None] + step * _NEIGHBORS).reshape(-1, 2))


def patch_depths(depth: DepthImage, places: Floats, step: int) -> Floats:
    """(N,) median depth of five pixels at each place (N, 2) [m]; NaN where none was measured."""
    values = np.sort(depth.at(around(places, step)).reshape(-1, len(_NEIGHBORS)), axis=1)  # NaN come last
    count = np.isfinite(values).sum(1)
    return np.take_along_axis(values, np.maximum(count - 1, 0)[:, None] // 2, 1)[:, 0]


def _best_window(depths: Floats, joints: Floats, expected: float | None, model: TorsoDepthModel) -> float:
    """Where the window of depths begins that most measurements and joints lie in, near to what is expected; NaN where
    all are too far away. All are sorted."""
    ends = np.searchsorted(depths, depths + model.window_m, "right")
    counts = (ends - np.arange(len(depths))).astype(np.float64)
    middles = depths[(np.arange(len(depths)) + ends - 1) // 2]
    if len(joints):
        within = np.searchsorted(joints, depths + model.window_m + model.reach_m, "right")
        within -= np.searchsorted(joints, depths - model.reach_m, "left")
        counts *= 0.1 + within / len(joints)
    if expected is not None:
        off = np.log(middles / expected)
        counts /= 1 + (off / model.tolerance) ** 2
        counts[off > math.log(model.farthest)] = 0
    best = int(np.argmax(counts))  # of equal ones the nearest
    if counts[best] <= 0:
        return math.nan
    # What is in front of a torso hides it, but nothing behind it shows through.
    behind = depths > depths[best] + model.window_m
    farther = int(np.argmax(np.where(behind, counts, 0)))
    if counts[farther] > model.behind * counts[best] and behind[farther]:
        best = farther
    return float(depths[best])


def _at_middle(values: Floats, places: Floats) -> TorsoDepth:
    """The median of a surface; where the body leans, that of a line along it at its middle.

    Args:
        values: (n,) depths [m].
        places: (n, 2) along the torso and across, -0.5..0.5.
    """
    median = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - median))), 0.005)
    deviation = spread / math.sqrt(len(values) / len(_NEIGHBORS))
    along = places[:, 0]
    if len(values) < 40 or np.ptp(along) < 0.5:
        return TorsoDepth(median, deviation)
    offset = float(np.mean(along))
    centered = along - offset
    slope = float(centered @ (values - median)) / float(centered @ centered)
    return TorsoDepth(float(np.clip(median - slope * offset, values.min(), values.max())), deviation)
