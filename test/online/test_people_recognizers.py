"""Recognizers of several people, without ROS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable

from co_perception.data.messages.people import Box, DetectedPeople, ImageWithPeople, Refusal
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.online.crop_recognizer import PersonRecognizer
from co_perception.online.crops import Region, person_crops
from co_perception.online.pacing import Admission, Verdict
from co_perception.online.people import Policy
from co_perception.online.people_recognizers import SkeletonRecognizer

TICK_NS = 100_000_000
UNREADABLE = Refusal("unknown layout", "octopus8 is none of the layouts")


def people(*ids: str, refused: Sequence[Refusal] = (), size: tuple[int, int] = (100, 60)) -> DetectedPeople:
    joints = np.column_stack([np.full(17, 40.0), np.arange(17), np.ones(17)]).astype(np.float32)
    return DetectedPeople(
        [Pose(joints, id=id) for id in ids], {id: Box(10, 10, 20, 40) for id in ids}, [*refused], size
    )


def admitted(tick: int, epoch: int = 0) -> tuple[int, Admission]:
    return tick * TICK_NS, Admission(Verdict.TAKE, epoch, tick)


@pytest.fixture
def learner() -> FakePeopleLearner:
    return FakePeopleLearner()


@pytest.fixture
def reported() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def recognizer(learner: FakePeopleLearner, reported: list[tuple[Any, ...]]) -> SkeletonRecognizer:
    policy = Policy(max_people=2)
    return SkeletonRecognizer(learner, policy, 10.0, lambda *frame: reported.append(frame))


def test_an_answer_has_epoch_and_regions(recognizer: SkeletonRecognizer) -> None:
    answered = recognizer.answer(people("a", "b"), *admitted(0))
    assert answered is not None
    assert [answer.subject for answer in answered.answers] == ["a", "b"]
    assert (answered.state_epoch, answered.regions["a"]) == (0, Box(10, 10, 20, 40))
    assert recognizer.describe(answered.answers) == "2 in sight (no label: 2)"


def test_refused_people_are_reported_also_where_the_frame_cannot_be_used(
    recognizer: SkeletonRecognizer, learner: FakePeopleLearner, reported: list[tuple[Any, ...]]
) -> None:
    recognizer.answer(people("a", "b", "c"), *admitted(0))
    with pytest.raises(ValueError, match="octopus8"):
        recognizer.answer(people(refused=[UNREADABLE]), *admitted(1))
    assert [(list(refused), *numbers) for refused, *numbers in reported] == [([], 1, 2), ([UNREADABLE], 0, 2)]
    assert len(learner.shown["a"]) == 1


def test_missed_ticks_are_filled_as_many_as_is_said_at_the_time(
    recognizer: SkeletonRecognizer, learner: FakePeopleLearner
) -> None:
    recognizer.answer(people("a"), *admitted(0))
    recognizer.max_hold_frames = 1
    recognizer.answer(people("a"), *admitted(4))
    assert len(learner.shown["a"]) == 3


def test_a_restored_stream_goes_on_in_an_epoch_of_its_own_and_older_frames_are_outdated(
    recognizer: SkeletonRecognizer, learner: FakePeopleLearner, tmp_path: Path
) -> None:
    for tick in range(3):
        recognizer.answer(people("a"), tick * TICK_NS, recognizer.pacer.admit(tick * TICK_NS))
    waiting = recognizer.pacer.admit(3 * TICK_NS)
    assert recognizer.people.save(tmp_path / "file") == recognizer.load(tmp_path / "file") == ["a"]
    assert recognizer.answer(people("a"), 3 * TICK_NS, waiting) is None
    answered = recognizer.answer(people("a"), 9 * TICK_NS, recognizer.pacer.admit(9 * TICK_NS))
    assert answered is not None
    assert (answered.state_epoch, answered.answers[0].category.progress) == (1, 4 / 8)


def test_another_learner_begins_an_epoch(recognizer: SkeletonRecognizer, learner: FakePeopleLearner) -> None:
    recognizer.answer(people("a"), 0, recognizer.pacer.admit(0))
    other = FakePeopleLearner()
    recognizer.exchange(other)
    answered = recognizer.answer(people("a"), TICK_NS, recognizer.pacer.admit(TICK_NS))
    assert answered is not None
    assert (recognizer.learner, answered.state_epoch) == (other, 1)
    assert (len(learner.shown["a"]), len(other.shown["a"])) == (1, 1)


def image(stamp_ns: int | None = 0) -> Image:
    return Image(np.full((60, 100, 3), 200, np.uint8), stamp_ns)


def test_persons_are_cropped_at_the_stamp_of_the_frame() -> None:
    learner = FakeRestorable()
    recognizer = PersonRecognizer(learner, Policy(), 10.0, margin=0.25)
    answered = recognizer.answer(ImageWithPeople(image(None), people("a")), *admitted(7))
    assert answered is not None
    assert [answer.described_ns for answer in answered.answers] == [7 * TICK_NS]
    assert (learner.looks, learner.shown[-1]) == ([(60, 60)], (7 * TICK_NS,))
    assert recognizer.streams.bytes_per_person == 1_000_000


def test_a_learner_whose_state_stays_inside_is_refused() -> None:
    with pytest.raises(ValueError, match="fake/colors has no snapshot and restore"):
        PersonRecognizer(FakeLearner(), Policy(), 10.0, margin=0.25)


def test_people_without_a_place_in_the_image_are_refused() -> None:
    detected = people("a", "b", "c", refused=[UNREADABLE])
    regions = {"a": Box(90, 10, 20, 40), "b": Box(200, 0, 5, 5)}
    crops, refused = person_crops(DetectedPeople(detected.poses, regions, detected.refused, (100, 60)), image())
    assert [(crop.id, crop.region) for crop in crops] == [("a", Region(90, 10, 10, 40))]
    assert [refusal.kind for refusal in refused] == ["unknown layout", "no place", "no place"]


def test_people_of_another_image_are_refused() -> None:
    with pytest.raises(ValueError, match="640 x 480 pixels, this one has 100 x 60"):
        person_crops(people("a", size=(640, 480)), image())
    assert len(person_crops(people("a", size=(0, 0)), image())[0]) == 1
