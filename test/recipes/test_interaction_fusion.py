"""Acts by video, by poses and by both, on made-up features: who is trained on, and how two answers become one."""

from __future__ import annotations

import numpy as np
import pytest

from recipes.interaction_fusion import Windows, accuracy_of, fused, pose_answers
from recipes.interactions import CLASSES, NOTHING


def windows() -> Windows:
    """Two pairs with an act each, three windows of each, and a home. Features tell the act, but for a stranger's."""
    videos = ["0_1_0"] * 3 + ["1_1_1"] * 3 + ["6_2_0"] * 3 + ["7_2_1"] * 3 + [""] * 3
    labels = np.array([0] * 3 + [1] * 3 + [0] * 3 + [1] * 3 + [NOTHING] * 3)
    features = np.eye(len(CLASSES), dtype=np.float32)[labels] * 5
    return Windows(features, labels, np.array(videos))


def test_poses_of_a_pair_are_told_by_those_of_others() -> None:
    given = windows()
    found = pose_answers(given, "2")
    assert sorted(found) == ["6_2_0", "7_2_1"]
    assert accuracy_of(found, {"6_2_0": 0, "7_2_1": 1}) == 1.0
    assert found["6_2_0"].sum() == pytest.approx(1.0)
    assert not found["6_2_0"][[2, 3, 4, 5]].any()  # of which there is no example
    changed = given.labels.copy()
    changed[6:12] = NOTHING  # the labels of whom is held out change nothing
    again = pose_answers(Windows(given.features, changed, given.videos), "2")
    np.testing.assert_array_equal(found["6_2_0"], again["6_2_0"])


def test_both_is_the_mean_and_one_alone_where_the_other_has_none() -> None:
    one, other = {"a": np.array([0.8, 0.2]), "b": np.array([0.6, 0.4])}, {"a": np.array([0.1, 0.9])}
    both = fused(one, other)
    np.testing.assert_allclose(both["a"], [0.45, 0.55])
    np.testing.assert_array_equal(both["b"], one["b"])


def test_an_act_without_an_answer_is_not_right() -> None:
    assert accuracy_of({"a": np.array([0.8, 0.2])}, {"a": 0, "b": 0}) == 0.5
