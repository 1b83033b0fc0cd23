"""The action `wait_for_activity` and the service `get_activities`, by rclpy's own clients on real middleware."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration, Time
from helpers.node_stream import SceneStream, SkeletonStream, header, person, scored
from rclpy.action import ActionClient
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import RegionOfInterest

from co_perception.action import WaitForActivity
from co_perception.msg import ActivityArray
from co_perception.nodes.core.qos import call_qos
from co_perception.nodes.core.run_node import _end_goals
from co_perception.online.events import LabelScores
from co_perception.srv import GetActivities

RED, BLUE, NOTHING = (0.9, 0.05, 0.05), (0.05, 0.05, 0.9), (0.4, 0.3, 0.3)
SUCCEEDED, CANCELED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_CANCELED, GoalStatus.STATUS_ABORTED
Result: Any = WaitForActivity.Result


class Goal:
    """A goal that was sent."""

    def __init__(self, bench: Any, client: ActionClient, **asked: Any) -> None:
        self.bench, self.feedback = bench, list[Any]()
        self._sent = client.send_goal_async(
            WaitForActivity.Goal(**asked), feedback_callback=lambda message: self.feedback.append(message.feedback)
        )
        self._result: Any = None

    @property
    def handle(self) -> Any:
        self.bench.until(self._sent.done, "an answer to the goal")
        return self._sent.result()

    def ask(self) -> None:
        """Asks for the result."""
        if self._result is None:
            self._result = self.handle.get_result_async()

    @property
    def outcome(self) -> tuple[int, Any]:
        """Status and result, once it has ended."""
        self.ask()
        self.bench.until(self._result.done, "a result")
        return self._result.result().status, self._result.result().result


@pytest.fixture
def stream(bench: Any) -> SceneStream:
    return SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)


@pytest.fixture
def client(bench: Any, stream: SceneStream) -> ActionClient:
    made = ActionClient(bench.node, WaitForActivity, "wait_for_activity")
    bench.until(made.server_is_ready, "the action")
    return made


def test_a_goal_that_comes_late_succeeds_without_another_frame(
    bench: Any, stream: SceneStream, client: ActionClient
) -> None:
    events = scored(stream, [RED] * 12)
    bench.until(lambda: events)
    status, result = Goal(bench, client, labels=["blue", "red"]).outcome
    assert (status, result.code, result.activity.label) == (SUCCEEDED, Result.CODE_FOUND, "red")
    assert result.activity.event_id == events[0].id and result.activity.began == events[0].began
    assert result.header == stream.answers[-1].header and result.recognizer == events[0].recognizer
    answer = bench.call(GetActivities, "get_activities", labels=["red"])
    assert answer.success and [each.event_id for each in answer.activities] == [events[0].id]
    assert bench.call(GetActivities, "get_activities", labels=["blue"]).activities == []
    assert "percent" in bench.call(GetActivities, "get_activities", min_score=80.0).message


def test_twenty_clients_at_once_are_answered_by_the_same_onset(
    bench: Any, stream: SceneStream, client: ActionClient
) -> None:
    options: Any = {"goal_service_qos_profile": call_qos(), "result_service_qos_profile": call_qos()}
    clients = [ActionClient(bench.node, WaitForActivity, "wait_for_activity", **options) for _ in range(20)]
    bench.until(lambda: all(each.server_is_ready() for each in clients))
    goals = [Goal(bench, each, labels=["red" if n % 2 else "blue"]) for n, each in enumerate(clients)]
    for goal in goals:
        assert goal.handle.accepted
        goal.ask()
    events = scored(stream, [RED] * 12 + [BLUE] * 12)
    bench.until(lambda: len(events) == 3)
    ids = {"red": events[0].id, "blue": events[2].id}
    for number, goal in enumerate(goals):
        status, result = goal.outcome
        label = "red" if number % 2 else "blue"
        assert (status, result.activity.label, result.activity.event_id) == (SUCCEEDED, label, ids[label])
    assert not stream.node._event_publisher._queries._goals


def test_what_is_over_before_the_callbacks_come_to_it_has_reached_its_goal(
    bench: Any, stream: SceneStream, client: ActionClient
) -> None:
    """Frames are answered on another thread: none of them is missed while that of the callbacks has other work."""
    goal = Goal(bench, client, labels=["red"])
    assert goal.handle.accepted
    goal.ask()
    for tick, scores in enumerate([RED] * 12 + [BLUE] * 12):
        answer = ActivityArray(header=header(5 + tick / 25))
        said = LabelScores(dict(zip(("red", "green", "blue"), scores, strict=True)))
        stream.node._event_publisher.update(answer, [(("", ""), said)])
    status, result = goal.outcome
    assert (status, result.code, result.activity.label) == (SUCCEEDED, Result.CODE_FOUND, "red")
    assert header(5) != result.header and result.header.stamp.sec == 5, "of the frame that reached it"


def test_only_what_is_new(bench: Any, stream: SceneStream, client: ActionClient) -> None:
    events = scored(stream, [RED] * 12)
    bench.until(lambda: events)
    goal = Goal(bench, client, labels=["red"], only_new=True)
    assert goal.handle.accepted
    goal.ask()
    scored(stream, [BLUE] * 12 + [RED] * 12)
    status, result = goal.outcome
    assert (status, result.activity.event_id) == (
        SUCCEEDED,
        next(e.id for e in events[1:] if e.label == "red" and not e.kind),
    )


def test_score_and_duration(bench: Any, stream: SceneStream, client: ActionClient) -> None:
    long = Goal(bench, client, labels=["red"], min_duration=Duration(sec=1))
    sure = Goal(bench, client, labels=["red"], min_score=0.95)
    assert long.handle.accepted and sure.handle.accepted
    long.ask()
    sure.ask()
    scored(stream, [RED] * 24)  # 0.92 s
    bench.until(lambda: sure.feedback)
    assert not long._result.done()
    scored(stream, [RED] * 3)
    status, result = long.outcome
    lasted_s = result.header.stamp.sec - 5 + result.header.stamp.nanosec * 1e-9
    assert status == SUCCEEDED and 0.999 < lasted_s < 1.05
    assert [(each.label, round(each.score, 2)) for each in sure.feedback[-1].nearest] == [("red", 0.9)]
    assert sure.feedback[-1].nearest_subject_ids == [""] and not sure._result.done()
    scored(stream, [(0.98, 0.01, 0.01)] * 2)
    assert sure.outcome[1].activity.score == pytest.approx(0.98)


def test_somebody_in_a_region(bench: Any) -> None:
    stream = SkeletonStream(bench, SkeletonStream.learners(), max_gap_s=30.0, wait_silence_s=30.0)
    client = ActionClient(bench.node, WaitForActivity, "wait_for_activity")
    bench.until(client.server_is_ready)
    for tick in range(12):
        stream.send(5 + tick / 10, person("a"), person("b"))
    box = stream.answered(12)[-1].activities[0].roi
    assert Goal(bench, client, subject_ids=["b"]).outcome[1].activity.subject_id == "b"
    away = Goal(bench, client, region=RegionOfInterest(x_offset=box.x_offset + 600, width=9, height=9),
                timeout=Duration(nanosec=200_000_000))  # fmt: skip
    assert away.outcome[1].code == Result.CODE_TIMEOUT


def test_a_goal_ends_by_time_by_its_client_by_blindness_and_with_the_node(bench: Any) -> None:
    stream = SceneStream(bench, SceneStream.learners(), max_gap_s=30.0, wait_silence_s=0.7)
    client = ActionClient(bench.node, WaitForActivity, "wait_for_activity")
    bench.until(client.server_is_ready)
    scored(stream, [NOTHING] * 12)
    status, result = Goal(bench, client, labels=["red"], timeout=Duration(nanosec=200_000_000)).outcome
    assert (status, result.code) == (ABORTED, Result.CODE_TIMEOUT) and "0.2 s" in result.message
    status, result = Goal(bench, client, labels=["red"]).outcome
    assert (status, result.code) == (ABORTED, Result.CODE_BLIND) and "silent" in result.message
    canceled = Goal(bench, client, labels=["red"])
    bench.until(canceled.handle.cancel_goal_async().done)
    status, result = canceled.outcome
    assert (status, result.code) == (CANCELED, Result.CODE_CANCELED)
    last = Goal(bench, client, labels=["red"])
    assert last.handle.accepted
    last.ask()
    stream.node.trigger_deactivate()
    status, result = last.outcome
    assert (status, result.code) == (ABORTED, Result.CODE_BLIND) and "deactivated" in result.message
    assert not Goal(bench, client, labels=["red"]).handle.accepted
    assert "not active" in bench.call(GetActivities, "get_activities").message


def test_a_goal_that_waits_when_the_clock_begins_has_not_waited_since_1970(bench: Any) -> None:
    """Of a bag that is played with its clock, after somebody asked."""
    clock = bench.node.create_publisher(Clock, "/clock", 10)
    stream = SceneStream(bench, SceneStream.learners(), wait_silence_s=20.0, use_sim_time=True)
    client = ActionClient(bench.node, WaitForActivity, "wait_for_activity")
    bench.until(client.server_is_ready, "the action")
    goal = Goal(bench, client, labels=["red"], timeout=Duration(sec=6))
    assert goal.handle.accepted
    goal.ask()

    def tick(seconds: int) -> None:
        def told() -> bool:
            clock.publish(Clock(clock=Time(sec=seconds)))
            return bool(stream.node.get_clock().now().nanoseconds == seconds * 10**9)

        bench.until(told, "the clock")
        bench.spin(0.5)

    tick(1_700_000_000)
    tick(1_700_000_004)
    assert not goal._result.done() and goal.handle.status == GoalStatus.STATUS_ACCEPTED
    tick(1_700_000_020)
    status, result = goal.outcome
    assert (status, result.code, result.message) == (ABORTED, Result.CODE_TIMEOUT, "not within 6 s")


def test_where_a_node_ends_all_its_goals_are_executed(bench: Any, stream: SceneStream) -> None:
    """Of each one rclpy makes a task, and of its end another one: more than any fixed number of callbacks."""
    options: Any = {"goal_service_qos_profile": call_qos(), "result_service_qos_profile": call_qos()}
    client = ActionClient(bench.node, WaitForActivity, "wait_for_activity", **options)
    bench.until(client.server_is_ready)
    goals = [Goal(bench, client, labels=["red"]) for _ in range(60)]
    for goal in goals:
        assert goal.handle.accepted
        goal.ask()
    handles = [goal.handle for goal in stream.node._event_publisher._queries._goals]
    _end_goals([stream.node], bench.executor)
    assert [handle.status for handle in handles] == [ABORTED] * 60
    assert {goal.outcome[1].code for goal in goals} == {Result.CODE_BLIND}


def test_a_goal_that_nothing_can_reach_is_rejected(bench: Any, stream: SceneStream, client: ActionClient) -> None:
    assert not Goal(bench, client, min_score=80.0).handle.accepted
    assert not Goal(bench, client, region=RegionOfInterest(width=5)).handle.accepted
    assert Goal(bench, client).handle.accepted
