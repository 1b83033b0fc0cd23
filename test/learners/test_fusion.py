"""Means worked out by hand, and frames joined whatever order they come in."""

from __future__ import annotations

from random import Random

import pytest

from co_perception.learners.fusion import NANO, Joined, Joiner, fuse

KNOWN = {"video": {"walk", "wave", "run"}, "skeleton": {"walk", "squat"}}
EVEN = {"video": 1.0, "skeleton": 1.0}


def test_a_label_both_know_gets_the_weighted_mean() -> None:
    scores = {"video": {"walk": 0.6}, "skeleton": {"walk": 0.2}}
    assert fuse(scores, KNOWN, EVEN)["walk"] == pytest.approx(0.4)
    assert fuse(scores, KNOWN, {"video": 3.0, "skeleton": 1.0})["walk"] == pytest.approx(0.5)


def test_who_knows_a_label_and_does_not_name_it_says_no() -> None:
    scores = {"video": {"run": 0.9}, "skeleton": {"walk": 0.8}}
    assert fuse(scores, KNOWN, EVEN) == pytest.approx({"run": 0.9, "walk": 0.4})


def test_the_best_comes_first_and_the_unheard_has_no_say() -> None:
    scores = {"video": {"run": 0.3}, "skeleton": {"squat": 0.8}}
    assert list(fuse(scores, KNOWN, EVEN)) == ["squat", "run"]
    assert fuse(scores, KNOWN, {"video": 1.0}) == pytest.approx({"run": 0.3})
    assert fuse({}, KNOWN, EVEN) == {}


def test_a_frame_goes_out_when_both_have_spoken() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=1.0)
    assert joiner.put("a", 10, "a10", 0.0) == []
    assert joiner.put("b", 10, "b10", 0.1) == [Joined(10, {"a": "a10", "b": "b10"})]


def test_a_complete_frame_takes_along_what_came_before_it() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=9.0)
    joiner.put("a", 10, "a10", 0.0)
    joiner.put("a", 20, "a20", 0.0)
    assert [j.stamp_ns for j in joiner.put("b", 20, "b20", 0.1)] == [10, 20]
    assert joiner.put("b", 10, "b10", 0.2) == []
    assert joiner.late == 1


def test_nobody_waits_for_ever() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=0.5)
    joiner.put("a", 10, "a10", 0.0)
    assert joiner.overdue(0.4) == []
    assert joiner.overdue(0.5) == [Joined(10, {"a": "a10"})]


def test_what_waits_is_bounded() -> None:
    joiner: Joiner[int] = Joiner(("a", "b"), max_wait_s=9.0, most=4)
    told = [j for stamp in range(100) for j in joiner.put("a", stamp, stamp, 0.0)]
    assert [j.stamp_ns for j in told] == list(range(96))


def test_a_second_round_of_the_same_stamps_begins_anew() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=9.0)
    for stamp in range(0, 10 * NANO, NANO):
        joiner.put("a", stamp, "", 0.0)
        joiner.put("b", stamp, "", 0.0)
    assert joiner.put("a", 0, "again", 1.0) == []
    assert joiner.put("b", 0, "again", 1.0) == [Joined(0, {"a": "again", "b": "again"})]
    assert joiner.late == 0


def test_one_that_is_gone_holds_up_nobody_after_a_jump() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=0.5)
    joiner.put("b", 99 * NANO, "last words", 0.0)
    told = [j for i in range(10) for j in joiner.put("a", i * NANO, "", 0.1 * i)]
    assert [j.stamp_ns // NANO for j in told + joiner.overdue(2.0)] == [99, *range(10)]
    assert joiner.late == 0


def test_one_that_is_far_behind_is_late_and_not_a_jump() -> None:
    """A recogniser that waits for its processor for seconds: the others have spoken of those frames long since."""
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=0.5)
    joiner.put("a", 0, "", 0.0)
    told = [j.stamp_ns for i in range(10) for j in joiner.put("b", i * NANO, "", 1.0 * i)]
    told += [j.stamp_ns for i in range(1, 6) for j in joiner.put("a", i * NANO, "", 9.0)]
    told += [j.stamp_ns for j in joiner.put("b", 10 * NANO, "", 10.0) + joiner.put("a", 10 * NANO, "", 10.0)]
    assert [stamp // NANO for stamp in told] == [*range(11)]
    assert joiner.late == 5


def test_what_is_still_said_of_the_stream_before_a_jump_holds_up_nobody() -> None:
    joiner: Joiner[str] = Joiner(("a", "b"), max_wait_s=0.5)
    for stamp in (98, 99):
        joiner.put("a", stamp * NANO, "", 0.0)
        joiner.put("b", stamp * NANO, "", 0.0)
    told = joiner.put("a", 0, "", 1.0) + joiner.put("b", 100 * NANO, "last words", 1.1) + joiner.put("b", 0, "", 1.2)
    assert told == [Joined(100 * NANO, {"b": "last words"}), Joined(0, {"a": "", "b": ""})]
    assert joiner.put("b", NANO, "", 2.0) + joiner.put("a", NANO, "", 2.0) == [Joined(NANO, {"a": "", "b": ""})]
    assert joiner.late == 0


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_order_every_frame_is_told_once_and_in_order(seed: int) -> None:
    random = Random(seed)
    said = [(name, stamp) for stamp in range(50) for name in "ab" if random.random() > 0.2]
    said.sort(key=lambda item: item[1] + random.uniform(0, 8))
    joiner: Joiner[int] = Joiner("ab", max_wait_s=9.0)
    told = [j.stamp_ns for now, (name, stamp) in enumerate(said) for j in joiner.put(name, stamp, stamp, now)]
    told += [j.stamp_ns for j in joiner.restart()]
    assert told == sorted(set(told))
    assert len(told) + joiner.late >= len({stamp for _, stamp in said})
