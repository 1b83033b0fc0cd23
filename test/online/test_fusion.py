"""Means worked out by hand."""

from __future__ import annotations

import pytest

from co_perception.online.fusion import fuse

KNOWN = {"video": {"walk", "wave", "run"}, "skeleton": {"walk", "squat"}}
EVEN = {"video": 1.0, "skeleton": 1.0}


def test_a_label_both_know_gets_the_weighted_mean() -> None:
    scores = {"video": {"walk": 0.6}, "skeleton": {"walk": 0.2}}
    assert fuse(scores, KNOWN, EVEN)["walk"] == pytest.approx(0.4)
    assert fuse(scores, KNOWN, {"video": 3.0, "skeleton": 1.0})["walk"] == pytest.approx(0.5)


def test_who_knows_a_label_and_does_not_name_it_says_no() -> None:
    scores = {"video": {"run": 0.9}, "skeleton": {"walk": 0.8}}
    assert fuse(scores, KNOWN, EVEN) == pytest.approx({"run": 0.9, "walk": 0.4})


def test_the_best_comes_first_and_the_unheard_has_no_say() -> None:
    scores = {"video": {"run": 0.3}, "skeleton": {"squat": 0.8}}
    assert list(fuse(scores, KNOWN, EVEN)) == ["squat", "run"]
    assert fuse(scores, KNOWN, {"video": 1.0}) == pytest.approx({"run": 0.3})
    assert fuse({}, KNOWN, EVEN) == {}


def test_fused_weights_count_for_labels_that_one_recognizer_alone_knows() -> None:
    scores = {"video": {"dancing": 0.95}, "skeleton": {"Stand": 0.9}}
    known = {"video": ["dancing"], "skeleton": ["Stand"]}
    little = fuse(scores, known, {"video": 0.01, "skeleton": 0.99})
    much = fuse(scores, known, {"video": 0.99, "skeleton": 0.01})
    assert little == pytest.approx({"Stand": 0.9, "dancing": 0.95 / 99}) and next(iter(little)) == "Stand"
    assert much == pytest.approx({"dancing": 0.95, "Stand": 0.9 / 99}) and next(iter(much)) == "dancing"
