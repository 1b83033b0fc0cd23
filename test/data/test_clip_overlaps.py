"""Clips that show frames of others: left out, or never divided from them."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.data.clip_overlaps import joined_overlaps
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence

WHOLE = np.random.default_rng(0).uniform(1, 300, (3, 100, 17, 1)).astype(np.float32)


def clip(data: np.ndarray, name: str, group: str = "") -> Sample:
    return Sample(SkeletonSequence(data.astype(np.float32), "coco17", 30.0), 0, group=group or name, source=name)


def test_a_part_of_another_clip_is_taken_once_whatever_its_scores() -> None:
    part = WHOLE[:, 20:50] * np.array([1, 1, 0.5], np.float32)[:, None, None, None]
    samples, skipped = joined_overlaps(Samples([clip(WHOLE, "a"), clip(part, "b")], ("wave",)))
    assert [item.source for item in samples.items] == ["a"]
    assert list(skipped) == [("b", "30 of its 30 different frames are those of a: they are taken once")]


@pytest.mark.parametrize("by", ["group", "recording"])
def test_clips_that_share_some_frames_are_never_divided(by: str) -> None:
    others = [clip(np.random.default_rng(n).uniform(1, 9, (3, 60, 17, 1)), f"other {n}") for n in range(6)]
    overlapping = [clip(WHOLE[:, :60], "a"), clip(WHOLE[:, 40:], "b")]
    samples, skipped = joined_overlaps(Samples([*overlapping, *others], ("wave",)))
    assert len(samples) == 8 and "never divided from that one" in skipped.report()
    for seed in range(20):
        parts = samples.split(0.5, by=by, seed=seed)  # type: ignore[arg-type]
        assert any({"a", "b"} <= {item.source for item in part.items} for part in parts)


def test_a_still_figure_empty_frames_and_windows_of_one_take_are_no_copies() -> None:
    still, empty = np.ones((3, 40, 17, 1), np.float32), np.zeros((3, 40, 17, 1), np.float32)
    items = [clip(still, "a"), clip(still, "b"), clip(empty, "c"), clip(empty, "d")]
    items += [clip(WHOLE[:, :60], "e", "take"), clip(WHOLE[:, 20:], "f", "take")]
    samples, skipped = joined_overlaps(Samples(items, ("wave",)))
    assert len(samples) == 6 and not skipped
