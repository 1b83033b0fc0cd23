"""Frame scores beside scikit-learn's, and what they do where there is nothing to divide by."""

from __future__ import annotations

import json

import numpy as np
import pytest

from co_perception.evaluation.frame_scores import Judged, score

CLASSES = ("walk", "wave", "sit")


def test_scores_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(5)
    truth = rng.choice(CLASSES, 300)
    said = np.where(rng.random(300) < 0.6, truth, rng.choice(CLASSES, 300))
    found = score([Judged(*pair) for pair in zip(truth.tolist(), said.tolist(), strict=True)], CLASSES)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, said))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(truth, said, average="macro"))
    assert found.confusion.tolist() == metrics.confusion_matrix(truth, said, labels=CLASSES).tolist()
    precision, recall, f1, frames = metrics.precision_recall_fscore_support(truth, said, labels=CLASSES)
    rows = [found.per_class[name] for name in CLASSES]
    for key, column in {"precision": precision, "recall": recall, "f1": f1, "frames": frames}.items():
        assert [row[key] for row in rows] == pytest.approx(list(column))


def test_the_warm_up_is_told_apart_and_counts_as_wrong_where_all_frames_count() -> None:
    judged = [Judged("walk", None)] * 4 + [Judged("walk", "walk")] * 5 + [Judged("wave", "walk")]
    found = score(judged, CLASSES)
    assert (found.frames, found.warm_up, found.warm_up_share) == (10, 4, 0.4)
    assert found.accuracy == pytest.approx(5 / 6)
    assert found.accuracy_of_all == 0.5
    # walk: f1 10/11; wave: shown, never said; sit: neither, and does not count
    assert found.macro_f1 == pytest.approx((10 / 11 + 0) / 2)


def test_a_class_the_recogniser_does_not_know_is_always_wrong() -> None:
    found = score([Judged("fly", "walk"), Judged("walk", "walk")], CLASSES)
    assert found.classes == (*CLASSES, "fly")
    assert (found.accuracy, found.per_class["fly"]["recall"]) == (0.5, 0.0)


def test_all_of_it_is_json_even_where_there_is_nothing() -> None:
    found = json.loads(json.dumps(score([Judged("walk", None)], CLASSES).as_dict(), allow_nan=False))
    assert (found["accuracy"], found["accuracy_of_all"], found["per_class"]["sit"]["f1"]) == (None, 0.0, None)
    assert found["confusion"] == [[0] * 3] * 3
