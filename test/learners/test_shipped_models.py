"""The models that come with the package: they load by name, and do on real data what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.answers import scores

from co_perception.data.samples import Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose, Status
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner
from co_perception.learners.metadata import shipped, shipped_names
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.runtime.store.store import locate
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert
from co_perception.training.augment import mirrored, mirrored_label
from recipes import motions
from recipes.readers.pose_classification_kit import held_poses

POSES, MOTIONS = "costgcn_short_poses", "costgcn_short_motions"


@pytest.fixture(scope="module")
def poses() -> ContinualSkeletonLearner:
    return loaded(POSES)


@pytest.fixture(scope="module")
def windows() -> Samples:
    """Every fourth window of the data set."""
    found = held_poses(locate("pose_kit_body"))[0].windows(16, 16)
    return Samples(found.items[::4], found.classes)


def test_model_private_a_saved_model_is_as_readable_as_the_umask_says(
    poses: ContinualSkeletonLearner, tmp_path: Path, umask_of_a_group: None
) -> None:
    poses.save(tmp_path)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "metadata.json": 0o640, "weights.safetensors": 0o640
    }  # fmt: skip
    weights = Path("weights.safetensors")
    assert (tmp_path / weights).read_bytes() == (shipped(POSES) / weights).read_bytes()


def loaded(name: str) -> ContinualSkeletonLearner:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(name)
    return learner


def test_first_label_comes_when_readme_says_and_min_progress_works(poses: ContinualSkeletonLearner) -> None:
    """The field of a network that does not pad must be full; of its frames, this share must show the person."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert "their first label comes after 1.0 s" in readme
    poses.reset()
    joints = np.random.default_rng(3).uniform(50, 200, (17, 3)).astype(np.float32)
    joints[:, 2] = 1.0
    seen = Pose(joints, id="p")
    statuses = [poses.infer(seen)[0].status for _ in range(20)]
    assert statuses.index(Status.VALID) / poses.rate_hz == 1.0
    for share, status in ((0.3, Status.VALID), (0.75, Status.WARMING_UP)):
        asked = ContinualSkeletonLearner("costgcn_short", min_progress=share)
        asked.load(POSES)
        answers = [asked.infer(seen if n >= 5 else seen.blank())[0] for n in range(16)]
        assert (answers[-1].progress, answers[-1].status) == (11 / 16, status)


def right(learner: ContinualSkeletonLearner, clips: list[SkeletonSequence], wanted: list[int]) -> float:
    return float(np.mean([answer.data == label for answer, label in zip(learner.infer(clips), wanted, strict=True)]))


@pytest.mark.parametrize("name", [POSES, MOTIONS])
def test_a_shipped_model_is_whole_small_and_described(name: str) -> None:
    assert name in shipped_names()
    folder = shipped(name)
    assert (folder / "weights.safetensors").stat().st_size < 2_000_000
    card = (folder / "README.md").read_text("utf-8")
    for chapter in ("Data", "Split", "License", "Not for", f"recipes/{name.rsplit('_', 1)[1]}.py"):
        assert chapter in card
    learner = loaded(name)
    assert learner.loaded and learner.receptive_field == 16 and learner.rate_hz == 15.0
    assert all(label in card for label in learner.labels)


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_model_has_a_bundle_that_answers_as_it_does(name: str) -> None:
    frames = np.random.default_rng(5).uniform(50, 200, (24, 17, 3)).astype(np.float32)
    frames[:, :, 2] = 1.0
    network = "cotcn" if name == "cotcn_everyday" else "costgcn_short"
    model, bundle = ContinualSkeletonLearner(network), BundleSkeletonLearner()
    model.load(name)
    bundle.load(name)
    assert bundle.labels == model.labels
    for joints in frames:
        mine, other = bundle.infer([Pose(joints, id="p")]), model.infer([Pose(joints, id="p")])
        assert [answer.status for answer in mine] == [answer.status for answer in other]
        if mine[0].status is not Status.WARMING_UP:
            np.testing.assert_allclose(scores(mine), scores(other), atol=1e-4)
    assert mine[0].status is not Status.WARMING_UP


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
        SkeletonSequence(convert(clip.data.transpose(1, 3, 2, 0), body, coco).transpose(3, 0, 2, 1), "coco17", 15.0)
        for clip, _ in windows
    ]
    mine, other = scores(poses.infer(clips)), scores(poses.infer([clip for clip, _ in windows]))
    assert len(mine) == len(clips)
    np.testing.assert_allclose(mine, other, atol=1e-5)


def test_left_and_right_are_told_apart(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    others = mirrored_label(windows.classes)
    pairs = [(clip, others[a.data]) for clip, a in windows if others[a.data] not in (None, a.data)]
    assert len(pairs) > 30
    images = [SkeletonSequence(mirrored(clip.data, layout("body25")), "body25", 15.0) for clip, _ in pairs]
    assert right(poses, images, [int(label or 0) for _, label in pairs]) > 0.95


def test_it_streams_what_it_says_of_clips(poses: ContinualSkeletonLearner, windows: Samples) -> None:
    clip, wanted = windows[60]
    poses.reset()
    for frame in clip.data[..., 0].transpose(1, 2, 0):
        [answer] = poses.infer([Pose(np.ascontiguousarray(frame), "body25", id="somebody")])
    [whole] = poses.infer(clip)
    np.testing.assert_allclose(scores([answer]), scores([whole]), atol=1e-5)
    assert answer.status == Status.VALID and answer.data == wanted.data


def test_motions_from_views_that_were_not_trained_on() -> None:
    learner = loaded(MOTIONS)
    assert learner.labels == motions.CLASSES
    for missing, least in ((0.0, 0.85), (0.2, 0.8)):
        fresh = motions.views(range(motions.BANDS), 8, seed=12345, missing=missing)  # training drew with seed 99
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
