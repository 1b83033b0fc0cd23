"""Recording while somebody marks: real topics, keys through a pipe and a terminal, signals, a kill."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("rosbags")

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from co_perception.data.annotations import Interval, read_annotations, write_annotations
from co_perception.data.bag_file import Bag
from co_perception.msg import Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.keyboard import Keyboard
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.qos import image_qos
from co_perception.nodes.record import Plan, RecordNode

SECOND = 1_000_000_000


def skeletons(bench: Any) -> SkeletonArray:
    skeleton = Skeleton(subject_id="p", layout="coco17", score=1.0, keypoints=[Keypoint(score=1.0)] * 17)
    header = Header(stamp=bench.node.get_clock().now().to_msg())
    return SkeletonArray(header=header, estimator=os.urandom(300).hex(), skeletons=[skeleton])  # hard to compress


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def start(bench: Any, plan: Plan, descriptor: int, screen: io.StringIO) -> RecordNode:
    node: RecordNode = bench.add(RecordNode(plan, Keyboard(descriptor), screen), up=False)
    return node


def feed(bench: Any, publisher: Any, node: RecordNode, count: int) -> None:
    """Publishes until `count` more messages are recorded."""
    end = node.messages + count

    def recorded() -> bool:
        if publisher.get_subscription_count():
            publisher.publish(skeletons(bench))
        return node.messages >= end

    bench.until(recorded)


def test_keys_mark_what_topics_show(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    screen, plan = io.StringIO(), Plan(tmp_path / "one", ("skeletons", "image_raw"), {"1": "wave", "2": "walk"})
    pictures = bench.node.create_publisher(Image, "image_raw", image_qos("best_effort"))
    poses = bench.node.create_publisher(SkeletonArray, "skeletons", 10)
    node = start(bench, plan, pipe[0], screen)
    feed(bench, poses, node, 3)
    bench.until(pictures.get_subscription_count)
    pictures.publish(Image(header=skeletons(bench).header, width=2, height=1, step=2, encoding="mono8", data=[3, 4]))
    before_ns = bench.node.get_clock().now().nanoseconds
    for key in b"12 q":
        os.write(pipe[1], bytes([key]))
        bench.spin(0.1)
        feed(bench, poses, node, 3)
    assert node.done
    wave, walk = node.close()
    assert (wave.label, walk.label, wave.end_ns) == ("wave", "walk", walk.start_ns)
    assert before_ns < wave.start_ns < walk.end_ns < bench.node.get_clock().now().nanoseconds
    assert read_annotations(plan.annotations) == [wave, walk]
    with Bag(plan.out) as bag:
        assert bag.topics == {"/skeletons": "co_perception/msg/SkeletonArray", "/image_raw": "sensor_msgs/msg/Image"}
        found = list(bag.messages("/skeletons"))
        assert sum(wave.start_ns <= each.stamp_ns < wave.end_ns for each in found) >= 3
        (picture,) = bag.messages("/image_raw")
        assert bytes(picture.message.data) == b"\3\4"
        assert node.messages == len(found) + 1
    told = [line.split("|")[1].strip().split(" 0.")[0] for line in screen.getvalue().splitlines()]
    assert told == ["nothing is marked", "MARKING wave", "MARKING walk", "nothing is marked"]
    with pytest.raises(FileExistsError, match="another folder"):
        Plan(tmp_path / "one")


def test_what_is_known_beforehand_is_shown_in_its_time(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    script = tmp_path / "script.csv"
    said = [Interval(0, SECOND // 2, "wave", "anna", True), Interval(SECOND // 2, 90 * SECOND, "walk", "", True)]
    write_annotations(script, said)
    screen, plan = io.StringIO(), Plan(tmp_path / "one", script=script)
    node = start(bench, plan, pipe[0], screen)
    bench.until(lambda: "NOW walk" in screen.getvalue())
    assert "NOW anna wave" in screen.getvalue()
    assert "waiting for skeletons" in screen.getvalue()
    wave, walk = node.close()
    assert (walk.end_ns - wave.start_ns, walk.relative) == (90 * SECOND, False)
    assert abs(wave.start_ns - bench.node.get_clock().now().nanoseconds) < 60 * SECOND
    assert read_annotations(plan.annotations) == [wave, walk]
    with pytest.raises(ValueError, match="not both"):
        Plan(tmp_path / "two", keys={"1": "wave"}, script=script)


def command(out: Path, stdin: int, stdout: Any = subprocess.PIPE) -> subprocess.Popen[bytes]:
    arguments = ["record", "--out", str(out), "--keys", "wave=1", "--ros-args", "-r", "skeletons:=people"]
    return subprocess.Popen(
        [sys.executable, "-m", "co_perception.cli", *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.STDOUT
    )


def publish_until(bench: Any, condition: Any, publisher: Any) -> None:
    def held() -> bool:
        publisher.publish(skeletons(bench))
        time.sleep(0.005)
        return bool(condition())

    bench.until(held)


def test_a_killed_recorder_leaves_a_recording(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    publisher = bench.node.create_publisher(SkeletonArray, "people", 10)
    process = command(tmp_path / "one", pipe[0])
    bag, annotations = tmp_path / "one/one.mcap", tmp_path / "one/annotations.csv"
    os.write(pipe[1], b"1")
    publish_until(bench, lambda: annotations.is_file() and len(read_annotations(annotations)) == 1, publisher)
    publish_until(bench, lambda: bag.stat().st_size > 30000, publisher)
    process.kill()
    process.communicate()
    with Bag(tmp_path / "one") as opened:
        found = list(opened.messages(opened.topic(("co_perception/msg/SkeletonArray",))))
        assert "has no end" in opened.damage[0]
    assert len(found) > 20  # of a bag that is longer than what a kill loses
    (marked,) = read_annotations(annotations)
    assert marked.label == "wave"
    assert all(nanoseconds(each.message.header.stamp) == each.stamp_ns for each in found)


def test_on_a_terminal_one_line_is_drawn_again_and_ctrl_c_ends_well(bench: Any, tmp_path: Path) -> None:
    leader, terminal = pty.openpty()
    process = command(tmp_path / "one", terminal, terminal)
    shown = b""  # the terminal stays open here: where its last user goes, what was written last may be lost

    def shows(what: bytes) -> bool:
        nonlocal shown
        if select.select([leader], [], [], 0.1)[0]:
            shown += os.read(leader, 4096)
        return what in shown

    bench.until(lambda: shows(b"nothing is marked"))
    os.write(leader, b"1")
    bench.until(lambda: shows(b"MARKING wave"))
    process.send_signal(signal.SIGINT)
    bench.until(lambda: shows(b"1 activities in"))
    assert process.wait(20) == 0
    os.close(leader)
    os.close(terminal)
    assert shown.count(b"\r") > 1
    assert b"Traceback" not in shown
    assert [interval.label for interval in read_annotations(tmp_path / "one/annotations.csv")] == ["wave"]
    with Bag(tmp_path / "one") as bag:
        assert (bag.topics, bag.damage) == ({}, [])
