"""Ids, in scenes made of stick figures, and on real people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from helpers.stick_figures import frames, person
from hypothesis import given
from hypothesis import strategies as st

from co_perception.engine.target import Pose
from co_perception.pose.movenet import MoveNet
from co_perception.pose.tracker import Tracked, Tracker

TICK = 50_000_000  # 20 Hz


def follow(tracker: Tracker, scene: Sequence[Sequence[Pose]], start: int = 0) -> list[Tracked]:
    return [tracker.update(poses, (start + tick) * TICK) for tick, poses in enumerate(scene)]


def places(tracked: Tracked) -> dict[str, float]:
    """Where everybody's nose is, to ten pixels."""
    return {pose.id: round(float(pose.data[0, 0]), -1) for pose in tracked.poses}


def test_an_id_comes_with_the_second_sighting() -> None:
    first, second, third = follow(Tracker(), [[person(100)]] * 3)
    assert (first.poses, first.born, first.ignored) == ((), (), 1)
    assert (places(second), second.born, second.ignored) == ({"p1": 100}, ("p1",), 0)
    assert (places(third), third.born) == ({"p1": 100}, ())
    assert follow(Tracker(confirm=1), [[person(100)]])[0].born == ("p1",)


def test_a_pose_keeps_everything_but_its_id() -> None:
    given_pose = person(100, score=0.7, joints=11)
    (pose,) = follow(Tracker(confirm=1), [[given_pose]])[0].poses
    assert pose.data is given_pose.data
    assert (pose.layout, pose.confidence) == (given_pose.layout, given_pose.confidence)


def test_a_false_alarm_of_one_frame_has_no_id() -> None:
    scene = [[person(100)]] * 3 + [[person(100), person(400)]] + [[person(100)]] * 3 + [[person(400)]]
    assert {id for tracked in follow(Tracker(), scene) for id in tracked.born} == {"p1"}


def walk(start: float, speed: float, ticks: int) -> list[Pose]:
    """Somebody with `speed` in pixels per tick."""
    return [person(start + speed * tick) for tick in range(ticks)]


@pytest.mark.parametrize("hidden", [range(0), range(18, 23), range(16, 25)])
def test_who_crosses_keeps_the_id(hidden: range) -> None:
    """Two people walk through each other; in the middle only one of them is seen."""
    left, right = walk(100, 10, 40), walk(500, -10, 40)
    scene = [[left[t]] if t in hidden else [left[t], right[t]] for t in range(40)]
    reports = follow(Tracker(), scene)
    assert places(reports[5]) == {"p1": 150, "p2": 450}
    assert places(reports[39]) == {"p1": 490, "p2": 110}
    assert sum(len(tracked.born) for tracked in reports) == 2
    assert [tracked.back for tracked in reports if tracked.back] == ([("p2",)] if hidden else [])


def test_a_gap_a_return_and_a_loss_are_told() -> None:
    tracker = Tracker(max_missed_s=0.5)
    scene = [[person(100)]] * 3 + [[]] * 8 + [[person(110)]] + [[]] * 12
    reports = follow(tracker, scene)
    assert all(tracked.missing == ("p1",) for tracked in reports[3:11])
    assert (reports[11].back, reports[11].missing, places(reports[11])) == (("p1",), (), {"p1": 110})
    lost = [tick for tick, tracked in enumerate(reports) if tracked.lost == ("p1",)]
    assert lost == [22]  # last seen at 11, ten ticks of grace
    assert follow(tracker, [[person(110)]] * 2, start=30)[1].born == ("p2",)


def test_who_is_far_away_is_somebody_else() -> None:
    reports = follow(Tracker(), [[person(100)]] * 3 + [[person(600)]] * 2)
    assert (reports[4].born, reports[4].missing) == (("p2",), ("p1",))


def test_a_second_answer_for_one_person_is_nobody() -> None:
    scene = [[person(100), person(103, score=0.5)]] * 4
    assert [len(tracked.poses) for tracked in follow(Tracker(), scene)] == [0, 1, 1, 1]


def test_time_that_runs_backwards_begins_anew_with_new_ids() -> None:
    tracker = Tracker()
    follow(tracker, [[person(100)]] * 3, start=10)
    first, second = follow(tracker, [[person(100)]] * 2, start=-90)
    assert (first.restarted, first.lost) == (True, ("p1",))
    assert (second.restarted, second.born) == (False, ("p2",))
    assert tracker.reset() == ("p2",)


def test_a_leap_forward_gives_everybody_up() -> None:
    tracker = Tracker()
    follow(tracker, [[person(100)]] * 3)
    assert tracker.update([person(100)], 1000 * TICK).lost == ("p1",)


