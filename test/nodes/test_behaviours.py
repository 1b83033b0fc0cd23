"""The leaves of `co_perception.behaviours` in py_trees' own trees, against a real recognizer node."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("py_trees")

import py_trees
from helpers.node_stream import SceneStream, SkeletonStream, person, scored
from py_trees.common import Access, Status
from std_msgs.msg import Header, String

from co_perception.behaviours import (
    ActivityMonitor,
    ActivityQuery,
    ActivityStands,
    HeldActivity,
    OnActivity,
    PersonIsDoing,
    WaitForActivity,
    monitor,
)
from co_perception.data.messages.people import Box
from co_perception.msg import ActivityEvent, CurrentActivities, CurrentActivity
from co_perception.nodes.core.qos import event_qos, latched_qos

ROOT = Path(__file__).parents[2]
RED, BLUE, NOTHING = (0.9, 0.05, 0.05), (0.05, 0.05, 0.9), (0.34, 0.33, 0.33)
ANY = ActivityQuery()


@pytest.fixture(autouse=True)
def blackboard() -> Any:
    py_trees.blackboard.Blackboard.clear()
    made = py_trees.blackboard.Client(name="test")
    for key in ("found", "person"):
        made.register_key(key=key, access=Access.WRITE)
    return made


def planted(bench: Any, leaf: Any) -> Any:
    """The leaf, set up with the test's own node."""
    leaf.setup(node=bench.node)
    return leaf


def ticked(leaf: Any) -> Status:
    leaf.tick_once()
    return leaf.status


def spun(bench: Any, leaf: Any) -> Status:
    """The status after a tick, with a callback before it."""
    bench.executor.spin_once(timeout_sec=0.001)
    return ticked(leaf)


