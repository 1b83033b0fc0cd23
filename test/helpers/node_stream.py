"""Recognizer nodes under test, between publishers of the test's own and their answers; a gate for their learner."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from threading import Event
from typing import Any

import numpy as np
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, RegionOfInterest
from std_msgs.msg import Header

from co_perception.engine.time import nanoseconds
from co_perception.msg import Activity, ActivityArray, ActivityEvent, Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.core.messages import to_time
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode
from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable, category

RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
SEC = 1_000_000_000
HEIGHT, WIDTH = 60, 100  # of the pictures with people
WARMING, VALID, STALE = Activity.STATUS_WARMING_UP, Activity.STATUS_VALID, Activity.STATUS_STALE


def overrides_of(settings: Mapping[str, Any]) -> list[Parameter]:
    """Parameters by name."""
    return [Parameter(name, value=value) for name, value in settings.items()]


def header(seconds: float) -> Header:
    return Header(stamp=to_time(round(seconds * SEC)), frame_id="eye")


def picture(seconds: float, pixels: np.ndarray[Any, Any], **fields: Any) -> Image:
    height, width = pixels.shape[:2]
    given = {"encoding": "rgb8", "step": 3 * width, "data": array("B", pixels.tobytes()), **fields}
    return Image(**{"header": header(seconds), "height": height, "width": width, **given})


def two_colors() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red on the left, blue on the right."""
    made = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    made[:, : WIDTH // 2, 0] = made[:, WIDTH // 2 :, 2] = 200
    return made


def skeleton(id: str, x: float = 40.0, y: float = 10.0, joints: int = 17, **fields: Any) -> Skeleton:
    """Somebody whose joints are all in one place."""
    keypoints = [Keypoint(x=float(x), y=y, z=float("nan"), score=0.9)] * joints
    return Skeleton(**{"subject_id": id, "layout": "coco17", "score": 1.0, "keypoints": keypoints, **fields})


def person(id: str, left: int = 10, score: float = 0.9, **fields: Any) -> Skeleton:
    """Somebody 20 x 40 pixels large."""
    roi = RegionOfInterest(x_offset=left, y_offset=10, width=20, height=40)
    return skeleton(id, left + 10.0, 20.0, **{"score": score, "roi": roi, **fields})


def skeletons(seconds: float, *people: Skeleton, size: tuple[int, int] = (WIDTH, HEIGHT)) -> SkeletonArray:
    return SkeletonArray(header=header(seconds), skeletons=list(people), image_width=size[0], image_height=size[1])


def stamps_of(messages: Iterable[Any]) -> list[int]:
    """Stamps of headers [ns]."""
    return [nanoseconds(message.header.stamp) for message in messages]


def activities_of(message: Any) -> list[tuple[str, int, str]]:
    """Subject, status and label of each activity."""
    return [(activity.subject_id, activity.status, activity.label) for activity in message.activities]


def diagnostic_values(message: Any) -> dict[str, str]:
    """What the first status of a DiagnosticArray says, by key."""
    return {value.key: value.value for value in message.status[0].values}


class NodeStream:
    """A node under test, and the messages it published; subclasses set the attributes."""

    bench: Any
    node: Any
    answers: list[Any]

    def answered(self, count: int) -> list[Any]:
        """The messages published, once there are `count`."""
        self.bench.until(lambda: len(self.answers) >= count, f"{count} answers")
        return self.answers

    def counts(self, event: str) -> int:
        """How often the node counted an event."""
        return int(self.node.counters.counts().get(event, 0))


class RecognizerStream(NodeStream):
    """A recognizer node that is active, a publisher for each topic it reads, and its answers.

    Args:
        bench: of the test.
        node: not yet configured.
        inputs: topics with their message types.
    """

    def __init__(self, bench: Any, node: Any, inputs: Mapping[str, type]) -> None:
        self.bench, self.node = bench, bench.add(node)
        self.answers = bench.listen(ActivityArray, "activity")
        self.publishers = {topic: bench.node.create_publisher(kind, topic, RELIABLE) for topic, kind in inputs.items()}
        self.match()

    def match(self) -> None:
        """Waits until the publishers and their subscribers know each other."""
        for topic, publisher in self.publishers.items():
            self.bench.matched(publisher, topic)
        self.bench.matched(self.node._activity, "activity")

    def publish(self, messages: Mapping[str, Any]) -> None:
        """Publishes one frame, a message for each topic, and waits until the node has received it."""
        count = self.counts("received") + 1
        for topic, message in messages.items():
            self.publishers[topic].publish(message)
        self.bench.until(lambda: self.counts("received") == count, "received")

    def refused(self, kind: str) -> int:
        """People that were refused for one kind of reason."""
        return int(self.node._refusals[kind])


class FakeLearnerStream(RecognizerStream):
    """A recognizer node with a learner in place of its network, and parameters with which no frame is lost."""

    kind: Any
    learners: Any
    inputs: Mapping[str, type]
    defaults: Mapping[str, Any]
    tick_s = 0.04
    """Time between two frames of the learner."""

    def __init__(self, bench: Any, learner: Any, **settings: Any) -> None:
        self.learner = learner
        overrides = overrides_of({"queue_depth": 100, **self.defaults, **settings})
        super().__init__(bench, self.kind(lambda values: learner, parameter_overrides=overrides), self.inputs)

    def show(self, *seconds: float) -> None:
        """Publishes one frame per stamp with one subject."""
        raise NotImplementedError


class SceneStream(FakeLearnerStream):
    """`video_activity`, and a camera that publishes pictures of one color."""

    kind, learners = VideoActivityNode, FakeLearner
    inputs = {"image_raw": Image}
    defaults = {"image_reliability": "reliable"}

    def send(self, *seconds: float, color: Sequence[int] = (200, 10, 10), **fields: Any) -> None:
        """Publishes one frame per stamp and waits until the node has received it."""
        for stamp in seconds:
            self.publish({"image_raw": picture(stamp, np.full((12, 16, 3), color, np.uint8), **fields)})

    show = send


class PersonStream(FakeLearnerStream):
    """`video_activity` of each person, and a camera and a pose estimator."""

    kind, learners = VideoActivityNode, FakeRestorable
    inputs = {"image_raw": Image, "skeletons": SkeletonArray}
    defaults = {"subject": "person", "image_reliability": "reliable"}

    def send(self, seconds: float, *people: Skeleton, **fields: Any) -> None:
        """An image, then its skeletons; waits until both have been put together."""
        self.publish({"image_raw": picture(seconds, two_colors()), "skeletons": skeletons(seconds, *people, **fields)})

    def show(self, *seconds: float) -> None:
        for stamp in seconds:
            self.send(stamp, person("a"))


class SkeletonStream(FakeLearnerStream):
    """`skeleton_activity` without weights, and a pose estimator."""

    kind, learners, tick_s = SkeletonActivityNode, FakePeopleLearner, 0.1
    inputs = {"skeletons": SkeletonArray}
    defaults = {"reliability": "reliable", "model": ""}

    def send(self, seconds: float, *people: Skeleton | str, **fields: Any) -> None:
        """Publishes one frame and waits until the node has received it; a name is a person who stands left."""
        seen = [skeleton(person) if isinstance(person, str) else person for person in people]
        self.publish({"skeletons": SkeletonArray(header=header(seconds), skeletons=seen, **fields)})

    def show(self, *seconds: float) -> None:
        for stamp in seconds:
            self.send(stamp, "a")


def scored(stream: FakeLearnerStream, rows: list[tuple[float, float, float]]) -> list[Any]:
    """Shows a frame for each row of scores of red, green and blue; gives the events as they come."""
    learner, left = stream.learner, iter(rows)
    learner.infer = lambda shown: [category(np.array(next(left), np.float32), learner.labels, 1.0, 0.75)]
    events = stream.bench.listen(ActivityEvent, "activity_events")
    stream.bench.until(lambda: stream.node._event_publisher._publisher.get_subscription_count(), "a listener")
    ticks = range(len(stream.answers), len(stream.answers) + len(rows))
    stream.show(*[5 + tick * stream.tick_s for tick in ticks])
    stream.answered(ticks.stop)
    return events


class Gate:
    """Holds up a learner in the frame it works on until it is opened: `learner.before = Gate()`."""

    def __init__(self) -> None:
        self.entered, self._opened = Event(), Event()

    def __call__(self, shown: Any) -> None:
        """Waits until it is opened."""
        self.entered.set()
        assert self._opened.wait(20)

    def open(self) -> None:
        """Lets the learner go on, and never holds it up again."""
        self._opened.set()
