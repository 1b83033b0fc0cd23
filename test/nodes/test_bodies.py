"""Bodies of one instant are gathered from topics of their own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy")

from std_msgs.msg import Header

from co_perception.nodes.bodies import Bodies, Gathering
from co_perception.nodes.messages import to_time


@dataclass
class Message:
    header: Header


def at(seconds: float) -> Message:
    return Message(Header(stamp=to_time(round(seconds * 1e9))))


def told(frames: list[Bodies]) -> list[tuple[float, str]]:
    return [(frame.stamp_ns / 1e9, "".join(sorted(frame.skeletons))) for frame in frames]


def test_a_frame_is_complete_with_everybody_who_is_tracked() -> None:
    gathering = Gathering(1.0)
    gathering.tracked(["a", "b"], at(1.0).header)
    assert gathering.take("b", at(1.0)) == []
    assert told(gathering.take("a", at(1.0))) == [(1.0, "ab")]
    assert gathering.take("a", at(1.1)) == []
    assert told(gathering.take("b", at(1.1))) == [(1.1, "ab")]


def test_a_later_stamp_ends_a_frame_from_which_somebody_is_missing() -> None:
    gathering = Gathering(1.0)
    gathering.tracked(["a", "b"], at(1.0).header)
    gathering.take("a", at(1.0))
    assert told(gathering.take("a", at(1.1))) == [(1.0, "a")]
    assert told(gathering.take("b", at(1.1))) == [(1.1, "ab")]


def test_bodies_heard_before_the_list_wait_for_the_next_stamp() -> None:
    gathering = Gathering(1.0)
    assert gathering.take("a", at(1.0)) == []
    assert gathering.take("b", at(1.0)) == []
    assert told(gathering.take("a", at(1.1))) == [(1.0, "ab")]


def test_a_list_that_becomes_shorter_completes_the_frame() -> None:
    gathering = Gathering(1.0)
    gathering.tracked(["a", "b"], at(1.0).header)
    gathering.take("a", at(1.1))
    assert told(gathering.tracked(["a"], at(1.1).header)) == [(1.1, "a")]


def test_nobody_in_sight_is_a_frame_too() -> None:
    assert told(Gathering(1.0).tracked([], at(2.0).header)) == [(2.0, "")]


def test_what_comes_too_late_is_counted_and_never_goes_back_in_time() -> None:
    gathering = Gathering(1.0)
    gathering.tracked(["a"], at(1.0).header)
    assert told(gathering.take("a", at(1.2))) == [(1.2, "a")]
    assert gathering.take("b", at(1.2)) == []
    assert gathering.take("b", at(1.1)) == []
    gathering.tracked(["a", "b"], at(1.3).header)
    gathering.take("a", at(1.3))
    assert gathering.take("b", at(1.25)) == []
    assert gathering.late == 3


def test_a_long_step_back_is_a_new_stream() -> None:
    gathering = Gathering(1.0)
    gathering.tracked(["a"], at(9.0).header)
    gathering.take("a", at(9.0))
    assert told(gathering.take("a", at(3.0))) == [(3.0, "a")]
    assert gathering.late == 0
