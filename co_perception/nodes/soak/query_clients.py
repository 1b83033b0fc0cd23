"""Clients that ask a graph all the time during the soak test: goals, what stands, and inputs of answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

from builtin_interfaces.msg import Duration
from rclpy.action import ActionClient
from rclpy.node import Node

from co_perception.action import WaitForActivity
from co_perception.msg import CurrentActivities
from co_perception.nodes.core.qos import latched_qos
from co_perception.nodes.soak.limits import LimitCheck
from co_perception.srv import GetActivities, GetAnswerInputs

GOALS = 5  # that wait at a time
GOAL_S, LATE_S = 3, 10.0  # time-out of a goal, and from which on it has no result
ASK_S = 2.0  # between two calls of each service
SILENT_S = 3.0  # most between two messages of current_activities, which come every second
SERVICES = {"get_activities": GetActivities, "skeleton_activity/answer_inputs": GetAnswerInputs}


class QueryClients:
    """Keeps `GOALS` goals of `wait_for_activity` open, listens to `current_activities`, and calls `SERVICES`.

    Args:
        node: that is spun by its owner.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.counts: Counter[str] = Counter()
        """What became of goals and calls: goals, found, ended, refused; successes of each service."""
        self.longest_s = 0.0
        """Longest time between two messages of current_activities."""
        self._began_s: dict[object, float] = {}  # of each goal without a result, and each call without an answer
        self._current = CurrentActivities()
        self._received_s = monotonic()
        node.create_subscription(CurrentActivities, "current_activities", self._on_current, latched_qos())
        self._goals = [ActionClient(node, WaitForActivity, "wait_for_activity") for _ in range(GOALS)]
        self._clients = {name: node.create_client(kind, name) for name, kind in SERVICES.items()}
        node.create_timer(ASK_S, self._ask)

    def checks(self) -> Iterator[LimitCheck]:
        """Whether everybody was answered."""
        late = sum(monotonic() - began_s > LATE_S for began_s in self._began_s.values())
        yield LimitCheck("queries", "goals and calls without answer", late, 0)
        yield LimitCheck("queries", "silent: no goal was reached", not self.counts["found"], 0)
        silent_s = max(self.longest_s, monotonic() - self._received_s)
        yield LimitCheck("queries", "current_activities silent (s)", silent_s, SILENT_S, timing=True)
        for name in SERVICES:
            never = not self.counts[f"{name} success"]
            yield LimitCheck("queries", f"{name.rpartition('/')[2]} never succeeded", never, 0)

    def close(self) -> None:
        """Destroys what rclpy leaves to its users."""
        for client in self._goals:
            client.destroy()

    def _on_current(self, message: CurrentActivities) -> None:
        now_s = monotonic()
        self.longest_s, self._received_s = max(self.longest_s, now_s - self._received_s), now_s
        self._current = message

    def _ask(self) -> None:
        for number, client in enumerate(self._goals):
            if number not in self._began_s and client.server_is_ready():
                self._send(number, client)
        fields = {"skeleton_activity/answer_inputs": {"subject_id": self._somebody()}}
        for name, service in self._clients.items():
            if service.service_is_ready():
                future = service.call_async(SERVICES[name].Request(**fields.get(name, {})))
                self._began_s[future] = monotonic()
                future.add_done_callback(partial(self._answered, name))

    def _somebody(self) -> str:
        """Who does something now."""
        return next((activity.subject_id for activity in self._current.activities if activity.subject_id), "")

    def _answered(self, name: str, future: Any) -> None:
        del self._began_s[future]
        self.counts[f"{name} success"] += bool(future.result().success)

    def _send(self, number: int, client: ActionClient) -> None:
        """Every other goal takes what stands already."""
        self.counts["goals"] += 1
        self._began_s[number] = monotonic()
        goal = WaitForActivity.Goal(only_new=bool(number % 2), timeout=Duration(sec=GOAL_S))
        client.send_goal_async(goal).add_done_callback(partial(self._accepted, number))

    def _accepted(self, number: int, future: Any) -> None:
        handle = future.result()
        if not handle.accepted:
            self.counts["refused"] += 1
            del self._began_s[number]
            return
        handle.get_result_async().add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, future: Any) -> None:
        self.counts["ended"] += 1
        self.counts["found"] += future.result().result.code == WaitForActivity.Result.CODE_FOUND
        del self._began_s[number]
