"""Messages are grouped by stamp, whatever order they come in."""

from __future__ import annotations

from random import Random

import pytest

from co_perception.engine.time import NANO
from co_perception.online.synchronizer import StampGroup, Synchronizer

Sync = Synchronizer[str]


@pytest.fixture
def sync() -> Sync:
    """What waits for half a second."""
    return Synchronizer(("a", "b"), max_wait_s=0.5)


def test_a_frame_goes_out_when_both_have_spoken(sync: Sync) -> None:
    assert sync.put("a", 10, "a10", 0.0) == []
    assert sync.put("b", 10, "b10", 0.1) == [StampGroup(10, {"a": "a10", "b": "b10"})]


def test_a_complete_frame_takes_along_what_came_before_it(sync: Sync) -> None:
    sync.put("a", 10, "a10", 0.0)
    sync.put("a", 20, "a20", 0.0)
    assert [g.stamp_ns for g in sync.put("b", 20, "b20", 0.1)] == [10, 20]
    assert sync.put("b", 10, "b10", 0.2) == []
    assert sync.late == 1


def test_nobody_waits_for_ever(sync: Sync) -> None:
    sync.put("a", 10, "a10", 0.0)
    assert sync.overdue(0.4) == []
    assert sync.overdue(0.5) == [StampGroup(10, {"a": "a10"})]


def test_what_waits_is_bounded() -> None:
    sync: Synchronizer[int] = Synchronizer(("a", "b"), max_wait_s=9.0, most=4)
    released = [g for stamp in range(100) for g in sync.put("a", stamp, stamp, 0.0)]
    assert [g.stamp_ns for g in released] == list(range(96))


def test_a_second_round_of_the_same_stamps_begins_anew() -> None:
    sync: Synchronizer[str] = Synchronizer(("a", "b"), max_wait_s=9.0)
    for stamp in range(0, 10 * NANO, NANO):
        sync.put("a", stamp, "", 0.0)
        sync.put("b", stamp, "", 0.0)
    assert sync.put("a", 0, "again", 1.0) == []
    assert sync.put("b", 0, "again", 1.0) == [StampGroup(0, {"a": "again", "b": "again"})]
    assert sync.late == 0


