"""A node that films what recognisers say: people with skeletons, ids and labels, the scene's label underneath."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from co_perception.data.image_messages import Pixels, to_rgb
from co_perception.data.skeleton_messages import poses_of
from co_perception.data.video import VideoWriter
from co_perception.engine.target import Pose
from co_perception.evaluation.moments import Moment
from co_perception.learners.pacing import NANO
from co_perception.msg import ActivityArray, SkeletonArray
from co_perception.nodes.annotate import Line, height_of, write_bars
from co_perception.nodes.audience import moments_of
from co_perception.nodes.draw import draw_people
from co_perception.nodes.messages import nanoseconds
from co_perception.nodes.qos import image_qos, result_qos

SCENE = ""  # its subject id
HOLD_S = 0.5  # so long a label is shown after the frame it was said of: a slow clock answers some frames only
BARS = 3
NIGHT = 28  # grey level behind the scene's label


class Cutter:
    """Brings pictures and what is said of them together, in the order of their stamps.

    A picture is ready once every topic it heeds has told of it or of a later one, or when more than `most` wait.

    Args:
        heeds: names of the topics.
        most: pictures that wait at most.
    """

    def __init__(self, heeds: Collection[str], most: int) -> None:
        self._told: dict[str, deque[tuple[int, Any]]] = {name: deque() for name in heeds}
        self._until = dict.fromkeys(heeds, -1)
        self._pictures: deque[tuple[int, Any]] = deque()
        self._most = most

    def show(self, stamp_ns: int, picture: Any) -> None:
        """Takes the next picture."""
        self._pictures.append((stamp_ns, picture))

    def tell(self, name: str, stamp_ns: int, what: Any) -> None:
        """Takes the next thing said on a topic."""
        self._told[name].append((stamp_ns, what))
        self._until[name] = stamp_ns

    def ready(self, all_of_them: bool = False) -> Iterator[tuple[int, Any, dict[str, list[tuple[int, Any]]]]]:
        """Pictures as (stamp, picture, what each topic said since the picture before, with stamps)."""
        while self._pictures and (all_of_them or self._is_ready(self._pictures[0][0])):
            stamp_ns, picture = self._pictures.popleft()
            yield stamp_ns, picture, {name: list(_until(told, stamp_ns)) for name, told in self._told.items()}

    def _is_ready(self, stamp_ns: int) -> bool:
        return min(self._until.values()) >= stamp_ns or len(self._pictures) > self._most


class Film(Node):
    """Writes every picture on `image_raw` into a video, with what `skeletons` and `activity` tell of it.

    Args:
        path: video file to write.
        rate_hz: frames per second of that file.
        heeds: those of the two topics that somebody publishes.
        scenic: whether somebody tells of the scene as a whole.
        queue_depth: pictures that may wait for what is said of them.
    """

    def __init__(self, path: Path, rate_hz: float, heeds: Collection[str], scenic: bool, queue_depth: int) -> None:
        super().__init__("film")
        self.pictures = self.answers = 0
        self._cutter = Cutter(heeds, queue_depth)
        self._standing: dict[str, tuple[int, Moment]] = {}
        self._scenic = scenic
        self._writer = VideoWriter(path, rate_hz)
        self.create_subscription(Image, "image_raw", self._on_picture, image_qos("reliable", queue_depth))
        kinds = {"skeletons": (SkeletonArray, self._on_skeletons), "activity": (ActivityArray, self._on_activity)}
        for topic in heeds:
            kind, callback = kinds[topic]
            self.create_subscription(kind, topic, callback, result_qos(queue_depth))

    def finish(self) -> None:
        """Writes what still waits, and the film's end. May be repeated."""
        self._write(all_of_them=True)
        self._writer.close()

    def _on_picture(self, message: Image) -> None:
        self._cutter.show(nanoseconds(message.header.stamp), to_rgb(message))
        self._write()
        self.pictures += 1

    def _on_skeletons(self, message: SkeletonArray) -> None:
        self._cutter.tell("skeletons", nanoseconds(message.header.stamp), poses_of(message))
        self._write()

    def _on_activity(self, message: ActivityArray) -> None:
        self._cutter.tell("activity", nanoseconds(message.header.stamp), moments_of(message))
        self._write()
        self.answers += 1

    def _write(self, all_of_them: bool = False) -> None:
        for stamp_ns, pixels, told in self._cutter.ready(all_of_them):
            for said_ns, moments in told.get("activity", ()):
                self._standing |= {subject: (said_ns, moment) for subject, moment in moments.items()}
            oldest_ns = stamp_ns - HOLD_S * NANO
            self._standing = {subject: last for subject, last in self._standing.items() if last[0] >= oldest_ns}
            standing = {subject: moment for subject, (_, moment) in self._standing.items()}
            people = [pose for seen_ns, poses in told.get("skeletons", ()) if seen_ns == stamp_ns for pose in poses]
            self._writer.write(compose(pixels, people, standing, self._scenic))


def compose(rgb: Pixels, poses: Collection[Pose], moments: Mapping[str, Moment], scenic: bool) -> Pixels:
    """The picture with its people, each with id and label, and the scene's label underneath where `scenic`. RGB."""
    captions = {subject: caption(moment) for subject, moment in moments.items() if subject != SCENE}
    picture = draw_people(rgb, poses, captions)
    if not scenic:
        return picture
    line = max(min(rgb.shape[:2]) // 20, 10)
    below = np.full((height_of(BARS, line), rgb.shape[1], 3), NIGHT, np.uint8)
    moment = moments.get(SCENE)
    write_bars(below, scene_lines(moment), line, sure=bool(moment and moment.label))
    return np.concatenate([picture, below[..., ::-1]])


def caption(moment: Moment) -> str:
    """What is written at a person."""
    if not moment.warm:
        return f"warming up {moment.progress:.0%}"
    return f"{moment.label} {dict(moment.hypotheses).get(moment.label, 0.0):.2f}" if moment.label else "unsure"


def scene_lines(moment: Moment | None) -> list[Line]:
    """What is written below, line by line, each with the share 0..1 its bar shows."""
    if moment is None:
        return [("scene: nothing said", 0.0)]
    head = (moment.label or "unsure") if moment.warm else f"warming up {moment.progress:.0%}"
    return [
        (f"scene: {head}", moment.progress),
        *((f"{label} {score:.2f}", score) for label, score in moment.hypotheses[:BARS]),
    ]


def _until(told: deque[tuple[int, Any]], stamp_ns: int) -> Iterator[tuple[int, Any]]:
    while told and told[0][0] <= stamp_ns:
        yield told.popleft()