def test_a_stamp_that_repeats_is_no_harm() -> None:
    tracker = Tracker()
    reports = [tracker.update([person(x)], stamp) for x, stamp in ((100, 0), (105, TICK), (105, TICK))]
    assert all(np.isfinite(pose.data).all() for tracked in reports for pose in tracked.poses)


Crowd = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.integers(1, 4)), max_size=6), min_size=1, max_size=6
)


@given(Crowd, st.randoms(use_true_random=False))
def test_the_order_of_poses_changes_nothing(crowd: list[list[tuple[int, int, int]]], shuffler: object) -> None:
    """Crowded places, equal scores, one pose upon another."""
    scene = [[person(40 * x, 60 * y, score=score / 4) for x, y, score in poses] for poses in crowd]
    mixed = [list(poses) for poses in scene]
    for poses in mixed:
        shuffler.shuffle(poses)  # type: ignore[attr-defined]
    assert report(follow(Tracker(4), scene)) == report(follow(Tracker(4), mixed))


def report(story: list[Tracked]) -> list[tuple[object, ...]]:
    return [
        ([(pose.id, pose.data.tobytes()) for pose in t.poses], t.born, t.back, t.missing, t.lost, t.ignored)
        for t in story
    ]


@given(Crowd)
def test_what_is_told_adds_up(crowd: list[list[tuple[int, int, int]]]) -> None:
    alive: set[str] = set()
    ever: set[str] = set()
    tracker = Tracker(max_people=3, max_missed_s=0.12)
    for tick, poses in enumerate(crowd * 3):
        now = tracker.update([person(40 * x, 60 * y, score=s / 4) for x, y, s in poses], tick * TICK)
        assert not ever & set(now.born)  # no id twice
        assert set(now.lost) <= alive
        alive = (alive - set(now.lost)) | set(now.born)
        ever |= alive
        ids = [pose.id for pose in now.poses]
        assert len(set(ids)) == len(ids)
        assert sorted([*ids, *now.missing]) == sorted(alive)
        assert len(alive) <= 3
        assert now.ignored == len(poses) - len(ids)


def test_a_full_tracker_gives_up_the_longest_missing_for_somebody_new() -> None:
    tracker = Tracker(max_people=2, max_missed_s=10)
    one, two, three = person(100), person(400), person(700)
    follow(tracker, [[one, two]] * 2 + [[two]])
    reports = follow(tracker, [[two, three]] * 3, start=3)
    assert [(tracked.born, tracked.lost) for tracked in reports] == [((), ()), (("p3",), ("p1",)), ((), ())]
    crowded = follow(tracker, [[one, two, three]] * 3, start=6)
    assert all(sorted(places(tracked)) == ["p2", "p3"] and tracked.ignored == 1 for tracked in crowded)


def test_five_hundred_people_are_bounded() -> None:
    tracker = Tracker(max_people=16)
    rng = np.random.default_rng(0)
    for tick in range(20):
        places, scores = rng.uniform(0, 4000, (500, 2)), rng.uniform(0.1, 1, 500)
        crowd = [person(x, y, score=score) for (x, y), score in zip(places, scores, strict=True)]
        tracked = tracker.update(crowd, tick * TICK)
        assert len(tracked.poses) + len(tracked.missing) <= 16
        assert tracked.ignored == 500 - len(tracked.poses)


def test_too_few_joints_are_nobody() -> None:
    nothing = Pose(np.zeros((17, 3), np.float32))
    absent = Pose(np.full((17, 3), [np.nan, np.inf, 0.0], np.float32))
    reports = follow(Tracker(confirm=1), [[person(100, joints=2), nothing, absent], []])
    assert [(tracked.poses, tracked.ignored) for tracked in reports] == [((), 3), ((), 0)]


def test_one_layout_at_a_time() -> None:
    tracker = Tracker()
    tracker.update([person(100)], 0)
    other = Pose(np.ones((33, 3), np.float32), "blazepose33")
    with pytest.raises(ValueError, match="blazepose33, coco17: reset"):
        tracker.update([other], TICK)
    tracker.reset()
    tracker.update([other], 2 * TICK)


