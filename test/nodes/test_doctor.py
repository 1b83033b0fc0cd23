"""The listener on a real graph: what it notes of skeletons that come, and faults of the graph by their names."""

from __future__ import annotations

from typing import Any

import pytest
from helpers.drawn_people import Figure

rclpy = pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from co_perception.doctor.advice import examine, start_lines  # noqa: E402
from co_perception.engine.target import Pose  # noqa: E402
from co_perception.msg import SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import skeleton_array  # noqa: E402
from co_perception.nodes.doctor import ListenerNode  # noqa: E402

FIGURE = Figure("wave", 3)


def message(now: Time, second: float) -> Any:
    pose = Pose(FIGURE.frame(second)[:, [0, 1, 3]], id="p1")
    return skeleton_array(Header(stamp=now, frame_id="eye"), [pose], "me", (640, 480))


def test_a_publisher_is_found_and_examined(bench: Any) -> None:
    publisher = bench.node.create_publisher(SkeletonArray, "/people", 10)
    listener = bench.add(ListenerNode(), up=False)
    bench.matched(publisher, "/people")
    count = 0

    def enough() -> bool:
        nonlocal count
        count += 1
        publisher.publish(message(bench.node.get_clock().now().to_msg(), count / 15))
        return any(len(topic.stamps_ns) >= 30 for topic in listener.observed().topics)

    bench.until(enough)
    observation = listener.observed()
    [topic] = observation.topics
    assert topic.topic == "/people" and topic.people is not None and set(topic.people.tracks) == {"p1"}
    assert [sender.node for sender in topic.senders] == ["/bench"] and topic.senders[0].reliable
    # A test's rate is what the machine gives; all else is clean.
    assert not [found for found in examine(observation) if not found.fault.startswith(("rate/", "lag/"))]
    assert all(word in start_lines(observation, [])[0] for word in ("skeleton", ":=/people"))
    assert not publisher.get_subscription_count() > 1


def test_two_publishers_on_one_topic_are_named(bench: Any) -> None:
    publishers = [bench.node.create_publisher(SkeletonArray, "/people", 10) for _ in range(2)]
    listener = bench.add(ListenerNode(), up=False)
    bench.until(lambda: any(len(topic.senders) == 2 for topic in listener.observed().topics))
    found = [each.fault for each in examine(listener.observed())]
    assert "delivery/several senders" in found and "rate/few" in found and publishers
