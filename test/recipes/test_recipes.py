"""The recipes: training and test sets are disjoint, augmentation is reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.skeletons.layouts import layout
from recipes import exercises, motions, poses


def stretches() -> Samples:
    rng = np.random.default_rng(0)
    classes = ("Tree_left", "Tree_right", "MilitarySalute", "T")
    items = []
    for number, frames in enumerate((5, 60, 16, 30, 23, 24, 40, 18)):
        joints = np.concatenate([rng.normal(size=(2, frames, 25, 1)), np.ones((1, frames, 25, 1))])
        data = SkeletonSequence(joints.astype(np.float32), "body25", 15.0)
        items.append(Sample(data, number % 4, group=f"{number}", source=f"{number}"))
    return Samples(items, classes)


def test_pieces_cover_every_stretch_and_stay_in_it() -> None:
    samples = stretches()
    pieces = poses.pieces(samples)
    assert {item.group for item in pieces.items} == {item.group for item in samples.items}
    assert max(clip.data.shape[1] for clip, _ in pieces) == 24
    assert sum(item.group == "1" for item in pieces.items) == 5  # (60 - 24) / 8 + 1


def test_mirror_images_change_side_and_signals_with_one_arm_have_none() -> None:
    samples = stretches()
    both = poses.both_sides(samples)
    assert both.counts() == {"Tree_left": 4, "Tree_right": 4, "MilitarySalute": 2, "T": 4}
    image = next(item for item in both.items if item.source == "0 mirrored")
    assert (both.classes[image.label], image.group) == ("Tree_right", "0")
    left, right = (layout("body25").index(f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_allclose(image.read().data[1, :, left], samples[0][0].data[1, :, right], rtol=1e-6)


def test_joints_are_lost_in_the_share_that_is_said() -> None:
    clip = stretches()[1][0]
    retained = poses.without_joints(clip, 0.2, 0).data[2] > 0
    assert retained.mean() == pytest.approx(0.8, abs=0.03)
    again = poses.without_joints(clip, 0.2, 0)
    np.testing.assert_array_equal(retained, again.data[2] > 0)


def test_unseen_directions_are_not_drawn() -> None:
    rng = np.random.default_rng(0)
    azimuths = np.abs([motions.camera([2, 7], rng).azimuth for _ in range(300)])
    bands = (azimuths // 18).astype(int)
    assert set(bands) == {2, 7}
    one, other = (motions.view("walk", (2,), None, (1, 2, 3)) for _ in range(2))
    np.testing.assert_array_equal(one.data, other.data)


def test_a_varied_window_is_near_its_recording_and_the_same_each_time() -> None:
    rows = np.cumsum(np.random.default_rng(0).normal(0, 0.05, (300, 6)), 0).astype(np.float32)
    one, other = (exercises.varied(rows, (4, 2)) for _ in range(2))
    np.testing.assert_array_equal(one.data, other.data)
    assert one.data.shape == (100, 6) and one.rate_hz == 25.0
    # Turning the watch keeps the length of what it measures, up to noise and strength.
    lengths, known = (np.linalg.norm(values[:, :3], axis=1) for values in (one.data, rows))
    assert known.min() * 0.6 < lengths.mean() < known.max() * 1.6