@pytest.mark.parametrize("wrong", [dict(max_people=0), dict(confirm=0), dict(max_missed_s=0.0)])
def test_options_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Tracker(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("clip", ["pose2sim_multi_cam02", "pose2sim_multi_cam04"])
def test_two_real_people_keep_their_ids(clip: str) -> None:
    """An athlete on a beam and somebody who walks beside it, 30 frames a second: in these two views, one of them stays
    on the left of the other."""
    estimator, tracker = MoveNet(), Tracker()
    story = [tracker.update(estimator.estimate(frame), frame.stamp_ns or 0) for frame in frames(clip, every=2)]
    assert len(story) == 50
    assert [id for tracked in story for id in tracked.born] == ["p1", "p2"]
    assert sum(len(tracked.poses) == 2 for tracked in story) >= 48
    shoulders = [{pose.id: pose.data[5:7, 0].mean() for pose in tracked.poses} for tracked in story]
    assert len({at["p1"] > at["p2"] for at in shoulders if len(at) == 2}) == 1  # never swapped


def test_a_doubtful_pose_continues_a_track_and_begins_none() -> None:
    """A lying person's score falls below that of a new person: half of the frames were without them."""
    tracker = Tracker(confirm=2, min_score=0.25)
    for n, score in enumerate((0.5, 0.5, 0.16, 0.16, 0.5)):
        tracked = tracker.update([person(100, score=score), person(400, score=0.16)], n * 40_000_000)
        assert [pose.id for pose in tracked.poses] == (["p1"] if n else [])


def test_a_doubtful_pose_takes_no_place_from_a_sure_one() -> None:
    tracker = Tracker(confirm=1, min_score=0.25)
    tracker.update([person(100)], 0)
    (pose,) = tracker.update([person(100, score=0.2), person(106, score=0.6)], 40_000_000).poses
    assert (pose.id, pose.data[0, 0]) == ("p1", 106)


def test_a_pose_with_an_id_is_of_that_track_wherever_it_is() -> None:
    tracker = Tracker(confirm=1)
    tracker.update([person(100), person(400)], 0)
    assert [pose.id for pose in tracker.expected(20_000_000)] == ["p1", "p2"]
    there = replace(person(700, 300), id="p1")
    tracked = tracker.update([there, person(400), replace(person(1000), id="p9")], 40_000_000)
    assert {pose.id: pose.data[0, 0] for pose in tracked.poses} == {"p1": 700, "p2": 400, "p3": 1000}
    (first, *_) = tracker.expected(80_000_000)
    assert first.data[0, 0] == 700  # and it does not fly on
    assert tracker.expected(2_000_000_000) == ()


def test_a_late_frame_changes_nobody() -> None:
    """It gave everybody a new id."""
    tracker, inorder = Tracker(), Tracker()
    follow(tracker, [[person(100 + n)] for n in range(5)])
    late = tracker.update([person(300)], 3 * TICK)
    assert (late.poses, late.lost, late.ignored, late.restarted) == ((), (), 1, False)
    after = follow(tracker, [[person(105)]], start=5)
    follow(inorder, [[person(100 + n)] for n in range(5)])
    assert after == follow(inorder, [[person(105)]], start=5)


def test_a_clock_that_is_set_back_is_one_beginning() -> None:
    tracker = Tracker()
    follow(tracker, [[person(100)]] * 20)
    frames = follow(tracker, [[person(100)]] * 10, start=14)
    assert [frame.restarted for frame in frames] == [False, False, True, *[False] * 7]
    assert [frame.born for frame in frames if frame.born] == [("p2",)]


def test_a_jump_back_of_a_frame_that_nobody_looked_at_is_remembered() -> None:
    """A picture that cannot be read has a stamp all the same."""
    tracker = Tracker()
    follow(tracker, [[person(100)]] * 3, start=100)
    tracker.place(0)
    found = tracker.update([person(100)], TICK)
    assert (found.restarted, found.lost) == (True, ("p1",))


def test_frames_are_placed_as_they_arrive_and_matched_later() -> None:
    """As a node does it, whose queue drops some of them between."""
    tracker, scene = Tracker(), [[person(100 + n)] for n in range(5)]
    follow(tracker, scene)
    places = [tracker.place(stamp * TICK) for stamp in (8, 6, 9, -90, -89, -88)]
    assert [place.order.value for place in places] == ["next", "late", "next", "jump", "next", "next"]
    found = [tracker.update([person(106)], stamp * TICK, places[n]) for n, stamp in ((0, 8), (4, -89), (5, -88))]
    assert [each.restarted for each in found] == [False, True, False]
    assert [pose.id for each in found for pose in each.poses] == ["p1", "p2"]


def test_the_frames_of_another_sender_are_another_stream() -> None:
    tracker = Tracker()
    follow(tracker, [[person(100)]] * 3)
    waiting = tracker.place(3 * TICK)
    tracker.end_stream()
    assert not tracker.update([person(100)], 3 * TICK, waiting).restarted
    found = follow(tracker, [[person(100)]] * 2, start=2)
    assert ([each.restarted for each in found], found[1].born) == ([True, False], ("p2",))