def test_one_that_is_gone_holds_up_nobody_after_a_jump(sync: Sync) -> None:
    sync.put("b", 99 * NANO, "last words", 0.0)
    released = [g for i in range(10) for g in sync.put("a", i * NANO, "", 0.1 * i)]
    assert [g.stamp_ns // NANO for g in released + sync.overdue(2.0)] == [99, *range(10)]
    assert sync.late == 0


def test_one_that_is_far_behind_is_late_and_not_a_jump(sync: Sync) -> None:
    """A recognizer that waits for its processor for seconds: the others have spoken of those frames long since."""
    sync.put("a", 0, "", 0.0)
    released = [g.stamp_ns for i in range(10) for g in sync.put("b", i * NANO, "", 1.0 * i)]
    released += [g.stamp_ns for i in range(1, 6) for g in sync.put("a", i * NANO, "", 9.0)]
    released += [g.stamp_ns for g in sync.put("b", 10 * NANO, "", 10.0) + sync.put("a", 10 * NANO, "", 10.0)]
    assert [stamp // NANO for stamp in released] == [*range(11)]
    assert sync.late == 5


def test_what_is_still_sent_of_the_stream_before_a_jump_holds_up_nobody(sync: Sync) -> None:
    for stamp in (98, 99):
        sync.put("a", stamp * NANO, "", 0.0)
        sync.put("b", stamp * NANO, "", 0.0)
    released = sync.put("a", 0, "", 1.0) + sync.put("b", 100 * NANO, "last words", 1.1) + sync.put("b", 0, "", 1.2)
    assert released == [StampGroup(0, {"a": "", "b": ""})]
    assert sync.put("b", NANO, "", 2.0) + sync.put("a", NANO, "", 2.0) == [StampGroup(NANO, {"a": "", "b": ""})]
    assert sync.late == 1


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_order_every_frame_is_released_once_and_in_order(seed: int) -> None:
    random = Random(seed)
    sent = [(name, stamp) for stamp in range(50) for name in "ab" if random.random() > 0.2]
    sent.sort(key=lambda item: item[1] + random.uniform(0, 3))
    sync: Synchronizer[int] = Synchronizer("ab", max_wait_s=9.0)
    released = [g.stamp_ns for now, (name, stamp) in enumerate(sent) for g in sync.put(name, stamp, stamp, now)]
    released += [g.stamp_ns for g in sync.restart()]
    assert released == sorted(set(released))
    assert len(released) + sync.late >= len({stamp for _, stamp in sent})


@pytest.mark.parametrize("back_ns", [3 * NANO // 10, 5 * NANO])
@pytest.mark.parametrize("delay", [0, 1, 2])
def test_a_clock_that_is_set_back_begins_one_stream(back_ns: int, delay: int) -> None:
    """Answers of b come `delay` messages after those of a, all of the old stamps too; both count their epochs."""
    tick, set_at = NANO // 30, 30
    stamps = [(n * tick + 100 * NANO - back_ns * (n >= set_at), int(n >= set_at)) for n in range(90)]
    sync: Synchronizer[int] = Synchronizer("ab", max_wait_s=9.0)
    released: list[StampGroup[int]] = []
    for n in range(len(stamps) + delay):
        if n < len(stamps):
            released += sync.put("a", stamps[n][0], n, n, stamps[n][1])
        if n >= delay:
            released += sync.put("b", stamps[n - delay][0], n - delay, n, stamps[n - delay][1])
    assert [group.stamp_ns for group in released] == [ns for ns, _ in stamps]
    assert [len(group.parts) for group in released] == [2] * (set_at - delay) + [1] * delay + [2] * (90 - set_at)
    assert sync.late == delay


def test_a_clock_that_is_set_back_a_little_is_noticed_by_stamps_alone() -> None:
    """It was late until it had caught up."""
    sync: Synchronizer[int] = Synchronizer("ab", max_wait_s=9.0)
    tick = NANO // 30
    stamps = [100 * NANO + (n - 15 * (n >= 30)) * tick for n in range(60)]
    released = [group for n, ns in enumerate(stamps) for name in "ab" for group in sync.put(name, ns, n, n)]
    assert [group.stamp_ns for group in released if len(group.parts) == 2] == stamps[:30] + stamps[32:]
    assert sync.late == 4


def test_a_frame_that_all_answer_too_late_is_missed_once() -> None:
    """Of a clock set back without a count of epochs the first two frames are late, with stamps of their own."""
    sync: Synchronizer[int] = Synchronizer("ab", max_wait_s=9.0)
    stamps = [100 * NANO + n * NANO // 15 - 9 * NANO // 10 * (n > 75) for n in range(150)]
    released = [group for n, ns in enumerate(stamps) for name in "ab" for group in sync.put(name, ns, n, n)]
    assert (len(released), sync.late, sync.missed) == (148, 4, 2)


def test_the_last_of_a_round_after_the_first_of_the_next_is_late() -> None:
    """It waited for its partner, and everything was late until its stamp."""
    sync: Synchronizer[int] = Synchronizer("ab", max_wait_s=0.1)
    order = [*range(100, 198), 100, 198, 101, 199, *range(102, 150)]
    released = [
        g.stamp_ns // NANO for n, sec in enumerate(order) for name in "ab" for g in sync.put(name, sec * NANO, 0, n)
    ]
    assert released == [*range(100, 198), *range(100, 150)]
    assert sync.late == 4


def test_of_doubled_messages_the_first_counts() -> None:
    """The second took its place while it waited, in no count, and was late when it did not."""
    sync: Synchronizer[str] = Synchronizer("ab", max_wait_s=0.5)
    sync.put("a", 10, "first", 0.0)
    assert sync.put("a", 10, "second", 0.0) == []
    assert sync.put("b", 10, "b", 0.1) == [StampGroup(10, {"a": "first", "b": "b"})]
    assert sync.put("a", 10, "third", 0.2) == []
    assert (sync.doubled, sync.late) == (2, 0)
