"""Serves the action `wait_for_activity` and the service `get_activities` over what stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.clock import Clock, ClockType
from rclpy.guard_condition import GuardCondition

from co_perception.action import WaitForActivity
from co_perception.data.messages.people import Box
from co_perception.engine.settings import setting
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import ActivityArray, ActivityHypothesis
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.messages import current_activity, to_duration
from co_perception.nodes.core.qos import call_qos
from co_perception.online.held_activities import ActivityQuery, HeldActivities, HeldActivity
from co_perception.srv import GetActivities

LOOK_S = 0.1  # between two looks at time-outs, and two messages of feedback
MOST_GOALS = 100  # that wait at a time
RESULT_S = 60  # for which a result is retained for clients that ask late


@dataclass(frozen=True)
class QuerySettings:
    """Parameters of the queries."""

    wait_silence_s: float = setting(
        1.5, "Time without an answered frame after which goals of wait_for_activity are aborted [s].", 0.1, 3600.0
    )


@dataclass(frozen=True)
class HeldSnapshot:
    """What stood at one moment.

    Args:
        held: a copy.
        newest: the newest message of `activity`; None before the first.
        newest_ns: when it came, by the clock of the node.
    """

    held: HeldActivities
    newest: ActivityArray | None
    newest_ns: int


@dataclass
class _Goal:
    """A goal that waits; times by the clock of the node [ns], but for `active_s`."""

    handle: ServerGoalHandle
    query: ActivityQuery
    accepted_ns: int
    timeout_ns: int
    before: frozenset[str]  # events that do not count
    met: tuple[HeldActivity, ActivityArray] | None = None  # what reached it, and the message of that frame
    active_s: float = field(default_factory=monotonic)


class ActivityQueries:
    """Goals of `wait_for_activity`, as many at a time as there are clients, and calls of `get_activities`.

    A goal succeeds in the moment in which what it asks for stands. It waits in the state ACCEPTED, without a thread or
    a coroutine of its own, which executors up to Jazzy would poll: it is executed once its outcome is known.

    Args:
        node: serves them while configured; goals are accepted while it is active.
        snapshot: what stands now; any thread may ask.
        now_ns: the clock by which time-outs count.
    """

    def __init__(self, node: ManagedNode[Any], snapshot: Callable[[], HeldSnapshot], now_ns: Callable[[], int]) -> None:
        self._node, self._snapshot, self._now_ns = node, snapshot, now_ns
        self._goals: list[_Goal] = []
        self._active = False
        self._silence_s = node.settings.current.wait_silence_s
        self._guard: GuardCondition = node.create_guard_condition(self._settle)
        node.while_configured.callback(node.destroy_guard_condition, self._guard)
        node.serve(GetActivities, "get_activities", self._on_get)
        qos = call_qos()
        server = ActionServer(
            node,
            WaitForActivity,
            "wait_for_activity",
            execute_callback=self._never,
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=self._on_cancel,
            goal_service_qos_profile=qos,
            result_service_qos_profile=qos,
            cancel_service_qos_profile=qos,
            result_timeout=RESULT_S,
        )
        node.while_configured.callback(server.destroy)

    def begin(self) -> None:
        """Accepts goals as long as the node is active; the end of that aborts those that wait."""
        self._active = True
        self._node.while_active.callback(self._end)
        timer = self._node.create_timer(LOOK_S, self._settle, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._node.while_active.callback(self._node.destroy_timer, timer)

    def look(self) -> None:
        """Looks which goals this frame reaches, and lets the thread of the callbacks end them; for any thread.

        To be called after each frame: what stands for a few frames may be over before that thread comes to it.
        """
        if goals := list(self._goals):
            now = self._snapshot()
            for goal in goals:
                _meet(goal, now)
            self._guard.trigger()

    # The service

    def _on_get(self, request: GetActivities.Request, response: GetActivities.Response) -> GetActivities.Response:
        if not self._active:
            response.success, response.message = False, "the node is not active: activate it first"
            return response
        try:
            query = _query(request)
        except ValueError as error:
            response.success, response.message = False, str(error)
            return response
        now = self._snapshot()
        response.success = True
        if now.newest is not None:
            response.header, response.recognizer = now.newest.header, now.newest.recognizer
        frame_id = response.header.frame_id
        response.activities = [current_activity(each, frame_id) for each in now.held.matches(query)]
        return response

    # The action, on the thread of the callbacks

    def _on_goal(self, goal: WaitForActivity.Goal) -> GoalResponse:
        """Whether a goal is accepted; an action has no way to say why not, so the log does."""
        refused = ""
        if not self._active:
            refused = "the node is not active"
        elif len(self._goals) >= MOST_GOALS:
            refused = f"{MOST_GOALS} goals wait already"
        elif nanoseconds(goal.timeout) < 0:
            refused = f"timeout is 0 (never) or more, got {nanoseconds(goal.timeout) / NANO:g} s"
        else:
            try:
                _query(goal)
            except ValueError as error:
                refused = str(error)
        if refused:
            self._node.log.warning(f"A goal of wait_for_activity is rejected: {refused}", 1.0)
        return GoalResponse.REJECT if refused else GoalResponse.ACCEPT

    def _on_accepted(self, handle: ServerGoalHandle) -> None:
        request = handle.request
        before = frozenset(each.event_id for each in self._snapshot().held.activities) if request.only_new else ()
        timeout_ns = nanoseconds(request.timeout)
        self._goals.append(_Goal(handle, _query(request), self._now_ns(), timeout_ns, frozenset(before)))
        self._settle()

    def _on_cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        self._guard.trigger()
        return CancelResponse.ACCEPT

    def _settle(self) -> None:
        """Ends the goals whose outcome is known, and tells the others how near they are."""
        if not self._goals:
            return
        now, now_ns = self._snapshot(), self._now_ns()
        self._goals = [goal for goal in self._goals if not self._ended(goal, now, now_ns)]

    def _ended(self, goal: _Goal, now: HeldSnapshot, now_ns: int) -> bool:
        """Whether the goal has ended, or ends now."""
        silent_ns = now_ns - max(now.newest_ns, goal.accepted_ns)
        _meet(goal, now)
        if not goal.handle.is_active:
            return True
        if goal.handle.is_cancel_requested:
            _finish(goal, ServerGoalHandle.canceled, WaitForActivity.Result.CODE_CANCELED, "canceled by the client")
        elif goal.met:
            _succeed(goal, *goal.met)
        elif goal.timeout_ns and now_ns - goal.accepted_ns >= goal.timeout_ns:
            why = f"not within {goal.timeout_ns / NANO:g} s"
            _finish(goal, ServerGoalHandle.abort, WaitForActivity.Result.CODE_TIMEOUT, why)
        elif silent_ns > self._silence_s * NANO:
            why = f"no frame was answered for {silent_ns / NANO:.1f} s: camera, pose estimator or recognizer is silent"
            _finish(goal, ServerGoalHandle.abort, WaitForActivity.Result.CODE_BLIND, why)
        else:
            self._tell(goal, now, now_ns)
            return False
        return True

    def _tell(self, goal: _Goal, now: HeldSnapshot, now_ns: int) -> None:
        """Publishes feedback, not more often than every `LOOK_S`."""
        if now_ns < goal.accepted_ns:  # the clock was set back
            goal.accepted_ns = now_ns
        if monotonic() - goal.active_s < LOOK_S:
            return
        goal.active_s = monotonic()
        nearest = now.held.nearest(goal.query)
        goal.handle.publish_feedback(
            WaitForActivity.Feedback(
                waited=to_duration(now_ns - goal.accepted_ns),
                nearest=[ActivityHypothesis(label=each.label, class_id=-1, score=each.score) for each in nearest],
                nearest_subject_ids=[each.subject for each in nearest],
            )  # fmt: skip
        )

    def _end(self) -> None:
        """Aborts the goals; of a node that is destroyed while active nobody would run what that takes."""
        self._active = False
        goals, self._goals = self._goals, []
        for goal in goals if self._node.context.ok() and not self._node.active else ():
            if goal.handle.is_active:
                _finish(goal, ServerGoalHandle.abort, WaitForActivity.Result.CODE_BLIND, "the node was deactivated")

    @staticmethod
    def _never(handle: ServerGoalHandle) -> WaitForActivity.Result:
        """Of goals that are executed without an outcome, which there are not."""
        handle.abort()
        return WaitForActivity.Result()


def _query(asked: WaitForActivity.Goal | GetActivities.Request) -> ActivityQuery:
    """What is asked for. Raises ValueError as `ActivityQuery`."""
    region = asked.region
    return ActivityQuery(
        frozenset(asked.labels),
        frozenset(asked.subject_ids),
        asked.group,
        Box(region.x_offset, region.y_offset, region.width, region.height),
        asked.min_score,
        nanoseconds(asked.min_duration) / NANO,
    )


def _meet(goal: _Goal, now: HeldSnapshot) -> None:
    """Notes what reaches a goal now, if it was not reached before."""
    found = (each for each in now.held.matches(goal.query) if each.event_id not in goal.before)
    if goal.met is None and now.newest is not None and (first := next(found, None)) is not None:
        goal.met = (first, now.newest)


def _succeed(goal: _Goal, found: HeldActivity, message: ActivityArray) -> None:
    result = WaitForActivity.Result(
        code=WaitForActivity.Result.CODE_FOUND,
        message=f"{found.subject or 'the scene'}: {found.label}",
        header=message.header,
        recognizer=message.recognizer,
        activity=current_activity(found, message.header.frame_id),
    )
    goal.handle.execute(_outcome(ServerGoalHandle.succeed, result))


def _finish(goal: _Goal, end: Callable[[ServerGoalHandle], None], code: int, message: str) -> None:
    goal.handle.execute(_outcome(end, WaitForActivity.Result(code=code, message=message)))


def _outcome(
    end: Callable[[ServerGoalHandle], None], result: WaitForActivity.Result
) -> Callable[[ServerGoalHandle], WaitForActivity.Result]:
    """What rclpy executes of a goal: it ends at once, with this result."""

    def execute(handle: ServerGoalHandle) -> WaitForActivity.Result:
        end(handle)
        return result

    return execute
