"""The one-euro filter, against the paper's own loop written out for one number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.stick_figures import person

from co_perception.engine.target import Pose
from co_perception.pose.smoothing import Smoother

TICK = 50_000_000


def at(x: float, id: str = "p1") -> Pose:
    return replace(person(x), id=id)


def one_euro(values: list[float], step_s: float, cutoff_hz: float, gain: float, size: float) -> list[float]:
    """Casiez, Roussel and Vogel, algorithm 1, with speeds in sizes of the person."""

    def alpha(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * step_s))

    x, speed, out = values[0], 0.0, [values[0]]
    for value in values[1:]:
        speed += alpha(1.0) * ((value - x) / step_s - speed)
        x += alpha(cutoff_hz + gain * abs(speed) / size) * (value - x)
        out.append(x)
    return out


def test_as_published() -> None:
    places = [100 + 20 * math.sin(tick / 3) + (tick % 3) for tick in range(30)]
    smoother = Smoother(1.5, 8.0)
    found = [smoother.smooth([at(x)], tick * TICK)[0].data[0, 0] for tick, x in enumerate(places)]
    height = 30 * 7.2  # from the eyes to the ankles of a stick figure
    assert found == pytest.approx(one_euro(places, 0.05, 1.5, 8.0, height), abs=1e-3)


def test_steady_at_rest_and_quick_in_motion() -> None:
    rng = np.random.default_rng(0)
    smoother = Smoother()
    places = 100 + rng.normal(0, 2, 60)
    still = [smoother.smooth([at(x)], tick * TICK)[0].data[0, 0] for tick, x in enumerate(places)]
    assert np.std(still[20:]) < 1.2
    moving = [smoother.smooth([at(100 + 20 * tick)], (100 + tick) * TICK)[0].data[0, 0] for tick in range(30)]
    assert 100 + 20 * 29 - moving[-1] < 20  # less than a frame late


def test_people_do_not_mix_and_the_lost_are_forgotten() -> None:
    smoother = Smoother()
    for tick in range(5):
        smoother.smooth([at(100, "p1"), at(500, "p2")], tick * TICK)
    smoother.forget(["p1"])
    one, two = smoother.smooth([at(300, "p1"), at(300, "p2")], 5 * TICK)
    assert one.data[0, 0] == 300
    assert 300 < two.data[0, 0] < 500


def test_joints_that_were_away_and_stamps_that_stand_or_jump() -> None:
    smoother = Smoother()
    smoother.smooth([at(100)], 0)
    hidden = at(100)
    hidden.data[9] = 0.0
    assert not smoother.smooth([hidden], TICK)[0].data[9].any()
    assert smoother.smooth([at(120)], 2 * TICK)[0].data[9, 0] < 120 + 30  # smoothed over the gap
    assert smoother.smooth([at(300)], 2 * TICK)[0].data[0, 0] == 300  # no time has passed: as it is
    assert smoother.smooth([at(900)], 100 * TICK)[0].data[0, 0] == 900  # too long ago
    assert smoother.smooth([at(50)], 0)[0].data[0, 0] == 50  # backwards
    assert smoother.smooth([hidden], TICK)[0].data[9].tolist() == [0, 0, 0]


@pytest.mark.parametrize("wrong", [dict(cutoff_hz=0.0), dict(speed_gain=-1.0)])
def test_options_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        Smoother(**wrong)
