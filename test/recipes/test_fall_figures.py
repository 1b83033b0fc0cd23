"""Figures of falls: when somebody lies still is in the joints; what is told in time, and who is VALID, is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from co_perception.engine.target import Category, Pose, Status
from co_perception.engine.time import NANO
from recipes.everyday.drawing import RATE_HZ
from recipes.everyday.fall_figures import fall_row, falls_in, lies_still_at, lines
from recipes.everyday.video import Frame

LABELS = ("standing", "lying", "no_motion", "falling")
FELL_S, END_S = 2.0, 6.0  # the fall begins; the clip ends; the person lies a second after the beginning


def frames() -> list[Frame]:
    """Somebody who stands at (100, 100), goes down by 120 pixels in a second, and lies."""
    found = []
    for seconds in np.arange(0, END_S, 1 / RATE_HZ):
        share = float(np.clip(seconds - FELL_S, 0, 1))
        data = np.full((17, 3), (100.0, 100.0 + 120 * share, 1.0), np.float32)
        data[[11, 12], :2] += (60 * share, 60 * (1 - share))  # the torso
        found.append(Frame(round(seconds * NANO), (Pose(data, id="p1"),), (640, 480)))
    return found


def answers() -> Iterator[tuple[float, str, Category]]:
    """Of a model that sees it: not VALID in the last second."""
    for frame in frames():
        seconds = frame.stamp_ns / NANO
        lying, falling = float(seconds > FELL_S + 0.9), 0.9 * (FELL_S < seconds < FELL_S + 0.9)
        status = Status.VALID if seconds < END_S - 1 else Status.STALE
        for group, place, shares in (
            ("posture", int(lying), [1 - lying, lying, 0, 0]),
            ("motion", 2 + int(falling > 0.5), [0, 0, 1 - falling, falling]),
        ):
            values = np.array(shares, np.float32)
            yield seconds, "p1", Category(place, probabilities=values, status=status, group=group)


def test_a_person_lies_still_when_the_torso_stays_low() -> None:
    assert lies_still_at(frames(), FELL_S) == pytest.approx(FELL_S + 1, abs=0.2)
    assert lies_still_at(frames()[:20], FELL_S) == pytest.approx(19 / RATE_HZ)  # never: at the end


def test_a_fall_is_told_in_time_with_one_id_and_valid_for_as_long_as_it_was() -> None:
    row = fall_row("a.mp4", frames(), FELL_S, list(answers()), LABELS)
    assert row.reported_s == pytest.approx(FELL_S + 1.45, abs=0.15) and row.in_time and row.ids == 1
    assert row.valid == pytest.approx(2 / 3, abs=0.08)
    assert not replace(row, reported_s=None).in_time and not replace(row, reported_s=row.still_s + 1.1).in_time
    text = "\n".join(lines([row, replace(row, reported_s=None, ids=2)], {"b": (1, 2.0)}))
    assert "1 of 2" in text and "not told" in text and "b: 1 falls told in 2.0 minutes" in text


def test_without_falling_nothing_is_told() -> None:
    assert falls_in([each for each in answers() if each[2].group == "posture"], LABELS) == []
