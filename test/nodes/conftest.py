"""Real rclpy in one process: the node under test and a node of the test's own on one executor."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_learners import FakeLearner

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
        from co_perception.nodes.running import bring_up

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


@pytest.fixture
def bench() -> Iterator[Bench]:
    rclpy = pytest.importorskip("rclpy")
    rclpy.init()
    made = Bench()
    yield made
    made.close()
    rclpy.try_shutdown()


@pytest.fixture
def fake() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def make_image() -> Callable[..., Any]:
    """An Image message of one colour at a time in seconds."""

    def make(seconds: float, colour: Sequence[int] = (200, 10, 10), encoding: str = "rgb8", **fields: Any) -> Any:
        from sensor_msgs.msg import Image as Message

        from co_perception.nodes.messages import to_time

        pixels = np.full((12, 16, 3), colour, np.uint8)
        message = Message(height=12, width=16, encoding=encoding, step=48, data=array("B", pixels.tobytes()))
        message.header.stamp = to_time(round(seconds * 1e9))
        message.header.frame_id = "eye"
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return make


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """A short real video file whose brightness rises with the frame index."""

    def make(name: str = "clip.mp4", frames: int = 10, rate_hz: int = 25, size: tuple[int, int] = (64, 48)) -> Path:
        import av

        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("mpeg4", rate=rate_hz)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for index in range(frames):
                picture = np.full((size[1], size[0], 3), min(20 + 10 * index, 250), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return path

    return make
