"""The models that come with the package: they load by name, and do on real data what their cards say."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from co_perception.data.pose_classification_kit import held_poses
from co_perception.data.samples import Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.shipped import shipped, shipped_names
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.runtime.store import locate
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert
from co_perception.training.augment import mirrored, mirrored_label

POSES, MOTIONS = "costgcn_short_poses", "costgcn_short_motions"
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def poses() -> ContinualSkeletonLearner:
    return loaded(POSES)


@pytest.fixture(scope="module")
def windows() -> Samples:
    """Every fourth window of the data set."""
    found = held_poses(locate("pose_kit_body"))[0].windows(16, 16)
    return Samples(found.items[::4], found.classes)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(RECIPES)
    for name in ("motions", "report", "forest"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("motions")


def loaded(name: str) -> ContinualSkeletonLearner:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(name)
    return learner


def right(learner: ContinualSkeletonLearner, clips: list[SkeletonSequence], wanted: list[int]) -> float:
    return float(np.mean([answer.data == label for answer, label in zip(learner.infer(clips), wanted, strict=True)]))


@pytest.mark.parametrize("name", [POSES, MOTIONS])
def test_a_shipped_model_is_whole_small_and_described(name: str) -> None:
    assert name in shipped_names()
    folder = shipped(name)
    assert (folder / "weights.safetensors").stat().st_size < 2_000_000
    card = (folder / "README.md").read_text("utf-8")
    for chapter in ("Data", "Split", "Licence", "Not for", f"recipes/{name.rsplit('_', 1)[1]}.py"):
        assert chapter in card
    learner = loaded(name)
    assert learner.loaded and learner.receptive_field == 16 and learner.rate_hz == 15.0
    assert all(label in card for label in learner.labels)


def test_an_unknown_name_says_which_there_are() -> None:
    with pytest.raises(FileNotFoundError, match=POSES):
        shipped("costgcn_short_dances")


def test_held_poses_are_known_again(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    # It was trained on these; what this finds is another preparation of joints, or other weights.
    assert poses.labels == windows.classes
    clips = [clip for clip, _ in windows]
    assert right(poses, clips, windows.labels) > 0.98
    assert right(poses, [moved(clip) for clip in clips], windows.labels) > 0.98
    assert right(poses, [damaged(clip, seed) for seed, clip in enumerate(clips)], windows.labels) > 0.95


def test_another_estimators_joints_give_the_same(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    body, coco = layout("body25"), layout("coco17")
    clips = [
        SkeletonSequence(convert(clip.data.transpose(1, 3, 2, 0), body, coco).transpose(3, 0, 2, 1), "coco17")
        for clip, _ in windows
    ]
    for mine, other in zip(poses.infer(clips), poses.infer([clip for clip, _ in windows]), strict=True):
        assert mine.probabilities is not None and other.probabilities is not None
        np.testing.assert_allclose(mine.probabilities, other.probabilities, atol=1e-5)


def test_left_and_right_are_told_apart(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    others = mirrored_label(windows.classes)
    pairs = [(clip, others[a.data]) for clip, a in windows if others[a.data] not in (None, a.data)]
    assert len(pairs) > 30
    images = [SkeletonSequence(mirrored(clip.data, layout("body25")), "body25") for clip, _ in pairs]
    assert right(poses, images, [int(label or 0) for _, label in pairs]) > 0.95


def test_it_streams_what_it_says_of_clips(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    clip, wanted = windows[60]
    poses.reset()
    for frame in clip.data[..., 0].transpose(1, 2, 0):
        [answer] = poses.infer([Pose(np.ascontiguousarray(frame), "body25", id="somebody")])
    [whole] = poses.infer(clip)
    assert answer.probabilities is not None and whole.probabilities is not None
    np.testing.assert_allclose(answer.probabilities, whole.probabilities, atol=1e-5)
    assert answer.status == Status.VALID and answer.data == wanted.data


def test_motions_from_views_that_were_not_trained_on(recipe: ModuleType) -> None:
    learner = loaded(MOTIONS)
    assert learner.labels == recipe.CLASSES
    for missing, least in ((0.0, 0.85), (0.2, 0.8)):
        fresh = recipe.views(range(recipe.BANDS), 8, seed=12345, missing=missing)  # training drew with seed 99
        assert right(learner, [clip for clip, _ in fresh], fresh.labels) > least


def moved(clip: SkeletonSequence) -> SkeletonSequence:
    """As a camera gives it: in pixels, elsewhere in the picture."""
    values = clip.data.copy()
    values[:2] = np.where(values[2] > 0, values[:2] * 180 + np.array([400, 250], np.float32)[:, None, None, None], 0)
    return SkeletonSequence(values, clip.layout, clip.rate_hz)


def damaged(clip: SkeletonSequence, seed: int) -> SkeletonSequence:
    """20 % of the joints are lost, others in each frame."""
    kept = np.random.default_rng(seed).random(clip.data.shape[1:]) >= 0.2
    return SkeletonSequence(clip.data * kept, clip.layout, clip.rate_hz)
