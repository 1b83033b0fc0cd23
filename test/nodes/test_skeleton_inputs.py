"""Bodies of one stamp are grouped from topics of their own, as REP-155 has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import header

from co_perception.nodes.skeleton_inputs import BodyFrame, BodySynchronizer


def at(seconds: float) -> Any:
    return SimpleNamespace(header=header(seconds))


@pytest.fixture
def bodies() -> BodySynchronizer:
    return BodySynchronizer(max_gap_s=1.0)


def stamps_and_ids(frames: list[BodyFrame]) -> list[tuple[float, str]]:
    return [(frame.stamp_ns / 1e9, "".join(sorted(frame.skeletons))) for frame in frames]


def test_a_frame_is_complete_with_everybody_who_is_tracked(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    assert bodies.add("b", at(1.0)) == []
    assert stamps_and_ids(bodies.add("a", at(1.0))) == [(1.0, "ab")]
    assert bodies.add("a", at(1.1)) == []
    assert stamps_and_ids(bodies.add("b", at(1.1))) == [(1.1, "ab")]


def test_a_later_stamp_ends_a_frame_from_which_somebody_is_missing(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    bodies.add("a", at(1.0))
    assert stamps_and_ids(bodies.add("a", at(1.1))) == [(1.0, "a")]
    assert stamps_and_ids(bodies.add("b", at(1.1))) == [(1.1, "ab")]


def test_bodies_heard_before_the_list_wait_for_the_next_stamp(bodies: BodySynchronizer) -> None:
    assert bodies.add("a", at(1.0)) == []
    assert bodies.add("b", at(1.0)) == []
    assert stamps_and_ids(bodies.add("a", at(1.1))) == [(1.0, "ab")]


def test_a_list_that_becomes_shorter_completes_the_frame(bodies: BodySynchronizer) -> None:
    bodies.track(["a", "b"], at(1.0).header)
    bodies.add("a", at(1.1))
    assert stamps_and_ids(bodies.track(["a"], at(1.1).header)) == [(1.1, "a")]


def test_nobody_in_sight_is_a_frame_too(bodies: BodySynchronizer) -> None:
    assert stamps_and_ids(bodies.track([], at(2.0).header)) == [(2.0, "")]


def test_what_comes_too_late_is_counted_and_never_goes_back_in_time(bodies: BodySynchronizer) -> None:
    bodies.track(["a"], at(1.0).header)
    assert stamps_and_ids(bodies.add("a", at(1.2))) == [(1.2, "a")]
    assert bodies.add("b", at(1.2)) == []
    assert bodies.add("b", at(1.1)) == []
    bodies.track(["a", "b"], at(1.3).header)
    bodies.add("a", at(1.3))
    assert bodies.add("b", at(1.25)) == []
    assert bodies.late == 3


def test_stamps_that_stay_behind_are_a_new_stream_whatever_gaps_are_allowed() -> None:
    """Or a recording of less than that, in a loop, would be late for ever."""
    bodies = BodySynchronizer(max_gap_s=60.0)
    for _ in range(3):
        bodies.track(["a"], at(0.0).header)
        given = [stamps_and_ids(bodies.add("a", at(n / 10))) for n in range(20)]
        assert given[2:] == [[(n / 10, "a")] for n in range(2, 20)]
    assert bodies.late == 4


def test_a_long_step_back_is_a_new_stream(bodies: BodySynchronizer) -> None:
    bodies.track(["a"], at(9.0).header)
    bodies.add("a", at(9.0))
    assert stamps_and_ids(bodies.add("a", at(3.0))) == [(3.0, "a")]
    assert bodies.late == 0
