"""What a recogniser said while a recording was made, or says now: its messages as records.

Messages are taken as they look, whoever decoded them: rosbags for a recording, rclpy for the node `score`. A message
tells of the best classes only; the others count as 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from co_perception.data.bag_file import Bag, BagError
from co_perception.data.skeleton_messages import nanoseconds
from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord

ACTIVITIES = ("co_perception/msg/ActivityArray",)
LABELS = ("co_perception/msg/LabelInfo",)


def recorded(bag: Bag, topic: str | None = None) -> tuple[str, tuple[str, ...], Iterator[FrameRecord]]:
    """Name and classes of the recogniser whose `activity` is in the bag, and its records by stamp.

    topic: of the ActivityArray, where there are several. The classes are those of its LabelInfo; where that was not
    recorded, those that it ever named, with a name of their number for the others.
    Raises: BagError where there is no such topic, or where it has no message.
    """
    name = bag.topic(ACTIVITIES, topic)
    first = next(bag.messages(name), None)
    if first is None:
        raise BagError(f"{bag.path} has no message on {name}.")
    classes = _told_classes(bag, first.message.label_set) or named_classes(each.message for each in bag.messages(name))
    return str(first.message.recognizer), classes, _records(bag, name, classes)


def records_of(message: Any, classes: Sequence[str], recording: str = "") -> list[FrameRecord]:
    """The records of one ActivityArray. Raises ValueError for a class that is not among `classes`."""
    delay_ns, latency_ns = nanoseconds(message.observation_delay), nanoseconds(message.processing_latency)
    return [
        FrameRecord(
            nanoseconds(message.header.stamp),
            activity.subject_id,
            Status(int(activity.status)),
            min(max(float(activity.progress), 0.0), 1.0),
            max(delay_ns, 0),
            _probabilities(activity, classes),
            int(message.dropped_frames),
            latency_ns / 1e9,
            recording=recording,
        )
        for activity in message.activities
    ]


def named_classes(messages: Iterable[Any]) -> tuple[str, ...]:
    """The classes that these messages name, by their numbers; the others are called by theirs."""
    names: dict[int, str] = {}
    for message in messages:
        for activity in message.activities:
            names |= {int(told.class_id): str(told.label) for told in activity.hypotheses}
    return tuple(names.get(number, f"class {number}") for number in range(max(names, default=-1) + 1))


def _probabilities(activity: Any, classes: Sequence[str]) -> Any:
    if not activity.hypotheses:
        return None
    scores = np.zeros(len(classes), np.float32)
    for told in activity.hypotheses:
        if not 0 <= told.class_id < len(classes) or classes[told.class_id] != told.label:
            raise ValueError(
                f"class {told.class_id} is told to be {told.label!r}, and there are {len(classes)} classes that say "
                "something else: do these messages come from several recognisers?"
            )
        scores[told.class_id] = told.score
    return scores


def _records(bag: Bag, topic: str, classes: Sequence[str]) -> Iterator[FrameRecord]:
    for found in bag.messages(topic):
        yield from records_of(found.message, classes, bag.name)


def _told_classes(bag: Bag, label_set: str) -> tuple[str, ...]:
    for topic in sorted(name for name, kind in bag.topics.items() if kind in LABELS):
        for found in bag.messages(topic):
            if found.message.label_set == label_set:
                return tuple(found.message.labels)
    return ()
