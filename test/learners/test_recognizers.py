"""What settings become: weights, clocks, policies, and which recognizer looks at what."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable

from co_perception.engine.settings import values_of
from co_perception.learners import metadata
from co_perception.learners.recognizers import (
    KINDS,
    RecognizerKind,
    policy,
    runs_here,
    skeleton_recognizer,
    video_recognizer,
)
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.learners.video import ContinualVideoLearner
from co_perception.learners.weights import bundle_path_of
from co_perception.online.crop_recognizer import PersonRecognizer
from co_perception.online.people import Policy
from co_perception.online.recognizer import SceneRecognizer

SKELETON, VIDEO = KINDS["skeleton"], KINDS["video"]


def skeleton(**given: Any) -> Any:
    return values_of(SKELETON.settings, given)


def test_the_clock_is_the_networks_unless_it_is_set() -> None:
    assert skeleton_recognizer(FakePeopleLearner(), skeleton()).pacer.rate_hz == 10.0
    assert skeleton_recognizer(FakePeopleLearner(), skeleton(model_rate_hz=4.0)).pacer.rate_hz == 4.0
    scene = video_recognizer(FakeLearner(), values_of(VIDEO.settings, {"max_gap_s": 3.0}))
    assert (scene.pacer.rate_hz, scene.pacer.max_gap_s) == (25.0, 3.0)


def test_video_rate_and_limits_are_those_of_the_saved_model_unless_they_are_set(tmp_path: Path) -> None:
    """Of a file whose JSON is written by hand: 5 Hz, threshold 0.9 and a progress of 0.5."""
    made = ContinualVideoLearner("cox3d_xs", classes=("wave", "point", "nothing"))
    made._loaded = True
    made.save(tmp_path)
    record = json.loads((tmp_path / metadata.FILE).read_text())
    changed = record | {"rate_hz": 5.0, "threshold": 0.9, "min_progress": 0.5}
    (tmp_path / metadata.FILE).write_text(json.dumps(changed))

    def found(**given: Any) -> tuple[float, float, float]:
        saved: dict[str, Any] = {"network": "cox3d_xs", "model_path": str(tmp_path), "optimize": False}
        values = values_of(VIDEO.settings, saved | given)
        learner: Any = VIDEO.loaded(values)
        return VIDEO.recognizer(learner, values).pacer.rate_hz, learner.threshold, learner.min_progress

    assert found() == (5.0, 0.9, 0.5)
    assert found(subject="person") == (5.0, 0.9, 0.5)
    assert found(model_rate_hz=10.0, threshold=0.0, min_progress=0.25) == (10.0, 0.0, 0.25)
    assert found(model_rate_hz=0.0)[0] == 0.0


def test_a_video_network_runs_with_torch_or_from_the_bundle_of_its_published_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path))
    published, other = (values_of(VIDEO.settings, {"network": name}) for name in ("coi3d_inception", "cox3d_s"))
    assert runs_here(published) and runs_here(other)
    monkeypatch.setattr("co_perception.learners.recognizers.find_spec", lambda name: None)
    assert not runs_here(published) and not runs_here(other)
    bundle = bundle_path_of("coi3d_inception", "i3d_kinetics400")
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    assert runs_here(published) and not runs_here(other)


def test_every_setting_of_the_policy_reaches_it() -> None:
    given = {"missing": "zero", "max_hold_frames": 3, "max_gap_s": 2.0, "expire_s": 4.0, "max_people": 5}
    assert policy(skeleton(**given)) == Policy("zero", 3, 2.0, 4.0, 5)


def test_the_subject_chooses_who_is_looked_at() -> None:
    def made(learner: Any, subject: str) -> Any:
        return VIDEO.recognizer(learner, values_of(VIDEO.settings, {"subject": subject}))

    assert isinstance(made(FakeLearner(), "scene"), SceneRecognizer)
    assert isinstance(made(FakeRestorable(), "person"), PersonRecognizer)
    with pytest.raises(ValueError, match="fake/colors has no snapshot and restore"):
        made(FakeLearner(), "person")


@pytest.mark.parametrize("kind", KINDS)
def test_the_folder_of_a_training_is_its_model(tmp_path: Path, kind: str) -> None:
    """As `load` takes it, and as the pages write it: model_path:=lesson."""
    saved = tmp_path / "lesson" / metadata.MODEL
    saved.mkdir(parents=True)
    (saved / metadata.FILE).write_text("{}")
    weights = KINDS[kind].weights
    for name in (saved.parent, saved):
        assert weights(values_of(KINDS[kind].settings, {"model_path": str(name)})) == str(saved)


def test_the_node_of_a_training_folder_has_its_model(tmp_path: Path) -> None:
    shutil.copytree(metadata.shipped("costgcn_short_poses"), tmp_path / "lesson" / metadata.MODEL)
    values = skeleton(model_path=str(tmp_path / "lesson"))
    SKELETON.find_weights(values)
    assert len(SKELETON.loaded(values).labels) == 20


def test_a_folder_goes_before_a_shipped_model_and_that_before_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "shipped", lambda name: f"/models/{name}")
    assert SKELETON.weights(skeleton(model="a", model_path="mine")) == "mine"
    assert SKELETON.weights(skeleton(model="a")) == "/models/a"
    assert SKELETON.weights(skeleton(model="")) is None


def test_a_learner_has_what_its_settings_say() -> None:
    given = {"model": "", "network": "costgcn_short", "threshold": 0.3, "min_progress": 0.4, "max_people": 7}
    made: Any = SKELETON.learner(skeleton(**given))
    assert (made.variant.name, made.threshold, made.min_progress, made.capacity) == ("costgcn_short", 0.3, 0.4, 7)
    own: Any = SKELETON.learner(skeleton(model=""))
    assert own.min_progress > 0


def test_weights_are_loaded_and_folded_where_that_is_asked_for() -> None:
    for optimize in (True, False):
        learner = FakePeopleLearner()
        kind = RecognizerKind(SKELETON.settings, lambda values: learner, lambda values: "here", skeleton_recognizer)  # noqa: B023
        assert kind.loaded(skeleton(optimize=optimize)) is learner
        assert (learner.loaded_from, learner.optimized) == ("here", int(optimize))


def test_one_name() -> None:
    """Models of one network differ in name and label set, and those of one list of classes share the label set."""
    learners = [SKELETON.loaded(skeleton(model=name, optimize=False)) for name in metadata.shipped_names()]
    names, label_sets = {learner.name for learner in learners}, {learner.label_set for learner in learners}
    assert len(names) == len(label_sets) == len(learners) > 1
    trained = [ContinualSkeletonLearner("costgcn_short", classes=("wave", "squat")) for _ in range(2)]
    for factor, learner in enumerate(trained):
        learner.become({name: value * factor for name, value in learner.model.state_dict().items()})
    assert trained[0].name != trained[1].name and trained[0].label_set == trained[1].label_set
