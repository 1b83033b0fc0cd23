"""A second node of one name, and a second publisher on a topic, are told once, with who they are."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from helpers.fake_learners import FakeLearner, FakePeopleLearner, NoEstimator
from helpers.node_stream import RELIABLE, activities_of, overrides_of, skeleton, skeletons
from rclpy.node import Node
from sensor_msgs.msg import Image

from co_perception.msg import ActivityArray, SkeletonArray
from co_perception.nodes.core.diagnostics import WARN
from co_perception.nodes.core.graph_conflicts import GraphConflicts
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.pose import PoseNode
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode

Capture = pytest.CaptureFixture[str]


def skeleton_node(namespace: str) -> SkeletonActivityNode:
    """Each test has a namespace: what the middleware was not told in time that it ended is still there for a while."""
    given = overrides_of({"reliability": "reliable", "queue_depth": 100})
    return SkeletonActivityNode(lambda values: FakePeopleLearner(), namespace=namespace, parameter_overrides=given)


def heard_warnings(bench: Any, name: str) -> list[str]:
    """Messages of warnings in the diagnostics of one node, as they come."""
    found: list[str] = []

    def take(message: DiagnosticArray) -> None:
        found.extend(each.message for each in message.status if each.name.startswith(f"/{name}") and each.level == WARN)

    bench.node.create_subscription(DiagnosticArray, "/diagnostics", take, 100)
    return found


def test_same_name(bench: Any, capfd: Capture) -> None:
    heard = heard_warnings(bench, "twice/skeleton_activity")
    for _ in range(2):
        bench.add(skeleton_node("/twice"))
    bench.until(lambda: sum("another node is called /twice/skeleton_activity too" in text for text in heard) == 2)
    bench.until(lambda: sum("several publish on /twice/activity: /twice/skeleton_activity (2" in t for t in heard) == 2)
    log = capfd.readouterr().err
    assert log.count("called /twice/skeleton_activity too") == 2, "once by each"
    assert log.count("several publish on /twice/activity:") == 2


def test_two_publishers(bench: Any, capfd: Capture) -> None:
    """Two pose nodes on one topic, each with its own "p1": the first is followed, the other one named."""
    node = bench.add(skeleton_node("/kitchen"))
    left, right = (bench.add(Node(name), up=False) for name in ("left", "right"))
    first, second = (made.create_publisher(SkeletonArray, "/kitchen/skeletons", RELIABLE) for made in (left, right))
    bench.until(lambda: bench.node.count_publishers("/kitchen/skeletons") == 2 and second.get_subscription_count())
    heard = bench.listen(ActivityArray, "/kitchen/activity")
    bench.until(lambda: node._activity.get_subscription_count() == 1)
    bench.until(lambda: first.get_subscription_count() and second.get_subscription_count())
    for n in range(10):
        first.publish(skeletons(1.0 + n / 10, skeleton("p1", x=10.0), size=(300, 60)))
        bench.until(lambda n=n: len(heard) == n + 1)
        second.publish(skeletons(1.05 + n / 10, skeleton("p1", x=250.0), size=(300, 60)))
        bench.until(lambda n=n: node.counters.counts().get("of another pose estimator") == n + 1)
    assert {label for message in heard for _, _, label in activities_of(message)} <= {"", "left"}
    assert node.counters.dropped == 10
    bench.spin(2.5)
    log = capfd.readouterr().err
    assert log.count("several publish on /kitchen/skeletons: /left, /right. Stop all but one") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "kind", "topics"),
    [
        (lambda: VideoActivityNode(lambda values: FakeLearner(), namespace="/a"), Image, ["image_raw"]),
        (lambda: PoseNode(lambda values: NoEstimator(), namespace="/b"), Image, ["image_raw"]),
        (lambda: FusionNode(namespace="/c"), ActivityArray, ["activity_video", "activity_skeleton", "activity"]),
    ],
)
def test_every_stream_has_one_publisher(bench: Any, capfd: Capture, make: Any, kind: Any, topics: list[str]) -> None:
    node = bench.add(make())
    others = [bench.add(Node(name), up=False) for name in ("one", "two")]
    for topic in topics:
        for other in others:
            other.create_publisher(kind, f"{node.get_namespace()}/{topic}", RELIABLE)
    bench.spin(3.5)
    log = capfd.readouterr().err
    for topic in topics:
        assert log.count(f"several publish on {node.get_namespace()}/{topic}: ") == 1 and "/one, /two" in log


def test_one_of_each_is_no_conflict(bench: Any, capfd: Capture) -> None:
    bench.add(skeleton_node("/alone"))
    bench.node.create_publisher(SkeletonArray, "/alone/skeletons", RELIABLE)
    bench.spin(3.0)
    assert "several publish" not in (log := capfd.readouterr().err) and "called" not in log


def test_a_conflict_that_ends_is_told_again_when_it_returns(bench: Any) -> None:
    conflicts = GraphConflicts(bench.node)
    conflicts.watch("/x")
    publishers = [bench.node.create_publisher(Image, "/x", 1) for _ in range(2)]
    bench.until(lambda: bench.node.count_publishers("/x") == 2)
    text = "several publish on /x: /bench (2 times). Stop all but one, or give each a topic of its own"
    assert [conflicts.look() for _ in range(3)] == [([], []), ([text], [text]), ([text], [])]
    bench.node.destroy_publisher(publishers.pop())
    bench.until(lambda: bench.node.count_publishers("/x") == 1)
    assert conflicts.look() == ([], [])
    bench.node.create_publisher(Image, "/x", 1)
    bench.until(lambda: bench.node.count_publishers("/x") == 2)
    assert [conflicts.look() for _ in range(2)] == [([], []), ([text], [text])]
