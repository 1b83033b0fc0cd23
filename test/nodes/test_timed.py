"""The stopwatch tells how long frames take, without the one-time costs and without chance disturbances."""

from typing import Any

import numpy as np
import pytest

from co_perception.engine.data import Image
from co_perception.engine.target import Status
from co_perception.nodes.timed import ROUND, Timed


def timed(*seconds: float) -> Timed:
    made = Timed(object())
    made.seconds += seconds
    return made


def test_every_frame_is_timed_and_answered_by_the_learner_itself(fake: Any) -> None:
    learner = Timed(fake)
    learner.reset()
    (answer,) = learner.infer(Image(np.zeros((4, 4, 3), np.uint8), 1))
    assert answer.status == Status.WARMING_UP
    assert len(learner.seconds) == 1
    assert (learner.name, fake.shown) == ("fake/colours", [(1,)])


def test_a_learner_that_is_ready_is_not_loaded_again(fake: Any) -> None:
    learner = Timed(fake)
    learner.load()
    learner.optimize()
    assert (fake.loaded_from, fake.optimized) == ("never", 0)


def test_the_quickest_round_counts_and_the_first_does_not() -> None:
    learner = timed(*[9.0] * ROUND, *[0.04] * ROUND, *[0.02] * ROUND, *[0.5] * ROUND)
    assert learner.round_s(after=ROUND) == pytest.approx(0.02)
    assert learner.round_s(after=2 * ROUND + 4) == pytest.approx((4 * 0.02 + 4 * 0.5) / 8)


def test_a_source_of_one_frame_has_a_round_too() -> None:
    assert timed(0.3).round_s(after=0) == pytest.approx(0.3)
