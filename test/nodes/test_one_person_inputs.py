"""One person through every input of the node `skeleton_activity` gives the label that the learner gives."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import header
from helpers.one_person import FRAMES, HEIGHT, WIDTH, written

from co_perception.data.messages.people import DetectedPeople
from co_perception.engine.target import Category, Pose
from co_perception.learners.metadata import shipped
from co_perception.learners.recognizers import SkeletonSettings, skeleton_recognizer
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.nodes.core.messages import skeleton_array
from co_perception.nodes.skeleton_activity import SkeletonNodeSettings
from co_perception.nodes.skeleton_inputs import INPUTS


def skeletons(frame: int) -> dict[str, Any]:
    """The message on each topic."""
    pose = Pose(written("coco17", frame, "pixels"), "coco17", id="p")
    return {"skeletons": skeleton_array(header(frame / 15), [pose], "me", (WIDTH, HEIGHT))}


def hri(frame: int) -> dict[str, Any]:
    points = [SimpleNamespace(x=x, y=y, c=c) for x, y, c in written("hri18", frame, "shares").tolist()]
    tracked = SimpleNamespace(header=header(frame / 15), ids=["p"])
    body = SimpleNamespace(header=tracked.header, skeleton=points)
    return {"/humans/bodies/tracked": tracked, "/humans/bodies/p/skeleton2d": body}


def yolo(frame: int) -> dict[str, Any]:
    rows = written("coco17", frame, "pixels").tolist()
    rows[3] = [0.0, 0.0, 0.4]  # the left ear is hidden: yolo_ros puts it there and leaves it a score
    points = [
        SimpleNamespace(id=number, point=SimpleNamespace(x=x, y=y), score=score)
        for number, (x, y, score) in enumerate(rows, 1)
    ]
    person = SimpleNamespace(id="p", score=1.0, keypoints=SimpleNamespace(data=points))
    return {"detections": SimpleNamespace(header=header(frame / 15), detections=[person])}


SENDERS = {"skeletons": skeletons, "hri": hri, "yolo": yolo}


class TopicCallbacks:
    """What an input asks of its node: callbacks by topic."""

    def __init__(self) -> None:
        self.callbacks: dict[str, Any] = {}
        self.while_active = SimpleNamespace(callback=lambda *given: None)
        self.counters = SimpleNamespace(count=lambda *given: None, counts=dict)
        self.conflicts = SimpleNamespace(watch=lambda *given: None)

    def listen(self, kind: Any, topic: str, callback: Any, qos: Any, foreign: str = "") -> Any:
        self.callbacks[topic] = callback
        return SimpleNamespace(topic_name=topic)

    listen_counted = create_subscription = listen


def heard(name: str, monkeypatch: pytest.MonkeyPatch) -> list[DetectedPeople]:
    """The people whom the input decodes from the messages of all frames."""
    types = SimpleNamespace(IdsList="IdsList", Skeleton2D="Skeleton2D", DetectionArray="DetectionArray")
    for package in ("hri_msgs", "yolo_msgs"):
        monkeypatch.setitem(sys.modules, package, SimpleNamespace(msg=types))
        monkeypatch.setitem(sys.modules, f"{package}.msg", types)
    settings = SkeletonNodeSettings(input=name, hri_image_width=WIDTH, hri_image_height=HEIGHT)
    node, found = TopicCallbacks(), list[DetectedPeople]()

    def receive(decode: Any, message: Any, *rest: Any) -> None:
        found.append(decode(message))

    INPUTS[name](settings).subscribe(node, None, receive)  # type: ignore[arg-type]
    for frame in range(FRAMES):
        for topic, message in SENDERS[name](frame).items():
            node.callbacks[topic](message)
    return found


@pytest.mark.parametrize("name", INPUTS)
def test_the_label_of_every_input(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new input has to be written here: `SENDERS` has one for each."""
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(shipped("costgcn_short_poses"))
    recognizer, category = skeleton_recognizer(learner, SkeletonSettings()), Category(-1)
    frames = heard(name, monkeypatch)
    assert len(frames) == FRAMES and not any(people.refused for people in frames)
    for number, people in enumerate(frames):
        stamp_ns = 10**9 + round(number * 1e9 / 15)
        answered = recognizer.answer(people, stamp_ns, recognizer.pacer.admit(stamp_ns))
        assert answered is not None
        category = answered.answers[0].category
    assert category.description == "Stand_LeftArmRaised"
    hidden = frames[0].poses[0].data[:, 2] == 0
    assert np.flatnonzero(hidden).tolist() == ([3] if name == "yolo" else [])
