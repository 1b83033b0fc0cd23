"""Galleries: what was shown a few times is known at once, more is added, some taken away, and damage is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.drawn_people import Figure
from safetensors.numpy import load_file, save_file

from co_perception.engine.target import Pose, Status
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner
from co_perception.learners.gallery import DISCOUNT, OTHER, SHOWS, Gallery, LeaveOneOut
from co_perception.learners.metadata import shipped
from co_perception.learners.skeleton import ContinualSkeletonLearner

FRAMES = 45


def joints(activity: str, seed: int) -> np.ndarray:
    """(FRAMES, 17, 3) of a drawn figure at 15 Hz."""
    figure = Figure(activity, seed)
    return np.stack([figure.frame(n / 15)[:, [0, 1, 3]] for n in range(FRAMES)])


def shown(*activities: str, times: int = 3, first: int = 0) -> Gallery:
    gallery = Gallery("cotcn_everyday")
    for activity in activities:
        for seed in range(first, first + times):
            gallery.show(activity, *gallery.vectors(joints(activity, seed), "coco17", "pixels"))
    return gallery


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    shown("wave", "squat").save(folder)
    return folder


def answers(learner: ContinualSkeletonLearner, activity: str, seed: int) -> list[tuple[str | None, Status]]:
    """Of a stream of a figure, frame by frame."""
    learner.reset()
    found = [learner.infer([Pose(each, id="p")])[0] for each in joints(activity, seed)]
    return [(each.description, each.status) for each in found]


def test_what_was_shown_is_recognized_of_others_frame_by_frame(saved: Path) -> None:
    learner = ContinualSkeletonLearner("cogallery")
    learner.load(saved)
    assert learner.labels == ("squat", "wave", OTHER)
    for activity in ("wave", "squat"):
        for seed in (50, 51):
            late = answers(learner, activity, seed)[30:]
            assert sum(answer == (activity, Status.VALID) for answer in late) > 0.8 * len(late)


def test_what_was_not_shown_is_other() -> None:
    gallery = shown("wave")
    learner = gallery.learner()
    late = [label for label, _ in answers(learner, "squat", 60)[30:]]
    assert late.count(OTHER) > 0.8 * len(late)


def test_an_activity_is_added_to_a_saved_gallery_and_taken_away(saved: Path, tmp_path: Path) -> None:
    gallery = Gallery(saved)
    assert gallery.labels == ("squat", "wave") and len(gallery.shows) == 6
    before = {show.source: show.vector for show in gallery.shows}
    for seed in range(3):
        gallery.show("stand", *gallery.vectors(joints("stand", seed), "coco17", "pixels"))
    gallery.save(tmp_path)
    again = Gallery(tmp_path)
    assert again.labels == ("squat", "stand", "wave") and before.keys() <= {show.source for show in again.shows}
    again.forget("squat")
    again.save(tmp_path)
    assert Gallery(tmp_path).labels == ("stand", "wave")
    with pytest.raises(ValueError, match="'squat' was not shown; there are: stand, wave"):
        again.forget("squat")


def test_a_prototype_is_the_mean_direction_of_its_shows(saved: Path) -> None:
    weights = load_file(saved / "weights.safetensors")
    vectors = [show.vector for show in Gallery(saved).shows if show.label == "squat"]
    mean = np.sum(vectors, 0)
    np.testing.assert_allclose(weights["comparison.prototypes"][0], mean / np.linalg.norm(mean), atol=1e-6)


def test_left_out_shows_tell_what_is_confused() -> None:
    clear = shown("wave", "squat").leave_one_out()
    assert (clear.shows, clear.right, clear.confusions) == (6, 6, ())
    gallery = shown("wave", "squat")
    for seed in range(3):  # the same again under another name cannot be told apart
        gallery.show("greet", *gallery.vectors(joints("wave", seed), "coco17", "pixels"))
    found = gallery.leave_one_out()
    confused = {frozenset(pair) for pair, _ in found.confusions}
    assert confused == {frozenset({"wave", "greet"})} and found.right < found.shows == 9
    assert "once more, from" in found.words()
    alone = shown("wave", times=1).leave_one_out()
    assert alone.shows == 0 and alone.alone == ("wave",) and "nothing can be said" in alone.words()


def test_shows_that_say_nothing_are_refused() -> None:
    gallery = Gallery("cotcn_everyday")
    vectors, present = gallery.vectors(joints("wave", 1), "coco17", "pixels")
    with pytest.raises(ValueError, match="lasts 0.3 s"):
        gallery.show("wave", vectors[:4], present[:4])
    with pytest.raises(ValueError, match="found in 0% of its frames"):
        gallery.show("wave", vectors, ~present)
    with pytest.raises(ValueError, match="it has no label"):
        gallery.show("", vectors, present)
    gallery.show(OTHER, vectors, present)
    with pytest.raises(ValueError, match="nothing was shown yet that is an activity"):
        gallery.learner()
    gallery.show("wave", vectors, present)
    with pytest.raises(ValueError, match="shown before"):
        gallery.show("wave", vectors, present)
    with pytest.raises(ValueError, match="nothing was shown yet"):
        Gallery("cotcn_everyday").learner()


def test_models_without_an_embedding_and_damaged_shows_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a gallery is made on cotcn"):
        Gallery("costgcn_short_poses")
    for name in ("metadata.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((shipped("cotcn_everyday") / name).read_bytes())
    with pytest.raises(ValueError, match=r"no gallery.safetensors"):
        Gallery(tmp_path)
    for name in ("metadata.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((saved / name).read_bytes())
    for vector in (np.full(96, np.nan, np.float32), np.zeros(5, np.float32)):
        save_file({"show.0": vector}, tmp_path / SHOWS, {"show.0": "wave\n"})
        with pytest.raises(ValueError, match="show 0 is no vector of 96 numbers"):
            Gallery(tmp_path)
    (tmp_path / SHOWS).write_bytes(b"\x10" * 40)
    with pytest.raises(ValueError, match="what a gallery's save"):
        Gallery(tmp_path)


@pytest.fixture(scope="module")
def with_examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of one activity, with two examples of anything else."""
    folder = tmp_path_factory.mktemp("examples")
    shown("wave", times=3).save(folder)
    gallery = Gallery(folder)
    for seed in range(2):
        gallery.show(OTHER, *gallery.vectors(joints("squat", seed), "coco17", "pixels"), f"monday {seed} p1")
    gallery.save(folder)
    return folder


