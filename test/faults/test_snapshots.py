"""Snapshots of a running node that is killed at any instant: whole or not there, and the stream goes on bit by bit."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from faults.environment import with_helpers
from faults.people import waving

rclpy = pytest.importorskip("rclpy")

from faults import snapshot_writer  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402

from co_perception.continual.state import named_leaves  # noqa: E402
from co_perception.data.people_messages import from_skeletons  # noqa: E402
from co_perception.engine.settings import Value, values_of  # noqa: E402
from co_perception.learners.recognisers import KINDS  # noqa: E402
from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.messages import nanoseconds  # noqa: E402
from co_perception.nodes.processes import Part, Running  # noqa: E402
from co_perception.srv import Restore, Snapshot  # noqa: E402

RELIABLE = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
SETTINGS: dict[str, Value] = {"threads": 1, "reliability": "reliable", "queue_depth": 200, "threshold": 0.0}
PERIOD_NS, PROBES_NS = 66_666_667, 500_000_000_000
FRAMES, KILLS, QUICK_KILLS = 60, 3, 60
WHO = ("p1", "p2")


def frames() -> list[Any]:
    return [waving((tick + 1) * PERIOD_NS, tick / 15, *WHO) for tick in range(FRAMES)]


def undisturbed(messages: Sequence[Any]) -> list[dict[str, dict[str, float]]]:
    """What a recogniser without interruption says of each frame: scores by subject and label."""
    kind = KINDS["skeleton"]
    values = values_of(kind.table, {name: SETTINGS[name] for name in ("threads", "threshold")})
    recogniser = kind.recogniser(kind.loaded(values), values)
    said = []
    for message in messages:
        stamp_ns = nanoseconds(message.header.stamp)
        answers = recogniser.answer(from_skeletons(message), stamp_ns, recogniser.pacer.admit(stamp_ns))
        told = {answer.subject: answer.category.probabilities for answer in answers}
        said.append(
            {id: {} if p is None else dict(zip(recogniser.learner.labels, map(float, p), strict=True))
             for id, p in told.items()}
        )  # fmt: skip
    return said


def agrees(message: Any, said: dict[str, dict[str, float]]) -> bool:
    """Whether every score in a message is the same to the last bit."""
    told = {a.subject_id: {h.label: h.score for h in a.hypotheses} for a in message.activities}
    assert told.keys() == said.keys()
    return all(score == said[id][label] for id, scores in told.items() for label, score in scores.items())


def frames_in(snapshot: Path) -> int:
    """How many frames the streams of a file have seen."""
    learner = snapshot_writer.learner()
    learner.load_streams(snapshot)
    return frames_of(learner.snapshot())


def frames_of(snapshot: Any) -> int:
    """How many frames its streams have seen, which is the same for all here."""
    (seen,) = {track.frames for track in snapshot.tracks.values()}
    return int(seen)


class Stage:
    """The test's ends of the topics of one node after the other."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.probes = bench, 0
        self.heard: list[Any] = []
        self._ears: Any = None
        self.publisher = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)

    @property
    def answers(self) -> list[Any]:
        """Those to frames of the test, oldest first."""
        return [message for message in self.heard if nanoseconds(message.header.stamp) < PROBES_NS]

    def reach(self) -> None:
        """Waits until the node that was just started hears and is heard; with new ears, because what the one before
        said last may still be on its way to the old ones."""
        if self._ears is not None:
            self.bench.node.destroy_subscription(self._ears)
        self.heard = []
        self._ears = self.bench.node.create_subscription(ActivityArray, "activity", self.heard.append, 1000)
        while not self.heard:
            self.probes += 1
            assert self.probes < 1000
            self.publisher.publish(waving(PROBES_NS + self.probes * PERIOD_NS, 0.0, "probe"))
            self.bench.spin(0.1)
        # A probe that is still on its way would be the first frame after a service call that overtakes it.
        answered = 0
        while answered < len(self.heard):
            answered = len(self.heard)
            self.bench.spin(1.0)

    def show(self, messages: Sequence[Any]) -> None:
        for message in messages:
            self.publisher.publish(message)

    def until_answers(self, count: int) -> None:
        self.bench.until(lambda: len(self.answers) == count, f"{count} answers, there are {len(self.answers)}")


