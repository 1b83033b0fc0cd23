"""Whole bodies: whether enough of a person was found for a label of what the whole body does."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout

PARTS: tuple[str, ...] = ("shoulder", "elbow", "hip", "knee")
"""A trunk, an arm and a leg. Wrists and ankles are what estimators lose most."""


def whole(visible: NDArray[np.bool_], layout: Layout, needs: Sequence[str] = PARTS) -> NDArray[np.bool_]:
    """(...) whether people are whole: each part that is needed was found on one side at least, and one of them on each.

    So somebody in profile, whose far arm and leg are hidden, is whole; whom the border of a picture or a table cuts in
    half is not. Without needs everybody is.

    Args:
        visible: (..., V) which joints were found.
        layout: of the V joints.
        needs: names of joints without their side, such as "knee"; ValueError where the layout has no such pair.
    """
    if not needs:
        return np.ones(visible.shape[:-1], bool)
    sides = visible[..., _pairs(layout, tuple(needs))]  # (..., parts, left and right)
    return np.asarray(sides.any(-1).all(-1) & sides.any(-2).all(-1))


def check_parts(layout: Layout, needs: Sequence[str]) -> None:
    """Raises ValueError for a part that the layout does not have on both sides; it names those there are."""
    _pairs(layout, tuple(needs))


def parts_found(visible: NDArray[np.bool_], layout: Layout, needs: Sequence[str] = PARTS) -> NDArray[np.bool_]:
    """(..., parts) which parts were found on one side at least. Arguments and errors: `whole`."""
    return np.asarray(visible[..., _pairs(layout, tuple(needs))].any(-1))


@lru_cache(maxsize=64)
def _pairs(layout: Layout, needs: tuple[str, ...]) -> NDArray[np.intp]:
    """(parts, 2) numbers of the left and the right joint of each part."""
    known = [joint.removeprefix("left_") for joint in layout.joints if joint.startswith("left_")]
    if unknown := [part for part in needs if part not in known]:
        raise ValueError(f"{layout.name} has no left and right {unknown[0]!r}; it has {', '.join(known)}")
    pairs = [[layout.index(f"{side}_{part}") for side in ("left", "right")] for part in needs]
    return np.array(pairs, np.intp).reshape(-1, 2)
