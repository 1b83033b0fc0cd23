"""The spatial partition: published sums, directions, and a walk over the links as an independent count."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.skeletons.layouts import COCO17, LAYOUTS, NTU25, OPENPOSE18, Layout
from co_perception.skeletons.partition import spatial_partition


@pytest.mark.parametrize(
    ("skeleton", "sums"), [(OPENPOSE18, (18, 17, 12)), (NTU25, (25, 24, 20)), (COCO17, (17, 16, 11))]
)
def test_sums(skeleton: Layout, sums: tuple[int, ...]) -> None:
    assert np.allclose(spatial_partition(skeleton).sum((1, 2)), sums)


@pytest.mark.parametrize("skeleton", LAYOUTS.values(), ids=list(LAYOUTS))
def test_a_joint_takes_the_mean_of_its_neighbours(skeleton: Layout) -> None:
    x = np.random.default_rng(0).normal(size=(2, len(skeleton)))
    itself, inward, outward = (x @ kind for kind in spatial_partition(skeleton))
    assert np.allclose(itself, x)
    for joint in range(len(skeleton)):
        towards = [b for a, b in skeleton.links if a == joint]
        away = [a for a, b in skeleton.links if b == joint]
        for got, neighbours in ((inward, towards), (outward, away)):
            wanted = x[:, neighbours].mean(1) if neighbours else np.zeros(2)
            assert np.allclose(got[:, joint], wanted)
