"""The examples do what they say, each as a node beside a publisher of what a recognizer publishes."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import Twist
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger

from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityArray, ActivityEvent
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import event_qos

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
SECOND = 1_000_000_000
MOST_LINES = 90


def example(bench: Any, file: str, kind: str, **overrides: Any) -> Any:
    """The node of an example, on the bench."""
    [path] = [path for path in EXAMPLES if path.stem == file]
    spec = importlib.util.spec_from_file_location(file, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    parameters = [Parameter(name, value=value) for name, value in overrides.items()]
    node = getattr(module, kind)(parameter_overrides=parameters)
    bench.nodes.append(node)
    bench.executor.add_node(node)
    return node


def now_ns(node: Any) -> int:
    return nanoseconds(node.get_clock().now().to_msg())


def activity(subject: str, label: str, since_s: int = 1, group: str = "arms", status: int = 1) -> Activity:
    since = to_time(since_s * SECOND)
    return Activity(subject_id=subject, group=group, label=label, status=status, since=since)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_the_greeter_greets_everybody_once(bench: Any) -> None:
    node = example(bench, "greeter", "Greeter", label="wave", again_after_s=60.0)
    greetings = bench.listen(String, "say")
    events = bench.node.create_publisher(ActivityEvent, "activity_events", 100)
    bench.matched(events, "say")
    present_ns = now_ns(node)

    def tell(who: str, label: str = "wave", kind: int = ActivityEvent.ONSET, ago_s: int = 0) -> None:
        stamp = to_time(present_ns - ago_s * SECOND)
        events.publish(ActivityEvent(header=Header(stamp=stamp), subject_id=who, label=label, kind=kind))

    tell("7", ago_s=30)
    tell("7", label="walk")
    tell("7", kind=ActivityEvent.OFFSET)
    tell("7")
    tell("7")
    tell("8")
    bench.until(lambda: len(greetings) >= 2)
    bench.spin(0.2)
    assert [message.data for message in greetings] == ["Hello, 7!", "Hello, 8!"]


def test_the_fall_watch_calls_until_it_is_answered_and_gives_no_all_clear(bench: Any) -> None:
    events = bench.node.create_publisher(ActivityEvent, "activity_events", event_qos())
    calls = bench.listen(String, "help")

    def tell(who: str, label: str, kind: int, number: str, onset: str) -> None:
        events.publish(ActivityEvent(subject_id=who, label=label, kind=kind, id=number, onset_id=onset))

    tell("p1", "fall", ActivityEvent.ONSET, "e1", "e1")  # before the watch was started
    tell("p2", "waving", ActivityEvent.ONSET, "e2", "e2")
    example(bench, "fall_watch", "FallWatch", again_after_s=0.2)
    bench.until(lambda: len(calls) >= 3)
    assert [call.data for call in calls[:3]] == ["p1 fell", "p1 still lies there", "p1 still lies there"]
    answer = bench.call(Trigger, "/fall_watch/answered")
    assert (answer.success, answer.message) == (True, "p1")
    calls.clear()
    tell("p1", "fall", ActivityEvent.OFFSET, "e3", "e1")  # of a fall that was answered
    tell("p3", "fall", ActivityEvent.ONSET, "e4", "e4")
    bench.until(lambda: calls)
    tell("p3", "fall", ActivityEvent.OFFSET, "e5", "e4")
    bench.until(lambda: "no longer" in calls[-1].data)
    assert calls[0].data == "p3 fell" and not [call for call in calls if "p1" in call.data]
    assert not bench.call(Trigger, "/fall_watch/answered").success


def test_the_gesture_that_stands_longest_drives_and_the_robot_stops_without_one(bench: Any) -> None:
    example(bench, "gesture_teleop", "GestureTeleop", silence_s=0.5)
    commands = bench.listen(Twist, "cmd_vel")
    publisher = bench.node.create_publisher(ActivityArray, "activity", 10)
    bench.matched(publisher, "cmd_vel")

    def driven_by(*activities: Activity) -> tuple[float, float]:
        commands.clear()
        publisher.publish(ActivityArray(activities=list(activities)))
        bench.until(lambda: len(commands) >= 3)
        return commands[-1].linear.x, commands[-1].angular.z

    uncertain = activity("p3", "raising_right", 0, status=Activity.STATUS_UNCERTAIN)
    later, first = activity("p2", "pointing", 9), activity("p1", "raising_left", 5)
    assert driven_by(uncertain, later, first) == (0.0, 0.8)
    assert driven_by(later) == (0.3, 0.0)
    assert driven_by(activity("p1", "waving")) == (0.0, 0.0)
    assert driven_by(later) == (0.3, 0.0)
    bench.until(lambda: commands[-1].linear.x == 0.0, "it stops where nothing is received any more")


def test_the_drawn_robot_drives_and_shows_its_way(bench: Any, tmp_path: Path) -> None:
    file = tmp_path / "view.png"
    robot = example(bench, "drawn_robot", "DrawnRobot", picture=str(file))
    views = bench.listen(Image, "robot_view")
    command = bench.node.create_publisher(Twist, "cmd_vel", 10)
    bench.matched(command, "robot_view")
    twist = Twist()
    twist.linear.x = 1.0

    def drive() -> bool:
        command.publish(twist)
        return bool(robot.x >= 1.0 and views and file.is_file())

    bench.until(drive)
    assert robot.y == robot.heading == 0.0
    twist.linear.x, twist.angular.z = 0.0, 1.0
    bench.until(lambda: command.publish(twist) or robot.heading > math.pi / 2)
    picture = robot.draw()
    body = np.argwhere((picture == (217, 115, 13)).all(axis=2)).mean(axis=0)
    assert abs(body - (200, 200 + 40 * robot.x)).max() < 3  # row, column: to the right of the middle by its way
    standing = (robot.x, robot.heading)
    for _ in range(20):
        robot.move()
    assert robot.heading - standing[1] <= 0.5 + 0.1, "it stands half a second after the last command"


def test_people_are_counted_once_each_and_onsets_since_the_start(bench: Any) -> None:
    example(bench, "people_counter", "PeopleCounter", period_s=0.1)
    counts = bench.listen(String, "people_count")
    publisher = bench.node.create_publisher(ActivityArray, "activity", 10)
    events = bench.node.create_publisher(ActivityEvent, "activity_events", 100)
    bench.matched(publisher, "people_count")
    bench.until(events.get_subscription_count)
    people = [
        activity("p1", "sitting", group="posture"), activity("p1", "waving"),
        activity("p2", "standing", group="posture"), activity("p2", "", status=Activity.STATUS_UNCERTAIN),
        activity("p3", "standing", group="posture", status=Activity.STATUS_STALE), activity("", "walking"),
    ]  # fmt: skip
    publisher.publish(ActivityArray(activities=people))
    for kind in (ActivityEvent.ONSET, ActivityEvent.OFFSET, ActivityEvent.ONSET):
        events.publish(ActivityEvent(label="waving", kind=kind))
    expected = {
        "now": {"people": 2, "posture": {"sitting": 1, "standing": 1}, "arms": {"waving": 1}},
        "since_start": {"waving": 2},
    }
    bench.until(lambda: counts and json.loads(counts[-1].data) == expected)
    bench.until(lambda: json.loads(counts[-1].data)["now"] is None, "nobody is known to be there after a silence")
