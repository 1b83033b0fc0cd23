"""Everybody's stream is their own, whatever the others do and the detector misses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.fake_learners import FakePeopleLearner
from helpers.synthetic_poses import body

from co_perception.engine.target import Category, Pose, Status
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT
from co_perception.online.pacing import Pacer, Verdict
from co_perception.online.people import Observation, People, Policy
from co_perception.online.recognizer import Answer

Show = Callable[[str, int, np.random.Generator], Pose]
TICK_NS = 100_000_000
POLICIES = ("skip", "hold", "zero")


def pose(id: str, x: float, confidence: float = 1.0) -> Pose:
    data = np.zeros((17, 3), np.float32)
    data[:, 0], data[:, 2] = x, 1.0
    return Pose(data, id=id, confidence=confidence)


def replay(people: People, frames: Iterable[tuple[int, Sequence[Observation]]]) -> Iterator[tuple[int, list[Answer]]]:
    """Frames at ten ticks a second."""
    pacer = Pacer(10.0, 1.0)
    for stamp_ns, seen in frames:
        admission = pacer.admit(stamp_ns)
        if admission.verdict == Verdict.TAKE:
            yield stamp_ns, people.answer(seen, stamp_ns, admission.epoch, admission.tick)


def make(**policy: Any) -> tuple[People, FakePeopleLearner]:
    learner = FakePeopleLearner()
    return People(learner, Policy(**policy)), learner


def by_subject(answers: list[Answer]) -> dict[str, Answer]:
    return {answer.subject: answer for answer in answers}


def scene(show: Show, seed: int = 5) -> Iterator[tuple[int, list[Pose]]]:
    """Twelve tracks over 80 frames that come, go, swap places in the list, vanish for half a second and return; one
    detection in five is missing, frames jitter, and some are lost or come twice."""
    rng = np.random.default_rng(seed)
    begins, ends = rng.integers(0, 30, 12), rng.integers(50, 80, 12)
    away = rng.integers(30, 45, 12)
    for tick in range(80):
        seen = [
            show(f"p{i}", tick, rng)
            for i in range(12)
            if begins[i] <= tick < ends[i] and not away[i] <= tick < away[i] + 5 and rng.random() >= 0.2
        ]
        order = rng.permutation(len(seen))
        stamp_ns = round((tick + rng.uniform(-0.3, 0.3) * (tick > 0)) * TICK_NS) + 10**12
        lost, twice = rng.random() < 0.05, rng.random() < 0.05
        if not lost:
            yield stamp_ns, [seen[i] for i in order]
        if twice:
            yield stamp_ns + 1, [seen[i] for i in order]


def check_alone(make_people: Callable[[], People], show: Show, atol: float) -> int:
    """Compares what is said of everybody with what is said of each alone; gives how often."""
    said = [by_subject(answers) for _, answers in replay(make_people(), scene(show))]
    compared = 0
    for id in [f"p{i}" for i in range(12)]:
        only = [(stamp, [p for p in poses if p.id == id]) for stamp, poses in scene(show)]
        for heard, (_, answers) in zip(said, replay(make_people(), only), strict=True):
            assert (id in heard) == bool(answers)
            for answer in answers:
                check_same(heard[id], answer, atol)
                compared += answer.category.probabilities is not None
    return compared


def check_same(one: Answer, other: Answer, atol: float) -> None:
    ours, theirs = one.category, other.category
    assert (ours.status, ours.progress) == (theirs.status, theirs.progress)
    assert (one.since_ns, one.described_ns, one.missing) == (other.since_ns, other.described_ns, other.missing)
    assert (ours.probabilities is None) == (theirs.probabilities is None)
    if ours.probabilities is not None and theirs.probabilities is not None:
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=atol)


@pytest.mark.parametrize("missing", POLICIES)
def test_everybody_is_answered_as_if_alone(missing: Any) -> None:
    policy = {"missing": missing, "max_hold_frames": 4, "max_gap_s": 1.0, "expire_s": 3.0}
    count = check_alone(
        lambda: make(**policy)[0], lambda id, tick, rng: pose(id, float(rng.uniform(0, 300))), atol=1e-6
    )
    assert count > 500


@pytest.mark.slow
def test_a_real_network_answers_everybody_as_if_alone() -> None:
    learner, policy = network(), Policy("hold", max_hold_frames=4, expire_s=3.0)

    def make_people() -> People:
        learner.reset()
        return People(learner, policy)

    assert check_alone(make_people, lambda id, tick, rng: body(int(id[1:]), tick, id), atol=1e-5) > 200


def network() -> ContinualSkeletonLearner:
    """A small network with random weights, the same each time."""
    torch.manual_seed(0)
    variant = dataclasses.replace(COSTGCN_SHORT, channels=(4, 4, 8, 8))
    learner = ContinualSkeletonLearner(variant, classes=("sit", "stand", "wave"), capacity=32, threads=1)
    for name, value in learner.model.named_parameters():
        if name.endswith("fc.weight"):
            value.normal_(0, 2)
    learner._loaded = True
    learner.reset()
    return learner


def test_streams_of_a_real_network_outlive_it_in_a_file_that_is_whole_or_nothing(tmp_path: Path) -> None:
    people = People(network())
    for tick in range(20):
        people.answer([body(1, tick, "a"), body(2, tick, "b")], tick * TICK_NS)
    people.save(tmp_path / "file", ["a"])
    (expected, _) = people.answer([body(1, 20, "a"), body(2, 20, "b")], 20 * TICK_NS)

    again = People(network())
    again.answer([body(7, 0, "c")], 0, epoch=1)
    whole = (tmp_path / "file").read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="half"):
        again.load(tmp_path / "half", epoch=2)
    assert again.subjects == ["c"]
    assert again.load(tmp_path / "file", epoch=2) == ["a"]
    (answer,) = again.answer([body(1, 20, "a")], 999 * TICK_NS, epoch=2)
    assert answer.category.progress == expected.category.progress == 1.0
    assert answer.category.probabilities == pytest.approx(expected.category.probabilities, abs=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "half"}


def test_all_that_are_in_sight_are_stepped_in_one_batch() -> None:
    people, learner = make()
    people.answer([pose("a", 1), pose("b", 2), pose("c", 3)], 0)
    people.answer([pose("a", 1)], TICK_NS)
    people.answer([pose("a", 1), pose("b", 2), pose("c", 3)], 3 * TICK_NS, tick=3)
    # b and c missed two ticks, a one: the first is filled for all three together.
    assert learner.batches == [3, 1, 3, 2, 3]


@pytest.mark.parametrize(
    ("missing", "max_hold", "shown"),
    [
        ("skip", 9, [10, 20]),
        ("hold", 9, [10, 10, 10, 10, 20]),
        ("hold", 2, [10, 10, 10, 20]),
        ("zero", 9, [10, 0, 0, 0, 20]),
        ("zero", 0, [10, 20]),
    ],
)
def test_what_stands_for_ticks_in_which_somebody_was_missed(missing: Any, max_hold: int, shown: list[int]) -> None:
    people, learner = make(missing=missing, max_hold_frames=max_hold)
    people.answer([pose("a", 10)], 0)
    for tick in (1, 2, 3):
        people.answer([pose("b", 5)], tick * TICK_NS)
    answer = people.answer([pose("a", 20)], 4 * TICK_NS)[0]
    assert learner.shown["a"] == shown
    assert (answer.missing, answer.epoch) == (3, 0)
    assert answer.category.progress == 2 / 8  # what was filled is no real input


def test_who_is_out_of_sight_is_stale_and_then_forgotten() -> None:
    people, learner = make(expire_s=0.35)
    for tick in range(5):
        (seen,) = people.answer([pose("a", 40)], tick * TICK_NS)
    assert (seen.label, seen.since_ns) == ("left", 3 * TICK_NS)
    said = [people.answer([], tick * TICK_NS) for tick in range(5, 9)]
    assert [len(answers) for answers in said] == [1, 1, 1, 0]
    (stale,) = said[0]
    assert (stale.category.status, stale.label, stale.since_ns) == (Status.STALE, "", None)
    assert stale.category.confidence == seen.category.confidence
    assert learner.shown == {}
    assert people.subjects == []
    (back,) = people.answer([pose("a", 40)], 9 * TICK_NS)
    assert (back.category.progress, back.epoch) == (1 / 8, 0)


def test_a_label_holds_over_a_missed_detection() -> None:
    people, _ = make()
    for tick in range(5):
        people.answer([pose("a", 40)], tick * TICK_NS)
    people.answer([], 5 * TICK_NS)
    (back,) = people.answer([pose("a", 40)], 6 * TICK_NS)
    assert (back.label, back.since_ns) == ("left", 3 * TICK_NS)


def test_who_was_away_for_too_long_begins_afresh_and_others_do_not() -> None:
    people, learner = make(max_gap_s=0.5, expire_s=10.0)
    for tick in range(3):
        people.answer([pose("a", 1), pose("b", 2)], tick * TICK_NS)
    for tick in range(3, 8):
        (answer, _) = people.answer([pose("b", 2)], tick * TICK_NS)
    assert answer.epoch == 0
    said = by_subject(people.answer([pose("a", 9), pose("b", 2)], 8 * TICK_NS))
    assert {answer.epoch for answer in said.values()} == {1}
    assert (learner.shown["a"], len(learner.shown["b"])) == ([9.0], 9)
    assert said["a"].missing == 0


def test_a_new_stream_forgets_everybody() -> None:
    people, learner = make()
    people.answer([pose("a", 1)], 5 * TICK_NS, epoch=0)
    (answer,) = people.answer([pose("b", 1)], 0, epoch=1)
    assert (answer.subject, answer.epoch) == ("b", 1)
    assert list(learner.shown) == ["b"]
    assert learner.resets == 2


def test_a_loop_resets_and_what_comes_too_early_is_skipped() -> None:
    people, learner = make()
    stamps = [*range(0, 20 * TICK_NS, TICK_NS // 3), *range(0, 2 * TICK_NS, TICK_NS // 3)]
    said = list(replay(people, ((stamp, [pose("a", 1)]) for stamp in stamps)))
    epochs = [answers[0].epoch for _, answers in said]
    assert epochs == [0] * epochs.count(0) + [1] * epochs.count(1)
    assert epochs.count(0) == pytest.approx(20, abs=1)
    assert len(learner.shown["a"]) == epochs.count(1) == 3


def test_memory_is_bounded_and_those_followed_stay() -> None:
    people, learner = make(max_people=4)
    people.answer([pose("a", 1, 0.1), pose("b", 1, 0.1)], 0)
    crowd = [pose(f"c{i}", 1, confidence=i / 500) for i in range(500)]
    said = people.answer([*crowd, pose("a", 1, 0.1)], TICK_NS)
    assert [answer.subject for answer in said] == ["c497", "c498", "c499", "a"]
    assert people.crowded_out == 497
    assert set(learner.shown) == set(people.subjects) == {"a", "c497", "c498", "c499"}


def test_who_has_been_away_longest_makes_room() -> None:
    people, _ = make(max_people=3)
    for tick, id in enumerate("abca"):
        people.answer([pose(id, 1)], tick * TICK_NS)
    said = people.answer([pose("d", 1)], 4 * TICK_NS)
    assert {answer.subject for answer in said} == {"a", "c", "d"}


def test_of_two_with_one_id_the_first_counts() -> None:
    people, learner = make()
    assert len(people.answer([pose("a", 1), pose("a", 2)], 0)) == 1
    assert learner.shown == {"a": [1.0]}


def test_people_of_different_layouts_are_asked_about_apart() -> None:
    people, learner = make()
    other = Pose(np.ones((18, 3), np.float32), "openpose18", id="b")
    said = people.answer([pose("a", 40), other, pose("c", 250)], 0)
    assert learner.batches == [2, 1]
    assert [(answer.subject, answer.category.data) for answer in said] == [("a", 0), ("b", 0), ("c", 1)]
    people.answer([other], 3 * TICK_NS, tick=3)
    assert learner.shown["b"] == [1.0] * 4


def test_a_network_of_several_persons_has_one_stream_for_the_scene() -> None:
    learner = FakePeopleLearner(persons=2)
    people = People(learner, Policy(max_gap_s=0.5))
    (answer,) = people.answer([pose("a", 1), pose("b", 2)], 0)
    assert answer.subject == ""
    (stale,) = people.answer([], TICK_NS)
    assert stale.category.status == Status.STALE
    people.answer([pose("b", 3)], 2 * TICK_NS)
    assert learner.batches == [2, 2, 1]  # the missed tick shows both again
    (answer,) = people.answer([pose("b", 3)], 9 * TICK_NS)
    assert (answer.epoch, learner.shown[""]) == (1, [3.0])


def test_named_subjects_are_reset_and_unknown_ones_told() -> None:
    people, learner = make()
    for tick in range(3):
        people.answer([pose("a", 1), pose("b", 2)], tick * TICK_NS)
    assert people.reset(["a", "nobody"]) == ["nobody"]
    said = people.answer([pose("a", 1), pose("b", 2)], 3 * TICK_NS)
    assert [len(learner.shown[id]) for id in "ab"] == [1, 4]
    assert {answer.epoch for answer in said} == {1}
    assert people.reset(["nobody"]) == ["nobody"]
    assert people.state_epoch == 1


def test_a_restored_stream_goes_on_whatever_time_lies_between(tmp_path: Path) -> None:
    people, learner = make()
    for tick in range(6):
        people.answer([pose("a", 40), pose("b", 2)], tick * TICK_NS)
    assert people.save(tmp_path / "file", ["a"]) == ["a"]
    again, other = make()
    assert again.load(tmp_path / "file", epoch=3) == ["a"]
    assert again.answer([pose("c", 1)], 900 * TICK_NS, epoch=3, tick=0)[0].subject == "c"
    said = by_subject(again.answer([pose("a", 40)], 902 * TICK_NS, epoch=3, tick=2))
    assert other.shown["a"] == [40.0] * 7
    assert (said["a"].category.progress, said["a"].missing, said["a"].epoch) == (7 / 8, 0, 3)
    with pytest.raises(ValueError, match="no stream of"):
        people.save(tmp_path / "file", ["nobody"])
    assert len(learner.shown["a"]) == 6


def test_restored_delay_is_no_smaller_than_it_was_before(tmp_path: Path) -> None:
    """The learner's scores are two frames late: 0.2 s at its 10 Hz, whatever time lies between."""
    people, learner = make()
    infer = learner.infer

    def late(poses: Sequence[Pose]) -> list[Category]:
        return [dataclasses.replace(category, delay=2) for category in infer(poses)]

    learner.infer = late  # type: ignore[method-assign, assignment]
    delays = []
    for tick in range(3):
        (answer,) = people.answer([pose("a", 40)], tick * TICK_NS, tick=tick)
        delays.append(tick * TICK_NS - answer.described_ns)
    people.save(tmp_path / "file")
    people.load(tmp_path / "file", epoch=1)
    for tick in range(4):
        (answer,) = people.answer([pose("a", 40)], (900 + tick) * TICK_NS, epoch=1, tick=tick)
        delays.append((900 + tick) * TICK_NS - answer.described_ns)
    assert delays == [0, TICK_NS, 2 * TICK_NS, *[2 * TICK_NS] * 4]


def test_after_a_failure_the_next_frame_finds_its_tick_empty() -> None:
    people, learner = make()
    people.answer([pose("a", 1)], 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learner, "infer", lambda poses: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            people.answer([pose("a", 2), pose("b", 2)], TICK_NS)
    said = by_subject(people.answer([pose("a", 3), pose("b", 3)], 2 * TICK_NS))
    assert learner.shown == {"a": [1.0, 1.0, 3.0], "b": [3.0]}
    assert said["a"].missing == 1


@pytest.mark.parametrize(
    "wrong", [{"missing": "guess"}, {"max_people": 0}, {"max_gap_s": 0.0}, {"max_hold_frames": -1}]
)
def test_policies_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)
