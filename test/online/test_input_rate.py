"""Input slower than a label needs is told, with the rate that would do, and its copies are no real input."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.drawn_people import Figure

from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.online.input_rate import InputRate
from co_perception.online.pacing import Pacer, Verdict
from co_perception.online.people import People

SECOND = 1_000_000_000


def measured(hz: float, seconds: float = 6.0, gaps: tuple[float, ...] = ()) -> InputRate:
    rate, at = InputRate(15.0, 0.75, 1.0), 0.0
    while at < seconds:
        rate.note(10**18 + round(at * SECOND))
        gap = next((gap for gap in gaps if at <= gap < at + 1 / hz), None)
        at += 1 / hz if gap is None else 3.0
    return rate


@pytest.mark.parametrize(("hz", "slow"), [(30, False), (15, False), (11.25, False), (10.5, True), (5, True), (2, True)])
def test_the_warning_says_both_rates(hz: float, slow: bool) -> None:
    rate = measured(hz)
    assert rate.hz == pytest.approx(hz, rel=1e-6) and bool(rate.warning) == slow
    if slow:
        assert f"Frames come at {hz:.3g} Hz" in rate.warning and "at least 11.2 Hz" in rate.warning


def test_frames_further_apart_than_any_gap_are_slow_too() -> None:
    assert "Frames come at 0.5 Hz" in measured(0.5, 40).warning


def test_pauses_and_a_few_frames_are_no_rate() -> None:
    assert not measured(15, 12, (2.0, 7.0)).first_warning and measured(2, 3).hz is None


def test_the_first_warning_stays_and_the_present_one_goes() -> None:
    rate = measured(5)
    for step in range(1, 60):
        rate.note(10**18 + 10 * SECOND + step * SECOND // 15)
    assert not rate.warning and "at 5 Hz" in rate.first_warning


def test_a_network_without_a_clock_of_its_own_has_no_slow_input() -> None:
    rate = InputRate(0.0, 0.75, 1.0)
    for step in range(20):
        rate.note(step * SECOND)
    assert not rate.first_warning


@pytest.mark.parametrize(("hz", "real", "status"), [(15, 16, "VALID"), (12, 13, "VALID"), (5, 6, "WARMING_UP"),
                                                    (2, 3, "WARMING_UP")])  # fmt: skip
def test_low_rate(hz: int, real: int, status: str) -> None:
    """The fault low_rate: at 2 Hz 13 of 15 inputs were copies, and progress was 1.0, VALID, without a warning."""
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load("costgcn_short_poses")
    people, pacer, figure = People(learner), Pacer(15, 1.0), Figure("stand", 3)
    for step in range(5 * hz):
        stamp_ns = 10**18 + round(step / hz * SECOND)
        admission = pacer.admit(stamp_ns)
        assert admission.verdict is Verdict.TAKE
        joints = figure.frame(step / hz)[:, [0, 1, 3]]
        [answer] = people.answer([Pose(joints, id="p")], stamp_ns, admission.epoch, admission.tick)
    assert answer.category.progress <= real / 16 and answer.category.status.name == status


def test_a_clip_that_is_too_slow_is_no_real_input() -> None:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load("costgcn_short_poses")
    joints = np.stack([Figure("stand", 3).frame(step / 5)[:, [0, 1, 3]] for step in range(20)])
    data = np.ascontiguousarray(joints.transpose(2, 0, 1)[..., None])
    (slow,) = learner.infer(SkeletonSequence(data, rate_hz=5.0))
    assert slow.progress == pytest.approx(1 / 3) and slow.status == Status.WARMING_UP
