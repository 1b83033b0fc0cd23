"""What stands is known to late listeners at once, and events have ids and are stored for them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import Point
from helpers.node_stream import SceneStream, SkeletonStream, person, scored
from rclpy.action import ActionClient

from co_perception.action import WaitForActivity
from co_perception.behaviours.monitor import held_activity
from co_perception.msg import ActivityEvent, CurrentActivities, PersonPosition
from co_perception.nodes.core.qos import event_qos, latched_qos
from co_perception.srv import GetActivities

RED, BLUE, NOTHING = (0.9, 0.05, 0.05), (0.05, 0.05, 0.9), (0.34, 0.33, 0.33)
FOREVER = 1 << 62


def kinds(events: list[ActivityEvent]) -> list[tuple[int, str]]:
    return [(event.kind, event.label) for event in events]


def test_a_late_listener_knows_what_stands_and_what_began(bench: Any) -> None:
    """Nothing is published after it has come: no frame, and no repetition."""
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0)
    events = scored(stream, [RED] * 12 + [BLUE] * 12)
    bench.until(lambda: len(events) == 3)
    stream.node._event_publisher._repeated_ns = FOREVER
    current = bench.listen(CurrentActivities, "current_activities", latched_qos())
    late = bench.listen(ActivityEvent, "activity_events", event_qos())
    bench.until(lambda: current and len(late) == 3)
    bench.spin(0.2)
    [message], [first, end, second] = current, late
    assert late == events and kinds(late) == [
        (ActivityEvent.ONSET, "red"), (ActivityEvent.OFFSET, "red"), (ActivityEvent.ONSET, "blue"),
    ]  # fmt: skip
    assert len({event.id for event in late}) == 3 and "" not in {event.id for event in late}
    assert (first.onset_id, end.onset_id, second.onset_id) == (first.id, first.id, second.id)
    [activity] = message.activities
    assert (activity.event_id, activity.label, activity.subject_id) == (second.id, "blue", "")
    assert activity.began == second.began and message.recognizer == second.recognizer
    assert message.header == second.header


def test_what_stands_follows_the_events_and_is_repeated(bench: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0)
    current = bench.listen(CurrentActivities, "current_activities", latched_qos())
    bench.until(lambda: current, "that nothing stands, at once")
    events = scored(stream, [RED] * 12)
    bench.until(lambda: [a.label for a in current[-1].activities] == ["red"])
    for rows, wanted in (([NOTHING] * 12, []), ([BLUE] * 12, ["blue"])):  # a latched topic keeps the newest alone
        scored(stream, rows)
        bench.until(lambda wanted=wanted: [a.label for a in current[-1].activities] == wanted)
    bench.until(lambda: len(events) == 3)
    labels = [tuple(activity.label for activity in message.activities) for message in current]
    changes = [one for number, one in enumerate(labels) if number == 0 or labels[number - 1] != one]
    assert changes == [(), ("red",), (), ("blue",)]
    count = len(current)
    bench.until(lambda: len(current) >= count + 2, "repetitions")
    assert {m.activities[0].event_id for m in current[count:]} == {events[-1].id}
    stream.node.trigger_deactivate()
    bench.until(lambda: not current[-1].activities, "nothing stands after a deactivation")


def test_each_person_has_an_entry_with_a_place(bench: Any) -> None:
    stream = SkeletonStream(bench, SkeletonStream.learners(), max_gap_s=30.0)
    current = bench.listen(CurrentActivities, "current_activities", latched_qos())
    for tick in range(12):
        stream.send(5 + tick / 10, person("a"), person("b", 30))
    stream.answered(12)
    bench.until(lambda: current and len(current[-1].activities) == 2)
    stood = {activity.subject_id: activity for activity in current[-1].activities}
    assert {name: each.label for name, each in stood.items()} == {"a": "left", "b": "left"}
    boxes = {each.subject_id: each.roi for each in stream.answers[-1].activities}
    assert {name: each.roi for name, each in stood.items()} == boxes and boxes["b"].width == 20


def test_each_person_stands_where_they_are_in_space(bench: Any) -> None:
    """In what is latched, in the answer of the service, in the result of the action, and in a leaf's activity."""
    stream = SkeletonStream(bench, SkeletonStream.learners(), max_gap_s=30.0)
    current = bench.listen(CurrentActivities, "current_activities", latched_qos())
    client = ActionClient(bench.node, WaitForActivity, "wait_for_activity")
    bench.until(client.server_is_ready, "the action")
    for tick in range(12):
        place = PersonPosition(
            source=PersonPosition.SOURCE_DEPTH, point=Point(z=2.0 + tick), distance=2.0 + tick, distance_deviation=0.1
        )
        stream.send(5 + tick / 10, person("a", position=place), person("b", 30))
    newest = {each.subject_id: each.position for each in stream.answered(12)[-1].activities}
    assert newest["a"].distance == 13.0 and newest["a"].frame_id == "eye" and not newest["b"].source
    bench.until(lambda: current and len(current[-1].activities) == 2, "both")
    bench.until(lambda: current[-1].header == stream.answers[-1].header, "the last frame, with the next repetition")
    assert {each.subject_id: each.position for each in current[-1].activities} == newest
    asked = bench.call(GetActivities, "get_activities", subject_ids=["a"])
    assert asked.activities[0].position == newest["a"]
    sent = client.send_goal_async(WaitForActivity.Goal(subject_ids=["a"]))
    bench.until(sent.done, "an answer to the goal")
    ended = sent.result().get_result_async()
    bench.until(ended.done, "a result")
    assert ended.result().result.activity.position == newest["a"]
    found = held_activity(asked.activities[0]).position
    assert found is not None and found.distance == 13.0 and found.frame_id == "eye"
    stream.send(6.2, person("a"), person("b", 30))
    stream.answered(13)
    [lost] = bench.call(GetActivities, "get_activities", subject_ids=["a"]).activities
    assert lost.position == newest["a"], "where the subject was last"


def test_two_runs_give_no_event_the_same_id(bench: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0)
    first = scored(stream, [RED] * 12)
    bench.until(lambda: len(first) == 1)
    assert stream.node.trigger_deactivate() and stream.node.trigger_cleanup()
    bench.until(lambda: len(first) == 2)
    assert stream.node.trigger_configure() and stream.node.trigger_activate()
    stream.match()
    second = scored(stream, [RED] * 12)
    bench.until(lambda: len(second) == 1)
    assert len({event.id for event in (*first, *second)}) == 3


def test_without_events_none_of_it_is_there(bench: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), events=False)
    names = {name for name, _ in bench.node.get_topic_names_and_types()}
    services = {name for name, _ in stream.node.get_service_names_and_types_by_node(stream.node.get_name(), "/")}
    assert not names & {"/activity_events", "/current_activities", "/wait_for_activity/_action/status"}
    assert not services & {"/get_activities", "/wait_for_activity/_action/send_goal"}
