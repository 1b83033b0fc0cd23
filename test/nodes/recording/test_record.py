"""Recording while somebody marks: real topics, keys through a pipe and a terminal, signals, a kill."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("rosbags")

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.engine.time import nanoseconds
from co_perception.msg import Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.qos import image_qos
from co_perception.nodes.recording import recorder
from co_perception.nodes.recording.record import RecordingPlan, RecordNode
from co_perception.nodes.recording.terminal import Keyboard, KeyPress

SECOND = 1_000_000_000


def skeletons(bench: Any) -> SkeletonArray:
    skeleton = Skeleton(subject_id="p", layout="coco17", score=1.0, keypoints=[Keypoint(x=5.0, y=9.0, score=1.0)] * 17)
    header = Header(stamp=bench.node.get_clock().now().to_msg())
    return SkeletonArray(header=header, estimator=os.urandom(300).hex(), skeletons=[skeleton])  # hard to compress


def start(bench: Any, plan: RecordingPlan, descriptor: int, screen: io.StringIO) -> RecordNode:
    node: RecordNode = bench.add(RecordNode(plan, Keyboard(descriptor), screen), up=False)
    return node


def feed(bench: Any, publisher: Any, node: RecordNode, count: int) -> None:
    """Publishes until `count` more messages are recorded."""
    end = node.messages + count
    publish_until(bench, lambda: node.messages >= end, publisher)


def test_keys_mark_what_topics_show(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    screen = io.StringIO()
    plan = RecordingPlan(tmp_path / "one", ("skeletons", "image_raw"), {"1": "wave", "2": "walk"})
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
        RecordingPlan(tmp_path / "one")


def test_what_is_known_beforehand_is_shown_in_its_time(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    script = tmp_path / "script.csv"
    said = [Interval(0, SECOND // 2, "wave", "anna", True), Interval(SECOND // 2, 90 * SECOND, "walk", "", True)]
    write_annotations(script, said)
    screen, plan = io.StringIO(), RecordingPlan(tmp_path / "one", script=script)
    node = start(bench, plan, pipe[0], screen)
    bench.until(lambda: "NOW walk" in screen.getvalue())
    assert "NOW anna wave" in screen.getvalue()
    assert "waiting for skeletons" in screen.getvalue()
    wave, walk = node.close()
    assert (walk.end_ns - wave.start_ns, walk.relative) == (90 * SECOND, False)
    assert abs(wave.start_ns - bench.node.get_clock().now().nanoseconds) < 60 * SECOND
    assert read_annotations(plan.annotations) == [wave, walk]
    with pytest.raises(ValueError, match="not both"):
        RecordingPlan(tmp_path / "two", keys={"1": "wave"}, script=script)


def command(out: Path, stdin: int, stdout: Any = subprocess.PIPE, *options: str) -> subprocess.Popen[bytes]:
    arguments = ["record", "--out", str(out), "--keys", "wave=1", *options, "--ros-args", "-r", "skeletons:=people"]
    return subprocess.Popen(
        [sys.executable, "-m", "co_perception.cli", *arguments], stdin=stdin, stdout=stdout, stderr=subprocess.STDOUT
    )


def publish_until(bench: Any, condition: Any, publisher: Any) -> None:
    def held() -> bool:
        publisher.publish(skeletons(bench))
        time.sleep(0.005)
        return bool(condition())

    bench.until(held)


@pytest.mark.slow
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


def test_on_a_terminal_one_line_is_drawn_again_and_ctrl_c_ends_well(
    bench: Any, tmp_path: Path, terminal: tuple[int, int]
) -> None:
    leader, screen = terminal
    process = command(tmp_path / "one", screen, screen)
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
    bench.until(lambda: shows(b"nothing came on skeletons"))  # ROS would not call that an error
    assert process.wait(20) == 1
    assert shown.count(b"\r") > 1
    assert b"Traceback" not in shown
    assert [interval.label for interval in read_annotations(tmp_path / "one/annotations.csv")] == ["wave"]
    with Bag(tmp_path / "one") as bag:
        assert (bag.topics, bag.damage) == ({}, [])


def stamped(bench: Any, ahead_s: float) -> SkeletonArray:
    message = skeletons(bench)
    message.header.stamp = to_time(nanoseconds(message.header.stamp) + round(ahead_s * SECOND))
    return message


@pytest.mark.parametrize("script", [False, True])
def test_recorder_clock_annotations_are_by_the_stamps_of_the_messages(
    bench: Any, tmp_path: Path, pipe: tuple[int, int], script: bool
) -> None:
    """faults/recorder_clock: a source whose stamps are an hour off; then its clock is set to half an hour off."""
    plan = RecordingPlan(tmp_path / "one", keys={"1": "wave", "2": "walk"})
    if script:
        said = [Interval(0, 600 * SECOND, "wave", "", True)]
        write_annotations(tmp_path / "script.csv", said)
        plan = RecordingPlan(tmp_path / "one", script=tmp_path / "script.csv")
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", 10)
    node = start(bench, plan, pipe[0], io.StringIO())
    os.write(pipe[1], b"1")  # before any message came
    bench.spin(0.2)
    bench.until(publisher.get_subscription_count)
    for sent in range(20):
        publisher.publish(stamped(bench, 3600.0 if sent < 10 else 1800.0))
        bench.until(lambda sent=sent: node.messages == sent + 1)
        bench.spin(0.03)
    intervals = node.close()
    assert read_annotations(plan.annotations) == intervals
    assert [each.label for each in intervals] == ["wave", "wave"]
    with Bag(plan.out) as bag:
        marked = [any(each.start_ns <= found.stamp_ns < each.end_ns for each in intervals)
                  for found in bag.messages("/skeletons")]  # fmt: skip
        assert marked == [True] * 20
    assert node.lacking == []


class BusyKeyboard:
    """Gives keys long after they were pressed, as where the recorder waits for a disk."""

    def __init__(self) -> None:
        self.presses: list[KeyPress] = []

    def pressed(self) -> list[KeyPress]:
        given, self.presses = self.presses, []
        return given


@pytest.mark.parametrize(("late_s", "ahead_s"), [(0.0, 0.0), (1.5, 0.0), (1.5, 3600.0)])
def test_marks_are_where_keys_were_pressed_however_late_keys_and_messages_come(
    bench: Any, tmp_path: Path, late_s: float, ahead_s: float
) -> None:
    """Twenty messages, stamped `ahead_s` ahead, that come `late_s` late; keys come with the end."""
    keyboard, plan = BusyKeyboard(), RecordingPlan(tmp_path / "one", keys={"1": "wave"})
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", 100)
    node = bench.add(RecordNode(plan, keyboard, io.StringIO()), up=False)
    bench.until(publisher.get_subscription_count)
    presses, stamps = list[KeyPress](), list[int]()
    for sent in range(20):
        message = stamped(bench, ahead_s - late_s)
        publisher.publish(message)
        bench.until(lambda sent=sent: node.messages == sent + 1)
        if sent in (5, 10):
            presses.append(KeyPress("1", time.monotonic_ns()))
            # What is sent next is stamped later than the key, and what is seen at it `late_s` before.
            stamps.append(nanoseconds(message.header.stamp) + round(late_s * SECOND * (ahead_s == 0)))
        bench.spin(0.05)
    bench.spin(0.3)
    keyboard.presses = presses
    (wave,) = node.close()
    assert wave.label == "wave" and read_annotations(plan.annotations) == [wave]
    for found, expected in zip((wave.start_ns, wave.end_ns), stamps, strict=True):
        assert abs(found - expected) < 0.2 * SECOND


def test_two_topics_of_different_clocks_are_told(bench: Any, tmp_path: Path, pipe: tuple[int, int]) -> None:
    plan = RecordingPlan(tmp_path / "one", ("skeletons", "others"), {"1": "wave"})
    publishers = {topic: bench.node.create_publisher(SkeletonArray, topic, 10) for topic in plan.topics}
    node = start(bench, plan, pipe[0], io.StringIO())
    for publisher in publishers.values():
        bench.until(publisher.get_subscription_count)
    for number, (topic, ahead_s) in enumerate({"others": 0.0, "skeletons": -60.0}.items(), 1):
        publishers[topic].publish(stamped(bench, ahead_s))
        bench.until(lambda number=number: node.messages == number)
    node.close()
    (line,) = node.lacking
    assert re.fullmatch(r"others is stamped \+(60\.\d|59\.\d) s beside skeletons, whose stamps .*", line)


def test_record_type_a_topic_that_cannot_be_recorded_is_named_and_the_others_go_on(
    bench: Any, tmp_path: Path, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """faults/record_type: a type that is not installed here ended all, and a misspelled topic got no word."""
    shapes, notes = pytest.importorskip("shape_msgs.msg"), pytest.importorskip("std_msgs.msg")
    plan = RecordingPlan(tmp_path / "one", ("skeletons", "plane", "note", "imag_raw"))
    poses = bench.node.create_publisher(SkeletonArray, "skeletons", 10)
    planes = bench.node.create_publisher(shapes.Plane, "plane", 10)
    bench.node.create_publisher(notes.String, "note", 10)
    monkeypatch.setitem(sys.modules, "shape_msgs.msg", None)
    known = recorder.definition

    def definition(name: str) -> str:
        if name == "std_msgs/msg/String":
            raise FileNotFoundError(f"no definition of {name}")
        return known(name)

    monkeypatch.setattr(recorder, "definition", definition)
    node = start(bench, plan, pipe[0], io.StringIO())
    feed(bench, poses, node, 3)
    bench.until(lambda: len(node.lacking) == 3)
    planes.publish(shapes.Plane())
    feed(bench, poses, node, 3)
    assert not node.done
    node.close()
    plane, note, silent = node.lacking
    assert plane.startswith("plane (shape_msgs/msg/Plane) cannot be recorded: shape_msgs is not installed")
    assert note == "note (std_msgs/msg/String) cannot be recorded: no definition of std_msgs/msg/String"
    assert silent == "nothing came on imag_raw"
    with Bag(plan.out) as bag:
        assert (len(list(bag.messages("/skeletons"))), bag.damage) == (node.messages, [])


@pytest.mark.slow
@pytest.mark.parametrize(("every", "strict", "status"), [(1, False, 1), (3, False, 0), (3, True, 1), (1000, True, 0)])
def test_a_stage_that_loses_is_named_at_the_end(
    bench: Any, tmp_path: Path, pipe: tuple[int, int], every: int, strict: bool, status: int
) -> None:
    """Of every so many messages one has a person without any joint."""
    publisher = bench.node.create_publisher(SkeletonArray, "people", 100)
    process = command(tmp_path / "one", pipe[0], subprocess.PIPE, *["--strict"] * strict)
    bench.until(publisher.get_subscription_count)
    os.write(pipe[1], b"1")
    for number in range(60):
        message = skeletons(bench)
        if number % every == every // 2:
            message.skeletons[0].keypoints = [Keypoint()] * 17
        publisher.publish(message)
        bench.spin(0.02)
    os.write(pipe[1], b"q")
    told = process.communicate(timeout=60)[0].decode()
    named = [line for line in told.splitlines() if "usable poses: " in line]
    assert (process.returncode, len(named)) == (status, every < 20), told
    assert all("no joint found" in line and "Remedy: " in line for line in named)
