"""Latency from images to `activity` with two people at 30 Hz, through the nodes `pose` and `skeleton_activity`.

Each node is a process of its own. This one plays a real clip at 640 x 480 and 30 frames a second, for as long as asked
(first argument, seconds), and listens to `activity`. Prints answers per second, their age (from the stamp of the frame,
which is when it was published, to the arrival of the answer) and what the answers say of how many people.
"""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from bench.remote import ROOT
from bench.results import write_json
from co_perception.data.messages.image import fill
from co_perception.data.video import VideoReader
from co_perception.engine.time import nanoseconds
from co_perception.evaluation.provenance import machine, versions
from co_perception.msg import Activity, ActivityArray
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess
from co_perception.runtime.store import store

OUT = ROOT / "out/bench"
CLIP = "pose2sim_multi_cam02"
WIDTH, HEIGHT, RATE_HZ = 640, 480, 30.0
WARM_UP_S, STARTING_S = 5.0, 60.0
NODES = (
    NodeCommand("pose", {"image_reliability": "reliable", "threads": 2}),
    NodeCommand("skeleton_activity", {"threads": 1}),
)


class Bench(Node):
    """Publishes frames by the clock, and keeps what comes back."""

    def __init__(self, frames: list[NDArray[np.uint8]]) -> None:
        super().__init__("people_benchmark")
        reliable = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self.images = self.create_publisher(Image, "image_raw", reliable)
        self.create_subscription(ActivityArray, "activity", self._on_activity, 100)
        self._frames, self.sent = frames, 0
        self.ages_s: list[float] = []
        self.people: Counter[int] = Counter()
        self.subjects: set[str] = set()
        self.dropped = 0

    def play(self) -> None:
        """Sends frames from now on."""
        self.create_timer(1 / RATE_HZ, self._send)

    def forget(self) -> None:
        """Ends the warm-up: what was measured so far does not count."""
        self.sent, self.dropped = 0, 0
        self.ages_s.clear()
        self.people.clear()
        self.subjects.clear()

    def _send(self) -> None:
        # Forth and back, so that nobody jumps where the clip begins again.
        place = self.sent % (2 * len(self._frames) - 2)
        frame = self._frames[min(place, 2 * len(self._frames) - 2 - place)]
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id="camera")
        self.images.publish(fill(Image(header=header), frame, "rgb8"))
        self.sent += 1

    def _on_activity(self, message: ActivityArray) -> None:
        self.ages_s.append((self.get_clock().now().nanoseconds - nanoseconds(message.header.stamp)) / 1e9)
        present = [a.subject_id for a in message.activities if a.status != Activity.STATUS_STALE]
        self.people[len(present)] += 1
        self.subjects.update(present)
        self.dropped += message.dropped_frames


def frames_of(path: Path, most: int | None = None, width: int = WIDTH, height: int = HEIGHT) -> list[NDArray[np.uint8]]:
    """The clip's frames, fitted in with black beside them, every second one (the clip has 60 a second).

    most: of frames; None: all.
    """
    import cv2

    fitted: list[NDArray[np.uint8]] = []
    with VideoReader(str(path)) as reader:
        for index, frame in enumerate(reader):
            if index % 2 == 0 and len(fitted) != most:
                pixels = frame.pixels
                scale = min(width / pixels.shape[1], height / pixels.shape[0])
                high, wide = (round(side * scale) for side in pixels.shape[:2])
                canvas = np.zeros((height, width, 3), np.uint8)
                top, left = (height - high) // 2, (width - wide) // 2
                small = cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA)
                canvas[top : top + high, left : left + wide] = small
                fitted.append(canvas)
    return fitted


def own_domain() -> None:
    """Sets a ROS domain of this process's own, on this machine only, unless the environment names one."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))


def measure(bench: Bench, seconds: float) -> dict[str, Any]:
    """Waits for the nodes, then plays and sums up."""
    executor = SingleThreadedExecutor()
    executor.add_node(bench)

    def spin(until_s: float) -> None:
        while perf_counter() < until_s:
            executor.spin_once(timeout_sec=0.05)

    bench.play()
    end = perf_counter() + STARTING_S
    while not bench.ages_s:
        if perf_counter() > end:
            raise RuntimeError(f"no answer within {STARTING_S:.0f} s: what does {OUT}/people.log say?")
        executor.spin_once(timeout_sec=0.05)
    spin(perf_counter() + WARM_UP_S)
    bench.forget()
    began = perf_counter()
    spin(began + seconds)
    took = perf_counter() - began
    p50, p95, worst = (1e3 * float(x) for x in (*np.percentile(bench.ages_s, [50, 95]), max(bench.ages_s)))
    return {
        "seconds": round(took, 1),
        "frames_sent_hz": round(bench.sent / took, 2),
        "answers_hz": round(len(bench.ages_s) / took, 2),
        "age_ms": {"p50": round(p50, 1), "p95": round(p95, 1), "max": round(worst, 1)},
        "people_in_an_answer": dict(sorted(bench.people.items())),
        "ids": len(bench.subjects),
        "dropped_frames": bench.dropped,
    }


def main() -> None:
    """Measure, print, and keep as out/bench/people.json."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    own_domain()
    frames = frames_of(store.locate(CLIP))
    OUT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        for command in NODES:
            running.enter_context(NodeProcess(command, OUT / "people.log"))
        rclpy.init()
        running.callback(rclpy.try_shutdown)
        result = measure(Bench(frames), seconds)
    result |= {"machine": machine(), "versions": versions(("torch", "numpy", "ai-edge-litert", "ros-rclpy"))}
    write_json(OUT / "people.json", result)
    print(f"{result['machine']}, {platform.platform()}, {result['versions']}")
    print(f"{WARM_UP_S:.0f} s of warm-up, {result['seconds']} s measured, {result['frames_sent_hz']} frames a second")
    age = result["age_ms"]
    print(f"answers a second {result['answers_hz']}; age p50 {age['p50']} ms, p95 {age['p95']} ms, max {age['max']} ms")
    print(f"people in an answer {result['people_in_an_answer']}, ids {result['ids']}")
    print(f"frames the recognizer dropped {result['dropped_frames']}")


if __name__ == "__main__":
    main()
