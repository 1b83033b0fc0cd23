"""Nodes without middleware: their own callbacks and workers, called directly, and what they publish in lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from co_perception.data.messages.people import from_skeletons
from co_perception.engine.data import Image
from co_perception.engine.label_groups import SubjectGroup
from co_perception.engine.stage_counts import StageCounts
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.msg import ActivityArray
from co_perception.nodes import fusion
from co_perception.nodes.activity_fusion import ActivityFusion, TimedActivityArray
from co_perception.nodes.core.messages import activity_array, label_info, to_time
from co_perception.nodes.fusion import INPUTS, FusionNode, FusionSettings
from co_perception.nodes.pose import PoseJob, PoseNode
from co_perception.nodes.recognizer import FrameJob, RecognizerNode
from co_perception.online.events import LabelScores
from co_perception.online.recognizer import FrameAnswers
from co_perception.online.synchronizer import Synchronizer
from co_perception.pose.finder import Finder, PoseSettings, TrackedPoses
from co_perception.pose.uprightness import Uprightness
from helpers.stick_figures import person

Answers = list[tuple[int, str, str, float]]
"""Stamp, subject, status and progress."""


class NodeWithoutMiddleware:
    """Receives and works as a recognizer node does, each message at once."""

    def __init__(self, recognizer: Any) -> None:
        self._recognizer, self.counts, self.answers = recognizer, Counter[str](), Answers()
        self.messages = list[ActivityArray]()
        self.frames = list[tuple[int, int]]()
        """Epoch and stamp of each message."""
        self.scores = list[dict[SubjectGroup, LabelScores]]()
        """All scores behind each message."""
        self.counters = SimpleNamespace(count=self._count, time=lambda kind, seconds: None)
        self._dropped_before = SimpleNamespace(count=lambda kind, number: None)

    def receive(self, decode: Callable[[Any], Any], message: Any, header: Any = None, arrived_ns: int = 1) -> None:
        RecognizerNode.receive(self, decode, message, header, arrived_ns)  # type: ignore[arg-type]

    @property
    def epoch(self) -> int:
        return int(self._recognizer.pacer.epoch)

    def count_received(self, stamp_ns: int) -> None:
        self._count("received")

    def put(self, job: FrameJob[Any]) -> None:
        try:
            RecognizerNode.work(self, job)  # type: ignore[arg-type]
        except ValueError:
            self._count("unreadable")

    def publish(self, job: FrameJob[Any], answered: FrameAnswers) -> None:
        self._count("processed")
        for each in answered.answers:
            self.answers.append((job.stamp_ns, each.subject, each.category.status.name, each.category.progress))
        self.frames.append((job.admission.epoch, job.stamp_ns))
        self.scores.append(dict(RecognizerNode._label_scores(self, answered.answers)))  # type: ignore[arg-type]
        self.messages.append(
            activity_array(
                Header(stamp=to_time(job.stamp_ns)),
                answered.answers,
                self._recognizer.learner,
                epoch=answered.state_epoch,
                top_k=5,
                latency_ns=0,
                dropped=0,
                regions=answered.regions,
            )  # fmt: skip
        )

    def after_publish(self, *_: object) -> None: ...

    def counted_decoding(self, message: object) -> Any:
        return nullcontext()

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=lambda *_, **__: None)

    def _count(self, event: str, times: int = 1) -> None:
        self.counts[event] += times


class Somebody:
    """An estimator that finds one person, by the picture."""

    name, layout = "somebody", "coco17"

    def estimate(self, image: Image) -> list[Pose]:
        return [person(100 + image.data[0, 0, 0] / 10, 40, size=10)]

    def reset(self) -> None: ...

    def close(self) -> None: ...


class PoseWithoutMiddleware:
    """Receives and works as the node `pose` does, and gives a recognizer each message at once."""

    def __init__(self, node: NodeWithoutMiddleware, values: PoseSettings) -> None:
        self._estimator = Somebody()
        self._finder = Finder(self._estimator, values)
        self.counts, self.stages, self.log = Counter[str](), StageCounts(), node.get_logger()
        self._events, self._looks = Counter[str](), Counter[str]()
        self._positions, self._camera_transforms, self._uprightness = None, None, Uprightness(values.turn)
        self.settings = SimpleNamespace(current=SimpleNamespace(identity="none"))
        self.counters = SimpleNamespace(count=self._count, time=lambda kind, seconds: None, newly_dropped=lambda: 0)
        self.send = lambda message: node.receive(from_skeletons, message)
        self.get_logger, self.count_received, self.comes_too_early = node.get_logger, lambda ns: None, lambda: False

    def receive(self, message: Any) -> None:
        PoseNode._receive(self, message)  # type: ignore[arg-type]

    def _note(self, found: TrackedPoses, stamp_ns: int) -> None:
        PoseNode._note(self, found, stamp_ns)  # type: ignore[arg-type]

    def put(self, job: PoseJob) -> None:
        PoseNode.work(self, job)  # type: ignore[arg-type]

    def _count(self, event: str) -> None:
        self.counts[event] += event != "processed"


class FusionWithoutMiddleware:
    """Receives as the node `fusion` does. `learners` are those of its recognizers."""

    def __init__(self, learners: Mapping[str, Any]) -> None:
        self._last_message_s, self._short = dict[str, float](), set[str]()
        self._fusion = ActivityFusion(INPUTS, dict.fromkeys(INPUTS, 0.5))
        for name, learner in learners.items():
            self._fusion.learn(name, label_info(learner, Time()))
        self._synchronizer: Synchronizer[TimedActivityArray] = Synchronizer(INPUTS, FusionSettings.max_wait_s)
        self._dropped = 0
        self.settings = SimpleNamespace(current=FusionSettings())
        self.counts, self.messages = Counter[str](), list[ActivityArray]()
        self.counters = SimpleNamespace(count=self._count, time=lambda kind, seconds: None)
        self._activity = SimpleNamespace(publish=self.messages.append)
        self._event_publisher = SimpleNamespace(update=lambda message, scores: None)

    _publish = FusionNode._publish

    def receive(self, name: str, message: ActivityArray, arrived_ns: int) -> None:
        """Takes an answer of a recognizer, which arrives at this time of a steady clock."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fusion, "monotonic", lambda: arrived_ns / NANO)
            FusionNode._on_activity(self, name, message)  # type: ignore[arg-type]

    @property
    def dropped(self) -> int:
        """Frames that were dropped, whether a message has told so or the next one will."""
        return self._dropped + sum(message.dropped_frames for message in self.messages)

    def flush(self) -> None:
        """Publishes what waits."""
        self._publish(self._synchronizer.restart())  # type: ignore[misc]

    def _count(self, event: str, times: int = 1) -> None:
        self.counts[event] += times
