"""One stream through one learner, without ROS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fake_learners import FakeLearner

from co_perception.engine.data import Image
from co_perception.learners.recognition import Recognition


@pytest.fixture
def fake() -> FakeLearner:
    return FakeLearner()


def frame(stamp_ns: int, colour: tuple[int, int, int] = (200, 10, 10)) -> Image:
    return Image(np.full((90, 120, 3), colour, np.uint8), stamp_ns)


def test_a_new_epoch_resets_the_learner_before_its_first_frame(fake: Any) -> None:
    recognition = Recognition(fake)
    epochs = [recognition.answer(frame(i), epoch).epoch for i, epoch in enumerate((3, 3, 4))]
    assert epochs == [3, 3, 4]
    assert fake.shown == [(0, 1), (2,)]


def test_held_frames_are_the_one_before_and_never_cross_an_epoch(fake: Any) -> None:
    recognition = Recognition(fake)
    missing = [
        recognition.answer(frame(1), tick=5, max_hold=5).missing,
        recognition.answer(frame(4), tick=8, max_hold=5).missing,
        recognition.answer(frame(9), epoch=1, tick=4, max_hold=2).missing,
    ]
    assert fake.shown == [(1, 1, 1, 4), (9,)]
    assert missing == [0, 2, 0]


def test_no_more_is_held_than_allowed_and_all_that_is_missing_is_told(fake: Any) -> None:
    recognition = Recognition(fake)
    recognition.answer(frame(1))
    assert recognition.answer(frame(9), tick=8, max_hold=2).missing == 7
    assert recognition.answer(frame(10), tick=9, max_hold=2).missing == 0
    assert fake.shown == [(1, 1, 1, 9, 10)]


def test_a_frame_lost_on_the_way_to_the_learner_leaves_its_tick_empty(fake: Any) -> None:
    """A frame that made the learner fail counts as lost: the next one finds two ticks empty."""
    recognition = Recognition(fake)
    recognition.answer(frame(1), tick=0)

    def fail(shown: Image) -> None:
        raise RuntimeError("out of luck")

    fake.before = fail
    with pytest.raises(RuntimeError):
        recognition.answer(frame(2), tick=1)
    fake.before = lambda shown: None
    assert recognition.answer(frame(4), tick=3, max_hold=9).missing == 2
    assert fake.shown == [(1, 1, 1, 4)]


def test_the_described_stamp_is_delay_frames_back_held_ones_counted(fake: Any) -> None:
    recognition = Recognition(fake)
    described = [recognition.answer(frame(stamp)).described_ns for stamp in (10, 20, 30, 40)]
    assert described == [10, 20, 10, 20]
    assert recognition.answer(frame(90), tick=5, max_hold=1).described_ns == 40


def test_a_label_holds_since_its_first_frame_and_ends_with_the_epoch(fake: Any) -> None:
    recognition = Recognition(fake)
    answers = [recognition.answer(frame(stamp)) for stamp in range(1, 8)]
    assert [answer.since_ns for answer in answers] == [None] * 5 + [6, 6]
    assert recognition.answer(frame(8, (0, 200, 0))).since_ns == 8
    assert recognition.answer(frame(9)).since_ns == 9
    again = recognition.answer(frame(10), epoch=1)
    assert (again.label, again.since_ns) == ("", None)


def test_a_frame_without_a_stamp_is_refused(fake: Any) -> None:
    with pytest.raises(ValueError, match="stamp_ns"):
        Recognition(fake).answer(Image(np.zeros((2, 2, 3), np.uint8)))
