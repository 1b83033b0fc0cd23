"""Annotations as Foxglove's events: messages `foxglove_msgs/msg/Event` in an MCAP file, which the app shows as spans.

An event has its first and its last instant, and words by key: label, subject, group and recording. Opened together with
a recording, its events lie on the same timeline. (Foxglove's schema `foxglove.Event`, foxglove-sdk.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.bags.bag_writer import BagWriter
from co_perception.data.bags.message_types import FOXGLOVE_EVENT
from co_perception.engine.files import write_files
from co_perception.engine.time import NANO, nanoseconds

TOPIC = "/annotations"
KEYS = ("label", "subject", "group", "recording")
LAST_NS = 2**31 * NANO  # a time of ROS has 31 bits for seconds


def write_events(path: Path | str, intervals: Sequence[Interval]) -> None:
    """Writes annotations in stamps as one .mcap file, which `read_any` reads back unchanged.

    Raises ValueError for annotations that count from the start, stamps before 1970 or after 2038, overlaps, and a place
    in the folder of a recording.
    """
    rows = checked(intervals)
    if (Path(path).parent / "metadata.yaml").is_file():
        raise ValueError(
            f"{Path(path).parent} is the folder of a recording, and each .mcap file in it would be taken for a part of "
            "that: write the events beside the folder."
        )
    for each in rows:
        if each.relative:
            raise ValueError("Foxglove's events have stamps, and these count from the start: call shifted() first.")
        if not 0 <= each.start_ns < each.end_ns <= LAST_NS:
            raise ValueError(f"{each.label!r} at {each.start_ns} ns is no stamp of ROS, which has 0 to {LAST_NS}.")
    with TemporaryDirectory() as folder:
        place = Path(folder) / "events"
        with BagWriter(place) as bag:
            for each in rows:
                bag.write(TOPIC, _event(bag, each), each.start_ns)
        write_files({Path(path): (place / "events.mcap").read_bytes()})


def intervals_of_events(messages: Iterable[Any]) -> list[Interval]:
    """The annotations in messages of type Event.

    Raises ValueError for an event without a label, with the keys that it has.
    """
    found = list[Interval]()
    for message in messages:
        words = {each.key: each.value for each in message.metadata}
        if not words.get("label"):
            raise ValueError(
                f"an event has no label; its keys are {', '.join(sorted(words)) or 'none'}. Events of annotations have "
                "a key 'label', and may have 'subject', 'group' and 'recording'."
            )
        start_ns, last_ns = nanoseconds(message.start_time), nanoseconds(message.end_time)
        label, subject, group, recording = (words.get(key, "") for key in KEYS)
        found.append(Interval(start_ns, last_ns + 1, label, subject, False, recording, group))
    return found


def _event(bag: BagWriter, interval: Interval) -> Any:
    words = [{"key": key, "value": value} for key in KEYS if (value := getattr(interval, key))]
    last_ns = interval.end_ns - 1  # an event's end is a part of it
    return bag.message(FOXGLOVE_EVENT, start_time=_time(interval.start_ns), end_time=_time(last_ns), metadata=words)


def _time(stamp_ns: int) -> dict[str, int]:
    return {"sec": stamp_ns // NANO, "nanosec": stamp_ns % NANO}
