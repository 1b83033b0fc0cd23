"""The example does what it says: one greeting a person, and none for what is past."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from rclpy.parameter import Parameter
from std_msgs.msg import Header, String

from co_perception.engine.time import nanoseconds
from co_perception.msg import ActivityEvent
from co_perception.nodes.core.messages import to_time

ROOT = Path(__file__).parents[2]


def greeter(**overrides: Any) -> Any:
    spec = importlib.util.spec_from_file_location("greeter", ROOT / "examples/greeter.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Greeter(parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()])


def test_everybody_is_greeted_once(bench: Any) -> None:

    node = greeter(label="wave", again_after_s=60.0)
    bench.nodes.append(node)
    bench.executor.add_node(node)
    predicted = bench.listen(String, "say")
    speaker = bench.node.create_publisher(ActivityEvent, "activity_events", 100)
    bench.matched(speaker, "say")
    now_ns = nanoseconds(node.get_clock().now().to_msg())

    def tell(who: str, label: str = "wave", kind: int = ActivityEvent.ONSET, ago_s: int = 0) -> None:
        stamp = to_time(now_ns - ago_s * 1_000_000_000)
        speaker.publish(ActivityEvent(header=Header(stamp=stamp), subject_id=who, label=label, kind=kind))

    tell("7", ago_s=30)
    tell("7", label="walk")
    tell("7", kind=ActivityEvent.OFFSET)
    tell("7")
    tell("7")
    tell("8")
    bench.until(lambda: len(predicted) >= 2)
    bench.spin(0.2)
    assert [message.data for message in predicted] == ["Hello, 7!", "Hello, 8!"]
