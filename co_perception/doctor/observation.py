"""What is noted of a stream to examine it: stamps and arrivals of all messages, samples of pictures and people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.bags.bag_file import SKELETONS
from co_perception.data.messages.people import DetectedPeople, Refusal, from_skeletons
from co_perception.doctor.picture_sample import PictureSample, sample_picture
from co_perception.engine.coordinates import PIXELS
from co_perception.engine.time import NANO
from co_perception.pose.uprightness import torso_quarters
from co_perception.skeletons.body import PARTS, whole
from co_perception.skeletons.layouts import LAYOUTS

Stamps = NDArray[np.int64]
MOST_MESSAGES = 1 << 20  # whose stamps are retained of one topic: nine hours at 30 Hz
MOST_HEADS = 1 << 14
HEADS = ("nose", "head")


@dataclass(frozen=True)
class Sender:
    """A publisher of a topic: its node, empty where that is not known, and whether it offers reliable delivery."""

    node: str
    reliable: bool


@dataclass
class PeopleCounts:
    """What the messages of people show.

    Args:
        messages, nobody: number of messages, and of those without anybody.
        refused: number of people who cannot be used, by kind, and a sentence on each kind.
        heights: from the highest to the lowest joint of each whole body, in pixels of the upright picture.
        quarters: quarters by which torsos are turned, see `pose.uprightness`.
        tracks: first and last stamp [ns] of each id.
        nameless: number of people without an id in messages with several.
        whole, parts: number of poses that show all parts of the body that labels need, and number of all.
        rotate: degrees by which the messages say that the picture has to be turned.
    """

    messages: int = 0
    nobody: int = 0
    people: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    heights: list[float] = field(default_factory=list)
    quarters: Counter[int] = field(default_factory=Counter)
    tracks: dict[str, tuple[int, int]] = field(default_factory=dict)
    nameless: int = 0
    whole: int = 0
    poses: int = 0
    rotate: int = 0

    def add(self, people: DetectedPeople, stamp_ns: int) -> None:
        """Takes the people of one message."""
        self.messages += 1
        self.nobody += not people.poses and not people.refused
        self.people += len(people.poses) + len(people.refused)
        self.rotate = people.turn.rotate
        for refusal in people.refused:
            self._refuse(refusal)
        named = [pose for pose in people.poses if pose.id]
        self.nameless += (len(people.poses) - len(named)) * (self.refused["repeated id"] > 0 or len(people.poses) > 1)
        for pose in named[: 64 if len(self.tracks) < 4096 else 0]:
            self.tracks[pose.id] = (self.tracks.get(pose.id, (stamp_ns, 0))[0], stamp_ns)
        for pose in people.poses:
            self.poses += 1
            complete = bool(whole(pose.found[None], LAYOUTS[pose.layout], PARTS)[0])
            self.whole += complete
            if pose.coordinates == PIXELS:
                self.heights += [float(np.ptp(pose.data[pose.found, 1]))] if complete else []
                if (quarters := torso_quarters(pose)) is not None:
                    self.quarters[quarters] += 1

    def refuse_all(self, why: str) -> None:
        """Takes a message that cannot be read."""
        self.messages += 1
        self.people += 1
        self._refuse(Refusal("unreadable", why))

    def _refuse(self, refusal: Refusal) -> None:
        self.refused[refusal.kind] += 1
        self.reasons.setdefault(refusal.kind, refusal.why)


@dataclass(frozen=True, eq=False)
class TopicObservation:
    """What was noted of one topic.

    Args:
        topic, kind: its name, and its type as "sensor_msgs/msg/Image".
        stamps_ns, arrivals_ns: (n,) of each message, in the order of arrival; an arrival is by the clock of the
            recorder, or of the node that listens.
        pictures: those that were sampled; empty for people.
        people: None for pictures.
        message_bytes: of a typical message; 0: not known.
        senders: empty where they are not known.
    """

    topic: str
    kind: str
    stamps_ns: Stamps
    arrivals_ns: Stamps
    pictures: tuple[PictureSample, ...] = ()
    people: PeopleCounts | None = None
    message_bytes: int = 0
    senders: tuple[Sender, ...] = ()

    @property
    def seconds(self) -> float:
        """From the first to the last arrival."""
        return float(self.arrivals_ns.max() - self.arrivals_ns.min()) / NANO if len(self.arrivals_ns) else 0.0

    @property
    def rate_hz(self) -> float:
        """Messages per second of arrival; 0 for fewer than two."""
        return (len(self.arrivals_ns) - 1) / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, eq=False)
class StreamObservation:
    """What was noted of a recording or a running graph.

    Args:
        topics: those that a recognizer can take.
        others: type of each further topic, by name.
        damage: what of a recording is lost, in words.
        costs_ms: what one frame costs on this machine by part of the work; empty: not measured.
        live: whether it is of a running graph.
    """

    topics: tuple[TopicObservation, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    damage: tuple[str, ...] = ()
    costs_ms: Mapping[str, float] = field(default_factory=dict)
    live: bool = False

    @property
    def skeletons(self) -> tuple[TopicObservation, ...]:
        return tuple(each for each in self.topics if each.people is not None)

    @property
    def images(self) -> tuple[TopicObservation, ...]:
        return tuple(each for each in self.topics if each.people is None)


class TopicObserver:
    """Notes the messages of one topic; memory is bounded.

    Args:
        topic, kind: as of `TopicObservation`.
        every: of so many messages one is looked into; the stamps of all are noted.
        heads: where heads are in the picture of a stamp, see `HeadPlaces`.
        senders: asked at the end.
    """

    def __init__(
        self,
        topic: str,
        kind: str,
        every: int = 1,
        heads: HeadPlaces | None = None,
        senders: Callable[[], tuple[Sender, ...]] = tuple,
    ) -> None:
        self._topic, self._kind, self._every, self._senders = topic, kind, max(every, 1), senders
        self._heads = heads if heads is not None else HeadPlaces()
        self._stamps: list[int] = []
        self._arrivals: list[int] = []
        self._pictures: list[PictureSample] = []
        self._people = PeopleCounts() if kind in SKELETONS else None
        self._bytes: list[int] = []
        self._count = 0

    def add(self, stamp_ns: int, arrival_ns: int, message: Any) -> None:
        """Takes the next message."""
        self._count += 1
        if len(self._stamps) < MOST_MESSAGES:
            self._stamps.append(stamp_ns)
            self._arrivals.append(arrival_ns)
        if (self._count - 1) % self._every:
            return
        if self._people is None:
            self._pictures.append(sample_picture(message, self._heads.at(stamp_ns)))
            self._bytes.append(len(getattr(message, "data", b"")))
            return
        try:
            people = from_skeletons(message)
        except ValueError as error:
            self._people.refuse_all(str(error))
            return
        self._people.add(people, stamp_ns)
        self._heads.note(stamp_ns, people)

    def observed(self) -> TopicObservation:
        """What was noted so far."""
        return TopicObservation(
            self._topic,
            self._kind,
            np.array(self._stamps, np.int64),
            np.array(self._arrivals, np.int64),
            tuple(self._pictures),
            self._people,
            int(np.median(self._bytes)) if self._bytes else 0,
            self._senders(),
        )


class HeadPlaces:
    """Where heads are in the pictures, by stamp: skin tells whether red and blue are exchanged."""

    def __init__(self) -> None:
        self._places: dict[int, NDArray[np.float32]] = {}

    def note(self, stamp_ns: int, people: DetectedPeople) -> None:
        """Takes the people of the picture of that stamp."""
        if len(self._places) >= MOST_HEADS:
            return
        found = list[NDArray[np.float32]]()
        for pose in people.source_poses:
            joints = LAYOUTS[pose.layout].joints
            named = [joints.index(name) for name in HEADS if name in joints]
            if pose.coordinates == PIXELS and named and pose.found[named[0]]:
                found.append(pose.data[named[0], :2])
        if found:
            self._places[stamp_ns] = np.array(found, np.float32)

    def at(self, stamp_ns: int) -> NDArray[np.float32]:
        """(N, 2) x, y [pixels] of the heads in the picture of a stamp; none where nobody's are known."""
        return self._places.get(stamp_ns, np.zeros((0, 2), np.float32))
