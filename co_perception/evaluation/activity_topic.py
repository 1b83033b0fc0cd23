"""Reader of ActivityArray messages, recorded or live: each message as `FrameRecord`s.

Messages may come from any decoder: rosbags for a recording, rclpy for a node. Those of earlier versions list the best
classes only; the others count as 0 there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import counted_messages
from co_perception.data.bags.recorded_file import BagError
from co_perception.engine.label_groups import group_of, places_of
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.engine.target import Status
from co_perception.engine.time import nanoseconds
from co_perception.evaluation.records import FrameRecord

ACTIVITIES = ("co_perception/msg/ActivityArray",)
LABELS = ("co_perception/msg/LabelInfo",)


class ActivityReader:
    """Reads the messages of one topic, which one recognizer answers: its name and digest stand in each.

    Args:
        classes: of LabelInfo, by index; None: classes are numbered in the order in which they are first named, not as
            in the message, and only the classes that messages name have scores.
        recording: its name, for the records.
        groups: of LabelInfo, the group of each class; empty: all are one group.
    """

    def __init__(self, classes: Sequence[str] | None = None, recording: str = "", groups: Sequence[str] = ()) -> None:
        self.classes = list(classes or ())
        self.groups = tuple(groups)
        self._recording = recording
        self._index: dict[str, int] | None = {} if classes is None else None
        self._lost = 0  # frames, told by messages about nobody
        self._stamp_ns = self._steps_back = 0
        self.recognizer = ""
        """Name of the recognizer of the messages read so far."""

    def read(self, message: Any) -> list[FrameRecord]:
        """A record for each subject, those out of sight (STALE) too.

        Args:
            message: an ActivityArray.

        Raises:
            ValueError: for a message of another recognizer than the first, and for a class that is not among the given
                ones.
        """
        self._check_recognizer(str(message.recognizer))
        self._lost += int(message.dropped_frames)
        lost, self._lost = self._lost, 0 if message.activities else self._lost
        delay_ns, latency_ns = nanoseconds(message.observation_delay), nanoseconds(message.processing_latency)
        before_ns, self._stamp_ns = self._stamp_ns, nanoseconds(message.header.stamp)
        self._steps_back += self._stamp_ns < before_ns

        return [
            FrameRecord(
                self._stamp_ns,
                activity.subject_id,
                Status(int(activity.status)),
                min(max(float(activity.progress), 0.0), 1.0),
                max(delay_ns, 0),
                self._probabilities(activity),
                lost,
                latency_ns / 1e9,
                recording=self._recording,
                group=group_of(activity),
                steps_back=self._steps_back,
            )
            for activity in message.activities
        ]

    def _probabilities(self, activity: Any) -> NDArray[np.float32] | None:
        """All scores of an activity, by class; where its message has only the best ones, 0 for the others."""
        numbers = [self._number(str(each.label), int(each.class_id)) for each in activity.hypotheses]
        listed: Any = [each.score for each in activity.hypotheses]
        if len(every := getattr(activity, "scores", ())) and self._index is None:
            places = places_of(group_of(activity), self.groups, len(self.classes))
            numbers, listed = (places, every) if len(places) == len(every) else (numbers, listed)
        scores = np.zeros(len(self.classes), np.float32)
        scores[numbers] = listed
        return scores if numbers else None

    def _check_recognizer(self, name: str) -> None:
        """A fusion whose second recognizer has not answered yet has the name of the first alone."""
        known, parts = set(self.recognizer.split(" + ")), set(name.split(" + "))
        if self.recognizer and not (known <= parts or parts <= known):
            raise ValueError(
                f"a message of {name} among those of {self.recognizer}: another model or task answers there, whose "
                "scores and classes are others. Judge each in a recording of its own."
            )
        if not self.recognizer or known < parts:
            self.recognizer = name

    def _number(self, label: str, number: int) -> int:
        """Index of a class in `classes`."""
        if self._index is not None:
            if label not in self._index:
                self._index[label] = len(self.classes)
                self.classes.append(label)
            return self._index[label]
        if number == -1 and label in self.classes:  # of a fusion that does not know the labels of both yet
            return self.classes.index(label)
        if not 0 <= number < len(self.classes) or self.classes[number] != label:
            raise ValueError(
                f"class {number} is called {label!r}, but not in the list of {len(self.classes)} classes: do these "
                "messages come from several recognizers?"
            )
        return number


@dataclass(frozen=True)
class RecordedAnswers:
    """The answers of one recognizer in a recording.

    Args:
        recognizer: its name.
        classes: those of its LabelInfo; where that was not recorded, those that its messages name.
        groups: the group of each class; empty where all are one group.
        records: by stamp, read while they are taken.
    """

    recognizer: str
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    records: Iterator[FrameRecord]


def recorded(bag: Bag, topic: str | None = None, counts: StageCounts | None = None) -> RecordedAnswers:
    """The answers of the recognizer whose `activity` is in the bag.

    Args:
        bag: open.
        topic: of the ActivityArray, where there are several.
        counts: counts the messages while the records are taken.

    Raises:
        BagError: where there is no such topic, or where it has no message.
    """
    name = bag.topic(ACTIVITIES, topic)
    first = next(bag.messages(name), None)
    if first is None:
        raise BagError(f"{bag.path} has no message on {name}.")
    topics = sorted(topic for topic, kind in bag.topics.items() if kind in LABELS)
    found = (each.message for topic in topics for each in bag.messages(topic))
    info = next((each for each in found if each.label_set == first.message.label_set), None)
    classes, groups = labels_of(info) if info else named_classes(each.message for each in bag.messages(name))
    records = _counted_records(bag, name, ActivityReader(classes, bag.name, groups), counts or StageCounts())
    return RecordedAnswers(str(first.message.recognizer), classes, groups, records)


def labels_of(info: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of a LabelInfo and the group of each; earlier versions have no groups."""
    labels, groups = tuple(map(str, info.labels)), tuple(map(str, getattr(info, "groups", ())))
    return labels, groups if len(groups) == len(labels) else ()


