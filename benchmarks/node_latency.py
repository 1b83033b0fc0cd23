"""Latency from a published frame to its `/activity`, part by part, over the middleware, at 30 Hz.

The node `video_activity` runs in a process of its own (`node_process.py`), with a real but small network, so that its
step fits the period of the frames. This process is the camera and the subscriber. Each case sends raw frames (rgb8 or
bgr8, reliable) or compressed ones, alone or with a third process that loads a core. Prints every part of the way, keeps
out/bench/node_latency.json, where other cases stay as they are, and draws out/bench/node_latency.png (`node_plot.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import perf_counter, perf_counter_ns, sleep
from typing import Any

import numpy as np
import rclpy
from node_parts import PARTS, TOTALS, Frame, joined, overheads
from node_plot import draw
from numpy.typing import NDArray
from people import CLIP, HEIGHT, OUT, RATE_HZ, STARTING_S, WIDTH, frames_of, own_domain
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from bench.machine import others
from bench.results import write_json
from co_perception.data.messages.image import encode_jpeg, fill
from co_perception.engine.time import nanoseconds
from co_perception.evaluation.provenance import machine, versions
from co_perception.msg import ActivityArray
from co_perception.nodes.core.qos import TRANSPORTS, image_qos
from co_perception.runtime.store import store

HERE = Path(__file__).resolve().parent
CASES = ("rgb8", "bgr8", "compressed")
TRANSPORTED = {"default": "as Fast DDS comes", "fastdds.xml": "with config/fastdds.xml"}
PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
WARM_UP_S, LAST_S = 3.0, 1.0
PICTURES = 30
BUSY = "while True: pass"


class Bench(Node):
    """Sends frames, and keeps when each was sent and when its answer came, by stamp."""

    def __init__(self, case: str, reliability: str) -> None:
        super().__init__("node_latency")
        kind, topic = TRANSPORTS["compressed" if case == "compressed" else "raw"]
        self.images = self.create_publisher(kind, topic, image_qos(reliability))
        self.create_subscription(ActivityArray, "activity", self._on_activity, 100)
        self.sent: dict[int, tuple[int, int]] = {}
        self.received: dict[int, int] = {}

    def send(self, message: Any) -> None:
        """Publishes one frame, stamped now."""
        message.header.stamp = self.get_clock().now().to_msg()
        began_ns = perf_counter_ns()
        with suppress(RuntimeError):  # a reliable publisher waited in vain for the node: this frame is dropped
            self.images.publish(message)
        self.sent[nanoseconds(message.header.stamp)] = (began_ns, perf_counter_ns())

    def _on_activity(self, message: ActivityArray) -> None:
        self.received[nanoseconds(message.header.stamp)] = perf_counter_ns()


def messages(case: str, pictures: Sequence[NDArray[np.uint8]]) -> list[Any]:
    """The clip as messages, so that only their stamps are left to write when they are sent."""
    header = Header(frame_id="camera")
    if case == "compressed":
        return [CompressedImage(header=header, format="jpeg", data=encode_jpeg(each)) for each in pictures]
    ordered = pictures if case == "rgb8" else [each[..., ::-1] for each in pictures]
    return [fill(Image(header=header), each, case) for each in ordered]


def play(bench: Bench, frames: Sequence[Any], seconds: float) -> None:
    """Sends frames by the clock: one that is late does not shift the others."""
    began = perf_counter()
    for index in range(round(seconds * RATE_HZ)):
        sleep(max(began + index / RATE_HZ - perf_counter(), 0.0))
        bench.send(frames[index % len(frames)])


@contextmanager
def listening(bench: Bench) -> Iterator[None]:
    """Hears answers in a thread of its own, so that sending does not wait."""
    executor = SingleThreadedExecutor()
    executor.add_node(bench)

    def spin() -> None:
        with suppress(ExternalShutdownException):
            executor.spin()

    thread = Thread(target=spin)
    thread.start()
    yield
    executor.shutdown()
    thread.join()


@contextmanager
def beside(command: Sequence[str], **environment: str) -> Iterator[None]:
    """Another process, until the block ends."""
    process = subprocess.Popen(command, env=os.environ | environment)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@contextmanager
def node(case: str, reliability: str, network: str, threads: int, times: Path) -> Iterator[None]:
    """The node under test."""
    values = {
        "image_transport": "compressed" if case == "compressed" else "raw",
        "image_reliability": reliability,
        "network": network,
        "threads": threads,
        "model_rate_hz": 0.0,
    }
    parameters = [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]
    command = [sys.executable, str(HERE / "node_process.py"), "--ros-args", *parameters]
    with beside(command, NODE_LATENCY_OUT=str(times)):
        yield


def run(case: str, busy: bool, frames: Sequence[Any], options: argparse.Namespace) -> list[Frame]:
    """Every frame sent after the warm-up, with its times as far as it came."""
    rclpy.init()
    bench = Bench(case, options.reliability)
    with tempfile.TemporaryDirectory() as folder, listening(bench):
        times = Path(folder) / "times.json"
        with node(case, options.reliability, options.network, options.threads, times):
            end = perf_counter() + STARTING_S
            while not bench.received:
                if perf_counter() > end:
                    raise RuntimeError(f"no answer within {STARTING_S:.0f} s: what does the node say above?")
                play(bench, frames, 0.5)
            play(bench, frames, WARM_UP_S)
            sleep(LAST_S)
            bench.sent.clear()
            if busy:
                with beside([sys.executable, "-c", BUSY]):
                    play(bench, frames, options.seconds)
            else:
                play(bench, frames, options.seconds)
            sleep(LAST_S)
        found = joined(bench.sent, bench.received, json.loads(times.read_text()))
        rclpy.shutdown()
    return found


def summary(values: Sequence[float]) -> dict[str, float]:
    """min, p50, p95 and max in milliseconds, of nanoseconds."""
    ms = np.array(values) / 1e6
    p50, p95 = np.percentile(ms, [50, 95])
    return {"min": float(ms.min()), "p50": float(p50), "p95": float(p95), "max": float(ms.max())}


def measured(case: str, busy: bool, messages: Sequence[Any], options: argparse.Namespace) -> dict[str, Any]:
    """What one case came to."""
    with others() as beside_us:
        frames = run(case, busy, messages, options)
    came = [frame for frame in frames if frame.whole]
    parts = {part: summary([frame.parts[part] for frame in came]) for part in PARTS}
    totals = {total: summary([overheads(frame)[total] for frame in came]) for total in TOTALS}
    return {
        "case": case,
        "busy": busy,
        "transport": options.transport,
        "seconds": options.seconds,
        "cores busy for others": beside_us.cores,
        "sent": len(frames),
        "answered": len(came),
        "dropped": len(frames) - len(came),
        "parts_ms": parts,
        "totals_ms": totals,
    }


def show(result: dict[str, Any]) -> None:
    """One case as a table."""
    load = "a second process loads a core" if result["busy"] else "nothing beside it"
    how = TRANSPORTED[result["transport"]]
    print(f"\n{result['case']}, {how}, {load}: {result['sent']} sent, {result['dropped']} dropped")
    if (cores := result["cores busy for others"]) is not None:
        print(f"other processes used {cores:.2f} cores")
    print(f"{'milliseconds':44}{'min':>8}{'p50':>8}{'p95':>8}{'max':>8}")
    for name, figures in {**result["parts_ms"], **result["totals_ms"]}.items():
        words = {**PARTS, **TOTALS}[name]
        print(f"{words:44}" + "".join(f"{figures[key]:8.2f}" for key in ("min", "p50", "p95", "max")))


def surroundings(options: argparse.Namespace) -> dict[str, Any]:
    """On what and how it was measured."""
    return {
        "machine": machine(),
        "platform": platform.platform(),
        "versions": versions(("torch", "numpy", "opencv-python-headless", "ros-rclpy", "ros-fastdds")),
        "middleware": rclpy.get_rmw_implementation_identifier(),
        "threads of the network": options.threads,
        "network": f"{options.network}, made small",
        "frames": f"{options.width} x {options.height}, {RATE_HZ:g} a second, {options.reliability}",
        "warm-up (s)": WARM_UP_S,
    }


def arguments() -> argparse.Namespace:
    """What may be asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="measured in each case, after the warm-up")
    parser.add_argument("--cases", default=",".join(CASES), help="of rgb8, bgr8, compressed")
    parser.add_argument("--load", default="without,with", help="without, with, or both: a process that loads a core")
    parser.add_argument("--transport", default="fastdds.xml", choices=TRANSPORTED, help="room for frames in Fast DDS")
    parser.add_argument("--network", default="cox3d_m", help="a CoX3D, whose pictures are taken; it is made small")
    parser.add_argument("--threads", type=int, default=1, help="of the network")
    parser.add_argument("--reliability", default="reliable", choices=("reliable", "best_effort"))
    parser.add_argument("--width", type=int, default=WIDTH, help="of the frames; for others than 640 x 480 name --out")
    parser.add_argument("--height", type=int, default=HEIGHT)
    parser.add_argument("--out", type=Path, default=OUT / "node_latency.json", help="where figures are kept")
    return parser.parse_args()


