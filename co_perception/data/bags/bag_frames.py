"""Recordings as streams of frames for a recognizer: what its node would have received, without ROS, and with faults.

A frame is read only when it is asked for: most pictures of a fast camera are never decoded. Faults are what goes wrong
on a robot, done to a recording, to measure how much worse a recognizer gets. Every draw is a pure function of the seed
and the frame's stamp, so a run can be repeated, and the frames that are lost at a rate of 0.1 are among those lost at
0.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache, partial, singledispatch
from typing import Any

import numpy as np

from co_perception.data.bags.bag_file import IMAGES, SKELETONS, Bag, StampedMessage
from co_perception.data.bags.message_content import people_digest, picture_digest
from co_perception.data.messages.decoding_counts import counted_decoding
from co_perception.data.messages.image import to_rgb
from co_perception.data.messages.people import DetectedPeople, ImageWithPeople, from_skeletons
from co_perception.data.messages.video_packets import PacketDecoder, codec_of
from co_perception.data.parsing import parse_errors
from co_perception.engine.coordinates import change_axes
from co_perception.engine.data import Image
from co_perception.engine.stage_counts import Stage, StageCounts
from co_perception.engine.stamp_order import Order, StampOrder
from co_perception.skeletons.separate_people import SeparatePeople

_LOST, _LATE, _NOISE = range(3)  # what is drawn for a frame


@dataclass(frozen=True, eq=False)
class RecordedFrame:
    """One instant of a recording: the stamp of its header, and the one that the recognizer receives, nanoseconds.

    They differ where clocks are at fault, see `Fault`. `read` decodes the frame; it raises ValueError for what cannot
    be understood, or needs a package that is missing. `log_ns` is when it was recorded. `content` gives a digest of
    what the frame shows (`message_content`), empty where that is not known. `lost` frames just before it never arrived.
    """

    stamp_ns: int
    reported_ns: int
    read: Callable[[], Any]
    log_ns: int = 0
    content: Callable[[], bytes] = bytes
    lost: int = 0


FrameStream = Iterator[RecordedFrame]


def skeleton_frames(bag: Bag, topic: str | None = None, counts: StageCounts | None = None) -> FrameStream:
    """The people of each SkeletonArray as a `DetectedPeople`, as recorded.

    Args:
        bag: open.
        topic: where the bag has several of this type.
        counts: counts the messages that come, and those that are read.

    Raises:
        BagError: where there is no such topic.
    """
    topic, counts = bag.topic(SKELETONS, topic), counts or StageCounts()

    def frames() -> FrameStream:
        separate = SeparatePeople()
        for found in counted_messages(bag, topic, counts):
            people = cache(partial(_read_people, found, separate))  # once for its content and for its answer
            yield _frame(found, people, partial(people_digest, people), counts)

    return frames()


def image_frames(bag: Bag, topic: str | None = None, counts: StageCounts | None = None) -> FrameStream:
    """Each picture of a topic of IMAGES as an `Image`, as recorded. Arguments and errors: `skeleton_frames`."""
    topic, counts = bag.topic(IMAGES, topic), counts or StageCounts()

    def frames() -> FrameStream:
        for found in decoded_packets(counted_messages(bag, topic, counts)):
            yield _frame(found, partial(_read_picture, found), partial(picture_digest, found.message), counts)

    return frames()


def _frame(
    found: StampedMessage, read: Callable[[], object], content: Callable[[], bytes], counts: StageCounts
) -> RecordedFrame:
    reading = partial(decoded, read, found.message, counts)
    return RecordedFrame(found.stamp_ns, found.stamp_ns, reading, found.log_ns, content)


def counted_messages(bag: Bag, topic: str, counts: StageCounts) -> Iterator[StampedMessage]:
    """The messages of a topic, see `Bag.messages`; those that the recording has and does not give are lost."""
    given = 0
    for found in bag.messages(topic):
        given += 1
        counts.add(Stage.MESSAGES)
        yield found
    missing = bag.count(topic) - given
    counts.lose(Stage.MESSAGES, f"messages of {topic} that the recording does not give", missing, "; ".join(bag.damage))


def decoded_packets(messages: Iterable[StampedMessage]) -> Iterator[StampedMessage]:
    """The messages of a topic of pictures; packets of video become a `VideoPicture` each, in the order shown."""
    decoder = PacketDecoder[StampedMessage]()
    for found in messages:
        if not codec_of(found.message):
            yield found
            continue
        for picture in decoder.decode(found.message, found):
            yield replace(picture.header, message=picture)
    for picture in decoder.flush():
        yield replace(picture.header, message=picture)


def decoded(read: Callable[[], object], message: object, counts: StageCounts) -> object:
    """What `read` gives of a message; it is counted. Raises ValueError for one that cannot be read."""
    try:
        with counted_decoding(message, counts):
            return read()
    except ImportError as error:  # as in a node, a missing package costs the frames that need it
        raise ValueError(str(error)) from error


def _read_people(found: StampedMessage, separate: SeparatePeople | None = None) -> DetectedPeople:
    # The fields of the message are those of the recording's own definition.
    with parse_errors("a message of skeletons", "one with the fields of SkeletonArray"):
        return from_skeletons(found.message, separate)


def _read_picture(found: StampedMessage) -> Image:
    with parse_errors("a message of a picture", "one with the fields of Image"):
        return Image(to_rgb(found.message), found.stamp_ns)


@dataclass(frozen=True)
class Fault:
    """Faults applied to each frame, in this order; the defaults do nothing. Raises ValueError out of their ranges.

    Args:
        rate_hz: a slower camera: the first frame of each tick of this rate remains; 0: all. Stamps that jump back begin
            anew.
        drop: share of the frames that is lost, independently, 0 <= drop < 1.
        jitter_ms: standard deviation of an error that is added to each stamp; stamps keep the order they have.
        noise: standard deviation of normal noise: of a picture's brightness as a share of its range, of a joint's place
            as a share of the height of its person.
        seed: of all draws.
    """

    rate_hz: float = 0.0
    drop: float = 0.0
    jitter_ms: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.rate_hz, self.jitter_ms, self.noise))):
            raise ValueError(f"rate_hz, jitter_ms and noise are finite numbers, got {self}.")
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop is the share of frames that is lost, at least 0 and below 1, got {self.drop}.")
        if min(self.rate_hz, self.jitter_ms, self.noise, self.seed) < 0:
            raise ValueError(f"rate_hz, jitter_ms, noise and seed are 0 or more, got {self}.")

    @property
    def name(self) -> str:
        """Name of the fault, such as "drop=0.2 jitter_ms=15"; "clean" without any."""
        active = [f"{name}={value:g}" for name, value in asdict(self).items() if value and name != "seed"]
        return " ".join(active) or "clean"

    def apply(self, frames: Iterable[RecordedFrame]) -> FrameStream:
        """The frames as they arrive with this fault."""
        newest: RecordedFrame | None = None
        order, lost = StampOrder(), 0
        for frame in self._slowed(frames) if self.rate_hz else frames:
            if self.drop and self._rng(frame, _LOST).random() < self.drop:
                lost += 1
                continue
            frame, lost = replace(frame, lost=frame.lost + lost) if lost else frame, 0
            if self.jitter_ms:
                frame = self._shaken(frame, newest)
                newest = newest if order.place(frame.stamp_ns).order == Order.LATE else frame
            yield replace(frame, read=partial(self._read_noisy, frame)) if self.noise else frame

    def _slowed(self, frames: Iterable[RecordedFrame]) -> FrameStream:
        order, begin_ns, last_tick = StampOrder(), 0, -1
        for frame in frames:
            placed = order.place(frame.stamp_ns)
            if placed.order == Order.LATE:
                continue
            if placed.order == Order.FIRST or placed.back:
                begin_ns, last_tick = frame.stamp_ns, -1
            tick = int((frame.stamp_ns - begin_ns) * self.rate_hz / 1e9)
            if tick > last_tick:
                last_tick = tick
                yield frame

    def _shaken(self, frame: RecordedFrame, newest: RecordedFrame | None) -> RecordedFrame:
        """The frame with an error in its stamp; `newest` is the one with the newest stamp until then."""
        error_ns = round(self._rng(frame, _LATE).normal(0, self.jitter_ms * 1e6))
        reported_ns = max(frame.reported_ns + error_ns, 0)
        if newest is not None and frame.stamp_ns >= newest.stamp_ns:
            repeated = frame.stamp_ns == newest.stamp_ns
            reported_ns = newest.reported_ns if repeated else max(reported_ns, newest.reported_ns + 1)
        elif newest is not None:
            reported_ns = min(reported_ns, newest.reported_ns - 1)
        return replace(frame, reported_ns=reported_ns)

    def _read_noisy(self, frame: RecordedFrame) -> Any:
        return with_noise(frame.read(), self.noise, self._rng(frame, _NOISE))

    def _rng(self, frame: RecordedFrame, what: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, what, frame.stamp_ns])


@singledispatch
def with_noise(clean: Any, noise: float, rng: np.random.Generator) -> Any:
    """A copy of what was read, with noise as in `Fault.noise`. Raises TypeError for other types."""
    raise TypeError(f"no noise is known for a {type(clean).__name__}")


@with_noise.register
def _(clean: Image, noise: float, rng: np.random.Generator) -> Image:
    error = rng.normal(0, 255 * noise, clean.data.shape)
    return Image(np.clip(np.rint(clean.data + error), 0, 255).astype(np.uint8), clean.stamp_ns)


@with_noise.register
def _(clean: ImageWithPeople, noise: float, rng: np.random.Generator) -> ImageWithPeople:
    return replace(clean, image=with_noise(clean.image, noise, rng))  # where people are found, and how well, stays


@with_noise.register
def _(clean: DetectedPeople, noise: float, rng: np.random.Generator) -> DetectedPeople:
    poses = []
    for pose in clean.poses:
        places = pose.data[pose.found, :-1]
        height = float(np.ptp(change_axes(pose.data, pose.coordinates)[pose.found, 1])) if len(places) else 0.0
        error = rng.normal(0, noise * height, (len(pose), places.shape[1])).astype(np.float32)
        joints = pose.data.copy()
        joints[pose.found, :-1] += error[pose.found]
        poses.append(replace(pose, data=joints))
    return replace(clean, poses=poses)
