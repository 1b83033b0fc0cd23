"""Frames are admitted by the instant they were taken."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.online.pacing import Pacer, Verdict

MS = 1_000_000


@pytest.mark.parametrize(("camera_hz", "model_hz"), [(60, 25), (30, 25), (50, 25), (30, 6), (25, 25), (24, 24)])
def test_the_model_gets_its_own_rate_whatever_the_camera_has(camera_hz: int, model_hz: int) -> None:
    seconds = 20
    pacer = Pacer(model_hz, max_gap_s=1.0)
    verdicts = [pacer.admit(round(1000 * i / camera_hz * MS)).verdict for i in range(seconds * camera_hz)]
    assert verdicts.count(Verdict.TAKE) == pytest.approx(seconds * model_hz, abs=2)


def test_jitter_below_half_a_tick_loses_nothing() -> None:
    jitter = np.random.default_rng(1).uniform(-15, 15, 200)
    jitter[0] = 0
    stamps = [40 * i + float(wobble) for i, wobble in enumerate(jitter)]
    pacer = Pacer(25.0, max_gap_s=1.0)
    admissions = [pacer.admit(1_000_000 * MS + round(stamp * MS)) for stamp in stamps]
    assert {admission.verdict for admission in admissions} == {Verdict.TAKE}
    assert [admission.tick for admission in admissions] == list(range(200))


def test_a_slow_camera_leaves_ticks_missing() -> None:
    pacer = Pacer(25.0, max_gap_s=1.0)
    assert [pacer.admit(i * 80 * MS).tick for i in range(10)] == list(range(0, 20, 2))


def test_at_rate_zero_every_newer_frame_is_a_tick() -> None:
    pacer = Pacer(0.0, max_gap_s=1.0)
    found = [pacer.admit(round(stamp * MS)) for stamp in (0, 1, 1, 900, 900.001)]
    assert [f.verdict for f in found] == [Verdict.TAKE, Verdict.TAKE, Verdict.DUPLICATE, Verdict.TAKE, Verdict.TAKE]
    assert [f.tick for f in found if f.verdict == Verdict.TAKE] == [0, 1, 2, 3]


@pytest.mark.parametrize("rate_hz", [0.0, 25.0])
def test_a_gap_or_a_step_back_ends_the_epoch(rate_hz: float) -> None:
    pacer = Pacer(rate_hz, max_gap_s=1.0)
    found = [pacer.admit(round(stamp * 1000) * MS) for stamp in (20.0, 20.04, 10.04, 10.08, 12.0, 13.0)]
    assert [admission.epoch for admission in found] == [0, 0, 1, 1, 2, 2]
    assert [admission.jump_s for admission in found] == [None, None, -10.0, None, 1.92, None]
    assert {admission.verdict for admission in found} == {Verdict.TAKE}


@pytest.mark.parametrize("rate_hz", [0.0, 25.0])
def test_a_frame_that_was_overtaken_is_late_and_changes_nothing(rate_hz: float) -> None:
    """faults/reordered: neighbors swapped once a second began eleven epochs in ten seconds."""
    order = list(range(300))
    for i in range(15, 299, 30):
        order[i : i + 2] = order[i + 1], order[i]
    pacer = Pacer(rate_hz, max_gap_s=1.0)
    found = [pacer.admit(10**18 + i * 1000 * MS // 30) for i in order]
    assert {admission.epoch for admission in found} == {0}
    assert [order[n] for n, each in enumerate(found) if each.verdict == Verdict.LATE] == list(range(15, 299, 30))
    inorder = Pacer(rate_hz, max_gap_s=1.0)
    rest = [inorder.admit(10**18 + i * 1000 * MS // 30) for i in sorted(set(order) - set(range(15, 299, 30)))]
    assert [each for each in found if each.verdict != Verdict.LATE] == rest


@pytest.mark.parametrize(("max_gap_s", "back_ms", "late"), [(1.0, 1000, True), (1.0, 1001, False), (0.3, 301, False)])
def test_a_larger_step_back_ends_the_epoch(max_gap_s: float, back_ms: int, late: bool) -> None:
    pacer = Pacer(25.0, max_gap_s)
    pacer.admit(5000 * MS)
    found = pacer.admit((5000 - back_ms) * MS)
    assert (found.verdict == Verdict.LATE, found.epoch) == (late, int(not late))


def test_a_short_recording_that_begins_anew_is_not_late_for_ever() -> None:
    """However long a gap may be: a bag of three seconds in a loop is a new stream each time, after two frames."""
    pacer = Pacer(10.0, max_gap_s=60.0)
    found = [pacer.admit(i * 100 * MS) for _ in range(3) for i in range(30)]
    late, taken = Verdict.LATE, Verdict.TAKE
    assert [each.verdict for each in found] == [taken] * 30 + ([late] * 2 + [taken] * 28) * 2
    assert found[-1].epoch == 2


@pytest.mark.parametrize("back_ms", [20, 100, 300, 900])
def test_a_clock_that_is_set_back_a_little_costs_two_frames_and_one_epoch_at_most(back_ms: int) -> None:
    """As NTP does. It lost every frame until the stamps had caught up."""
    pacer = Pacer(30.0, max_gap_s=1.0)
    found = [pacer.admit(round(n * 1000 / 30 - back_ms * (n >= 60)) * MS) for n in range(120)]
    assert [each.verdict for each in found].count(Verdict.LATE) <= 2
    assert found[-1].epoch == (back_ms > 100)


def test_an_early_frame_is_seen_though_not_taken() -> None:
    """A gap is measured from the newest frame seen, and a duplicate of a skipped frame is a duplicate."""
    pacer = Pacer(1.0, max_gap_s=0.6)
    verdicts = [pacer.admit(stamp * MS).verdict for stamp in (0, 400, 400, 900)]
    assert verdicts == [Verdict.TAKE, Verdict.EARLY, Verdict.DUPLICATE, Verdict.TAKE]
    assert pacer.epoch == 0


def test_restart_makes_the_next_frame_the_first() -> None:
    pacer = Pacer(25.0, max_gap_s=1.0)
    pacer.admit(5000 * MS)
    pacer.restart()
    admission = pacer.admit(5000 * MS)
    assert (admission.verdict, admission.epoch, admission.jump_s) == (Verdict.TAKE, 1, None)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="rate_hz"):
        Pacer(-1.0, 1.0)
    with pytest.raises(ValueError, match="max_gap_s"):
        Pacer(25.0, 0.0)
