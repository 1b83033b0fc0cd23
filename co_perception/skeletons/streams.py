"""The inputs of multi-stream networks: joints, bones, and the motion of either (Shi et al., 2s-AGCN, CVPR 2019, and
MS-AAGCN, TIP 2020)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.bones import bones
from co_perception.skeletons.layouts import Layout

Kind = Literal["joint", "bone", "motion", "bone_motion"]
KINDS: tuple[Kind, ...] = ("joint", "bone", "motion", "bone_motion")


def as_stream(sequence: NDArray[Any], kind: str, layout: Layout) -> NDArray[Any]:
    """A normalised sequence (C, T, V, M) as joints, bones, or the motion of joints or bones, in the same shape.

    Raises: ValueError for another kind, or joints that are not of `layout`.
    """
    if kind not in KINDS:
        raise ValueError(f"no stream {kind!r}; there are: {', '.join(KINDS)}")
    if sequence.ndim != 4 or sequence.shape[2] != len(layout):
        raise ValueError(f"expected a {layout.name} sequence (C, T, {len(layout)}, M), got shape {sequence.shape}")
    chosen = bones(sequence, layout) if kind.startswith("bone") else sequence
    return _motion(chosen, sequence) if kind.endswith("motion") else chosen


def _motion(values: NDArray[Any], joints: NDArray[Any]) -> NDArray[Any]:
    """What was added since the frame before; zeros in the first.

    Causal: the published data takes the frame after, so it has the same values one frame earlier. A joint that comes or
    goes has not moved: without this a lost wrist would be the fastest motion of all.
    """
    moved = np.zeros_like(values)
    moved[:, 1:] = values[:, 1:] - values[:, :-1]
    there = (joints != 0).any(0)
    moved[:, 1:] *= there[1:] & there[:-1]
    return moved
