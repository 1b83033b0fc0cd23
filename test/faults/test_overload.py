"""More than the machine can take: what is lost is counted to the last frame, and once it is over nothing is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_learners import FakeLearner
from faults.conftest import DEADLINE_S
from faults.diagnosed import Diagnosed

rclpy = pytest.importorskip("rclpy")

from faults.people import waving  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.messages import nanoseconds, to_time  # noqa: E402
from co_perception.nodes.processes import Part, Running  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

FATES = ("processed", "early", "duplicate", "displaced", "lost on the way")
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def stamps(heard: Sequence[Any]) -> list[int]:
    return [nanoseconds(message.header.stamp) for message in heard]


def accounted(diagnosed: Diagnosed) -> int:
    """Frames of which the diagnostics know what became of them."""
    return sum(diagnosed.count(fate) for fate in FATES)


def latest_in_a_row(said: Sequence[int], sent: Sequence[int]) -> int:
    """How many frames, up to the newest that was answered, were all answered."""
    known, run = set(said), 0
    for stamp in reversed([stamp for stamp in sent if stamp <= max(known, default=0)]):
        if stamp not in known:
            break
        run += 1
    return run


class Camera:
    """Publishes pictures with true stamps, at a rate, on the test's own thread."""

    def __init__(self, bench: Any, make_image: Callable[..., Any]) -> None:
        self.bench, self.make, self.sent = bench, make_image, list[int]()
        self.publisher = bench.node.create_publisher(Image, "image_raw", BEST_EFFORT)
        bench.matched(self.publisher, "image_raw")

    def play(self, rate_hz: float, until: Callable[[], object]) -> None:
        end, due = time.monotonic() + DEADLINE_S, time.monotonic()
        while not until():
            self.sent.append(time.time_ns())
            self.publisher.publish(self.make(0.0, header=header_of(self.make, self.sent[-1])))
            due += 1 / rate_hz
            self.bench.spin(max(due - time.monotonic(), 0.0))
            assert time.monotonic() < end, "not in time"


def header_of(make: Callable[..., Any], stamp_ns: int) -> Any:
    header = make(0.0).header
    header.stamp = to_time(stamp_ns)
    return header


def test_a_camera_four_times_as_fast_as_the_network(
    bench: Any, fake: FakeLearner, make_image: Callable[..., Any]
) -> None:
    """The network's clock is by stamps: it is shown what it would have been shown."""
    node = bench.add(VideoActivityNode(lambda values: fake, parameter_overrides=[Parameter("queue_depth", value=10)]))
    diagnosed, heard = Diagnosed(bench, "video_activity"), bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")
    camera = Camera(bench, make_image)
    camera.play(100.0, lambda: len(camera.sent) == 200)
    bench.until(lambda: accounted(diagnosed) == len(camera.sent), f"all accounted for: {diagnosed.values}")
    assert set(stamps(heard)) <= set(camera.sent)
    assert {message.state_epoch for message in heard} == {0}
    lost, processed = diagnosed.count("lost on the way"), diagnosed.count("processed")
    assert sum(message.dropped_frames for message in heard) <= lost + diagnosed.count("displaced")
    ticks = (camera.sent[-1] - camera.sent[0]) * 25e-9
    assert processed + diagnosed.count("missing") <= ticks + 2
    assert processed > 0.5 * ticks, "a tick has a frame, mostly"


def test_a_camera_four_times_as_fast_as_the_machine(
    bench: Any, fake: FakeLearner, make_image: Callable[..., Any]
) -> None:
    every_frame = [Parameter("model_rate_hz", value=0.0)]
    node = bench.add(VideoActivityNode(lambda values: fake, parameter_overrides=every_frame))
    diagnosed, heard = Diagnosed(bench, "video_activity"), bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")
    camera = Camera(bench, make_image)
    fake.before = lambda frame: time.sleep(0.08)
    camera.play(50.0, lambda: diagnosed.warnings("frames dropped in a second") and len(camera.sent) >= 100)
    fake.before = lambda frame: None
    camera.play(10.0, lambda: diagnosed.well)
    clean = len(camera.sent)
    camera.play(10.0, lambda: len(camera.sent) == clean + 10)
    bench.until(lambda: accounted(diagnosed) == len(camera.sent), f"all accounted for: {diagnosed.values}")
    dropped = diagnosed.count("displaced") + diagnosed.count("lost on the way")
    assert dropped > 25
    assert sum(message.dropped_frames for message in heard) == dropped
    assert int(diagnosed.values["frames dropped"]) == dropped
    said = stamps(heard)
    assert said == sorted(set(said))
    assert set(said) <= set(camera.sent)
    assert heard[-1].activities[0].label == "red"


@contextmanager
def busy_neighbours(count: int) -> Iterator[None]:
    """Processes that take all the time there is."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_recogniser_that_is_starved_by_its_neighbours(bench: Any, tmp_path: Path) -> None:
    """The real network, 15 frames a second, with far too little processor for three seconds."""
    diagnosed, heard = Diagnosed(bench, "skeleton_activity"), bench.listen(ActivityArray, "activity", 1000)
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", BEST_EFFORT)
    sent: list[int] = []

    def play(seconds: float, until: Callable[[], object] = lambda: True) -> None:
        end, due = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < end or not until():
            sent.append(time.time_ns())
            publisher.publish(waving(sent[-1], len(sent) / 15, "p1"))
            due = max(due + 1 / 15, time.monotonic())
            bench.spin(due - time.monotonic())
            assert time.monotonic() < end + DEADLINE_S, "not in time"

    with Running(Part("skeleton_activity", {"threads": 1}), tmp_path / "log"):
        bench.until(publisher.get_subscription_count, "the recogniser")
        bench.until(lambda: bench.node.count_publishers("activity"), "its answers")
        bench.spin(0.5)
        play(1.5)
        with busy_neighbours(8):
            play(3.0)
        play(1.0, lambda: diagnosed.well)
        calm = len(sent)
        play(2.0, lambda: latest_in_a_row(stamps(heard), sent[calm:]) >= 20)
        bench.until(lambda: accounted(diagnosed) >= len(sent) - 1, f"{len(sent)} accounted for: {diagnosed.values}")
    dropped = diagnosed.count("displaced") + diagnosed.count("lost on the way")
    assert sum(message.dropped_frames for message in heard) <= dropped
    said = stamps(heard)
    assert said == sorted(set(said))
    assert set(said) <= set(sent)
    assert heard[-1].activities[0].progress == 1.0
