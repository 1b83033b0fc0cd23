"""Which trainings stream, how recordings are cut for them, and which limits their models have."""

from __future__ import annotations

import pytest
from helpers.synthetic_poses import body, sequence

from co_perception.commands.train_settings import WindowCut, cut_of, skeleton_settings
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Category
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN_SHORT, COTCN, SkeletonVariant

LIMITS = {"min_progress": 0.6, "threshold": 0.8}


@pytest.mark.parametrize(
    ("variant", "started", "adapted", "mode"),
    [(COTCN, True, False, "step"), (COTCN, False, False, "clip"), (COTCN, True, True, "clip"),
     (COSTGCN_SHORT, True, False, "clip")],
)  # fmt: skip
def test_a_network_streams_that_answers_at_once_and_has_weights(
    variant: SkeletonVariant, started: bool, adapted: bool, mode: str
) -> None:
    own = skeleton_settings(variant, started, adapted)
    assert (own.config.mode, own.config.batch_size, own.config.lr, own.config.balance) == (mode, 16, 3e-3, True)
    assert own.limits == (LIMITS if mode == "step" else {})
    assert own.limits_in(own.config) == own.limits


def test_limits_and_cut_are_those_of_the_mode_that_is_chosen() -> None:
    own = skeleton_settings(COTCN, started=True, adapted=False)
    assert cut_of(COTCN, own.config) == WindowCut(64, 32, 8)
    assert own.limits_in(own.config.replace(lr=1e-4, frames=6)) == LIMITS
    assert cut_of(COTCN, own.config.replace(frames=6)) == WindowCut(6, 3, 6)
    clips = own.config.replace(mode="clip")
    assert own.limits_in(clips) == {} and cut_of(COTCN, clips) == WindowCut(32, 8, None)
    assert cut_of(COTCN, own.config.replace(frames=None)) == WindowCut(32, 8, None)


@pytest.mark.parametrize(("mode", "frames"), [("step", 64), ("clip", 32)])
def test_the_learner_streams_as_many_frames_as_are_cut(mode: str, frames: int) -> None:
    config = skeleton_settings(COTCN, started=True, adapted=False).config.replace(mode=mode)
    learner = ContinualSkeletonLearner("cotcn", classes=("a", "b"))
    pairs: list[tuple[SkeletonSequence, Category]] = [(sequence([body(1, n) for n in range(12)]), Category(0))]
    shown = learner.read_dataset(pairs, config).tensor(0, None)
    assert shown.shape[1] == frames
    assert bool(shown[:, 12:].any()) == (mode == "clip")  # which repeats what is short
