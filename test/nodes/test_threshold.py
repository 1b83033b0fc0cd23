"""Threshold of a recognizer: it can be changed while its node runs, and holds for the next answer."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import FakePeopleLearner, LimitedLearner
from helpers.node_stream import RecognizerStream, overrides_of, skeletons
from rclpy.parameter import Parameter

from co_perception.msg import Activity, Keypoint, LabelInfo, Skeleton, SkeletonArray
from co_perception.nodes.core.qos import latched_qos
from co_perception.nodes.skeleton_activity import SkeletonActivityNode

LOSSLESS = {"reliability": "reliable", "queue_depth": 100, "threads": 1}


def set_threshold(node: Any, value: float) -> Any:
    [result] = node.set_parameters([Parameter("threshold", value=value)])
    return result


def test_it_is_told_to_the_learner_and_to_who_reads_labels(bench: Any) -> None:
    learner = LimitedLearner(own_threshold=0.25)
    node = bench.add(SkeletonActivityNode(lambda _: learner, parameter_overrides=overrides_of(LOSSLESS)))
    labels = bench.listen(LabelInfo, "skeleton_activity/label_info", latched_qos())
    bench.until(lambda: labels)
    assert set_threshold(node, 0.6).successful
    bench.until(lambda: labels[-1].threshold == pytest.approx(0.6))
    assert set_threshold(node, -1.0).successful and learner.threshold == 0.25
    refused = set_threshold(node, 3.0)
    assert not refused.successful and "range" in refused.reason and learner.threshold == 0.25


def test_one_that_cannot_be_changed_is_refused(bench: Any) -> None:
    node = bench.add(SkeletonActivityNode(lambda _: FakePeopleLearner()))
    refused = set_threshold(node, 0.5)
    assert not refused.successful and "cannot be changed" in refused.reason
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert set_threshold(node, 0.5).successful  # it is read when the node is configured


@pytest.mark.slow
def test_statuses_follow_it(bench: Any, tmp_path: Any) -> None:
    """With a real network: no answer reaches a threshold of one, and no event is lost or made by it."""
    pytest.importorskip("torch")
    from helpers.drawn_people import ACTIVITIES, Figure
    from helpers.random_models import skeleton_model

    model = skeleton_model(tmp_path / "model", ACTIVITIES)
    settings = {**LOSSLESS, "model_path": str(model), "min_progress": 0.05}
    node = SkeletonActivityNode(parameter_overrides=overrides_of(settings))
    stream = RecognizerStream(bench, node, {"skeletons": SkeletonArray})

    figure = Figure("wave", 3)

    def status(number: int) -> int:
        joints = [Keypoint(x=float(x), y=float(y), z=float("nan"), score=float(s))
                  for x, y, _, s in figure.frame(number / 15)]  # fmt: skip
        person = Skeleton(subject_id="p", layout="coco17", score=1.0, keypoints=joints)
        stream.publish({"skeletons": skeletons(1.0 + number / 15, person, size=(640, 480))})
        return int(stream.answered(number + 1)[-1].activities[0].status)

    assert [status(number) for number in range(20)][-1] == Activity.STATUS_VALID
    assert set_threshold(node, 1.0).successful
    assert status(20) == Activity.STATUS_UNCERTAIN
    assert set_threshold(node, -1.0).successful
    assert status(21) == Activity.STATUS_VALID
    assert stream.answers[-1].state_epoch == stream.answers[0].state_epoch  # nothing was forgotten
