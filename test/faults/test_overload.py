"""More than the machine can take: what is lost is counted to the last frame, and once it is over nothing is lost."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from faults.conftest import DEADLINE_S
from faults.diagnosed import Diagnosed
from helpers.fake_learners import FakeLearner

rclpy = pytest.importorskip("rclpy")

from faults.people import waving  # noqa: E402
from faults.test_cameras import RED, picture  # noqa: E402
from helpers.node_stream import overrides_of, stamps_of  # noqa: E402
from helpers.processes import running  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

FATES = ("processed", "early", "duplicate", "displaced", "lost on the way", "missed while connecting")
# All the time there is, for ten seconds: where the kernel gives this test none, it goes on all the same.
BUSY = "import time\nend = time.monotonic() + 10\nwhile time.monotonic() < end: pass"
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def accounted(diagnosed: Diagnosed) -> int:
    """Frames of which the diagnostics know what became of them."""
    return sum(diagnosed.count(fate) for fate in FATES)


def latest_in_a_row(said: Sequence[int], sent: Sequence[int]) -> int:
    """How many frames, up to the newest that was answered, were all answered."""
    known = set(said)
    latest_first = reversed([stamp for stamp in sent if stamp <= max(known, default=0)])
    return len(list(takewhile(known.__contains__, latest_first)))


class Camera:
    """Publishes pictures with true stamps, at a rate, on the test's own thread."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.sent = bench, list[int]()
        self.publisher = bench.node.create_publisher(Image, "image_raw", BEST_EFFORT)
        bench.matched(self.publisher, "image_raw")

    def play(self, rate_hz: float, until: Callable[[], object]) -> None:
        end, due = time.monotonic() + DEADLINE_S, time.monotonic()
        while not until():
            self.sent.append(time.time_ns())
            self.publisher.publish(picture(self.sent[-1], RED))
            due += 1 / rate_hz
            self.bench.spin(max(due - time.monotonic(), 0.0))
            assert time.monotonic() < end, "not in time"


def watched(bench: Any, fake: FakeLearner, **settings: Any) -> tuple[Diagnosed, list[Any]]:
    """A recognizer that is up: its diagnostics and answers."""
    node = bench.add(VideoActivityNode(lambda values: fake, parameter_overrides=overrides_of(settings)))
    diagnosed, heard = Diagnosed(bench, "video_activity"), bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")
    return diagnosed, heard


def test_a_camera_four_times_as_fast_as_the_network(bench: Any, fake: FakeLearner) -> None:
    """The network's clock is by stamps: it is shown what it would have been shown."""
    diagnosed, heard = watched(bench, fake, queue_depth=10)
    camera = Camera(bench)
    camera.play(100.0, lambda: len(camera.sent) == 200)
    bench.until(lambda: accounted(diagnosed) == len(camera.sent), f"all accounted for: {diagnosed.values}")
    assert set(stamps_of(heard)) <= set(camera.sent)
    assert {message.state_epoch for message in heard} == {0}
    lost, processed = diagnosed.count("lost on the way"), diagnosed.count("processed")
    assert sum(message.dropped_frames for message in heard) <= lost + diagnosed.count("displaced")
    ticks = (camera.sent[-1] - camera.sent[0]) * 25e-9
    assert processed + diagnosed.count("missing") <= ticks + 2
    assert processed > 0.5 * ticks, "a tick has a frame, mostly"


@pytest.mark.slow
def test_a_camera_four_times_as_fast_as_the_machine(bench: Any, fake: FakeLearner) -> None:
    diagnosed, heard = watched(bench, fake, model_rate_hz=0.0)
    camera = Camera(bench)
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
    said = stamps_of(heard)
    assert said == sorted(set(said))
    assert set(said) <= set(camera.sent)
    assert heard[-1].activities[0].label == "red"


@pytest.mark.slow
def test_a_recognizer_that_is_starved_by_its_neighbors(bench: Any, tmp_path: Path) -> None:
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

    with NodeProcess(
        NodeCommand("skeleton_activity", {"threads": 1, "model": "costgcn_short_poses"}), tmp_path / "log"
    ):
        bench.until(publisher.get_subscription_count, "the recognizer")
        bench.until(lambda: bench.node.count_publishers("activity"), "its answers")
        bench.spin(0.5)
        play(1.5)
        with ExitStack() as stack:
            for _ in range(8):
                stack.enter_context(running([sys.executable, "-c", BUSY]))
            play(3.0)
        play(1.0, lambda: diagnosed.well)
        calm = len(sent)
        play(2.0, lambda: latest_in_a_row(stamps_of(heard), sent[calm:]) >= 20)
        bench.until(lambda: accounted(diagnosed) >= len(sent) - 1, f"{len(sent)} accounted for: {diagnosed.values}")
    dropped = diagnosed.count("displaced") + diagnosed.count("lost on the way")
    assert sum(message.dropped_frames for message in heard) <= dropped
    said = stamps_of(heard)
    assert said == sorted(set(said))
    assert set(said) <= set(sent)
    assert heard[-1].activities[0].progress == 1.0