def test_each_example_of_anything_else_has_a_row_of_its_own(with_examples: Path) -> None:
    gallery = Gallery(with_examples)
    assert gallery.labels == ("wave",) and gallery.counts == {"wave": 3, OTHER: 2}
    rows = load_file(with_examples / "weights.safetensors")["comparison.prototypes"]
    examples = [show.vector for show in gallery.shows if show.label == OTHER]
    assert rows.shape == (3, 96)
    np.testing.assert_allclose(rows[1:], DISCOUNT * np.stack(examples), atol=1e-6)
    gallery.forget(OTHER)
    gallery.save(with_examples.parent / "forgotten")
    again = load_file(with_examples.parent / "forgotten" / "weights.safetensors")["comparison.prototypes"]
    np.testing.assert_array_equal(again, rows[:1])


def test_what_is_like_an_example_of_anything_else_is_other(with_examples: Path) -> None:
    """Logits of the saved gallery, frame by frame, are what NumPy makes of the vectors and the shows."""
    learner, gallery = ContinualSkeletonLearner("cogallery"), Gallery(with_examples)
    learner.load(with_examples)
    assert learner.labels == ("wave", OTHER)
    weights = load_file(with_examples / "weights.safetensors")
    by_label = {label: np.stack([s.vector for s in gallery.shows if s.label == label]) for label in learner.labels}
    mean = by_label["wave"].mean(0)
    for activity, wanted in (("wave", "wave"), ("squat", OTHER)):
        vectors, _ = gallery.vectors(joints(activity, 80), "coco17", "pixels")
        near = DISCOUNT * (vectors @ by_label[OTHER].T).max(1)
        none = np.maximum(near, weights["comparison.reserve"])
        logits = weights["comparison.sharpness"] * np.stack([vectors @ mean / np.linalg.norm(mean), none], 1)
        scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        learner.reset()
        found = [learner.infer([Pose(each, id="p")])[0] for each in joints(activity, 80)]
        said = np.array([each.probabilities for each in found if each.probabilities is not None])
        np.testing.assert_allclose(said, scores[len(scores) - len(said) :], atol=1e-4)
        labels = [each.description for each in found[30:]]
        assert labels.count(wanted) > 0.8 * len(labels)


def test_left_out_examples_of_anything_else_are_asked_without_their_annotation(with_examples: Path) -> None:
    gallery = Gallery(with_examples)
    found = gallery.leave_one_out()
    assert (found.shows, found.right) == (5, 5)
    wave = joints("wave", 90)
    for begin in (0, 10):  # two parts of one annotation, like nothing but each other and what was shown
        gallery.show(OTHER, *gallery.vectors(wave[begin:], "coco17", "pixels"), "monday 3 p1")
    found = gallery.leave_one_out()
    assert dict(found.confusions)[OTHER, "wave"] == 2 and found.shows == 7
    assert (
        LeaveOneOut(2, 0, (((OTHER, "wave"), 2),), ())
        .words()
        .endswith("other is taken for wave (2): show more that is not wave.")
    )


@pytest.mark.slow
@pytest.mark.parametrize("made", ["saved", "with_examples"])
def test_a_bundle_answers_as_the_gallery_without_torch(
    made: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    learner = ContinualSkeletonLearner("cogallery")
    learner.load(request.getfixturevalue(made))
    learner.bundle(tmp_path)
    bundle = BundleSkeletonLearner()
    bundle.load(tmp_path)
    assert bundle.labels == learner.labels and bundle.receptive_field == learner.receptive_field == 32 + 24 - 1
    for joint in joints("wave", 70):
        [one], [other] = learner.infer([Pose(joint, id="p")]), bundle.infer([Pose(joint, id="p")])
        assert (one.description, one.status) == (other.description, other.status)
        if one.probabilities is not None and other.probabilities is not None:
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-4)


def test_two_that_are_taken_for_each_other_are_told_once() -> None:
    found = LeaveOneOut(
        9, 4, ((("wave", "stop"), 2), (("nod", OTHER), 1), (("stop", "wave"), 1), (("nod", "wave"), 1)), ()
    )
    assert found.words().splitlines()[1:] == [
        "wave and stop are confused (3): show them once more, from the side.",
        "nod is taken for none of them (1): show nod once more, from another side.",
        "nod is taken for wave (1): show nod once more, from another side.",
    ]
