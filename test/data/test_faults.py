"""Faults on purpose: as large as they were asked for, the same every time, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stick_figures import person

from co_perception.data.bag_frames import Frame
from co_perception.data.faults import Fault, blurred
from co_perception.data.people_messages import Reading, sifted
from co_perception.engine.data import Image

PERIOD_NS = 33_333_333


def frames(count: int, read: Callable[[], Any] = lambda: None) -> list[Frame]:
    return [Frame(10**12 + n * PERIOD_NS, 10**12 + n * PERIOD_NS, read) for n in range(count)]


def stamps(fault: Fault, count: int = 3000) -> list[int]:
    return [frame.stamp_ns for frame in fault.spoil(frames(count))]


def test_nothing_is_done_unless_it_is_asked_for() -> None:
    source = frames(20)
    assert list(Fault(seed=7).spoil(source)) == source
    assert Fault(seed=7).name == "clean"


def test_a_share_of_the_frames_is_lost_and_a_larger_share_loses_them_too() -> None:
    few, many = set(stamps(Fault(drop=0.2))), set(stamps(Fault(drop=0.5)))
    assert len(few) / 3000 == pytest.approx(0.8, abs=0.03)
    assert len(many) / 3000 == pytest.approx(0.5, abs=0.03)
    assert many < few
    assert stamps(Fault(drop=0.2)) == sorted(few)
    assert set(stamps(Fault(drop=0.2, seed=1))) != few


def test_a_slower_camera_gives_the_first_frame_of_each_tick() -> None:
    kept = stamps(Fault(rate_hz=10), 300)
    assert len(kept) == 100
    ticks = [round((stamp_ns - 10**12) / 1e9 * 10 - 0.02) for stamp_ns in kept]
    assert ticks == sorted(set(ticks))
    assert stamps(Fault(rate_hz=100), 300) == stamps(Fault(), 300)


def test_stamps_tremble_and_keep_their_order() -> None:
    found = list(Fault(jitter_ms=15).spoil(frames(3000)))
    wrong = np.array([frame.told_ns - frame.stamp_ns for frame in found]) / 1e6
    assert wrong.std() == pytest.approx(15, rel=0.1)
    assert abs(wrong.mean()) < 2
    told = [frame.told_ns for frame in found]
    assert told == sorted(set(told))
    assert [frame.stamp_ns for frame in found] == stamps(Fault())
    wild = [frame.told_ns for frame in Fault(jitter_ms=1000).spoil(frames(100))]
    assert wild == sorted(set(wild))


def test_joints_tremble_with_the_size_of_their_person() -> None:
    small, large = person(100, size=10), person(500, size=40)
    small.data[3] = 0
    reading = sifted([p for p in (small,)], (640, 480))
    wrong: dict[float, list[np.ndarray]] = {10.0: [], 40.0: []}
    for seed in range(300):
        for size, pose in ((10.0, small), (40.0, large)):
            both = Reading([pose], reading.regions, [])
            (found,) = blurred(both, 0.02, np.random.default_rng(seed)).poses
            assert (found.id, found.confidence) == (pose.id, pose.confidence)
            np.testing.assert_array_equal(found.data[:, 2], pose.data[:, 2])
            wrong[size].append((found.data - pose.data)[pose.found, :2])
            assert not found.data[~pose.found].any()
    # From the eyes to the ankles somebody is 7.2 heads high.
    for size, each in wrong.items():
        assert np.concatenate(each).std() == pytest.approx(0.02 * 7.2 * size, rel=0.05)


def test_pictures_get_grain() -> None:
    grey = Image(np.full((40, 50, 3), 128, np.uint8), 5)
    found = blurred(grey, 0.05, np.random.default_rng(0))
    assert (found.data.dtype, found.stamp_ns) == (np.uint8, 5)
    assert (found.data - 128.0).std() == pytest.approx(0.05 * 255, rel=0.05)
    white = blurred(Image(np.full((8, 8, 3), 255, np.uint8), 0), 0.2, np.random.default_rng(0))
    assert white.data.max() == 255
    with pytest.raises(TypeError, match="str"):
        blurred("text", 0.1, np.random.default_rng(0))


def test_noise_is_drawn_for_each_frame_and_the_same_each_time() -> None:
    source = frames(2, lambda: sifted([person(100)], (0, 0)))
    one, other = ([frame.read().poses[0].data for frame in Fault(noise=0.01).spoil(source)] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_names_tell_what_is_wrong() -> None:
    assert Fault(drop=0.2, jitter_ms=15.0, rate_hz=10, noise=0.02, seed=3).name == (
        "rate_hz=10 drop=0.2 jitter_ms=15 noise=0.02"
    )


@pytest.mark.parametrize("wrong", [{"drop": 1.0}, {"drop": -0.1}, {"noise": -1.0}, {"rate_hz": -1}, {"seed": -1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**wrong)
