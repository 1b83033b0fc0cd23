"""Reader of recordings without ROS: rosbag2 folders, .mcap, .db3 and ROS 1's .bag files alone.

Messages are decoded by the definitions that the recording carries (MCAP and ROS 1 always do), so a bag outlives changes
of a message. A .db3 of an older ROS carries none: then the common messages are taken as they are today, and ours as
they are or were (`MessageDecoder`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from co_perception.data.bags.message_decoder import MessageDecoder
from co_perception.data.bags.recorded_clock import ClockReader, RecordedClock
from co_perception.data.bags.recorded_file import BagError, RecordedFile, RecordedFiles, recording_name
from co_perception.engine.time import nanoseconds

SKELETONS = ("co_perception/msg/SkeletonArray",)
IMAGES = (
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "foxglove_msgs/msg/CompressedVideo",
)


@dataclass(frozen=True, eq=False)
class StampedMessage:
    """One decoded message: the stamp of its header, and when it was recorded, both in nanoseconds."""

    stamp_ns: int
    log_ns: int
    message: Any


class Bag(AbstractContextManager["Bag"]):
    """One open recording: a rosbag2 folder, a folder with .mcap or .db3 files, or one such file, or one of ROS 1.

    `damage` lists what of the recording is lost; it is empty for a sound one, and grows while messages are read.

    Raises as `RecordedFiles`.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.damage: list[str] = []
        self._clocks: dict[str, RecordedClock] = {}  # of the topics that were read to their end
        self._decoders: dict[tuple[Path, str], MessageDecoder] = {}
        self._opened = RecordedFiles(self.path, self._note)
        self._files = self._opened.files

    @property
    def name(self) -> str:
        """Its name in annotations, see `recording_name`."""
        return recording_name(self.path)

    @property
    def start_ns(self) -> int:
        """When its first message was recorded; 0 for an empty one."""
        return min((file.start_ns for file in self._files if file.end_ns), default=0)

    @property
    def end_ns(self) -> int:
        """Just after its last message was recorded; 0 for an empty one."""
        return max((file.end_ns for file in self._files), default=0)

    @property
    def topics(self) -> dict[str, str]:
        """The type of each topic that has messages, as "sensor_msgs/msg/Image"."""
        return {each.topic: each.msgtype for file in self._files for each in file.connections if each.msgcount}

    def topic(self, kinds: tuple[str, ...], wanted: str | None = None) -> str:
        """`wanted`, or the one topic of these message types.

        Raises BagError that lists the topics there are, where it is missing or there are several.
        """
        fitting = [name for name, kind in self.topics.items() if kind in kinds and wanted in (None, name)]
        if len(fitting) == 1:
            return fitting[0]
        there = ", ".join(f"{name} ({kind})" for name, kind in sorted(self.topics.items())) or "none"
        if fitting:
            raise BagError(f"{self.path} has several topics of {kinds[0]}: {', '.join(fitting)}. Name one of them.")
        what = f"no topic {wanted} of" if wanted else "no topic of"
        raise BagError(f"{self.path} has {what} {' or '.join(kinds)}; its topics: {there}.")

    def count(self, topic: str) -> int:
        """Number of messages of one topic, as the files of the recording declare it."""
        return sum(file.count(topic) for file in self._files)

    def clock(self, topic: str) -> RecordedClock:
        """The clock that stamps a topic. Reads all its messages unless they were read before."""
        if topic not in self._clocks:
            for _ in self.messages(topic):
                pass
        return self._clocks[topic]

    def messages(self, topic: str) -> Iterator[StampedMessage]:
        """The messages of one topic, decoded by rosbags, in the order in which they were recorded.

        A recognizer's node got them in this order, whatever their stamps. Messages without a header or timestamp have
        the time of their recording as stamp. Of a damaged recording the messages before the damage are given, and
        `damage` says where it was.
        """
        reader = ClockReader(self.start_ns)
        for found in self._merged(topic):
            reader.add(found.stamp_ns, found.log_ns)
            yield found
        self._clocks[topic] = reader.clock

    def messages_between(self, topic: str, start_ns: int, stop_ns: int) -> Iterator[StampedMessage]:
        """As `messages`, those that were recorded from `start_ns` to before `stop_ns`."""
        yield from self._merged(topic, start_ns, stop_ns)

    def close(self) -> None:
        """Closes its files. May be repeated."""
        self._opened.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _note(self, damage: str) -> None:
        if damage not in self.damage:
            self.damage.append(damage)

    def _merged(self, topic: str, *span_ns: int) -> Iterator[StampedMessage]:
        """The messages of one topic file by file, those of overlapping files merged."""
        groups: list[list[RecordedFile]] = []
        end_ns = 0
        for file in self._files:
            if span_ns and (file.end_ns <= span_ns[0] or file.start_ns >= span_ns[1]):
                continue
            if groups and file.start_ns < end_ns:
                groups[-1].append(file)
            else:
                groups.append([file])
            end_ns = max(end_ns, file.end_ns)
        for group in groups:
            yield from heapq.merge(
                *(self._stored(file, topic, *span_ns) for file in group), key=lambda each: each.log_ns
            )

    def _stored(self, file: RecordedFile, topic: str, *span_ns: int) -> Iterator[StampedMessage]:
        """The messages of one topic in one file."""
        wanted = list[Any]()
        for each in (each for each in file.connections if each.topic == topic):
            encoding = "cdr" if file.ros1 else each.ext.serialization_format
            if encoding == "cdr":
                wanted.append(each)
            else:
                self._note(f"{each.msgcount} messages of {topic} are encoded as {encoding}, not as ROS 2 does (cdr)")
        if not wanted:
            return
        count, promised = 0, sum(each.msgcount for each in wanted)
        try:
            decoder = self._decoder(file, topic, wanted)
        except Exception as error:  # rosbags' parser can fail anywhere
            of_file = "" if len(self._files) == 1 else f" of {file.path.name}"
            kinds = " and ".join(sorted({each.msgtype for each in wanted}))
            self._note(f"the {promised} messages of {topic}{of_file} cannot be decoded as {kinds}: {error}")
            return
        try:
            for connection, log_ns, data in file.read(wanted, *span_ns):
                message = decoder.decode(data, connection.msgtype)
                yield StampedMessage(_stamp_ns(message, log_ns), log_ns, message)
                count += 1
            if count < promised and not span_ns:
                self._note(f"{file.path.name} has {count} of the {promised} messages of {topic} that it counts")
        except Exception as error:  # a damaged file can fail anywhere inside rosbags
            of_file = "" if len(self._files) == 1 else f" of {file.path.name}"
            where = "in a part" if span_ns else f"after {count} messages"
            self._note(f"damaged {where} of {topic}{of_file}, the rest is lost: {error}")

    def _decoder(self, file: RecordedFile, topic: str, wanted: list[Any]) -> MessageDecoder:
        """That of a topic in a file, made once. Raises as `MessageDecoder`."""
        if (file.path, topic) not in self._decoders:
            declared = [each for each in self._opened.declared if each.topic == topic]
            self._decoders[file.path, topic] = MessageDecoder([*wanted, *declared], file.ros1)
        return self._decoders[file.path, topic]


def _stamp_ns(message: Any, log_ns: int) -> int:
    """The stamp of a header, or the timestamp of Foxglove's messages; without either, when it was recorded."""
    header = getattr(message, "header", None)
    stamp: Any = header.stamp if header else getattr(message, "timestamp", None)
    return nanoseconds(stamp) if hasattr(stamp, "nanosec") else log_ns
