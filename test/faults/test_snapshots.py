"""Snapshots of a running node that is killed at any instant: whole or not there, and the stream goes on bit by bit."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np
import pytest
from faults.conftest import with_helpers
from faults.people import waving

rclpy = pytest.importorskip("rclpy")

from faults import snapshot_writer  # noqa: E402
from helpers.node_stream import RELIABLE  # noqa: E402
from helpers.processes import running  # noqa: E402

from co_perception.continual.state import named_leaves  # noqa: E402
from co_perception.data.messages.people import from_skeletons  # noqa: E402
from co_perception.engine.settings import Value, values_of  # noqa: E402
from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.learners.recognizers import KINDS  # noqa: E402
from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess  # noqa: E402
from co_perception.srv import Restore, Snapshot  # noqa: E402

SETTINGS: dict[str, Value] = {"threads": 1, "reliability": "reliable", "queue_depth": 200, "threshold": 0.0}
PERIOD_NS, PROBES_NS = 66_666_667, 500_000_000_000
FRAMES, KILLS, QUICK_KILLS = 60, 3, 60
WHO = ("p1", "p2")


@pytest.fixture(scope="module")
def loaded() -> Any:
    return snapshot_writer.learner()


@pytest.fixture
def learner(loaded: Any) -> Any:
    """The shipped learner, loaded once, without streams."""
    loaded.reset()
    return loaded


def undisturbed(learner: Any, messages: Sequence[Any]) -> list[dict[str, dict[str, float]]]:
    """What a recognizer without interruption says of each frame: scores by subject and label."""
    kind = KINDS["skeleton"]
    recognizer = kind.recognizer(learner, values_of(kind.settings, {"threshold": SETTINGS["threshold"]}))
    answers = []
    for message in messages:
        stamp_ns = nanoseconds(message.header.stamp)
        answered = recognizer.answer(from_skeletons(message), stamp_ns, recognizer.pacer.admit(stamp_ns))
        assert answered is not None
        scores = {answer.subject: answer.category.probabilities for answer in answered.answers}
        answers.append(
            {id: {} if p is None else dict(zip(learner.labels, map(float, p), strict=True)) for id, p in scores.items()}
        )
    return answers


def agrees(message: Any, said: dict[str, dict[str, float]]) -> bool:
    """Whether every score in a message is the same to the last bit."""
    told = {a.subject_id: {h.label: h.score for h in a.hypotheses} for a in message.activities}
    assert told.keys() == said.keys()
    return all(score == said[id][label] for id, scores in told.items() for label, score in scores.items())


def frames_of(snapshot: Any) -> int:
    """How many frames its streams have seen, which is the same for all here."""
    (seen,) = {track.frames for track in snapshot.streams.values()}
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
    bench: Any, learner: Any, tmp_path: Path
) -> None:
    shown = [waving((tick + 1) * PERIOD_NS, tick / 15, *WHO) for tick in range(FRAMES)]
    expected = undisturbed(learner, shown)
    assert sum(bool(scores) for said in expected for scores in said.values()) > FRAMES
    part = NodeCommand(
        "skeleton_activity",
        {**SETTINGS, "snapshot_folder": str(tmp_path), "silence_s": 60.0},
    )
    stage, chance = Stage(bench), random.Random(7)
    for _ in range(KILLS):
        with NodeProcess(part, tmp_path / "log") as first:
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
        learner.load_streams(tmp_path / "people")
        at = frames_of(learner.snapshot())
        assert 30 <= at <= 45
        with NodeProcess(part, tmp_path / "log"):
            stage.reach()
            answer = bench.call(Restore, "skeleton_activity/restore", path="people")
            assert (answer.success, sorted(answer.subject_ids)) == (True, list(WHO)), answer.message
            stage.show(shown[at:])
            stage.until_answers(FRAMES - at)
        assert all(agrees(message, said) for message, said in zip(stage.answers, expected[at:], strict=True))
        frames = learner.receptive_field
        progress = {activity.progress for activity in stage.answers[0].activities}
        assert list(progress) == [pytest.approx(min((at + 1) / frames, 1.0))], "it goes on, and does not begin"


@pytest.mark.slow
def test_a_snapshot_is_there_whole_or_not_at_all_whenever_its_writer_dies(learner: Any, tmp_path: Path) -> None:
    """A writer of two states in turn, killed at sixty instants or more: the file always holds one of the two."""
    path = tmp_path / "people"
    known = dict(zip(snapshot_writer.FRAMES, snapshot_writer.states(learner), strict=True))
    learner.save_streams(path)
    found: set[int] = set()
    with writer(path) as killed_after:
        for number in range(10 * QUICK_KILLS):
            if number >= QUICK_KILLS and found == known.keys():
                break
            killed_after(0.0005 * number)  # ever later: a busy machine needs longer for one file
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
    assert all(np.array_equal(leaf, written[name]) for name, leaf in named_leaves(there.held.state))
    return frames_of(there)


@contextmanager
def writer(path: Path) -> Iterator[Callable[[float], None]]:
    """A process that writes for so long [s] and is killed."""
    command, pipes = [sys.executable, snapshot_writer.__file__, str(path)], {"stdin": PIPE, "stdout": PIPE}
    with running(command, env=with_helpers(), text=True, **pipes) as process:
        into, out = process.stdin, process.stdout
        assert into is not None and out is not None

        def killed_after(seconds: float) -> None:
            into.write(f"{seconds}\n")
            into.flush()
            assert out.readline() == "killed\n"

        assert out.readline() == "ready\n"
        yield killed_after
        into.close()
