"""Lost messages are counted by sequence number; one of two publishers is accepted."""

from __future__ import annotations

import gc
from typing import Any

import pytest

pytest.importorskip("rclpy")

from helpers.node_stream import SceneStream

A, B = b"a", b"b"


def test_a_destroyed_node_is_gone_before_the_garbage_collector_runs(bench: Any) -> None:
    node = SceneStream.kind(lambda values: SceneStream.learners())
    bench.until(lambda: "video_activity" in bench.node.get_node_names())
    gc.disable()
    try:
        node.destroy_node()
        bench.until(lambda: "video_activity" not in bench.node.get_node_names())
    finally:
        gc.enable()
