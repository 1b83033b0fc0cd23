"""A category says what it is sure of, and refuses to be what it cannot be; label lists are in the published order."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from co_perception.engine import target as module
from co_perception.engine.target import Category, Pose, Status, labels


def test_top_is_best_first_with_ties_in_index_order() -> None:
    category = Category(1, probabilities=np.array([0.2, 0.4, 0.2, 0.2], np.float32))
    assert [index for index, _ in category.top(3)] == [1, 0, 2]
    assert category.top(1)[0][1] == pytest.approx(0.4)
    assert len(category.top(9)) == 4


def test_top_without_probabilities_is_the_class_itself_or_nothing() -> None:
    assert Category(3, confidence=0.5).top() == [(3, 0.5)]
    assert Category(3).top() == []
    assert Category(-1, confidence=0.0).top() == []


def test_the_defaults_are_those_of_a_clip_and_everything_but_the_class_is_named() -> None:
    category = Category(0)
    assert (category.status, category.progress, category.delay) == (Status.VALID, 1.0, 0)
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
    assert not Pose(joints(s=np.nan)).found[4]
    for wrong in (joints(x=np.nan), joints(y=np.inf)):
        with pytest.raises(ValueError, match="score 0"):
            Pose(wrong)


@pytest.mark.parametrize("wrong", [np.ones((17, 2), np.float32), np.ones((17, 3)), [[1.0, 2.0, 3.0]]])
def test_a_pose_says_what_it_expects(wrong: Any) -> None:
    with pytest.raises(ValueError, match="score|float32"):
        Pose(wrong)


# Kinetics-400 as published; Kinetics-600 as TensorFlow's Model Garden numbers it for MoViNet (MoViNet-pytorch has 465
# as skiing crosscountry); A001, A023, A043, A060 of Shahroudy and others, arXiv 1604.02808 (files count from 1);
# A061, A080, A103 of Liu and others, arXiv 1905.04757; THUMOS'14 as TRN (Xu and others, ICCV 2019) and OadTR have it:
# twenty actions by name, between what is none and what is unclear.
@pytest.mark.parametrize(
    ("name", "count", "some"),
    [
        ("kinetics400", 400, {0: "abseiling", 152: "high kick", 160: "hurdling", 399: "zumba"}),
        ("kinetics600", 600, {0: "abseiling", 223: "hurdling", 465: "skiing crosscountry", 599: "zumba"}),
        ("ntu60", 60, {0: "drink water", 22: "hand waving", 42: "falling", 59: "walking apart from each other"}),
        ("ntu120", 120, {60: "put on headphone", 79: "squat down", 102: "yawn"}),
        ("thumos14", 22, {0: "background", 20: "volleyball spiking", 21: "ambiguous"}),
    ],
)
def test_a_label_list_is_in_the_published_order(name: str, count: int, some: dict[int, str]) -> None:
    names = labels(name)
    assert len(names) == len(set(names)) == count
    assert {index: names[index] for index in some} == some
    assert all(name == name.strip() and name for name in names)


def test_label_lists_are_sorted_or_go_on() -> None:
    assert list(labels("kinetics400")) == sorted(labels("kinetics400"))
    assert list(labels("kinetics600")) == sorted(labels("kinetics600"))
    assert labels("ntu120")[:60] == labels("ntu60")
    assert labels("ntu120")[119].startswith("finger-guessing game")
    assert list(labels("thumos14")[1:21]) == sorted(labels("thumos14")[1:21], key=lambda name: name.replace(" ", ""))


def test_kinetics400_is_equal_to_the_lists_it_was_checked_against() -> None:
    # Of the 400 lines that torchvision 0.28 (`_KINETICS400_CATEGORIES`) and ppvideo 2.3.1 agree on, joined by newlines.
    digest = hashlib.sha256("\n".join(labels("kinetics400")).encode()).hexdigest()
    assert digest == "a8dafb93a1204d4ecfa904f943ce5ee0c62ddeeb1df71aa1f96983fca17d777e"


def test_unknown_list_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(
        ValueError, match="no label list 'kinetics40'; there are: kinetics400, kinetics600, ntu120, ntu60"
    ):
        labels("kinetics40")
    with pytest.raises(ValueError, match="no label list"):
        labels("../labels/kinetics400")


def test_labels_are_read_from_a_copied_package_without_torch_or_ros(tmp_path: Path) -> None:
    package = Path(module.__file__).parents[1]
    target = tmp_path / "co_perception"
    for part in ("engine", "labels"):
        shutil.copytree(package / part, target / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(package / "__init__.py", target)
    code = (
        "import sys; from co_perception.engine import target as m;"
        "assert m.__file__.startswith(sys.argv[1]), m.__file__;"
        "assert not {'torch', 'rclpy'} & set(sys.modules);"
        "print(len(m.labels('kinetics400')))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "400"


def test_the_probabilities_of_all_groups_are_each_groups_own_at_its_labels() -> None:
    arms = Category(2, probabilities=np.array([0, 0, 0.75, 0.25], np.float32), group="arms")
    both = Category(0, probabilities=np.array([0.5, 0.5, 0, 0], np.float32), group="posture", others=(arms,))
    found = both.all_probabilities()
    assert found is not None and found.tolist() == [0.5, 0.5, 0.75, 0.25]
    assert Category(-1).all_probabilities() is None
