"""Real rclpy in one process: the node under test and a node of the test's own on one executor."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers.fake_learners import FakeLearner
from helpers.ros_domain import has_participants

DEADLINE_S = 20.0


class Bench:
    """A test's own node beside the nodes under test."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.node = rclpy.create_node("bench")
        self.executor = SingleThreadedExecutor()
        self.nodes: list[Any] = []
        self.executor.add_node(self.node)

    def add(self, node: Any, up: bool = True) -> Any:
        from co_perception.nodes.core.run_node import bring_up

        self.nodes.append(node)
        self.executor.add_node(node)
        if up:
            assert bring_up(node)
        return node

    def until(self, predicate: Callable[[], object], what: str = "") -> None:
        """Spins until the predicate holds; fails at the deadline."""
        end = time.monotonic() + DEADLINE_S
        while not predicate():
            assert time.monotonic() < end, f"not in {DEADLINE_S} s: {what or predicate}"
            self.executor.spin_once(timeout_sec=0.02)

    def spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.02)

    def matched(self, publisher: Any, topic: str) -> None:
        """Waits until `publisher` and the one subscriber of `topic` know each other."""
        self.until(lambda: publisher.get_subscription_count() and self.node.count_publishers(topic), topic)

    def listen(self, kind: Any, topic: str, qos: Any = 1000) -> list[Any]:
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def call(self, kind: Any, name: str, **fields: Any) -> Any:
        """Asks a service of another process or of a node on this bench."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, name)
        futures = [client.call_async(kind.Request(**fields))]

        def answered() -> bool:
            # "Ready" may be told of a server that has just died, or before the way back is open: then ask again.
            if time.monotonic() > asked + 5.0 * len(futures):
                futures.append(client.call_async(kind.Request(**fields)))
            return any(future.done() for future in futures)

        asked = time.monotonic()
        self.until(answered, name)
        return next(future.result() for future in futures if future.done())

    def close(self) -> None:
        for node in self.nodes:
            node.destroy_node()
        self.node.destroy_node()
        self.executor.shutdown()


def wait_until_alone() -> None:
    """Waits until no participant is left of earlier tests; its latched messages and its names would reach this one."""
    domain, end = int(os.environ["ROS_DOMAIN_ID"]), time.monotonic() + DEADLINE_S
    while has_participants(domain):
        assert time.monotonic() < end, "an earlier test has left a node or a process of a node behind"
        gc.collect()  # a node of rclpy's own, which refers to itself
        time.sleep(0.05)


@pytest.fixture
def bench() -> Iterator[Bench]:
    rclpy = pytest.importorskip("rclpy")
    wait_until_alone()
    rclpy.init()
    made = Bench()
    yield made
    made.close()
    rclpy.try_shutdown()


@pytest.fixture
def fake() -> FakeLearner:
    return FakeLearner()
