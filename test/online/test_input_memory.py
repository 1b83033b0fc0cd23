"""What is remembered can be replayed bit for bit, and memory is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.random_models import skeleton_model
from helpers.stick_figures import person

from co_perception.engine.target import Pose
from co_perception.evaluation.explanation import Replay, explain
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.online.input_memory import InputMemory
from co_perception.online.people import People, Policy

STEP = 66_666_667
SPAN_S = 4.0  # 60 steps


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> ContinualSkeletonLearner:
    made = ContinualSkeletonLearner("costgcn_short", classes=("squat", "wave", "sit"))
    made.load(skeleton_model(tmp_path_factory.mktemp("m") / "model", ("squat", "wave", "sit")))
    return made


def moved(rng: np.random.Generator, id: str) -> Pose:
    pose = person(100, 100, size=80)
    data = pose.data.copy()
    data[:, :2] += rng.normal(0, 8, (len(data), 2)).astype(np.float32)
    return Pose(data, pose.layout, id=id)


def remembered(learner: ContinualSkeletonLearner, frames: int) -> InputMemory:
    """Two people, one of whom is away for some frames."""
    people, rng = People(learner, Policy()), np.random.default_rng(3)
    people.memory = InputMemory(SPAN_S, 16, 10_000)
    for tick in range(frames):
        visible = [moved(rng, "a")] + ([moved(rng, "b")] if not 20 < tick < 24 else [])
        people.answer(visible, tick * STEP, tick=tick)
    return people.memory


def test_a_replay_gives_the_same_bits(learner: ContinualSkeletonLearner) -> None:
    memory = remembered(learner, 90)
    for id in ("a", "b"):
        for tick in range(50, 90, 13):
            steps = memory.steps(id, tick * STEP, learner.receptive_field + 1)
            expected = steps[-1].probabilities
            assert expected is not None and len(steps) <= 61
            assert np.array_equal(Replay(learner, steps).as_then(), expected)


def test_memory_is_bounded_and_says_what_it_has(learner: ContinualSkeletonLearner) -> None:
    memory = remembered(learner, 90)
    times = [step.stamp_ns for step in memory.steps("a", 89 * STEP, 1000)]
    assert times[-1] == 89 * STEP and 0 < times[-1] - times[0] <= SPAN_S * 1e9 and 100 < len(memory) <= 2 * 61
    with pytest.raises(ValueError, match="no answer to 'a' at 0 ns is remembered, but what it was given from"):
        memory.steps("a", 0, 17)
    with pytest.raises(ValueError, match="nothing else of it; there are a, b"):
        memory.steps("z", 0, 17)
    with pytest.raises(ValueError, match="above 0"):
        InputMemory(0.0, 6, 10)
    assert memory.subject_at(89 * STEP, "b") == "b"
    for subject, says in (("", r"2 people \(a, b\)"), ("z", "nobody 'z'")):
        with pytest.raises(ValueError, match=says):
            memory.subject_at(89 * STEP, subject)


def test_there_is_room_for_so_many_steps_and_a_clock_that_goes_back_begins_anew(
    learner: ContinualSkeletonLearner,
) -> None:
    people, rng = People(learner, Policy()), np.random.default_rng(3)
    memory = people.memory = InputMemory(1000.0, 16, 50)
    for tick in range(90):
        people.answer([moved(rng, "a")], tick * STEP, tick=tick)
    assert len(memory) == 50 and len(memory.steps("a", 89 * STEP, 17)) <= 33
    people.answer([moved(rng, "a")], STEP, epoch=1, tick=0)
    assert len(memory) == 1


def test_who_was_forgotten_is_remembered_for_a_while_and_comes_back_as_another_stream(
    learner: ContinualSkeletonLearner,
) -> None:
    people, rng = People(learner, Policy(max_gap_s=1.0)), np.random.default_rng(3)
    memory = people.memory = InputMemory(60.0, 16, 10_000)
    for tick in (*range(40), *range(80, 120)):
        people.answer([moved(rng, "a")], tick * STEP, tick=tick)
    for tick in (39, 119):
        steps = memory.steps("a", tick * STEP, 1000)
        assert len(steps) == 40 and len({step.run for step in steps}) == 1 and steps[0].before is None
        expected = steps[-1].probabilities
        assert expected is not None and np.array_equal(Replay(learner, steps).as_then(), expected)


def test_what_is_erased_is_gone(learner: ContinualSkeletonLearner) -> None:
    memory = remembered(learner, 40)
    memory.erase(["a"])
    assert memory.subject_at(39 * STEP) == "b" and len(memory.steps("b", 39 * STEP, 17)) > 16
    memory.erase([])
    assert len(memory) == 0


@pytest.mark.slow
def test_what_a_joint_carries_is_the_difference_of_two_plain_runs(learner: ContinualSkeletonLearner) -> None:
    """Against a stream that never was another: the poses of the last frames, without the joint, from a fresh state."""
    memory = remembered(learner, 90)
    steps = memory.steps("a", 89 * STEP, 2 * learner.receptive_field)
    found = explain(learner, steps, learner.labels)
    assert found.equal and found.cells.shape == (17, 6) and found.label != found.runner_up
    place = list(learner.labels).index(found.label)
    for joint in (0, 9, 16):
        learner.release("plain")
        for step in steps:
            data = step.observation.data.copy()
            data[joint, -1] = 0
            (category,) = learner.infer([Pose(data, step.observation.layout, id="plain")])
        assert category.probabilities is not None
        expected = found.score - category.probabilities[place]
        assert found.joints[joint] == pytest.approx(expected, abs=1e-5)
    assert found.heaviest == sorted(range(17), key=lambda joint: -found.joints[joint])
    hidden = np.zeros((1, len(steps), 17), bool)
    hidden[0][:, list(found.tipping)] = True
    [without] = Replay(learner, steps).side_by_side(hidden)
    best = learner.labels[int(without.argmax())]
    assert len(set(found.tipping)) == len(found.tipping) <= 8
    assert best == (found.tipped or found.label) and found.tipped != found.label
