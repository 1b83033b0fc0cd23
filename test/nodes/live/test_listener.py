"""Listener of the live page: it subscribes while somebody looks, to what is looked at, and to nothing else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from helpers.node_stream import RELIABLE, header, picture, skeleton, skeletons
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from co_perception.msg import Activity, ActivityArray, LabelInfo, SkeletonArray
from co_perception.nodes.core.diagnostics import OK, PREPARING, diagnostic_array
from co_perception.nodes.core.qos import image_qos, latched_qos
from co_perception.nodes.live.listener import ACTIVITY, PEOPLE, PICTURES, LiveListener, Look


class Noted:
    """Everything that is told, by event."""

    def __init__(self) -> None:
        self.events: dict[str, list[Any]] = {}

    def __call__(self, event: str, text: str) -> None:
        self.events.setdefault(event, []).append(json.loads(text))

    def last(self, event: str) -> Any:
        return self.events[event][-1]


class Robot:
    """Publishers of a robot, and who listens to them."""

    def __init__(self, bench: Any) -> None:
        make = bench.node.create_publisher
        self.raw = make(Image, "image_raw", image_qos("best_effort"))
        self.skeletons = make(SkeletonArray, "skeletons", RELIABLE)
        self.activity = make(ActivityArray, "activity", RELIABLE)
        self.labels = make(LabelInfo, "skeleton_activity/label_info", latched_qos())
        self.labels.publish(LabelInfo(recognizer="net", labels=["wave"], threshold=0.3))

    @property
    def listeners(self) -> dict[str, int]:
        made = {PICTURES: self.raw, PEOPLE: self.skeletons, ACTIVITY: self.activity, "labels": self.labels}
        return {name: publisher.get_subscription_count() for name, publisher in made.items()}

    def send(self, seconds: float) -> None:
        self.raw.publish(picture(seconds, np.full((4, 6, 3), 9, np.uint8)))
        self.skeletons.publish(skeletons(seconds, skeleton("p1")))
        self.activity.publish(ActivityArray(header=header(seconds), activities=[Activity(subject_id="p1", status=2)]))


ALL = {PICTURES: 1, PEOPLE: 1, ACTIVITY: 1, "labels": 1}
NOBODY = dict.fromkeys(ALL, 0)


@pytest.fixture
def robot(bench: Any) -> Robot:
    return Robot(bench)


@pytest.fixture
def listener(bench: Any, robot: Robot) -> LiveListener:
    made: LiveListener = bench.add(LiveListener(), up=False)
    return made


def test_it_costs_nothing_while_nobody_looks(bench: Any, robot: Robot, listener: LiveListener) -> None:
    bench.until(lambda: listener.count_publishers("skeletons"))
    bench.spin(0.8)
    assert robot.listeners == NOBODY
    own = {topic for topic, _ in listener.get_subscriber_names_and_types_by_node("studio", "/")}
    assert own <= {"/parameter_events", "/clock"}
    one, other = Look(Noted()), Look(Noted())
    listener.begin(one)
    bench.until(lambda: robot.listeners == ALL)
    listener.begin(other)
    bench.spin(0.6)
    assert robot.listeners == ALL  # one subscription for all who look
    listener.end(one)
    bench.spin(0.6)
    assert robot.listeners == ALL
    listener.end(other)
    bench.until(lambda: robot.listeners == NOBODY)
    bench.spin(0.8)
    assert robot.listeners == NOBODY and listener.newest("/image_raw") is None
    listener.begin(one)
    bench.until(lambda: robot.listeners == ALL)


def test_it_publishes_and_serves_nothing_of_its_own(bench: Any, robot: Robot, listener: LiveListener) -> None:
    listener.begin(Look(Noted()))
    bench.until(lambda: robot.listeners == ALL)
    published = {topic for topic, _ in listener.get_publisher_names_and_types_by_node("studio", "/")}
    assert published <= {"/rosout", "/parameter_events"}
    assert listener.get_client_names_and_types_by_node("studio", "/") == []


def test_all_who_look_are_told(bench: Any, robot: Robot, listener: LiveListener) -> None:
    noted = Noted()
    listener.begin(Look(noted))
    bench.until(lambda: robot.listeners == ALL)
    bench.until(lambda: "labels" in noted.events)
    now_s = bench.node.get_clock().now().nanoseconds / 1e9

    def told() -> bool:
        robot.send(now_s)
        return all(event in noted.events for event in ("picture", PEOPLE, ACTIVITY))

    bench.until(told)
    assert noted.last("labels")["threshold"] == 0.3
    assert noted.last("picture")["topic"] == "/image_raw"
    assert noted.last(PEOPLE)["people"][0]["id"] == "p1"
    assert noted.last(ACTIVITY)["activities"][0]["status"] == "uncertain"
    newest: Any = listener.newest("/image_raw")
    stamp_ns, message = newest
    assert str(stamp_ns) == noted.last("picture")["stamp"] and bytes(message.data[:3]) == b"\t\t\t"
    graph = noted.last("graph")
    assert graph["shown"] == {PICTURES: "/image_raw", PEOPLE: "/skeletons", ACTIVITY: "/activity"}
    assert graph["recognizers"] == ["/bench"]


def test_what_comes_is_told_in_figures_and_silence_in_words(bench: Any, robot: Robot, listener: LiveListener) -> None:
    noted = Noted()
    listener.begin(Look(noted))
    bench.until(lambda: robot.listeners == ALL)

    def lively() -> bool:
        robot.send(bench.node.get_clock().now().nanoseconds / 1e9)
        bench.spin(0.03)
        lines = {line["kind"]: line for line in noted.last("health")["topics"]} if "health" in noted.events else {}
        return len(lines) == 3 and all(line["rate"] > 5 and not line["why"] for line in lines.values())

    bench.until(lively)
    assert all(0 <= line["age"] < 2000 for line in noted.last("health")["topics"])

    def silent() -> bool:
        return all("sends nothing" in line["why"] for line in noted.last("health")["topics"])

    bench.until(silent)
    bench.node.destroy_publisher(robot.activity)
    bench.until(lambda: any("nobody publishes answers" in each["why"] for each in noted.last("health")["topics"]) or
                ACTIVITY not in noted.last("graph")["shown"])  # fmt: skip


def test_a_silent_node_that_prepares_is_said_to_do_so(bench: Any, robot: Robot, listener: LiveListener) -> None:
    noted = Noted()
    diagnostics = bench.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
    listener.begin(Look(noted))
    bench.until(lambda: robot.listeners == ALL)

    def told() -> bool:
        name, words = f"{bench.node.get_fully_qualified_name()}: skeleton stream", f"{PREPARING} for 4 s"
        diagnostics.publish(diagnostic_array(bench.node.get_clock().now().to_msg(), name, OK, words, {}))
        bench.spin(0.2)
        lines = noted.last("health")["topics"] if "health" in noted.events else []
        return any(f"/bench says: {words}" in line["why"] for line in lines)

    bench.until(told)


def test_each_page_sees_what_it_chose(bench: Any, robot: Robot, listener: LiveListener) -> None:
    second = bench.node.create_publisher(SkeletonArray, "other/skeletons", RELIABLE)
    blind, other = Noted(), Noted()
    listener.begin(Look(blind, without=frozenset([PICTURES, ACTIVITY])))
    listener.begin(Look(other, {PEOPLE: "/other/skeletons"}, frozenset([PICTURES, ACTIVITY])))
    bench.until(lambda: robot.listeners == {**NOBODY, PEOPLE: 1, "labels": 1} and second.get_subscription_count())

    def told() -> bool:
        second.publish(skeletons(1.0, skeleton("second")))
        robot.send(2.0)
        return PEOPLE in blind.events and PEOPLE in other.events

    bench.until(told)
    ids = [{each["people"][0]["id"] for each in noted.events[PEOPLE]} for noted in (blind, other)]
    assert ids == [{"p1"}, {"second"}]  # of itself it takes the topic whose name is nearest to the root
    assert ACTIVITY not in blind.events and "picture" not in blind.events


def test_compressed_pictures_are_taken_before_raw_ones(bench: Any, robot: Robot, listener: LiveListener) -> None:
    compressed = bench.node.create_publisher(CompressedImage, "image_raw/compressed", QoSProfile(depth=1))
    bench.until(lambda: listener.count_publishers("image_raw/compressed"))
    listener.begin(Look(Noted()))
    bench.until(compressed.get_subscription_count)
    bench.spin(0.6)
    assert robot.listeners[PICTURES] == 0
