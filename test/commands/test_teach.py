"""Teaching from end to end: poses through real topics into a bag, a model out of it, its labels out of the node."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("lightning")
pytest.importorskip("rosbags")

import rclpy
from helpers.drawn_people import RATE_HZ, Figure
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityArray, Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.core.run_node import bring_up
from co_perception.nodes.skeleton_activity import SkeletonActivityNode

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
ROUND_S, PAUSE_S = 3.0, 0.6
ACTIVITIES = ("wave", "squat")
IDS = ("body_1", "body_2")


class RosSession:
    """A node of the test's own, and whatever stands on one executor with it."""

    def __init__(self) -> None:
        rclpy.init()
        self.node = rclpy.create_node("session")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        self.poses = self.node.create_publisher(SkeletonArray, "skeletons", 100)
        self.received: list[ActivityArray] = []
        self.node.create_subscription(ActivityArray, "activity", self.received.append, 100)

    def until(self, holds: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 40.0
        while not holds():
            assert time.monotonic() < end, what
            self.executor.spin_once(timeout_sec=0.01)

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def session() -> Iterator[RosSession]:
    made = RosSession()
    yield made
    made.close()


def scene(seed: int, rounds: int) -> tuple[list[SkeletonArray], list[Interval]]:
    """Two people side by side who wave and squat in turns, and what each does when; a new pair in every round."""
    messages, marked = [], []
    for number in range(rounds):
        begin_s = number * (ROUND_S + PAUSE_S)
        order = ACTIVITIES[number % 2 :] + ACTIVITIES[: number % 2]
        pair = [Figure(activity, 100 * seed + 10 * number + place) for place, activity in enumerate(order)]
        instants = begin_s + np.arange(round(ROUND_S * RATE_HZ)) / RATE_HZ
        messages += [message(instant, pair) for instant in instants]
        stamps = [nanoseconds(messages[at].header.stamp) for at in (-len(instants), -1)]
        people = zip(pair, IDS, strict=True)
        marked += [Interval(stamps[0], stamps[1] + 1, figure.activity, id) for figure, id in people]
    return messages, marked


def message(seconds: float, pair: Sequence[Figure]) -> SkeletonArray:
    header = Header(stamp=to_time(T0 + round(seconds * SECOND)), frame_id="eye")
    people = [
        Skeleton(subject_id=id, layout="coco17", score=0.9, keypoints=[
            Keypoint(x=float(x), y=float(y), z=float(z), score=float(score)) for x, y, z, score in figure.frame(seconds)
        ])
        for figure, id in zip(pair, IDS, strict=True)
    ]  # fmt: skip
    return SkeletonArray(header=header, estimator="drawn", image_width=640, image_height=480, skeletons=people)


def record(session: RosSession, messages: Sequence[SkeletonArray], script: Path, out: Path) -> str:
    """What `co-perception record` says when all of `messages` have gone over their topic while it ran."""
    command = [sys.executable, "-m", "co_perception.cli", "record", "--out", str(out), "--annotations", str(script)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        session.until(session.poses.get_subscription_count, "the recorder does not come")
        for sent in messages:
            session.poses.publish(sent)
            time.sleep(0.01)
        time.sleep(0.5)
        return process.communicate("q", timeout=30)[0]
    finally:
        process.kill()


def recognized(session: RosSession, messages: Sequence[SkeletonArray], **parameters: Any) -> list[ActivityArray]:
    """What the node says to each of `messages`, one after the other."""
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    node = SkeletonActivityNode(parameter_overrides=overrides)
    session.executor.add_node(node)
    try:
        assert bring_up(node)
        session.until(session.poses.get_subscription_count, "the node does not listen")
        session.until(lambda: session.node.count_publishers("activity"), "the node does not answer")
        for number, sent in enumerate(messages, 1):
            session.poses.publish(sent)
            session.until(lambda expected=number: len(session.received) >= expected, f"no answer to frame {number}")  # type: ignore[misc]
        return session.received
    finally:
        node.destroy_node()


@pytest.mark.slow
def test_recorded_activities_come_back_as_labels_of_people_never_seen(session: RosSession, tmp_path: Path) -> None:
    messages, marked = scene(seed=1, rounds=4)
    script, out = tmp_path / "script.csv", tmp_path / "lesson"
    write_annotations(script, marked)
    reported = record(session, messages, script, out)
    count, _, rest = reported.splitlines()[-1].partition(" ")
    assert int(count) > 0.9 * len(messages)
    assert rest.startswith(f"messages in {out / 'lesson.mcap'}, {len(marked)} activities in")
    assert read_annotations(out / "annotations.csv") == marked

    arguments = ["--network", "costgcn_short", "--epochs", "8", "--out", str(tmp_path / "training")]
    assert cli.main(["train", str(out), *arguments]) == 0

    others, truth = scene(seed=2, rounds=2)
    answers = recognized(session, others, model_path=str(tmp_path / "training" / "model"))
    right = wrong = 0
    for answer in answers:
        assert answer.recognizer.startswith("costgcn_short/")
        stamp_ns = nanoseconds(answer.header.stamp)
        for activity in answer.activities:
            doing = next(i for i in truth if i.subject == activity.subject_id and i.start_ns <= stamp_ns < i.end_ns)
            if stamp_ns - doing.start_ns > 1.2 * SECOND:  # all that it looks back on is this activity
                assert activity.status == Activity.STATUS_VALID
                right, wrong = right + (activity.label == doing.label), wrong + (activity.label != doing.label)
    assert right + wrong > 0.4 * len(others) * len(IDS)
    assert right > 0.95 * (right + wrong)