def keep(known: dict[str, Any], results: Sequence[dict[str, Any]], out: Path) -> None:
    """Writes the results, in place of those of the same cases that were kept before; then draws all of them."""

    def case(result: dict[str, Any]) -> tuple[Any, ...]:
        return CASES.index(result["case"]), result["transport"], result["busy"]

    before = json.loads(out.read_text())["results"] if out.exists() else []
    by_case = {case(result): result for result in (*before, *results)}
    write_json(out, known | {"results": [by_case[key] for key in sorted(by_case)]})
    draw(out, out.with_suffix(".png"))
    print(f"\n{out}, {out.with_suffix('.png')}")


def main() -> None:
    """Measure, print, keep and draw."""
    options = arguments()
    own_domain()
    if options.transport != "default":
        os.environ[PROFILES] = str(HERE.parent / "config" / options.transport)
    pictures = frames_of(store.locate(CLIP), PICTURES, options.width, options.height)
    known = surroundings(options)
    for name, value in known.items():
        print(f"{name}: {value}")
    results = []
    for case in options.cases.split(","):
        frames = messages(case, pictures)
        for busy in (load == "with" for load in options.load.split(",")):
            results.append(measured(case, busy, frames, options))
            show(results[-1])
    keep(known, results, options.out)


if __name__ == "__main__":
    main()
