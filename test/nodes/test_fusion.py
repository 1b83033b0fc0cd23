"""The node between two recognisers that are played by the test."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from rclpy.parameter import Parameter
from said import activity, part

from co_perception.msg import ActivityArray, ActivityEvent, LabelInfo
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.qos import latched_qos


@pytest.fixture
def stage(bench: Any) -> Any:
    """The node, and a function that speaks for each recogniser."""
    overrides = [Parameter("max_wait_s", value=0.2), Parameter("event_min_on_s", value=0.0)]
    node = bench.add(FusionNode(parameter_overrides=overrides))
    speakers = {}
    for name, labels in (("video", ["run", "walk"]), ("skeleton", ["walk", "squat"])):
        info = bench.node.create_publisher(LabelInfo, f"label_info_{name}", latched_qos())
        info.publish(LabelInfo(recognizer=name, label_set=name, labels=labels))
        speakers[name] = bench.node.create_publisher(ActivityArray, f"activity_{name}", 100)
        bench.matched(speakers[name], f"activity_{name}")
    bench.until(lambda: node._blend.label_info(0.0), "labels")
    return node, lambda name, sec, *activities: speakers[name].publish(part(name, *activities, sec=sec).message)


def test_every_frame_is_told_once_with_both_voices(bench: Any, stage: Any) -> None:
    _, say = stage
    heard = bench.listen(ActivityArray, "activity")
    infos = bench.listen(LabelInfo, "fusion/label_info", latched_qos())
    bench.until(lambda: bench.node.count_publishers("activity"))
    for sec in range(1, 6):
        say("skeleton", sec, activity("1", walk=0.8))
    for sec in range(1, 6):
        say("video", sec, activity("1", walk=0.4, run=0.5), activity("", run=0.5))
    bench.until(lambda: len(heard) >= 5)
    bench.spin(0.4)
    assert [message.header.stamp.sec for message in heard] == [1, 2, 3, 4, 5]
    told = [{a.subject_id: (a.label, round(a.score, 3)) for a in message.activities} for message in heard]
    assert told == [{"1": ("walk", 0.6), "": ("run", 0.5)}] * 5
    bench.until(lambda: infos)
    assert list(infos[-1].labels) == ["run", "walk", "squat"]


def test_one_that_is_silent_holds_nobody_up_for_long(bench: Any, stage: Any) -> None:
    node, say = stage
    heard = bench.listen(ActivityArray, "activity")
    bench.until(lambda: bench.node.count_publishers("activity"))
    say("skeleton", 1, activity("1", squat=0.8))
    bench.until(lambda: heard)
    assert heard[0].activities[0].label == "squat"
    assert node.tally.counts()["alone"] == 1
    say("video", 1, activity("1", run=0.9))
    bench.until(lambda: node.tally.counts().get("late"))
    bench.spin(0.3)
    assert len(heard) == 1


def test_what_begins_and_ends_is_announced(bench: Any, stage: Any) -> None:
    _, say = stage
    events = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    for sec, label in enumerate(["walk", "walk", "squat", "squat"], start=1):
        say("skeleton", sec, activity("1", **{label: 0.9}))  # type: ignore[arg-type]
        say("video", sec)
    bench.until(lambda: len(events) >= 3)
    told = [(e.kind, e.label, e.at.sec, e.subject_id, e.header.stamp.sec) for e in events]
    assert told == [(0, "walk", 1, "1", 1), (1, "walk", 3, "1", 3), (0, "squat", 3, "1", 3)]


def test_nobody_to_be_heard_is_refused(bench: Any) -> None:
    overrides = [Parameter("weight_video", value=0.0), Parameter("weight_skeleton", value=0.0)]
    node = bench.add(FusionNode(parameter_overrides=overrides), up=False)
    node.trigger_configure()
    assert not node.settings.configured
