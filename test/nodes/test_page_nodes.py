"""The pages on a node and a behavior of one's own: their blocks, run beside publishers of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import activities_of, header
from helpers.page_blocks import page_blocks
from rclpy.node import Node
from std_msgs.msg import String

from co_perception.msg import ActivityArray, ActivityEvent, Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.qos import event_qos

NOSE, RIGHT_WRIST = 0, 10


def program(page: str) -> dict[str, Any]:
    """The names of a page's blocks of Python, which are one program."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in page_blocks():
        if block.page == f"docs/{page}" and block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
    return names


def person(id: str, left: float, wrist_y: float) -> Skeleton:
    places = [(left + 10.0 * (number % 4), 120.0 + 10.0 * number) for number in range(17)]
    joints = [Keypoint(x=x, y=y, z=float("nan"), score=0.9) for x, y in places]
    joints[NOSE].y, joints[RIGHT_WRIST].y = 100.0, wrist_y
    return Skeleton(subject_id=id, layout="coco17", score=0.9, keypoints=joints)


def test_a_node_of_your_own_tells_whose_hand_is_raised_for_each_person(bench: Any) -> None:
    node = bench.add(program("own_node.md")["make"]())
    answers, events = bench.listen(ActivityArray, "activity"), bench.listen(ActivityEvent, "activity_events")
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", 100)
    bench.matched(publisher, "activity")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    for frame in range(15):
        anna, ben = person("anna", 100.0, 40.0 if frame >= 5 else 300.0), person("ben", 400.0, 300.0)
        message = SkeletonArray(header=header(5 + frame / 10), image_width=640, image_height=480)
        message.skeletons = [anna, ben]
        publisher.publish(message)
        bench.until(lambda expected=frame + 1: len(answers) >= expected)
    told = [[label for _, _, label in activities_of(answer)] for answer in answers]
    assert told[0] == ["", ""], "two of five frames are too few"
    assert told[4] == ["hands_low", "hands_low"] and told[6] == ["", "hands_low"]
    assert told[-1] == ["hand_raised", "hands_low"]
    assert answers[-1].recognizer == "rule/raised_hands"
    raised = [event for event in events if event.label == "hand_raised"]
    assert [(event.subject_id, event.kind) for event in raised] == [("anna", ActivityEvent.ONSET)]
    assert node.get_name() == "raised_hands"


def test_streams_of_a_recognizer_of_your_own_can_be_saved_and_let_go(tmp_path: Path) -> None:
    hands = program("own_node.md")["RaisedHands"]()
    hands.streams = {"anna": [True, False], "ben": [False]}
    hands.save_streams(tmp_path / "both")
    hands.release("anna")
    hands.reset("ben")
    assert {id: list(seen) for id, seen in hands.streams.items()} == {"ben": []}
    assert sorted(hands.load_streams(tmp_path / "both")) == ["anna", "ben"]
    assert list(hands.streams["anna"]) == [True, False] and hands.streams["anna"].maxlen == 5


@pytest.mark.parametrize("way", ["node", "tree"])
def test_a_behavior_of_your_own_greets_each_wave(bench: Any, way: str) -> None:
    pytest.importorskip("py_trees")
    names = program("own_behavior.md")
    greetings: list[String] = bench.listen(String, "say")
    publisher = bench.node.create_publisher(ActivityEvent, "activity_events", event_qos())
    names["wave"](bench.node, publisher, "p1", 1)  # before the behavior was started
    behavior = names["Greeter"]() if way == "node" else Node("behavior")
    bench.nodes.append(behavior)
    bench.executor.add_node(behavior)
    tree = names["run"](behavior) if way == "tree" else None
    bench.until(lambda: greetings, "the wave of before")
    names["wave"](bench.node, publisher, "p1", 1)  # the same event, as of a recording that is played again
    publisher.publish(ActivityEvent(kind=ActivityEvent.ONSET, label="walking", subject_id="p3", id="x"))
    names["wave"](bench.node, publisher, "p2", 2)
    bench.until(lambda: len(greetings) >= 2, "the second wave")
    bench.spin(0.3)
    assert [greeting.data for greeting in greetings] == ["Hello, p1!", "Hello, p2!"]
    del tree
