#!/usr/bin/env python3
"""Example tree: keeps away from who fell and calls for help, once each; greets who waves.

    pip install py_trees
    ros2 launch co_perception activity.launch.py source:=0 recognizer:=skeleton
    python3 examples/greeting_tree.py --ros-args -p wave:=waving

It publishes what the robot should do as text on `say`, `keep_away_from` and `help`. docs/behaviors.md has a picture of
the tree.
"""

from __future__ import annotations

from typing import Any

import py_trees
import rclpy
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String

from co_perception.behaviours import ActivityQuery, ActivityStands, OnActivity

TICK_S = 0.1
WAVE_S, FALL_S = 5.0, 60.0  # after which an onset is no reason to greet, or to call, any more


class Publish(py_trees.behaviour.Behaviour):
    """Publishes a text about the person that another leaf has found.

    Args:
        name: in the tree.
        topic: of the text.
        text: with {id} for the person's id.
        key: of the blackboard, with the activity.
    """

    def __init__(self, name: str, topic: str, text: str, key: str) -> None:
        super().__init__(name)
        self._topic, self._text, self._key = topic, text, key
        self._blackboard = self.attach_blackboard_client(name=name)
        self._blackboard.register_key(key=key, access=py_trees.common.Access.READ)

    def setup(self, **kwargs: Any) -> None:
        self._publisher = kwargs["node"].create_publisher(String, self._topic, 10)

    def update(self) -> py_trees.common.Status:
        person = self._blackboard.get(self._key).subject or "somebody"
        self._publisher.publish(String(data=self._text.format(id=person)))
        return py_trees.common.Status.SUCCESS


def make_tree(wave: str = "waving") -> py_trees.behaviour.Behaviour:
    """The tree: the calls for help come first, then distance, then greetings."""
    fall, waves = ActivityQuery(labels=("fall",)), ActivityQuery(labels=(wave,))
    call = py_trees.composites.Sequence("call for help, once", memory=False)
    call.add_children([
        OnActivity("a new fall?", fall, "new_fall", max_age_s=FALL_S),
        Publish("help!", "help", "{id} fell", "new_fall"),
    ])  # fmt: skip
    away = py_trees.composites.Sequence("keep away", memory=False)
    away.add_children([
        ActivityStands("somebody lies there?", fall, "fallen"),
        Publish("stay clear", "keep_away_from", "{id}", "fallen"),
    ])  # fmt: skip
    greet = py_trees.composites.Sequence("greet, once", memory=False)
    greet.add_children([
        OnActivity("a new wave?", waves, "waver", max_age_s=WAVE_S),
        Publish("hello", "say", "Hello, {id}!", "waver"),
    ])  # fmt: skip
    root = py_trees.composites.Selector("people", memory=False)
    root.add_children([call, away, greet, py_trees.behaviours.Running("watch")])
    return root


def main() -> None:
    try:
        with rclpy.init():
            node = rclpy.create_node("greeting_tree")
            wave = node.declare_parameter("wave", "waving").value
            tree = py_trees.trees.BehaviourTree(make_tree(str(wave)))
            tree.setup(node=node)
            node.create_timer(TICK_S, tree.tick)
            rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass


if __name__ == "__main__":
    main()
