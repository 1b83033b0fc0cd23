"""Bones from joints: the second stream of the two-stream networks (2s-AGCN, Shi et al., CVPR 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout


def bones(joints: NDArray[Any], layout: Layout, *, axis: int = -2) -> NDArray[Any]:
    """Each joint minus the joint that its bone starts from, in the shape of `joints`; zero for a joint without one.

    axis: of the V joints; -2 for the networks' (C, T, V, M). Every channel is subtracted, a third one with scores
    included, as the published data has it.
    """
    if joints.shape[axis] != len(layout):
        raise ValueError(
            f"{layout.name} has {len(layout)} joints, axis {axis} of shape {joints.shape} has {joints.shape[axis]}. "
            "Name the axis of the joints: axis=..."
        )
    return joints - np.take(joints, np.array(layout.bone_starts), axis=axis)
