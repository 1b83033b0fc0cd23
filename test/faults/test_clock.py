"""Simulated time that jumps, stands still and begins again, under the whole of video, skeletons and fusion."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from faults.diagnosed import Diagnosed
from helpers.fake_learners import FakeLearner, FakePeopleLearner

rclpy = pytest.importorskip("rclpy")

from faults.test_cameras import RED, picture  # noqa: E402
from helpers.node_stream import (  # noqa: E402
    RELIABLE,
    overrides_of,
    skeleton,
    stamps_of,
)
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.msg import Activity, ActivityArray, ActivityEvent, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.fusion import FusionNode  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

PERIOD_NS, SEC = 100_000_000, 1_000_000_000
VALID, WARMING_UP = Activity.STATUS_VALID, Activity.STATUS_WARMING_UP


def given(kind: str = "", **settings: Any) -> dict[str, Any]:
    """How a node is made: on simulated time; a recognizer of one `kind` publishes for fusion alone."""
    topics = (f"activity:=activity_{kind}", f"~/label_info:=label_info_{kind}") if kind else ()
    rules = [word for rule in topics for word in ("-r", rule)]
    arguments = ["--ros-args", *rules] if kind else []
    return {"cli_args": arguments, "parameter_overrides": overrides_of({"use_sim_time": True, **settings})}


class World:
    """A simulator's clock and camera, pose estimator included; the nodes under test; what they say."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        lossless = {"queue_depth": 100, "events": False}
        self.video, self.people = FakeLearner(), FakePeopleLearner()
        seeing = given("video", image_reliability="reliable", model_rate_hz=10.0, **lossless)
        following = given("skeleton", reliability="reliable", model="", **lossless)
        self.nodes = [
            bench.add(FusionNode(**given(max_wait_s=5.0))),
            bench.add(VideoActivityNode(lambda values: self.video, **seeing)),
            bench.add(SkeletonActivityNode(lambda values: self.people, **following)),
        ]
        self.heard: list[Any] = bench.listen(ActivityArray, "activity")
        self.events: list[Any] = bench.listen(ActivityEvent, "activity_events")
        self.clock = bench.node.create_publisher(Clock, "/clock", 10)
        self.camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
        self.poses = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
        bench.until(lambda: self.camera.get_subscription_count() and self.poses.get_subscription_count(), "the nodes")
        bench.until(lambda: bench.node.count_publishers("activity"), "fusion")
        self.sent: list[int] = []

    def run(self, begin_ns: int, frames: int, lost: int = 0) -> list[Any]:
        """Frames from an instant on; gives what is said of them, but for those `lost`."""
        before = len(self.heard)
        for tick in range(frames):
            stamp_ns = begin_ns + tick * PERIOD_NS
            self.sent.append(stamp_ns)
            self.clock.publish(Clock(clock=to_time(stamp_ns)))
            self.camera.publish(picture(stamp_ns, RED))
            message = SkeletonArray(skeletons=[skeleton("p1")])
            message.header.stamp = to_time(stamp_ns)
            self.poses.publish(message)
            self.bench.spin(0.01)
        self.bench.until(lambda: len(self.heard) - before == frames - lost, f"{frames - lost} answers")
        return self.heard[before:]


def statuses(message: Any) -> dict[str, int]:
    return {activity.subject_id: activity.status for activity in message.activities}


def test_every_jump_of_the_clock_begins_anew_and_nothing_old_is_called_valid(bench: Any) -> None:
    world = World(bench)
    diagnosed = [Diagnosed(bench, node.get_name()) for node in world.nodes]
    begins = [1000 * SEC, 4600 * SEC, 4590 * SEC, 0, 90 * SEC]  # an hour ahead, 10 s back, a new simulation, 1.5 min
    told = [world.run(begin or PERIOD_NS, 14) for begin in begins]
    assert stamps_of(world.heard) == world.sent
    epochs = [[message.state_epoch for message in run] for run in told]
    assert all(len(set(run)) == 1 for run in epochs)
    assert [run[0] for run in epochs] == [0, 1, 2, 3, 4]
    for begin, run in zip(begins, told, strict=True):
        assert statuses(run[0]) == {"": WARMING_UP, "p1": WARMING_UP}
        assert statuses(run[-1]) == {"": VALID, "p1": VALID}
        since = [nanoseconds(a.since) for message in run for a in message.activities if a.label]
        assert min(since) >= begin
        assert max(since) < begin + 2 * SEC
    bench.until(lambda: all(one.values.get("frames waiting") == "0" for one in diagnosed), "diagnostics")
    assert not any(node.counters.counts().get("failed", 0) for node in world.nodes)
    assert sum(message.dropped_frames for message in world.heard) == 0
    assert world.nodes[0].counters.counts() == {
        "received from video": 70, "received from skeleton": 70, "joined": 70,
    }  # fmt: skip


def test_a_clock_that_is_set_back_a_little_is_one_epoch_in_all_nodes(bench: Any) -> None:
    """As NTP does. The fused epoch went up with every message that was still on its way."""
    world = World(bench)
    before = world.run(1000 * SEC, 20)
    after = world.run(1001 * SEC + 650_000_000, 20, lost=2)
    assert {message.state_epoch for message in before} == {0}
    assert {message.state_epoch for message in after} == {1}
    assert stamps_of(world.heard) == world.sent[:20] + world.sent[22:]
    assert statuses(after[0]) == {"": WARMING_UP, "p1": WARMING_UP}
    assert statuses(after[-1]) == {"": VALID, "p1": VALID}
    assert [node.counters.counts().get("late", 0) for node in world.nodes] == [0, 2, 2]
    kinds = [event.kind for event in world.events if not event.subject_id]
    assert kinds == [ActivityEvent.ONSET, ActivityEvent.OFFSET, ActivityEvent.ONSET]


def test_a_clock_that_stands_still_stops_nobody_from_telling_health(bench: Any) -> None:
    world = World(bench)
    world.run(50 * SEC, 10)
    diagnosed = Diagnosed(bench, "video_activity")
    bench.until(lambda: len(diagnosed.all) >= 2, "two reports")
    assert set(stamps_of(diagnosed.heard)) == {world.sent[-1]}
    for _ in range(3):
        world.camera.publish(picture(world.sent[-1], RED))
    diagnosed.until_count("duplicate", 3)
    assert len(world.heard) == 10


def test_what_was_going_on_before_a_jump_is_told_to_have_ended_in_time(bench: Any) -> None:
    """Each onset is followed by its offset, whose stamp is no older than the onset's in the same simulation."""
    world = World(bench)
    for begin in (1000 * SEC, 4600 * SEC, 4590 * SEC):
        world.run(begin, 20)
    bench.spin(0.3)
    by_subject = itertools.groupby(sorted(world.events, key=lambda e: e.subject_id), key=lambda e: e.subject_id)
    kinds = {subject: [event.kind for event in events] for subject, events in by_subject}
    on, off = ActivityEvent.ONSET, ActivityEvent.OFFSET
    assert kinds == {"": [on, off, on, off, on], "p1": [on, off, on, off, on]}
