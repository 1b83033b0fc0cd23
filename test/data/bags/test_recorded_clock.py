"""Annotations in seconds since the start of a recording lie where its frames are, whatever the clock does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from co_perception.data.annotations.intervals import Interval
from co_perception.data.bags.recorded_clock import MOST_PARTS, ClockPart, ClockReader, RecordedClock

S = 1_000_000_000
START = 1_700_000_000 * S


def read(offsets_s: Sequence[float]) -> RecordedClock:
    """One message a second, stamped so much after it is recorded."""
    reader = ClockReader(START)
    for n, offset_s in enumerate(offsets_s):
        reader.add(START + n * S + round(offset_s * S), START + n * S)
    return reader.clock


def relative(start_s: float, end_s: float, label: str, subject: str = "") -> Interval:
    return Interval(round(start_s * S), round(end_s * S), label, subject, relative=True)


def stamps(start_s: float, end_s: float, label: str, subject: str = "") -> Interval:
    return Interval(START + round(start_s * S), START + round(end_s * S), label, subject)


def test_stamps_of_another_clock_that_runs_on_are_one_part() -> None:
    clock = read([-60.0, -60.3, -60.1, -59.5, -59.2])
    assert clock.parts == (ClockPart(0, START - 60 * S, 5),)
    assert clock.stamped([relative(1, 3, "wave"), stamps(0, 1, "walk")]) == [
        stamps(-59, -57, "wave"),
        stamps(0, 1, "walk"),
    ]


def test_a_clock_that_runs_a_hundredth_too_fast_is_followed() -> None:
    """After ten minutes annotations lay six seconds beside what they name."""
    [found] = read([n / 100 for n in range(600)]).stamped([relative(550, 552, "wave")])
    assert abs(found.start_ns - START - round(555.5 * S)) <= S
    assert abs(found.end_ns - START - round(557.52 * S)) <= S


def test_stamps_ahead_for_a_time_cut_the_annotations_of_that_time() -> None:
    """faults/stamps_ahead: the first four are 71 minutes ahead."""
    clock = read([4260.0] * 4 + [0.0] * 10)
    assert clock.origin_ns == START
    assert clock.stamped([relative(0, 2, "wave"), relative(3, 6, "walk", "anna")]) == [
        stamps(4, 6, "walk", "anna"), stamps(4260, 4262, "wave"), stamps(4263, 4264, "walk", "anna"),
    ]  # fmt: skip


def test_at_stamps_that_repeat_the_first_annotation_holds() -> None:
    clock = read([0.0] * 10 + [-5.0] * 10)
    given = [relative(6, 9, "wave"), relative(11, 16, "walk"), relative(11, 14, "sit", "anna")]
    assert clock.stamped(given) == [stamps(6, 9, "wave"), stamps(6, 9, "sit", "anna"), stamps(9, 11, "walk")]


def test_of_clocks_that_alternate_the_one_with_most_messages_counts() -> None:
    clock = read([*[0.0] * 5, *[100.0, 0.0] * 200])
    assert len(clock.parts) == MOST_PARTS + 1
    assert clock.stamped([relative(1, 2, "wave")]) == [stamps(1, 2, "wave")]
    assert ClockReader(START).clock.origin_ns == START


@pytest.mark.parametrize("shift_s", [4260, -30])
def test_poses_are_labeled_by_when_they_were_recorded(tmp_path: Path, shift_s: int) -> None:
    pytest.importorskip("rosbags")
    from helpers.bag_writer import T0, Frame, Person, standing, write_bag

    from co_perception.data.bags.labeled_bags import bag_samples

    frames = [
        Frame(T0 + n * S // 10 + (shift_s * S if n < 40 else 0), [Person("p", standing(n))], log_ns=T0 + n * S // 10)
        for n in range(100)
    ]
    path = write_bag(tmp_path / "b", {"/skeletons": frames})
    samples, skipped = bag_samples([path], [relative(1, 3, "wave"), relative(6, 8, "walk")], "coco17", 10.0, 4, 4)
    assert not skipped
    found = {samples[i][1].description: samples[i][0].data[0, 0, 0, 0] for i in (0, len(samples) - 1)}
    assert set(found) == {"wave", "walk"}
    shown = sorted((samples[i][0].data[0, 0, 0, 0], samples[i][1].description) for i in range(len(samples)))
    assert [label for _, label in shown] == ["wave"] * 5 + ["walk"] * 5
    assert [x for x, _ in shown] == [10, 14, 18, 22, 26, 60, 64, 68, 72, 76]