@pytest.mark.slow
def test_a_node_that_is_killed_while_it_writes_goes_on_where_the_snapshot_was_taken(
    bench: Any, one_thread: None, tmp_path: Path
) -> None:
    shown = frames()
    expected = undisturbed(shown)
    assert sum(bool(scores) for said in expected for scores in said.values()) > FRAMES
    part = Part("skeleton_activity", {**SETTINGS, "snapshot_folder": str(tmp_path), "silence_s": 60.0})
    stage, chance = Stage(bench), random.Random(7)
    for _ in range(KILLS):
        with Running(part, tmp_path / "log") as first:
            stage.reach()
            stage.show(shown[:30])
            stage.until_answers(30)
            assert bench.call(Snapshot, "skeleton_activity/snapshot", path="people").success
            client = bench.node.create_client(Snapshot, "skeleton_activity/snapshot")
            stage.show(shown[30:45])
            client.call_async(Snapshot.Request(path="people"))
            bench.spin(chance.uniform(0.0, 0.03))
            first.kill()
        assert all(agrees(message, said) for message, said in zip(stage.answers, expected, strict=False))
        at = frames_in(tmp_path / "people")
        assert 30 <= at <= 45
        with Running(part, tmp_path / "log"):
            stage.reach()
            answer = bench.call(Restore, "skeleton_activity/restore", path="people")
            assert (answer.success, sorted(answer.subject_ids)) == (True, list(WHO)), answer.message
            stage.show(shown[at:])
            stage.until_answers(FRAMES - at)
        assert all(agrees(message, said) for message, said in zip(stage.answers, expected[at:], strict=True))
        assert {activity.progress for activity in stage.answers[0].activities} == {1.0}


@pytest.mark.slow
def test_a_snapshot_is_there_whole_or_not_at_all_whenever_its_writer_dies(one_thread: None, tmp_path: Path) -> None:
    """One that writes two states in turn, killed at sixty instants: what lies there is always one of the two."""
    path, learner = tmp_path / "people", snapshot_writer.learner()
    known = dict(zip(snapshot_writer.FRAMES, snapshot_writer.states(learner), strict=True))
    learner.save_streams(path)
    found = set()
    with writer(path) as killed_after:
        for number in range(QUICK_KILLS):
            killed_after(0.03 * number / QUICK_KILLS)
            found.add(which(learner, path, known))
    assert found == known.keys(), "both were found at times"
    for left in tmp_path.glob(".people.*"):  # what was under way: nobody asks for it, and half of it is refused
        with suppress(ValueError):
            which(learner, left, known)


def which(learner: Any, path: Path, known: Mapping[int, Any]) -> int:
    """The state of a file by the frames it has seen; ValueError for none. Fails where a bit of it differs."""
    learner.load_streams(path)
    there = learner.snapshot()
    written = dict(named_leaves(known[frames_of(there)].held.state))
    assert all(leaf.equal(written[name]) for name, leaf in named_leaves(there.held.state))
    return frames_of(there)


@contextmanager
def writer(path: Path) -> Iterator[Callable[[float], None]]:
    """A process that writes for so long [s] and is killed."""
    command = [sys.executable, snapshot_writer.__file__, str(path)]
    process = subprocess.Popen(command, env=with_helpers(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    said, told = process.stdout, process.stdin

    def killed_after(seconds: float) -> None:
        told.write(f"{seconds}\n")
        told.flush()
        assert said.readline() == "killed\n"

    try:
        assert said.readline() == "ready\n"
        yield killed_after
        told.close()
    finally:
        process.kill()
        process.wait()
