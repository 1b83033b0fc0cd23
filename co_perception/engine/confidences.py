"""Confidences of joints in any scale: which joints of a person were found, and their scores as shares of 1.

Estimators give probabilities, percent, bytes (0..255), log-odds, or nothing at all. A network is shown the same person
whatever the scale is: only the order of the scores within one person, and their zeros, mean something.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.coordinates import PIXELS, SHARES

Joints = NDArray[np.floating[Any]]

MIN_SHARE = 0.1  # of the person's best score; a joint below it was not found
# Heat maps that are interpolated leave 0..1 by a little. Log-odds of more than 16 are a 1 in float32, and in percent or
# bytes the best joint of a person has more.
HIGHEST_SHARE, HIGHEST_UNDERSHOOT, HIGHEST_LOG_ODDS = 1.5, 0.5, 16.0
LONGEST_ARM = 1.0  # [m] median distance of joints from the origin beyond which no joint of the person lies there


def claimed(joints: Joints, coordinates: str) -> NDArray[np.bool_]:
    """(..., V) whether the scores and places (..., V, 3 or 4) claim that a joint was found; its place may be NaN.

    A joint was found whose score is at least `MIN_SHARE` of the best one of its person in this frame. Where no score
    says anything (all 0, all -1, all NaN), the estimator has no confidences, and every joint was found that has a
    finite place. The origin is no place: of a picture it is the corner where YOLO, OpenPose and others put hidden
    joints; in metres it is the camera or the robot, unless the person's other joints are around it.
    """
    return _examined(joints, coordinates)[1]


def found(joints: Joints, coordinates: str) -> NDArray[np.bool_]:
    """(..., V) which joints were found: those that `claimed` tells and that have a finite place."""
    return _examined(joints, coordinates)[2]


def rescaled(joints: Joints, coordinates: str) -> Joints:
    """A copy with scores as shares of 1, and zeros for joints that were not found; an unknown score becomes 1."""
    return rescaled_and_claimed(joints, coordinates)[0]


def rescaled_and_claimed(joints: Joints, coordinates: str) -> tuple[Joints, NDArray[np.bool_]]:
    """What `rescaled` and `claimed` give."""
    shares, claims, visible = _examined(joints, coordinates)
    values = np.where(visible[..., None], joints, 0).astype(joints.dtype, copy=False)
    values[..., -1] = np.where(visible, np.where(shares > 0, shares, 1), 0)
    return values, claims


def _examined(joints: Joints, coordinates: str) -> tuple[Joints, NDArray[np.bool_], NDArray[np.bool_]]:
    """(..., V) scores as shares of 1, which joints are claimed, and which of these have a finite place."""
    shares = _shares(joints[..., -1])
    placed = ~_at_origin(joints, coordinates)
    best = np.where(placed, shares, 0).max(-1, keepdims=True, initial=0)
    finite = np.isfinite(joints[..., :-1]).all(-1)
    claims = np.asarray(placed & np.where(best > 0, (shares > 0) & (shares >= MIN_SHARE * best), finite))
    return shares, claims, np.asarray(claims & finite)


def _shares(scores: Joints) -> Joints:
    """(..., V) scores of people as shares of 1; 0 where a score says nothing. The scale is that of each person."""
    if not scores.size or (scores.min() >= 0 and scores.max() <= HIGHEST_SHARE):  # false for NaN
        return scores
    known = np.where(np.isfinite(scores), scores, 0)
    # -1 beside shares marks a joint that was not found; beside log-odds it is one of them.
    highest, lowest = known.max(-1, keepdims=True, initial=0), known.min(-1, keepdims=True, initial=0)
    marked = (highest <= HIGHEST_SHARE) & (lowest == -1) & ~((known < 0) & (known > -1)).any(-1, keepdims=True)
    negative = (lowest < -HIGHEST_UNDERSHOOT) & ~marked
    log_odds = negative | ((highest > HIGHEST_SHARE) & (highest <= HIGHEST_LOG_ODDS))
    scale = np.select([highest <= HIGHEST_SHARE, highest <= 100, highest <= 255], [1.0, 100.0, 255.0], highest)
    odds = 1 / (1 + np.exp(-np.clip(known, -50, 50)))
    stated = np.isfinite(scores) & ((known != 0) | negative)
    return np.asarray(np.where(log_odds, np.where(stated, odds, 0), known.clip(min=0) / scale), scores.dtype)


def _at_origin(joints: Joints, coordinates: str) -> NDArray[np.bool_]:
    """(..., V) whether a joint lies where no joint of the person can be."""
    if coordinates in (PIXELS, SHARES):
        return np.asarray(~joints[..., :2].any(-1))
    places = joints[..., :-1]
    there = ~places.any(-1)
    if not there.any():
        return np.asarray(there)
    away = np.linalg.norm(np.where(np.isfinite(places), places, 0), axis=-1)
    others = np.where(there, np.nan, away)
    nobody = there.all(-1, keepdims=True)
    with np.errstate(all="ignore"):
        median = np.nanmedian(np.where(nobody, np.inf, others), axis=-1, keepdims=True)
    return np.asarray(there & (median > LONGEST_ARM))