def _counted_records(bag: Bag, topic: str, reader: ActivityReader, counts: StageCounts) -> Iterator[FrameRecord]:
    for found in counted_messages(bag, topic, counts):
        records = reader.read(found.message)
        if records:
            counts.add(Stage.PEOPLE)
        else:
            counts.lose(Stage.PEOPLE, "answers about nobody")
        yield from records


def unlisted_score(record: FrameRecord) -> float:
    """The most that a class can have scored that a message did not list; 0 where it listed all.

    That is no more than the least of those listed, and than what is left of 1: a sixth at most beside five.
    """
    scores = record.probabilities
    listed = np.zeros(0) if scores is None else scores[scores > 0]
    if scores is None or len(listed) in (0, len(scores)):
        return 0.0
    return max(min(float(listed.min()), 1.0 - float(listed.sum())), 0.0)


def too_few_hypotheses(unlisted: float, event_off: float) -> str:
    """Words for messages that list too few classes to detect events in."""
    return (
        "its messages have no scores of all classes and list so few hypotheses that a class may have scored "
        f"{unlisted:.2f} unlisted, and event_off is {event_off:g}: events may differ from the node's, which knew all "
        "scores. Record with this version, or with top_k 5"
    )


def named_classes(messages: Iterable[Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The classes that these messages name, by their numbers, and their groups, as of `labels_of`.

    A number that is not named is called `class N`. In a label set with groups it is of the group before.
    """
    names, groups, count = dict[int, str](), dict[int, str](), 0
    for message in messages:
        for activity in message.activities:
            found = {int(each.class_id): str(each.label) for each in activity.hypotheses}
            names |= found
            groups |= dict.fromkeys(found, group_of(activity))
            if not group_of(activity):
                count = max(count, len(getattr(activity, "scores", ())))
    numbers = range(max(max(names, default=-1) + 1, count))
    classes = tuple(names.get(number, f"class {number}") for number in numbers)
    if not any(groups.values()):
        return classes, ()
    known = list[str]()
    for number in numbers:
        known.append(groups.get(number, known[-1] if known else next(iter(groups.values()))))
    return classes, tuple(known)
