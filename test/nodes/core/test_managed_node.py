"""A managed node leaves nothing behind, outlives callbacks that raise, and runs on middlewares that tell it less."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import RELIABLE, SceneStream, picture, two_colors
from sensor_msgs.msg import Image

from co_perception.nodes.core.managed_node import ManagedNode, NodeSettings
from co_perception.nodes.core.publisher_filter import CONNECTED_S


class Listening(ManagedNode[NodeSettings]):
    """Counts images, all but those without a width, of which it raises; `health` and a timer raise once told to."""

    drops = ("failed",)
    heard, gaps, ticks = 0, 0, 0
    fails = False

    def prepare(self, values: NodeSettings) -> None:
        self.create_timer(0.01, self._tick)

    def begin(self, values: NodeSettings) -> None:
        self.subscription = self.listen_counted(
            Image, "image_raw", self._take, RELIABLE, foreign="foreign", on_gap=self._gap
        )

    def _take(self, message: Image) -> None:
        self.heard += 10 // min(message.width, 10)

    def _gap(self) -> None:
        self.gaps += 1

    def _tick(self) -> None:
        self.ticks += 1
        if self.fails:
            raise RuntimeError("the timer is broken")

    def health(self) -> tuple[bytes, str]:
        if self.fails:
            raise KeyError("health")
        return b"\x00", ""

    def values(self) -> dict[str, object]:
        return {}


def test_a_destroyed_node_is_gone_before_the_garbage_collector_runs(bench: Any) -> None:
    node = SceneStream.kind(lambda values: SceneStream.learners())
    bench.until(lambda: "video_activity" in bench.node.get_node_names())
    gc.disable()
    try:
        node.destroy_node()
        bench.until(lambda: "video_activity" not in bench.node.get_node_names())
    finally:
        gc.enable()


def test_neither_a_message_nor_a_timer_ends_a_node(bench: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """rclpy hands on what a callback raises, and the process ended with a traceback."""
    node = bench.add(Listening("listening", NodeSettings))
    camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
    bench.matched(camera, "image_raw")
    for width in (16, 0, 0, 16):
        camera.publish(picture(1.0, two_colors(), width=width))
    bench.until(lambda: node.heard == 2 and node.counters.dropped == 2, "the good ones, and the count of the others")
    node.fails, ticks = True, node.ticks
    bench.until(lambda: node.ticks > ticks + 3, "the timer to go on")
    bench.spin(1.1)
    said = capfd.readouterr().err
    for words in ("ZeroDivisionError", "RuntimeError: the timer is broken", "KeyError: 'health'"):
        assert said.count(words) == 1, "told once, not each time"


@pytest.mark.parametrize(
    "told",
    [
        {},  # rclpy before Kilted has no publisher_gid
        {"publication_sequence_number": 5},
        {"publisher_gid": {"data": bytes(16)}},
        {"publisher_gid": {"data": bytes(24)}, "publication_sequence_number": 2**64 - 1},
        {"publisher_gid": {"data": b"ab"}, "publication_sequence_number": 2**64 - 1},
        {"publisher_gid": None, "publication_sequence_number": None},
    ],
)  # fmt: skip
def test_without_numbers_or_ids_of_publishers_nothing_is_lost_and_nobody_refused(
    bench: Any, monkeypatch: pytest.MonkeyPatch, told: Mapping[str, object]
) -> None:
    """rmw has 2^64 - 1 for a number that is not supported; zeros and absent entries stand for ids that are not."""
    now_s = 100.0
    monkeypatch.setattr("co_perception.nodes.core.managed_node.monotonic", lambda: now_s)
    node = bench.add(Listening("listening", NodeSettings))
    for _ in range(5):
        node.subscription.callback(Image(width=16), {"source_timestamp": 1, **told})
        now_s += CONNECTED_S
    assert (node.heard, node.gaps, node.counters.counts()) == (5, 0, {})
