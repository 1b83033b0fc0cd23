"""The leaf that waits by the action `wait_for_activity`."""

from __future__ import annotations

from time import monotonic
from typing import Any

from action_msgs.msg import GoalStatus
from py_trees.common import Status
from rclpy.action import ActionClient
from sensor_msgs.msg import RegionOfInterest

from co_perception.action import WaitForActivity as WaitAction
from co_perception.behaviours.leaves import ActivityLeaf
from co_perception.behaviours.monitor import held_activity
from co_perception.engine.time import NANO
from co_perception.nodes.core.messages import to_duration
from co_perception.nodes.core.qos import call_qos
from co_perception.online.held_activities import ActivityQuery

ANSWER_S = (
    2.0  # within which a server must be there, answer a goal, and say again how near it is, as it does ten a second
)
PAUSE_S = 1.0  # between two ticks, in which a tree was not run, and feedback may wait to be received


class WaitForActivity(ActivityLeaf):
    """Action: RUNNING until it stands. FAILURE after the time-out, and within two seconds of a server that is gone.

    A leaf that is interrupted cancels its goal.

    Args:
        name, query, key: as `ActivityLeaf`.
        timeout_s: by the clock of the recognizer [s]; 0: it waits forever.
        only_new: whether the onset must come after the goal.
    """

    def __init__(
        self, name: str, query: ActivityQuery, key: str = "", timeout_s: float = 0.0, only_new: bool = False
    ) -> None:
        super().__init__(name, query, key)
        region = RegionOfInterest(**query.region._asdict())
        self._goal = WaitAction.Goal(
            labels=list(query.labels),
            subject_ids=list(query.subjects),
            group=query.group,
            region=region,
            min_score=query.min_score,
            min_duration=to_duration(round(query.min_duration_s * NANO)),
            timeout=to_duration(round(timeout_s * NANO)),
            only_new=only_new,
        )
        self._sent: Any = None
        self._result: Any = None
        self._began_s = self._heard_s = self._ticked_s = 0.0

    def setup(self, **kwargs: Any) -> None:
        super().setup(**kwargs)
        deep: dict[str, Any] = {"goal_service_qos_profile": call_qos(), "result_service_qos_profile": call_qos()}
        self._client = ActionClient(kwargs["node"], WaitAction, "wait_for_activity", **deep)

    def initialise(self) -> None:
        """Begins afresh; the goal is sent with the first tick in which its server is there."""
        self._sent, self._result, self.feedback_message = None, None, ""
        self._began_s = monotonic()

    def update(self) -> Status:
        if not self._client.server_is_ready():
            self.feedback_message = "no recognizer serves wait_for_activity"
            late = self._sent is not None or monotonic() - self._began_s > ANSWER_S
            return Status.FAILURE if late else Status.RUNNING
        if self._sent is None:
            self._sent = self._client.send_goal_async(self._goal, feedback_callback=self._on_feedback)
            self._began_s = monotonic()
        if not self._sent.done():
            return Status.FAILURE if monotonic() - self._began_s > ANSWER_S else Status.RUNNING
        if not self._sent.result().accepted:
            self.feedback_message = "rejected: the log of the recognizer says why"
            return Status.FAILURE
        if self._result is None:
            self._result = self._sent.result().get_result_async()
            self._heard_s = monotonic()
        return self._ended() if self._result.done() else self._waiting()

    def _waiting(self) -> Status:
        """RUNNING as long as feedback comes: the middleware tells only after a long time that a process was killed."""
        now_s, before_s = monotonic(), self._ticked_s
        self._ticked_s = now_s
        if now_s - before_s > PAUSE_S:
            self._heard_s = now_s
        if now_s - self._heard_s <= ANSWER_S:
            return Status.RUNNING
        self.feedback_message = (
            f"the recognizer has said nothing for {ANSWER_S:g} s: it hangs, has ended, or is cut off"
        )
        return Status.FAILURE

    def _ended(self) -> Status:
        outcome = self._result.result()
        self.feedback_message = outcome.result.message
        if outcome.status != GoalStatus.STATUS_SUCCEEDED:
            return Status.FAILURE
        return self.found(held_activity(outcome.result.activity))

    def _on_feedback(self, message: Any) -> None:
        self._heard_s = monotonic()
        nearest = message.feedback.nearest
        if nearest and self.status == Status.RUNNING:
            self.feedback_message = f"nearest: {nearest[0].label} {nearest[0].score:.2f}"

    def terminate(self, new_status: Status) -> None:
        """Cancels a goal that has not ended, where the leaf is interrupted or gives up."""
        if self._sent is not None and (self._result is None or not self._result.done()):
            self._sent.add_done_callback(_cancel)
        self._sent = self._result = None


def _cancel(sent: Any) -> None:
    """Cancels a goal once it is accepted; one that was accepted already, at once."""
    handle = sent.result()
    if handle is not None and handle.accepted:
        handle.cancel_goal_async()