@pytest.mark.slow
def test_every_onset_is_found_once_whenever_a_tree_starts(bench: Any, blackboard: Any) -> None:
    """Three trees of 1,000 ticks each: one before the first frame, one amid them, one after the last."""
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=60.0, event_min_on_s=0.08, event_min_off_s=0.08)
    events: list[ActivityEvent] = bench.listen(ActivityEvent, "activity_events", event_qos())
    generator, found = random.Random(5), [list[str]() for _ in range(3)]
    leaves = [planted(bench, OnActivity("on", ActivityQuery(labels=("red", "blue")), key="found"))]
    for part in range(3):
        for _ in range(6):
            scored(stream, [generator.choice([RED, BLUE, NOTHING])] * 4)
        for number, leaf in enumerate(leaves):
            for _ in range(1000 // (3 - number)):
                if spun(bench, leaf) == Status.SUCCESS:
                    found[number].append(blackboard.get("found").event_id)
        if part < 2:
            leaves.append(planted(bench, OnActivity("late", ActivityQuery(labels=("red", "blue")), key="found")))
    onsets = [event.id for event in events if event.kind == ActivityEvent.ONSET]
    assert len(onsets) >= 5 and len(set(onsets)) == len(onsets)
    assert found == [onsets] * 3


def test_conditions_follow_what_stands(bench: Any, blackboard: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stands = planted(bench, ActivityStands("left?", ActivityQuery(labels=("left",)), key="found"))
    right = planted(bench, ActivityStands("right?", ActivityQuery(labels=("right",))))
    hers = planted(bench, PersonIsDoing("she?", ActivityQuery(labels=("left",)), person_key="person"))
    assert ticked(stands) == Status.FAILURE and "no recognizer" in stands.feedback_message
    stream = SkeletonStream(bench, SkeletonStream.learners(), max_gap_s=30.0)
    for tick in range(12):
        stream.send(5 + tick / 10, person("a"), person("b", 30))
    stream.answered(12)
    bench.until(lambda: ticked(stands) == Status.SUCCESS)
    found = blackboard.get("found")
    assert isinstance(found, HeldActivity) and (found.subject, found.label) == ("a", "left")
    assert ticked(right) == Status.FAILURE and ticked(hers) == Status.FAILURE
    bench.until(lambda: len(ActivityMonitor.of(bench.node).standing(ANY)) == 2)
    for who, status in (("b", Status.SUCCESS), ("z", Status.FAILURE), (found, Status.SUCCESS)):
        blackboard.set("person", who)
        assert ticked(hers) == status
    monkeypatch.setattr(monitor, "GONE_S", -1.0)
    assert ticked(stands) == Status.FAILURE and "gone" in stands.feedback_message


def test_the_wait_leaf_runs_until_it_stands_and_cancels_its_goal(bench: Any, blackboard: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)
    queries = stream.node._event_publisher._queries
    leaf = planted(bench, WaitForActivity("wait", ActivityQuery(labels=("red",)), key="found"))
    bench.until(lambda: spun(bench, leaf) == Status.RUNNING and queries._goals, "a goal")
    leaf.stop(Status.INVALID)
    bench.until(lambda: not queries._goals, "canceled")
    bench.until(lambda: spun(bench, leaf) == Status.RUNNING and queries._goals, "a second goal")
    events = scored(stream, [RED] * 12)
    bench.until(lambda: spun(bench, leaf) == Status.SUCCESS)
    assert blackboard.get("found").event_id == events[0].id
    late = planted(bench, WaitForActivity("late", ActivityQuery(labels=("blue",)), timeout_s=0.2))
    bench.until(lambda: spun(bench, late) == Status.FAILURE)
    assert "0.2 s" in late.feedback_message


def test_the_wait_leaf_fails_where_its_recognizer_dies(bench: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)
    leaf = planted(bench, WaitForActivity("wait", ActivityQuery(labels=("red",))))
    bench.until(lambda: spun(bench, leaf) == Status.RUNNING and stream.node._event_publisher._queries._goals)
    bench.nodes.remove(stream.node)
    bench.executor.remove_node(stream.node)
    stream.node.destroy_node()
    bench.until(lambda: spun(bench, leaf) == Status.FAILURE)
    assert "no recognizer" in leaf.feedback_message


def test_the_wait_leaf_fails_where_its_recognizer_hangs_or_was_killed(bench: Any) -> None:
    """Its action server is still there for the middleware, as that of a killed process is for many seconds."""
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)
    leaf = planted(bench, WaitForActivity("wait", ActivityQuery(labels=("red",))))
    bench.until(lambda: spun(bench, leaf) == Status.RUNNING and stream.node._event_publisher._queries._goals)
    bench.executor.remove_node(stream.node)
    bench.until(lambda: spun(bench, leaf) == Status.FAILURE)
    assert leaf._client.server_is_ready() and "said nothing for 2 s" in leaf.feedback_message
    bench.executor.add_node(stream.node)
    bench.until(
        lambda: spun(bench, leaf) == Status.RUNNING and not leaf.feedback_message.startswith("the recognizer has")
    )


def test_a_leaf_says_what_it_needs() -> None:
    with pytest.raises(KeyError, match="needs the ROS node"):
        ActivityStands("x", ANY).setup()
    for query in (ActivityQuery(min_duration_s=1.0), ActivityQuery(region=Box(0, 0, 5, 5))):
        with pytest.raises(ValueError, match="ActivityStands or WaitForActivity"):
            OnActivity("x", query)


def test_the_example_calls_once_keeps_away_and_greets_once(bench: Any) -> None:
    spec = importlib.util.spec_from_file_location("greeting_tree", ROOT / "examples/greeting_tree.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    tree = py_trees.trees.BehaviourTree(example.make_tree("wave"))
    tree.setup(node=bench.node)
    said = {topic: bench.listen(String, topic) for topic in ("help", "keep_away_from", "say")}
    events = bench.node.create_publisher(ActivityEvent, "activity_events", event_qos())
    current = bench.node.create_publisher(CurrentActivities, "current_activities", latched_qos())
    now = Header(stamp=bench.node.get_clock().now().to_msg())
    fall = CurrentActivity(event_id="x_e1", subject_id="p1", group="fall", label="fall", began=now.stamp)
    for id, who, label in (("x_e1", "p1", "fall"), ("x_e2", "p2", "wave"), ("x_e2", "p2", "wave")):
        events.publish(ActivityEvent(header=now, id=id, subject_id=who, label=label, began=now.stamp))
    current.publish(CurrentActivities(header=now, activities=[fall]))

    def spin_and_tick() -> None:
        bench.executor.spin_once(timeout_sec=0.01)
        tree.tick()

    def ticks_until(topic: str, count: int) -> None:
        bench.until(lambda: spin_and_tick() or len(said[topic]) >= count, topic)  # type: ignore[func-returns-value]

    ticks_until("keep_away_from", 3)
    assert [m.data for m in said["help"]] == ["p1 fell"] and not said["say"]
    current.publish(CurrentActivities(header=now))
    ticks_until("say", 1)
    for _ in range(20):
        spin_and_tick()
    assert [m.data for m in said["say"]] == ["Hello, p2!"] and len(said["help"]) == 1
    assert {m.data for m in said["keep_away_from"]} == {"p1"}
