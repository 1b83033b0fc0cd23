"""A category says what it is sure of, and refuses to be what it cannot be."""

from typing import Any

import numpy as np
import pytest

from co_perception.engine.target import Category, Pose, Status


def test_top_is_best_first_with_ties_in_index_order() -> None:
    category = Category(1, probabilities=np.array([0.2, 0.4, 0.2, 0.2], np.float32))
    assert [index for index, _ in category.top(3)] == [1, 0, 2]
    assert category.top(1)[0][1] == pytest.approx(0.4)
    assert len(category.top(9)) == 4


def test_top_without_probabilities_is_the_class_itself_or_nothing() -> None:
    assert Category(3, confidence=0.5).top() == [(3, 0.5)]
    assert Category(3).top() == []
    assert Category(-1, confidence=0.0).top() == []


def test_the_defaults_are_those_of_a_clip() -> None:
    category = Category(0)
    assert (category.status, category.progress, category.delay) == (Status.VALID, 1.0, 0)


def test_everything_but_the_class_is_named() -> None:
    with pytest.raises(TypeError):
        Category(0, "walking")  # type: ignore[call-arg]


def test_equality_looks_at_the_answer_not_at_the_array() -> None:
    scores = np.array([0.5, 0.5], np.float32)
    assert Category(0, confidence=0.5, probabilities=scores) == Category(0, confidence=0.5)


@pytest.mark.parametrize(
    ("wrong", "teaches"),
    [
        ({"data": -2}, "class index"),
        ({"data": 1.0}, "class index"),
        ({"data": True}, "class index"),
        ({"data": 0, "confidence": 3.2}, "softmax"),
        ({"data": 0, "confidence": float("nan")}, "softmax"),
        ({"data": 0, "progress": 1.5}, "progress"),
        ({"data": 0, "delay": -1}, "delay"),
        ({"data": 2, "probabilities": np.ones(2, np.float32)}, "outside the 2 classes"),
        ({"data": 0, "probabilities": np.ones((1, 2), np.float32)}, "float32"),
        ({"data": 0, "probabilities": np.ones(2)}, "float64"),
        ({"data": 0, "top": 0}, "k of at least 1"),
    ],
)
def test_a_category_refuses(wrong: dict[str, Any], teaches: str) -> None:
    k = wrong.pop("top", 1)
    with pytest.raises(ValueError, match=teaches):
        Category(**wrong).top(k)


def test_status_numbers_are_on_the_wire() -> None:
    assert [status.value for status in Status] == [0, 1, 2, 3]
    assert [status.name for status in Status] == ["WARMING_UP", "VALID", "UNCERTAIN", "STALE"]


def joints(**changed: float) -> Any:
    values = np.ones((17, 3), np.float32)
    for place, value in changed.items():
        values[4, "xys".index(place)] = value
    return values


def test_a_pose_may_hold_nonsense_only_where_no_joint_was_found() -> None:
    assert not Pose(joints(x=np.nan, s=0.0)).found[4]
    for wrong in (joints(x=np.nan), joints(y=np.inf), joints(s=np.nan)):
        with pytest.raises(ValueError, match="score 0"):
            Pose(wrong)


@pytest.mark.parametrize("wrong", [np.ones((17, 2), np.float32), np.ones((17, 3)), [[1.0, 2.0, 3.0]]])
def test_a_pose_says_what_it_expects(wrong: Any) -> None:
    with pytest.raises(ValueError, match="score|float32"):
        Pose(wrong)
