"""What settings become: weights, clocks, policies, and which recogniser looks at what."""

from __future__ import annotations

from typing import Any

import pytest
from fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable

from co_perception.engine.settings import values_of
from co_perception.learners import shipped
from co_perception.learners.people import Policy
from co_perception.learners.recognisers import (
    KINDS,
    PersonRecogniser,
    SceneRecogniser,
    SkeletonRecogniser,
    policy,
    skeleton_learner,
    skeleton_weights,
)

SKELETON, VIDEO = KINDS["skeleton"], KINDS["video"]


def skeleton(**given: Any) -> Any:
    return values_of(SKELETON.table, given)


def test_the_clock_is_the_networks_unless_it_is_set() -> None:
    assert SkeletonRecogniser(FakePeopleLearner(), skeleton()).pacer.rate_hz == 10.0
    assert SkeletonRecogniser(FakePeopleLearner(), skeleton(model_rate_hz=4.0)).pacer.rate_hz == 4.0
    scene = SceneRecogniser(FakeLearner(), values_of(VIDEO.table, {"max_gap_s": 3.0}))
    assert (scene.pacer.rate_hz, scene.pacer.max_gap_s) == (25.0, 3.0)


def test_every_setting_of_the_policy_reaches_it() -> None:
    given = {"missing": "zero", "max_hold_frames": 3, "max_gap_s": 2.0, "expire_s": 4.0, "max_people": 5}
    assert policy(skeleton(**given)) == Policy("zero", 3, 2.0, 4.0, 5)


def test_the_subject_chooses_who_is_looked_at() -> None:
    def made(learner: Any, subject: str) -> Any:
        return VIDEO.recogniser(learner, values_of(VIDEO.table, {"subject": subject}))

    assert isinstance(made(FakeLearner(), "scene"), SceneRecogniser)
    assert isinstance(made(FakeRestorable(), "person"), PersonRecogniser)
    with pytest.raises(ValueError, match="fake/colours has no snapshot and restore"):
        made(FakeLearner(), "person")


def test_a_folder_goes_before_a_shipped_model_and_that_before_published_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipped, "shipped", lambda name: f"/models/{name}")
    assert skeleton_weights(skeleton(model="a", model_path="mine")) == "mine"
    assert skeleton_weights(skeleton(model="a")) == "/models/a"
    assert skeleton_weights(skeleton(model="")) is None


def test_a_learner_has_what_its_settings_say() -> None:
    given = {"model": "", "network": "costgcn_short", "threshold": 0.3, "min_progress": 0.4, "max_people": 7}
    made: Any = skeleton_learner(skeleton(**given))
    assert (made.variant.name, made.threshold, made.min_progress, made.capacity) == ("costgcn_short", 0.3, 0.4, 7)
    own: Any = skeleton_learner(skeleton(model=""))
    assert own.min_progress > 0


def test_weights_are_loaded_and_folded_where_that_is_asked_for() -> None:
    for optimize in (True, False):
        learner = FakePeopleLearner()
        kind = type(SKELETON)(SKELETON.table, lambda values: learner, lambda values: "here", SkeletonRecogniser)  # noqa: B023
        assert kind.loaded(skeleton(optimize=optimize)) is learner
        assert (learner.loaded_from, learner.optimized) == ("here", int(optimize))
