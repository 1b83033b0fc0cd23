"""Annotations of a recording from any source: a table, an ELAN file, subtitles, or a topic of the recording itself.

Two types of topics are understood. `co_perception/ActivityEvent` tells which subject began and stopped which activity,
as the recognizers publish it. `std_msgs/String` is the least that anything can publish: a label begins, and the one
before it ends; an empty string only ends. It has no stamp, so its time is when it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from co_perception.data.annotations.intervals import Interval, checked, read_annotations
from co_perception.data.annotations.video_annotations import read_elan, read_webvtt
from co_perception.data.bags.bag_file import Bag, StampedMessage
from co_perception.engine.label_groups import group_of
from co_perception.engine.time import nanoseconds

READERS = {".csv": read_annotations, ".json": read_annotations, ".eaf": read_elan, ".vtt": read_webvtt}
TOPIC = "topic:"
EVENTS, STRING = "co_perception/msg/ActivityEvent", "std_msgs/msg/String"
ONSET = 0  # ActivityEvent.ONSET


def read_any(path: Path | str) -> list[Interval]:
    """The annotations of a file, read as its ending says. Raises ValueError for other endings, and as the readers.

    Times in ELAN files and subtitles count from the start of their video, and are taken to count from the start of the
    recording.
    """
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise ValueError(f"annotations end in {', '.join(READERS)}, got {Path(path).name!r}.")
    return reader(path)


def annotations_for(source: str, bag: Bag) -> list[Interval]:
    """The annotations of one recording in a file, or in `topic:NAME` of the recording itself (`topic:` for its only
    one). Raises as `read_any` and `topic_annotations`."""
    if source.startswith(TOPIC):
        return topic_annotations(bag, source.removeprefix(TOPIC) or None)
    return [interval for interval in read_any(source) if interval.recording in ("", bag.name)]


def topic_annotations(bag: Bag, topic: str | None = None) -> list[Interval]:
    """The intervals in a topic of a recording (named where it has several of these types).

    They are in stamps for events, and in time since the start of the recording for strings. An activity that has not
    ended ends with the recording. Raises BagError where there is no such topic, and ValueError for two activities of
    one subject and group at a time.
    """
    name = bag.topic((EVENTS, STRING), topic)
    messages = list(bag.messages(name))
    found = _of_events(messages, bag) if bag.topics[name] == EVENTS else _of_strings(messages, bag)
    try:
        return checked(found)
    except ValueError as error:
        raise ValueError(f"{bag.path}, {name}: {error}") from error


def _of_events(messages: Iterable[StampedMessage], bag: Bag) -> list[Interval]:
    begun: dict[tuple[str, str, str], int] = {}
    found: list[Interval] = []
    end_ns = 0
    for stamped in messages:
        event, at_ns = stamped.message, nanoseconds(stamped.message.at)
        key = (event.subject_id, event.label, group_of(event))
        # Stamps may be of another clock than the recorder's: the end is as long after this message in both.
        end_ns = stamped.stamp_ns + bag.end_ns - stamped.log_ns
        if event.kind == ONSET:
            begun.setdefault(key, at_ns)
        else:
            began_ns = begun.pop(key, nanoseconds(event.began))
            found += _interval(began_ns, at_ns, event.label, event.subject_id, group=group_of(event))
    for (subject, label, group), began_ns in begun.items():
        found += _interval(began_ns, end_ns, label, subject, group=group)
    return found


def _of_strings(messages: Iterable[StampedMessage], bag: Bag) -> list[Interval]:
    found: list[Interval] = []
    label, since_ns = "", 0
    changes = [(stamped.log_ns, stamped.message.data.strip()) for stamped in messages]
    for at_ns, new in [*changes, (bag.end_ns, "")]:
        if new == label:
            continue
        found += _interval(since_ns - bag.start_ns, at_ns - bag.start_ns, label, "", relative=True)
        label, since_ns = new, at_ns
    return found


def _interval(
    start_ns: int, end_ns: int, label: str, subject: str, relative: bool = False, group: str = ""
) -> list[Interval]:
    """One, or none for an empty label or no length."""
    return [Interval(start_ns, end_ns, label, subject, relative, group=group)] if label and start_ns < end_ns else []
