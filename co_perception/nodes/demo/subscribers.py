"""Subscribers of the demo: one collects its answers and has them recorded, the other films the run."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns
from typing import Generic, TypeVar

import numpy as np
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from co_perception.data.messages.image import to_rgb
from co_perception.data.messages.people import poses_of
from co_perception.data.video_writer import VideoWriter
from co_perception.engine.data import Pixels
from co_perception.engine.label_groups import joined_caption
from co_perception.engine.target import Pose, Status
from co_perception.engine.time import NANO, nanoseconds
from co_perception.evaluation.activity_topic import ActivityReader
from co_perception.evaluation.records import FrameRecord
from co_perception.msg import ActivityArray, ActivityEvent, SkeletonArray
from co_perception.nodes.core.draw import Line, draw_people, height_of, state_text, write_bars
from co_perception.nodes.core.qos import image_qos, result_qos
from co_perception.nodes.recording.recorder import Recorder

RECORDED = {"skeletons": SkeletonArray, "activity_events": ActivityEvent}  # besides `activity`, where published
SCENE = ""  # its subject id
HOLD_S = 0.5  # how long a label is shown after its frame: a slow clock answers some frames only
BARS = 3
NIGHT = 28  # gray level behind the scene's label

P = TypeVar("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ReceivedAnswer:
    """One message of `activity` as it reached a subscriber.

    Args:
        stamp_ns: stamp of its frame.
        received_ns: when it arrived, on this process's own clock.
        records: one for each subject in sight.
    """

    stamp_ns: int
    received_ns: int
    records: tuple[FrameRecord, ...] = ()


class Listener(Node):
    """Collects `activity`; has it, `skeletons` and `activity_events` recorded byte for byte.

    `recognizer` is the one that publishes on `activity`; the records' classes are `classes`.
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("listener")
        self.answers: list[ReceivedAnswer] = []
        self.recognizer = ""
        self._reader = ActivityReader()
        recorder.record(self, ActivityArray, "activity", self._on_activity)
        for topic, kind in RECORDED.items():
            recorder.record(self, kind, topic)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, by their index in the records; more may be appended."""
        return self._reader.classes

    def _on_activity(self, serialized: bytes) -> None:
        received_ns = perf_counter_ns()
        message = deserialize_message(serialized, ActivityArray)
        self.recognizer = message.recognizer
        records = tuple(in_sight(self._reader.read(message)))
        self.answers.append(ReceivedAnswer(nanoseconds(message.header.stamp), received_ns, records))


def in_sight(records: Iterable[FrameRecord]) -> Iterable[FrameRecord]:
    """The records that are not stale."""
    return (record for record in records if record.status != Status.STALE)


class FrameCollector(Generic[P, T]):
    """Joins pictures with the messages about them, in the order of their stamps.

    A picture is ready once every topic has a message of its stamp or of a later one, or when more than `most` wait.

    Args:
        topics: their names.
        most: pictures that wait at most.
    """

    def __init__(self, topics: Collection[str], most: int) -> None:
        self._messages: dict[str, deque[tuple[int, T]]] = {name: deque() for name in topics}
        self._newest_ns = dict.fromkeys(topics, -1)
        self._pictures: deque[tuple[int, P]] = deque()
        self._most = most

    def add_picture(self, stamp_ns: int, picture: P) -> None:
        """Takes the next picture."""
        self._pictures.append((stamp_ns, picture))

    def add_message(self, topic: str, stamp_ns: int, content: T) -> None:
        """Takes the content of the next message on a topic."""
        self._messages[topic].append((stamp_ns, content))
        self._newest_ns[topic] = stamp_ns

    def ready(self, flush: bool = False) -> Iterator[tuple[int, P, dict[str, list[tuple[int, T]]]]]:
        """Pictures that are ready, all of them where `flush`.

        Yields:
            Stamp, picture, and by topic the (stamp, content) of the messages since the picture before.
        """
        while self._pictures and (
            flush or min(self._newest_ns.values()) >= self._pictures[0][0] or len(self._pictures) > self._most
        ):
            stamp_ns, picture = self._pictures.popleft()
            found: dict[str, list[tuple[int, T]]] = {name: [] for name in self._messages}
            for name, messages in self._messages.items():
                while messages and messages[0][0] <= stamp_ns:
                    found[name].append(messages.popleft())
            yield stamp_ns, picture, found


class Film(Node):
    """Writes every picture on `image_raw` into a video, with the `skeletons` and the `activity` of that picture.

    Args:
        path: video file to write.
        rate_hz: frames per second of that file.
        topics: those of `skeletons` and `activity` that have a publisher.
        with_scene: whether `activity` has the scene as a subject.
        queue_depth: pictures that may wait for the messages about them.
    """

    def __init__(self, path: Path, rate_hz: float, topics: Collection[str], with_scene: bool, queue_depth: int) -> None:
        super().__init__("film")
        self.pictures = self.answers = 0
        self._collector = FrameCollector[Pixels, Sequence[Pose] | Sequence[FrameRecord]](topics, queue_depth)
        self._reader = ActivityReader()
        self._shown: dict[str, FrameRecord] = {}
        self._with_scene = with_scene
        self._writer = VideoWriter(path, rate_hz)
        self.create_subscription(Image, "image_raw", self._on_picture, image_qos("reliable", queue_depth))
        kinds = {"skeletons": (SkeletonArray, self._on_skeletons), "activity": (ActivityArray, self._on_activity)}
        for topic in topics:
            kind, callback = kinds[topic]
            self.create_subscription(kind, topic, callback, result_qos(queue_depth))

    def finish(self) -> None:
        """Writes the pictures that wait, and the end of the file. May be repeated."""
        self._write(flush=True)
        self._writer.close()

    def _on_picture(self, message: Image) -> None:
        self._collector.add_picture(nanoseconds(message.header.stamp), to_rgb(message))
        self._write()
        self.pictures += 1

    def _on_skeletons(self, message: SkeletonArray) -> None:
        self._collector.add_message("skeletons", nanoseconds(message.header.stamp), poses_of(message))
        self._write()

    def _on_activity(self, message: ActivityArray) -> None:
        records = list(in_sight(self._reader.read(message)))
        self._collector.add_message("activity", nanoseconds(message.header.stamp), records)
        self._write()
        self.answers += 1

    def _write(self, flush: bool = False) -> None:
        for stamp_ns, pixels, messages in self._collector.ready(flush):
            for _, records in messages.get("activity", ()):
                self._shown |= {row_of(each): each for each in records if isinstance(each, FrameRecord)}
            oldest_ns = stamp_ns - HOLD_S * NANO
            self._shown = {subject: last for subject, last in self._shown.items() if last.stamp_ns >= oldest_ns}
            of_frame = (poses for pose_ns, poses in messages.get("skeletons", ()) if pose_ns == stamp_ns)
            people = [pose for poses in of_frame for pose in poses if isinstance(pose, Pose)]
            self._writer.write(compose(pixels, people, self._shown, self._reader.classes, self._with_scene))


def compose(
    rgb: Pixels, poses: Collection[Pose], records: Mapping[str, FrameRecord], classes: Sequence[str], with_scene: bool
) -> Pixels:
    """The picture with its people, each with id and label, and the scene's label underneath where `with_scene`.

    Args:
        rgb: (H, W, 3).
        poses: people in the picture.
        records: latest record of each row, see `row_of`.
        classes: names of the classes, by index.
        with_scene: whether there is room for the scene's label.

    Returns:
        RGB, a copy.
    """
    picture = draw_people(rgb, poses, captions_of(records, classes))
    if not with_scene:
        return picture
    line = max(min(rgb.shape[:2]) // 20, 10)
    below = np.full((height_of(BARS, line), rgb.shape[1], 3), NIGHT, np.uint8)
    record = records.get(SCENE)
    write_bars(below, scene_lines(record, classes), line, sure=bool(record and record.label(classes)))
    return np.concatenate([picture, below[..., ::-1]])


def captions_of(records: Mapping[str, FrameRecord], classes: Sequence[str]) -> dict[str, str]:
    """The text at each person: the labels of all groups but those of none ("sitting 0.90 · waving 0.80")."""
    answers: dict[str, list[tuple[str, str, str]]] = {}
    for row, record in records.items():
        subject = record.subject if record.group else row
        if subject != SCENE:
            answers.setdefault(subject, []).append((record.label(classes), record.group, caption(record, classes)))
    return {subject: joined_caption(each) for subject, each in answers.items()}


def row_of(record: FrameRecord) -> str:
    """Whose record it is: the subject, and the group where the labels have some."""
    return f"{record.subject}/{record.group}" if record.group else record.subject


def caption(record: FrameRecord, classes: Sequence[str]) -> str:
    """The text at a person."""
    return state(record, classes) + (f" {record.top(1)[0][1]:.2f}" if record.label(classes) else "")


def scene_lines(record: FrameRecord | None, classes: Sequence[str]) -> list[Line]:
    """The text below the picture, line by line, each with the share 0..1 that its bar shows."""
    if record is None:
        return [("scene: no answer", 0.0)]
    best = [(f"{classes[index]} {score:.2f}", score) for index, score in record.top(BARS) if score > 0]
    return [(f"scene: {state(record, classes)}", record.progress), *best]


def state(record: FrameRecord, classes: Sequence[str]) -> str:
    """The label, or why there is none."""
    return state_text(record.label(classes), record.status if record.status is not None else -1, record.progress)
