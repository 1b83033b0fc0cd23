"""A recognizer of whole scenes, without ROS."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.fake_learners import FakeLearner

from co_perception.engine.data import Image
from co_perception.engine.picture_turn import PictureTurn
from co_perception.online.pacing import Admission, Verdict
from co_perception.online.recognizer import Answer, SceneRecognizer


class Scene:
    """A recognizer that is shown frames by stamp, each at the tick after the one before unless it is told another."""

    def __init__(self, learner: Any) -> None:
        self.recognizer = SceneRecognizer(learner, rate_hz=25.0, max_gap_s=1.0, max_hold_frames=0)
        self._place = (0, -1)

    def show(self, image: Image, stamp_ns: int, epoch: int = 0, tick: int | None = None, max_hold: int = 0) -> Answer:
        before = self._place[1] if epoch == self._place[0] else -1
        self._place = epoch, before + 1 if tick is None else tick
        self.recognizer.max_hold_frames = max_hold
        answered = self.recognizer.answer(image, stamp_ns, Admission(Verdict.TAKE, *self._place))
        (answer,) = answered.answers
        assert answered.state_epoch == answer.epoch == epoch
        return answer

    def answer(self, stamp_ns: int, color: tuple[int, int, int] = (200, 10, 10), **place: int) -> Answer:
        return self.show(Image(np.full((90, 120, 3), color, np.uint8), stamp_ns), stamp_ns, **place)


@pytest.fixture
def fake() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def scene(fake: FakeLearner) -> Scene:
    return Scene(fake)


def test_a_turned_picture_is_shown_upright_to_the_learner() -> None:
    """A camera on its side: its picture is turned clockwise by a quarter."""

    class Shapes(FakeLearner):
        def infer(self, data: Any) -> Any:
            shown.append(data.data)
            return super().infer(data)

    shown: list[Any] = []
    recognizer = SceneRecognizer(Shapes(), 25.0, 1.0, 0, PictureTurn(90))
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    recognizer.answer(Image(picture, 5), 5, Admission(Verdict.TAKE, 0, 0))
    np.testing.assert_array_equal(shown[0], np.rot90(picture, -1))


def test_a_new_epoch_resets_the_learner_before_its_first_frame(scene: Scene, fake: FakeLearner) -> None:
    epochs = [scene.answer(i, epoch=epoch).epoch for i, epoch in enumerate((3, 3, 4))]
    assert epochs == [3, 3, 4]
    assert fake.shown == [(0, 1), (2,)]


def test_held_frames_are_the_one_before_and_never_cross_an_epoch(scene: Scene, fake: FakeLearner) -> None:
    missing = [
        scene.answer(1, tick=5, max_hold=5).missing,
        scene.answer(4, tick=8, max_hold=5).missing,
        scene.answer(9, epoch=1, tick=4, max_hold=2).missing,
    ]
    assert fake.shown == [(1, 1, 1, 4), (9,)]
    assert missing == [0, 2, 0]


def test_no_more_is_held_than_allowed_and_all_that_is_missing_is_reported(scene: Scene, fake: FakeLearner) -> None:
    scene.answer(1)
    assert scene.answer(9, tick=8, max_hold=2).missing == 7
    assert scene.answer(10, tick=9, max_hold=2).missing == 0
    assert fake.shown == [(1, 1, 1, 9, 10)]


def test_a_frame_lost_on_the_way_to_the_learner_leaves_its_tick_empty(scene: Scene, fake: FakeLearner) -> None:
    """A frame that made the learner fail counts as lost: the next one finds two ticks empty."""
    scene.answer(1, tick=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake, "infer", lambda shown: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scene.answer(2, tick=1)
    assert scene.answer(4, tick=3, max_hold=9).missing == 2
    assert fake.shown == [(1, 1, 1, 4)]


def test_the_described_stamp_is_delay_frames_back_held_ones_counted(scene: Scene) -> None:
    described = [scene.answer(stamp).described_ns for stamp in (10, 20, 30, 40)]
    assert described == [10, 20, 10, 20]
    assert scene.answer(90, tick=5, max_hold=1).described_ns == 40


def test_a_label_holds_since_its_first_frame_and_ends_with_the_epoch(scene: Scene) -> None:
    answers = [scene.answer(stamp) for stamp in range(1, 8)]
    assert [answer.since_ns for answer in answers] == [None] * 5 + [6, 6]
    assert scene.answer(8, (0, 200, 0)).since_ns == 8
    assert scene.answer(9).since_ns == 9
    again = scene.answer(10, epoch=1)
    assert (again.label, again.since_ns) == ("", None)


def test_the_learner_is_given_the_stamp_of_the_frame(scene: Scene, fake: FakeLearner) -> None:
    """Also where the image has none, or another one: a fault of the clock is a fault of the recognizer's only."""
    scene.show(Image(np.zeros((2, 2, 3), np.uint8)), 7)
    scene.show(Image(np.zeros((2, 2, 3), np.uint8), 5), 8)
    assert fake.shown == [(7, 8)]


def test_a_scene_is_reset_by_the_empty_id_and_knows_no_other(scene: Scene) -> None:
    recognizer = scene.recognizer
    assert recognizer.pacer.admit(0).epoch == 0
    assert recognizer.reset(["anna"]) == ["anna"]
    assert recognizer.pacer.admit(1).epoch == 0
    assert recognizer.reset(["", "bert"]) == ["bert"]
    assert recognizer.pacer.admit(2).epoch == 1


def test_an_answer_is_described_by_its_label_or_why_there_is_none(scene: Scene) -> None:
    describe = scene.recognizer.describe
    assert describe([]) == "waiting for the first frame"
    assert describe([scene.answer(1)]) == "warming up"
    assert describe([[scene.answer(stamp) for stamp in range(2, 9)][-1]]) == "red"
