"""Annotations, whoever wrote them: tables, ELAN, subtitles, or a topic of the recording itself."""

from __future__ import annotations

from pathlib import Path

from co_perception.data.annotation_topic import topic_annotations
from co_perception.data.annotations import Interval, read_annotations
from co_perception.data.bag_file import Bag
from co_perception.data.elan import read_elan
from co_perception.data.webvtt import read_webvtt

READERS = {".csv": read_annotations, ".json": read_annotations, ".eaf": read_elan, ".vtt": read_webvtt}
TOPIC = "topic:"


def read_any(path: Path | str) -> list[Interval]:
    """The annotations of a file; its ending says how it is read.

    Times in ELAN files and subtitles count from the start of their video, and are taken to count from the start of the
    recording. Raises as the readers, and ValueError for other endings.
    """
    reader = READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise ValueError(f"annotations end in {', '.join(READERS)}, got {Path(path).name!r}.")
    return reader(path)


def annotations_for(source: str, bag: Bag) -> list[Interval]:
    """What `source` says of one recording: a file, or `topic:NAME` of the recording itself (`topic:` for its only one).

    Raises: as `read_any` and `topic_annotations`.
    """
    if source.startswith(TOPIC):
        return topic_annotations(bag, source.removeprefix(TOPIC) or None)
    return [interval for interval in read_any(source) if interval.recording in ("", bag.name)]
