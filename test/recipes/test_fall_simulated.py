"""Figures of simulated falls: people become poses of the node, and what is told is counted by kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from co_perception.engine.target import Category, Status
from co_perception.engine.time import NANO
from recipes.everyday import fall_simulated
from recipes.everyday.drawing import MOTION, POSTURE, RATE_HZ
from recipes.everyday.fall_simulated import PIXELS, SimulatedRow, frames_of, lines, row
from recipes.everyday.falls import FALLING, LIE, fall
from recipes.everyday.key_poses import Motion
from recipes.everyday.video import Frame

LABELS = ("standing", "lying", "no_motion", "falling")


def test_joints_of_a_camera_are_poses_in_pixels_and_lost_people_are_none() -> None:
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (3, 13, 3)).astype(np.float32)
    points[..., 2] = 1
    points[1] = 0
    points[2, 5] = 0
    first, lost, last = frames_of(points)
    joints = np.array(first.poses[0].data)
    assert not lost.poses and [frame.stamp_ns for frame in (first, lost)] == [round(NANO / 15), round(2 * NANO / 15)]
    np.testing.assert_allclose(joints[5, :2], points[0, 1, :2] * PIXELS + [320, 240], rtol=1e-5)  # left shoulder
    assert not joints[1:5].any() and not np.array(last.poses[0].data)[9].any()  # no eyes or ears; the left wrist


def test_a_fall_that_is_seen_is_told_once_it_lasts_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = fall(np.random.default_rng(3))
    told = motion.targets[::2]

    def seen(_: Any, frames: Sequence[Frame]) -> Iterator[tuple[float, str, Category]]:
        for frame, goals in zip(frames, told, strict=True):
            lying, falling = float(goals[POSTURE] == LIE), float(goals[MOTION] == FALLING)
            for group, place, shares in (
                ("posture", int(lying), [1 - lying, lying, 0, 0]),
                ("motion", 2 + int(falling), [0, 0, 1 - falling, falling]),
            ):
                values = np.array(shares, np.float32)
                yield (
                    frame.stamp_ns / NANO, "p1", Category(place, probabilities=values, status=Status.VALID, group=group)
                )  # fmt: skip

    monkeypatch.setattr(fall_simulated, "answered", seen)
    learner: Any = SimpleNamespace(labels=LABELS)
    found = row(learner, motion, np.random.default_rng(0))
    assert found.fall and found.told and found.delay_s == pytest.approx(0.5, abs=2 / RATE_HZ)
    calm = Motion("sit", motion.joints, np.zeros_like(motion.targets))
    told = calm.targets[::2]
    still = row(learner, calm, np.random.default_rng(0))
    assert not still.fall and not still.told and np.isnan(still.delay_s)


def test_rows_are_counted_by_how_a_fall_begins_and_by_kind_of_movement() -> None:
    rows = [
        SimulatedRow("trip while walking", True, True, 0.2),
        SimulatedRow("push while walking", True, False, float("nan")),
        SimulatedRow("push_ups", False, True, 1.0),
        SimulatedRow("sit", False, False, float("nan")),
    ]
    text = "\n".join(lines(rows))
    assert "walking 1 of 2" in text and "push_ups 1 of 1, sit 0 of 1" in text and "median 0.20 s" in text
