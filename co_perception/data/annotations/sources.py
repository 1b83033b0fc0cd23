"""Annotations of a recording from any source: a table, files of other tools, or a topic of the recording itself.

Three types of topics are understood. `co_perception/ActivityEvent` tells which subject began and stopped which
activity, as the recognizers publish it. `foxglove_msgs/Event` is a span with a label (`foxglove_events`).
`std_msgs/String` is the least that anything can publish: a label begins, and the one before it ends; an empty string
only ends. It has no stamp, so its time is when it was recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from co_perception.data.annotations.cvat import CvatTask, cvat_intervals, datumaro_task, is_backup, is_cvat_json
from co_perception.data.annotations.cvat_backup import TASK_FILE, BackupFrames, backup_task
from co_perception.data.annotations.cvat_xml import parse_cvat
from co_perception.data.annotations.foxglove_events import intervals_of_events
from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import Interval, checked, read_annotations
from co_perception.data.annotations.label_studio import is_label_studio, label_studio_intervals
from co_perception.data.annotations.video_annotations import read_elan, read_webvtt
from co_perception.data.bags.bag_file import Bag, StampedMessage
from co_perception.data.bags.message_types import FOXGLOVE_EVENT
from co_perception.data.parsing import Skipped, parse_errors, read_bounded, read_json
from co_perception.engine.label_groups import group_of
from co_perception.engine.time import nanoseconds

TOPIC = "topic:"
EVENTS, STRING = "co_perception/msg/ActivityEvent", "std_msgs/msg/String"
ONSET = 0  # ActivityEvent.ONSET
ENDINGS = (".csv", ".json", ".eaf", ".vtt", ".xml", ".mcap")


def read_any(
    path: Path | str,
    times: FrameTimes | None = None,
    attribute: str | None = None,
    skipped: Skipped | None = None,
) -> list[Interval]:
    """The annotations of a file, read as its ending says: a table, ELAN, WebVTT, CVAT, Label Studio, Foxglove's events.

    Times in ELAN files, subtitles and files of CVAT and Label Studio count from the start of their video, and are taken
    to count from the start of the recording.

    Args:
        path: of a .csv, .json (a table, or an export of Label Studio or CVAT), .eaf, .vtt, .xml (CVAT) or .mcap file.
        times: of the video's frames, for files that count frames.
        attribute: of CVAT's tracks and tags, whose values are the labels; None: their labels are.
        skipped: gets what is in the file and is no interval.

    Raises:
        ValueError: for other endings, files that count frames without `times`, an `attribute` where there is none to
            choose, and as the readers.
    """
    path, skipped = Path(path), Skipped() if skipped is None else skipped
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"annotations end in {', '.join(ENDINGS)}, got {path.name!r}.")
    own = _frame_reader(path, ending)
    if own is not None:
        with parse_errors(path, "annotations of CVAT or Label Studio"):
            return own(times, skipped, attribute)
    if times is not None or attribute is not None:
        raise ValueError(f"{path.name} has times and labels of its own: a rate, a video and an attribute are for CVAT.")
    if ending == ".mcap":
        with Bag(path) as bag:
            return topic_annotations(bag, bag.topic((FOXGLOVE_EVENT,)))
    readers: dict[str, Callable[[Path], list[Interval]]] = {".eaf": read_elan, ".vtt": read_webvtt}
    return readers.get(ending, read_annotations)(path)


def counts_frames(path: Path | str) -> bool:
    """Whether a file is an export of CVAT or Label Studio, whose times may be numbers of frames."""
    return _frame_reader(Path(path), Path(path).suffix.lower()) is not None


FrameReader = Callable[[FrameTimes | None, Skipped, str | None], list[Interval]]


def _frame_reader(path: Path, ending: str) -> FrameReader | None:
    """The reader of a file of CVAT or Label Studio; None for another one."""
    if ending == ".xml":
        return lambda times, skipped, attribute: cvat_intervals(
            parse_cvat(read_bounded(path)), times, skipped, attribute
        )
    if ending != ".json":
        return None
    with parse_errors(path, "JSON"):
        content: Any = read_json(path, parse_float=Decimal)
    if is_cvat_json(content):
        return lambda times, skipped, attribute: cvat_intervals(_cvat(content, path), times, skipped, attribute)
    if is_label_studio(content):
        return lambda times, skipped, attribute: _label_studio(content, times, skipped, attribute)
    return None


def _cvat(content: Any, path: Path) -> CvatTask:
    """What a JSON export of CVAT has. Raises ValueError for annotations of a backup without the file of their task."""
    if not is_backup(content):
        return datumaro_task(content)
    if not isinstance(content, list):
        raise ValueError("these annotations are of the API of CVAT: export 'CVAT for video 1.1', or make a backup.")
    beside = path.with_name(TASK_FILE)
    if not beside.is_file():
        raise ValueError(
            f"a backup of CVAT counts the frames that were annotated, and its {TASK_FILE} tells which of the video "
            "those are: put it beside this file, as it is in the backup."
        )
    with parse_errors(beside, "the task of a backup of CVAT"):
        frames = BackupFrames.of_task(read_json(beside))
    return backup_task(content, frames)


def _label_studio(content: Any, times: FrameTimes | None, skipped: Skipped, attribute: str | None) -> list[Interval]:
    if attribute is not None:
        raise ValueError("an attribute is CVAT's, and this is an export of Label Studio: leave it out.")
    return label_studio_intervals(content, times, skipped)


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
    one subject and group at a time, and for an event of Foxglove without a label.
    """
    name = bag.topic((EVENTS, FOXGLOVE_EVENT, STRING), topic)
    messages = list(bag.messages(name))
    try:
        if bag.topics[name] == FOXGLOVE_EVENT:
            return checked(intervals_of_events(each.message for each in messages))
        return checked(_of_events(messages, bag) if bag.topics[name] == EVENTS else _of_strings(messages, bag))
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
