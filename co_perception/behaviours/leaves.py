"""Conditions over what stands, and the leaf that succeeds once for each onset.

Each leaf takes the node in `setup(node=...)`, as py_trees_ros hands it on, and may write what it found to a key of the
blackboard, as a `HeldActivity`. Whoever ticks the tree spins the node.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Access, Status

from co_perception.behaviours.monitor import ActivityMonitor
from co_perception.online.held_activities import NOWHERE, ActivityQuery, HeldActivity


class ActivityLeaf(Behaviour):
    """A leaf with the monitor of its node.

    Args:
        name: in the tree.
        query: which activities it is about.
        key: of the blackboard, for what was found; empty: it is not written.
    """

    def __init__(self, name: str, query: ActivityQuery, key: str = "") -> None:
        super().__init__(name)
        self.query = query
        self._key = key
        self._blackboard = self.attach_blackboard_client(name=name)
        if key:
            self._blackboard.register_key(key=key, access=Access.WRITE)

    def setup(self, **kwargs: Any) -> None:
        """Finds the monitor of `node`. Raises KeyError without one."""
        if "node" not in kwargs:
            raise KeyError(f"leaf {self.name!r} needs the ROS node: tree.setup(node=node)")
        self._monitor = ActivityMonitor.of(kwargs["node"])

    def found(self, activity: HeldActivity) -> Status:
        """Writes what was found, and succeeds."""
        if self._key:
            self._blackboard.set(self._key, activity)
        self.feedback_message = f"{activity.subject or 'the scene'}: {activity.label}"
        return Status.SUCCESS


class ActivityStands(ActivityLeaf):
    """Condition: somebody does it now. Of several the one who began first is written to `key`."""

    def update(self) -> Status:
        """SUCCESS where something stands that is asked for, else FAILURE."""
        return self._look(self.query)

    def _look(self, query: ActivityQuery) -> Status:
        standing = self._monitor.standing(query)
        if standing:
            return self.found(standing[0])
        self.feedback_message = self._monitor.problem or "nobody does"
        return Status.FAILURE


class PersonIsDoing(ActivityStands):
    """Condition: the person that another leaf has found does it now.

    Args:
        name, query, key: as `ActivityLeaf`; the query's subjects are replaced.
        person_key: key of the blackboard with a `HeldActivity`, or with the id of a subject.
    """

    def __init__(self, name: str, query: ActivityQuery, person_key: str, key: str = "") -> None:
        super().__init__(name, query, key)
        self._person_key = person_key
        self._blackboard.register_key(key=person_key, access=Access.READ)

    def update(self) -> Status:
        """SUCCESS where this person does what is asked for, else FAILURE; also where the key has nobody."""
        if not self._blackboard.exists(self._person_key):
            self.feedback_message = f"nobody in {self._person_key}"
            return Status.FAILURE
        person = self._blackboard.get(self._person_key)
        subject = person.subject if isinstance(person, HeldActivity) else str(person)
        return self._look(replace(self.query, subjects=(subject,)))


class OnActivity(ActivityLeaf):
    """Succeeds once for each onset, in their order, also for those that came while it was not ticked.

    A leaf that starts late gets the onsets that its recognizer has stored (the last 100), so a tree misses none.

    Args:
        name, query, key: as `ActivityLeaf`; of the query, labels, subjects, group and min_score count.
        max_age_s: older onsets are no reason to act any more, and are passed over [s].
        wait: RUNNING instead of FAILURE while there is none.

    Raises:
        ValueError: for a query with a region or a duration, which no onset has.
    """

    def __init__(
        self, name: str, query: ActivityQuery, key: str = "", max_age_s: float = math.inf, wait: bool = False
    ) -> None:
        if query.region != NOWHERE or query.min_duration_s:
            raise ValueError(
                "an onset has neither a region nor a duration: use ActivityStands or WaitForActivity for those"
            )
        super().__init__(name, query, key)
        self._max_age_s, self._wait = max_age_s, wait
        self._next = 0

    def update(self) -> Status:
        """SUCCESS for the next onset that is asked for, else FAILURE or, with `wait`, RUNNING."""
        for onset in self._monitor.onsets(self._next):
            self._next = onset.number + 1
            accepted = self.query.accepts(onset.activity, onset.decided_ns)
            if accepted and self._monitor.age_s(onset) <= self._max_age_s:
                return self.found(onset.activity)
        self.feedback_message = self._monitor.problem or "nothing new"
        return Status.RUNNING if self._wait else Status.FAILURE
