"""The node `skeleton_activity` as it is shipped, in a process that cannot import torch."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from faults.people import waving  # noqa: E402
from helpers.forbidden_imports import WITHOUT_TORCH  # noqa: E402
from helpers.node_stream import WARMING, diagnostic_values  # noqa: E402
from helpers.processes import running  # noqa: E402

from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402

START = """
from co_perception.nodes.entry import start
start("skeleton_activity")
"""


def test_the_node_runs_where_torch_cannot_be_imported(bench: Any) -> None:
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", 10)
    heard, diagnosed = bench.listen(ActivityArray, "activity"), bench.listen(DiagnosticArray, "/diagnostics")
    with running([sys.executable, "-c", WITHOUT_TORCH + START]) as process:
        began_ns = time.time_ns()

        def answered() -> bool:
            assert process.poll() is None
            stamp_ns = time.time_ns()
            publisher.publish(waving(stamp_ns, (stamp_ns - began_ns) / 1e9, "anna"))
            return any(each.status != WARMING for message in heard for each in message.activities)

        bench.until(answered, "an answer that is no longer warming up")
        assert {each.group for each in heard[-1].activities} == {"posture", "motion", "arms"}
        assert heard[-1].recognizer.startswith("cotcn/own@")
        bench.until(lambda: diagnosed, "diagnostics")
        assert diagnostic_values(diagnosed[-1])["network"] == heard[-1].recognizer
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
