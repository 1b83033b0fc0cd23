"""The graph of a layout as matrices: what the graph convolutions of the published networks multiply with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout, Pairs


def spatial_partition(layout: Layout) -> NDArray[np.float64]:
    """(3, V, V): each joint itself, its neighbours by inward links, its neighbours by outward links.

    Entry [p, v, w] is what joint v gives to joint w, in a frame x (..., V) as `x @ A[p]`. A link (i, j) sets A[j, i];
    each column is divided by its sum. As in 2s-AGCN (Shi et al., CVPR 2019) and all networks here. Not the 'spatial'
    strategy of the ST-GCN paper, which normalises before it parts joints by distance to the centre: weights trained
    with one are wrong with the other.
    """
    inward = _matrix(layout.links, len(layout))
    return np.stack([np.eye(len(layout)), _columns_to_one(inward), _columns_to_one(inward.T)])


def _matrix(links: Pairs, joints: int) -> NDArray[np.float64]:
    matrix = np.zeros((joints, joints))
    for joint, towards in links:
        matrix[towards, joint] = 1
    return matrix


def _columns_to_one(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns divided by their sums; columns of zeros stay."""
    sums = matrix.sum(0)
    return np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
