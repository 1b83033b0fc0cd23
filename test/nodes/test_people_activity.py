"""Camera, pose estimator and recognizer in one process answer as they do over topics, and stand for three nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import FakePeopleLearner, TwoPeople
from helpers.node_stream import RELIABLE, overrides_of, stamps_of
from sensor_msgs.msg import Image

from co_perception.msg import ActivityArray, SkeletonArray
from co_perception.nodes.camera import CameraNode
from co_perception.nodes.core.handover import Handover
from co_perception.nodes.live.listener import LiveListener
from co_perception.nodes.people_activity import (
    HandedSkeletonActivityNode,
    HandingCameraNode,
    HandingPoseNode,
    make_parser,
)
from co_perception.nodes.pose import PoseNode
from co_perception.nodes.skeleton_activity import SkeletonActivityNode

FRAMES = 20
WHOLE = {"queue_depth": 100, "reliability": "reliable"}


def play(bench: Any, source: Path, one: bool, pixels: bool = True) -> tuple[list[Any], Any]:
    """What is answered to a short video, over topics or in one process, and the pose node."""
    pictures: Any = Handover("pictures")
    people: Any = Handover("people")
    answers = bench.listen(ActivityArray, "activity", RELIABLE)
    activity = overrides_of({"model": "", **WHOLE})
    pose = overrides_of({"id_prefix": "p", "confirm": 1, "image_reliability": "reliable", "queue_depth": 100})
    camera = overrides_of(
        {"source": str(source), "short_side": 0, "start_stamp_s": 5.0, "queue_depth": 100, "autostart": True}
    )
    if one:
        recognizer = HandedSkeletonActivityNode(
            people, learner_factory=lambda values: FakePeopleLearner(), parameter_overrides=activity
        )
        estimator = HandingPoseNode(
            people, pictures, pixels, estimator_factory=lambda values: TwoPeople(), parameter_overrides=pose
        )
        eye: CameraNode = HandingCameraNode(pictures, pixels, parameter_overrides=camera)
    else:
        recognizer = SkeletonActivityNode(lambda values: FakePeopleLearner(), parameter_overrides=activity)
        estimator = PoseNode(lambda values: TwoPeople(), parameter_overrides=pose)
        eye = CameraNode(parameter_overrides=camera)
    for node in (recognizer, estimator):
        bench.add(node)
    bench.until(lambda: recognizer._activity.get_subscription_count(), "a listener")
    if not one:
        bench.matched(estimator._skeletons, "skeletons")
    bench.add(eye)
    bench.until(lambda: len(answers) == FRAMES, "an answer to each frame")
    return list(answers), estimator


def content(answers: list[Any]) -> list[Any]:
    """Of each answer, all that does not depend on how long it took."""
    return [
        [(a.subject_id, a.status, a.label, a.progress, list(a.scores), a.roi) for a in answer.activities]
        for answer in answers
    ]


def test_the_answers_are_those_over_topics(bench: Any, make_video: Callable[..., Path]) -> None:
    source = make_video(frames=FRAMES, rate_hz=10, size=(320, 240))
    apart, _ = play(bench, source, one=False)
    for node in bench.nodes:
        bench.executor.remove_node(node)
        node.destroy_node()
    bench.nodes.clear()
    together, pose = play(bench, source, one=True)
    assert stamps_of(together) == stamps_of(apart) and content(together) == content(apart)
    assert len(together[-1].activities) == 2 and together[-1].header.frame_id == "camera"
    skeletons, pictures = bench.listen(SkeletonArray, "skeletons", RELIABLE), bench.listen(Image, "image_raw", RELIABLE)
    bench.matched(pose._skeletons, "skeletons")
    bench.until(lambda: bench.nodes[-1]._images.get_subscription_count())
    bench.nodes[-1].trigger_deactivate()
    bench.nodes[-1].trigger_activate()  # plays again
    bench.until(lambda: skeletons and pictures, "for those who subscribe")
    assert len(skeletons[-1].skeletons) == 2


def test_without_pixels_no_topic_has_any(bench: Any, make_video: Callable[..., Path]) -> None:
    play(bench, make_video(frames=FRAMES, rate_hz=10, size=(320, 240)), one=True, pixels=False)
    kinds = {kind for _, kinds in bench.node.get_topic_names_and_types() for kind in kinds}
    assert "co_perception/msg/SkeletonArray" in kinds
    assert not [kind for kind in kinds if kind.startswith("sensor_msgs/")]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HandingPoseNode(Handover("x"), None, False, parameter_overrides=overrides_of({"position": "depth"})),
         "no topic of pictures"),
        (lambda: HandedSkeletonActivityNode(Handover("x"), parameter_overrides=overrides_of({"input": "yolo"})),
         "people come from its pose estimator"),
    ],
)  # fmt: skip
def test_what_others_would_send_is_refused(bench: Any, make: Callable[[], Any], says: str) -> None:
    node = bench.add(make(), up=False)
    node.trigger_configure()
    assert says in node.failure


def test_silence_is_explained_by_the_process(bench: Any) -> None:
    pose = HandingPoseNode(Handover("x"), Handover("y"), estimator_factory=lambda values: TwoPeople())
    recognizer = HandedSkeletonActivityNode(
        Handover("x"),
        learner_factory=lambda values: FakePeopleLearner(),
        parameter_overrides=overrides_of({"model": ""}),
    )
    for node in (pose, recognizer):
        bench.add(node)
        assert "of this process: see its diagnostics" in node.silence(7.0)
    assert make_parser().parse_args(["--no-pixels"]).no_pixels


def test_what_is_given_to_a_node_of_the_process_is_no_slip_of_the_others(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["--ros-args", "-p", "camera:source:=0", "-p", "camra:loop:=true"]
    made = {"learner_factory": lambda values: FakePeopleLearner(), "parameter_overrides": overrides_of({"model": ""})}
    bench.add(HandedSkeletonActivityNode(Handover("x"), cli_args=given, **made), up=False)
    heard = capfd.readouterr().err
    assert "camera:source" not in heard
    assert "-p camra:loop:=true says nothing for /skeleton_activity" in heard


def test_the_studio_finds_the_recognizer(bench: Any) -> None:
    """It subscribes to no skeletons, and yet takes another model."""
    listener = bench.add(LiveListener(), up=False)
    made = {"learner_factory": lambda values: FakePeopleLearner(), "parameter_overrides": overrides_of({"model": ""})}
    bench.add(HandedSkeletonActivityNode(Handover("x"), **made))
    bench.until(lambda: listener.recognizers_of_skeletons() == ["/skeleton_activity"], "the recognizer")
