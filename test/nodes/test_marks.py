"""From keys to intervals."""

from __future__ import annotations

import pytest

from co_perception.data.annotations import Interval
from co_perception.nodes.marks import Marks, keys_of


def test_a_key_begins_and_the_next_one_the_same_or_space_ends() -> None:
    marks = Marks({"1": "wave", "2": "walk"})
    for key, at in [("1", 10), ("2", 20), ("x", 25), ("2", 30), ("1", 40), (" ", 50), (" ", 60), ("2", 70)]:
        marks.press(key, at)
    assert (marks.label, marks.since_ns) == ("walk", 70)
    ended = [Interval(10, 20, "wave"), Interval(20, 30, "walk"), Interval(40, 50, "wave")]
    assert marks.until(75) == [*ended, Interval(70, 75, "walk")]
    assert marks.until(70) == ended
    marks.stop(80)
    marks.stop(90)
    assert (marks.label, marks.until(100)) == ("", [*ended, Interval(70, 80, "walk")])


def test_a_key_pressed_twice_at_one_instant_marks_nothing() -> None:
    marks = Marks({"1": "wave"})
    marks.press("1", 5)
    marks.press("1", 5)
    assert marks.until(9) == []


def test_keys_as_they_are_written() -> None:
    assert keys_of("wave=1, sit down=s") == {"1": "wave", "s": "sit down"}
    assert keys_of("") == {}
    for wrong in ("wave", "wave=12", "=1", "wave= ", "wave=q"):
        with pytest.raises(ValueError, match="written as wave=1"):
            keys_of(wrong)
    with pytest.raises(ValueError, match="wave and for walk"):
        keys_of("wave=1,walk=1")
