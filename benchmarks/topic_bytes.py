"""Bytes of the messages on each topic of a robot, by the people in sight: the table of docs/fleet.md.

    python benchmarks/topic_bytes.py [--people 1 2 5] [--frames 150]

The node `skeleton_activity` with its default model gets drawn people, frame after frame: the next one is sent when the
one before was answered, with a stamp a fifteenth of a second later, so that nothing here depends on the machine. Every
topic is received as it is serialized, and its bytes are counted; bytes a second are those of a message times the rate
that the topic has on a robot (`RATES_HZ`). What the middleware adds to a message is not in them. Prints a table, and
writes out/bench/topic_bytes.json.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "test"))

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from helpers.drawn_people import ACTIVITIES, T0, Figure
from people import own_domain
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from std_msgs.msg import Header

from bench.results import write_json
from co_perception.msg import ActivityArray, ActivityEvent, CurrentActivities, Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.qos import event_qos, latched_qos
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.skeleton_activity import SkeletonActivityNode

OUT, TICK_NS, ANSWER_S = Path("out/bench"), 66_666_667, 60.0
# As they are on a robot: a camera of 30 frames a second, the model's 15 answers a second, and what comes each second.
RATES_HZ = {"skeletons": 30.0, "activity": 15.0, "current_activities": 1.0, "/diagnostics": 1.0}
QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
TOPICS: dict[str, tuple[type, QoSProfile]] = {
    "skeletons": (SkeletonArray, QOS),
    "activity": (ActivityArray, QOS),
    "activity_events": (ActivityEvent, event_qos()),
    "current_activities": (CurrentActivities, latched_qos()),
    "/diagnostics": (DiagnosticArray, QOS),
}


class ByteCounter(Node):
    """Publishes people, and counts the bytes of every topic."""

    def __init__(self, people: int) -> None:
        super().__init__("byte_counter")
        self.sizes: dict[str, list[int]] = defaultdict(list)
        self._people = [Figure(ACTIVITIES[number % len(ACTIVITIES)], number) for number in range(people)]
        self._publisher = self.create_publisher(SkeletonArray, "skeletons", QOS)
        for topic, (kind, qos) in TOPICS.items():
            self.create_subscription(kind, topic, lambda raw, topic=topic: self.sizes[topic].append(len(raw)), qos,
                                     raw=True)  # fmt: skip

    def send(self, number: int) -> None:
        """Publishes one frame."""
        stamp = Time(nanoseconds=T0 + number * TICK_NS).to_msg()
        message = SkeletonArray(header=Header(stamp=stamp, frame_id="camera_color_optical_frame"),
                                estimator="movenet_multipose", image_width=640, image_height=480)  # fmt: skip
        for place, figure in enumerate(self._people):
            joints = figure.frame(number * TICK_NS / 1e9)
            keypoints = [Keypoint(x=float(x), y=float(y), z=float(z), score=float(score)) for x, y, z, score in joints]
            message.skeletons.append(Skeleton(subject_id=f"kqzx_p{place}", layout="coco17", score=0.9,
                                              keypoints=keypoints))  # fmt: skip
        self._publisher.publish(message)


def measure(people: int, frames: int) -> list[dict[str, Any]]:
    """Bytes of a message of each topic, and bytes a second at its rate."""
    rclpy.init()
    executor = SingleThreadedExecutor()
    node, counter = SkeletonActivityNode(), ByteCounter(people)
    executor.add_node(node)
    executor.add_node(counter)

    def spin(until: Callable[[], object]) -> None:
        end = monotonic() + ANSWER_S
        while not until() and monotonic() < end:
            executor.spin_once(timeout_sec=0.02)

    try:
        assert bring_up(node)
        spin(lambda: counter.count_publishers("activity") and node.count_publishers("skeletons"))
        spin(lambda: counter.sizes["/diagnostics"])
        for number in range(frames):
            counter.send(number)
            spin(lambda number=number: len(counter.sizes["activity"]) > number)
        return [_row(people, topic, counter.sizes[topic]) for topic in TOPICS]
    finally:
        for each in (node, counter):
            each.destroy_node()
        executor.shutdown()
        rclpy.try_shutdown()


def _row(people: int, topic: str, sizes: list[int]) -> dict[str, Any]:
    rate = RATES_HZ.get(topic)
    size = median(sizes) if sizes else 0
    return {"people": people, "topic": topic, "messages": len(sizes), "bytes": size, "most": max(sizes, default=0),
            "hz": rate, "bytes_per_s": None if rate is None else rate * size}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 5], help="in sight (default: 1 2 5)")
    parser.add_argument("--frames", type=int, default=150, help="of each (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    own_domain()
    rows = [row for people in options.people for row in measure(people, options.frames)]
    print("| topic | people | bytes a message | messages a second | kB a second |\n|---|---|---|---|---|")
    for row in sorted(rows, key=lambda row: (list(TOPICS).index(row["topic"]), row["people"])):
        rate = "-" if row["hz"] is None else f"{row['hz']:.0f}"
        kilobytes = "-" if row["hz"] is None else f"{row['bytes_per_s'] / 1000:.1f}"
        print(f"| `{row['topic']}` | {row['people']} | {row['bytes']:.0f} | {rate} | {kilobytes} |")
    write_json(options.out / "topic_bytes.json", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
