"""Frames are admitted by the instant they were taken."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.learners.pacing import Pacer, Verdict

MS = 1_000_000


def taken(pacer: Pacer, stamps_ms: list[float]) -> list[int]:
    """Indices of the frames that are taken."""
    return [i for i, stamp in enumerate(stamps_ms) if pacer.admit(round(stamp * MS)).verdict == Verdict.TAKE]


@pytest.mark.parametrize(("camera_hz", "model_hz"), [(60, 25), (30, 25), (50, 25), (30, 6), (25, 25), (24, 24)])
def test_the_model_gets_its_own_rate_whatever_the_camera_has(camera_hz: int, model_hz: int) -> None:
    seconds = 20
    pacer = Pacer(model_hz, max_gap_s=1.0)
    count = len(taken(pacer, [1000 * i / camera_hz for i in range(seconds * camera_hz)]))
    assert count == pytest.approx(seconds * model_hz, abs=2)


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


def test_a_small_step_back_ends_the_epoch_too() -> None:
    pacer = Pacer(25.0, max_gap_s=1.0)
    assert [pacer.admit(stamp * MS).epoch for stamp in (1000, 1040, 1039)] == [0, 0, 1]


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
