"""A node with a queue: what becomes of each frame is counted, and warnings name the cause."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Timer, current_thread
from typing import Any

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from helpers.node_stream import RELIABLE
from sensor_msgs.msg import Image

from co_perception.engine.stage_counts import Stage
from co_perception.engine.time import nanoseconds
from co_perception.nodes.core.diagnostics import OK, WARN
from co_perception.nodes.core.topic_diagnosis import IMAGES
from co_perception.nodes.core.worker_node import FOREIGN, WorkerNode, WorkerSettings


class WidthNode(WorkerNode[Image, WorkerSettings]):
    """Notes the width of each image; widths 0 to 2 are trouble of three kinds."""

    source = IMAGES

    def __init__(self) -> None:
        self.widths: list[int] = []
        self.gate = Event()
        super().__init__("widths", WorkerSettings)

    def prepare(self, values: WorkerSettings) -> None:
        self.gate.set()

    def subscribe(self, values: WorkerSettings) -> Any:
        return self.listen_counted(Image, "image_raw", self._receive, RELIABLE, foreign=FOREIGN)

    def _receive(self, message: Image) -> None:
        self.count_received(nanoseconds(message.header.stamp))
        self.put(message)

    def work(self, job: Image) -> None:
        self.gate.wait()
        if job.width == 0:
            raise ValueError("this image is empty")
        if job.width == 1:
            raise ImportError("this image needs a decoder")
        if job.width == 2:
            raise RuntimeError("a defect")
        self.widths.append(job.width)

    def state(self) -> str:
        return f"last width {self.widths[-1]}" if self.widths else "nothing yet"


@pytest.fixture
def node(bench: Any) -> WidthNode:
    made: WidthNode = bench.add(WidthNode())
    return made


Send = Callable[..., None]


@pytest.fixture
def send(bench: Any, node: WidthNode) -> Send:
    """Publishes images of these widths, and waits until each has been received and dealt with or queued."""
    publisher = bench.node.create_publisher(Image, "image_raw", RELIABLE)
    bench.matched(publisher, "image_raw")

    def publish(*widths: int) -> None:
        for width in widths:
            expected = node.counters.counts().get("received", 0) + 1
            publisher.publish(Image(width=width))
            bench.until(lambda expected=expected: node.counters.counts().get("received") == expected, "received")

    return publish


def test_frames_are_processed_in_order_and_the_state_is_reported(bench: Any, node: WidthNode, send: Send) -> None:
    for width in (5, 6, 7):
        send(width)
        bench.until(lambda width=width: width in node.widths)
    assert node.widths == [5, 6, 7]
    assert node.health() == (OK, "last width 7")
    assert node.values()["frames dropped"] == 0


def test_an_unreadable_frame_and_a_defect_are_counted_apart_and_the_stream_goes_on(
    bench: Any, node: WidthNode, send: Send, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, width in enumerate((2, 0, 1), 1):
        send(width)
        bench.until(lambda number=number: node.counters.dropped == number, "dropped")
    send(9)
    bench.until(lambda: node.widths == [9])
    assert {name: node.counters.counts()[name] for name in ("failed", "unreadable")} == {"failed": 1, "unreadable": 2}
    log = capfd.readouterr().err
    assert "RuntimeError: a defect" in log and "Traceback" in log


def test_a_full_queue_drops_the_oldest_and_warns_once(bench: Any, node: WidthNode, send: Send) -> None:
    node.gate.clear()
    send(3)
    bench.until(lambda: node.values()["frames waiting"] == 0, "the first is in work")
    send(4, 5, 6)
    assert (node.counters.counts()["displaced"], node.values()["frames waiting"]) == (2, 1)
    level, text = node.health()
    assert level == WARN and text.startswith("2 frames dropped in a second: one takes 0 ms")
    assert node.health() == (OK, "nothing yet")  # nothing new since
    node.gate.set()
    bench.until(lambda: node.widths == [3, 6])


def test_a_second_publisher_is_dropped_and_named(bench: Any, node: WidthNode, send: Send) -> None:
    send(3)
    other = bench.node.create_publisher(Image, "image_raw", RELIABLE)
    bench.until(lambda: other.get_subscription_count() and bench.node.count_publishers("image_raw") == 2)
    other.publish(Image(width=8))
    bench.until(lambda: node.counters.counts().get(FOREIGN) == 1)
    assert node.counters.counts()["received"] == 1
    level, text = node.health()
    assert level == WARN and text.startswith("1 frame of another camera dropped in a second")
    assert "/image_raw" in text


@pytest.mark.parametrize(("lost", "words"), [(1, "1 frame lost on the way"), (4, "4 frames lost on the way")])
def test_lost_frames_are_a_warning_with_a_remedy(node: WidthNode, lost: int, words: str) -> None:
    node.counters.count("lost on the way", lost)
    level, text = node.health()
    assert level == WARN and text.startswith(words) and "Lower their rate or size" in text


def test_a_second_in_which_no_frame_was_needed_is_no_loss(bench: Any, node: WidthNode, send: Send) -> None:
    send(5)
    bench.until(lambda: node.widths == [5])
    node.stages.add(Stage.CLOCK)
    assert node.health() == (OK, "last width 5")
    node.stages.leave_out(Stage.CLOCK, "frames between two ticks of the network's clock", 2)
    assert node.health() == (OK, "last width 5")
    node.stages.lose(Stage.CLOCK, "frames without a stamp", 2)
    level, text = node.health()
    assert level == WARN and text.startswith("frames taken by the clock: 2 of 2 frames are lost (all)")


def test_silence_is_explained_and_logged(bench: Any, node: WidthNode) -> None:
    reports = bench.listen(DiagnosticArray, "/diagnostics")
    node._last_frame_s -= 10.0
    level, text = node.health()
    assert level == WARN and text.startswith("No image on /image_raw for 10 s: 0 publisher(s).")
    bench.until(lambda: any("No image on" in status.message for report in reports for status in report.status))


def test_calls_on_the_worker_run_there_and_without_one_at_once(bench: Any, node: WidthNode) -> None:
    assert node.on_worker(lambda: current_thread().name) == "widths"
    node.trigger_deactivate()
    assert node.on_worker(lambda: current_thread().name) == current_thread().name
    assert node.health() == (OK, "not active")


def test_frames_left_in_the_queue_at_the_end_are_counted(bench: Any, node: WidthNode, send: Send) -> None:
    node.gate.clear()
    send(3)
    bench.until(lambda: node.values()["frames waiting"] == 0, "the first is in work")
    send(4)
    Timer(0.2, node.gate.set).start()
    node.trigger_deactivate()  # waits for the frame in work
    assert (node.widths, node.counters.counts()["left at stop"]) == ([3], 1)
