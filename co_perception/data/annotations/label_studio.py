"""Reader of Label Studio's exports of videos and sound: JSON, and JSON_MIN.

    [{"data": {"video": "/data/upload/1/1a2b3c4d-monday.mp4"}, "annotations": [{"result": [
        {"type": "timelinelabels", "value": {"ranges": [{"start": 1, "end": 60}], "timelinelabels": ["wave"]}}]}]}]

Labels of the timeline name the first and the last frame of a range, counted from 1. Rectangles are boxes around
somebody from key frame to key frame; one that is not enabled is the last before a gap. Times in sound (`labels` with
`start` and `end`) are seconds. (https://labelstud.io/guide/export, and the tags TimelineLabels, VideoRectangle and
Labels.)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import LONGEST_S, Interval, checked
from co_perception.data.annotations.labeled_frames import MOST_FRAMES, LabeledFrames, intervals_of
from co_perception.data.parsing import Skipped
from co_perception.engine.time import NANO

UPLOAD = re.compile(r"^[0-9a-f]{8}-")  # set before the name of an uploaded file
LABELS = ("timelinelabels", "labels", "videolabels", "rectanglelabels")
OF_TEXT = ("text", "globalOffsets", "startOffset")  # in a value that counts letters


def is_label_studio(content: Any) -> bool:
    """Whether a JSON content looks like an export of Label Studio."""
    if not isinstance(content, list) or not content or not all(isinstance(task, dict) for task in content):
        return False
    return any(isinstance(_annotations(task), list) or "annotation_id" in task for task in content)


def label_studio_intervals(
    tasks: Sequence[Mapping[str, Any]], times: FrameTimes | None, skipped: Skipped
) -> list[Interval]:
    """The intervals of an export, in time since the start of each video; of everybody, but for boxes.

    Args:
        tasks: the content of the file, numbers with fractions as Decimal.
        times: of the frames; None refuses what counts frames.
        skipped: gets what is no interval: choices, texts, cancelled annotations.

    Returns:
        By recording and start. Of several tasks each is a recording, by the name of its file without ending. A box's
        subject is the id of its region.

    Raises:
        ValueError: that names the task, for several annotations of one, times in letters or in a table's own unit,
            and overlaps of one subject; for two tasks with files of one name, and times of one video for several.
    """
    frames, intervals = list[LabeledFrames](), list[Interval]()
    for name, (number, task) in zip(_recordings(tasks), enumerate(tasks, 1), strict=True):
        where = f"task {task.get('id', number)}"
        try:
            for result in _results(task, where, skipped):
                found = list(_labeled(result, name))
                if not found:
                    skipped.add(where, f"{result.get('type')!r} of {result.get('from_name', 'it')} is no interval")
                frames += [each for each in found if isinstance(each, LabeledFrames)]
                intervals += [each for each in found if isinstance(each, Interval)]
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{where}: {error}") from error
    if frames and len(tasks) > 1 and times is not None and times.count is not None:
        raise ValueError(
            f"it has {len(tasks)} tasks, and the times of one video are not those of the others: export task by task, "
            "or give the rate that all have (--rate HZ)."
        )
    return checked([*intervals, *intervals_of(frames, times)])


def _recordings(tasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The name of each task's recording; empty for a single task. Raises ValueError for two of one name."""
    if len(tasks) == 1:
        return [""]
    names = [_recording(task) or f"task_{task.get('id', number)}" for number, task in enumerate(tasks, 1)]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(
            f"several of its tasks are of files called {twice[0]!r}, which would be one recording: export task by task."
        )
    return names


def _annotations(task: Mapping[str, Any]) -> Any:
    """Those of a task; "completions" in exports before version 1."""
    return task.get("annotations", task.get("completions"))


def _results(task: Mapping[str, Any], where: str, skipped: Skipped) -> list[Mapping[str, Any]]:
    """What was marked in a task by the annotator that counts. Raises ValueError where several do."""
    given = _annotations(task)
    if given is None:  # JSON_MIN: a column for each control
        columns = {key: value for key, value in task.items() if isinstance(value, list)}
        rows = [(key, row) for key, column in columns.items() for row in column if isinstance(row, dict)]
        return [{"type": key, "value": row} for key, row in rows if {"ranges", "start", "sequence"} & row.keys()]
    own = [each for each in given if not each.get("was_cancelled")]
    if len(own) < len(given):
        skipped.add(where, f"{len(given) - len(own)} cancelled annotations")
    certain = [each for each in own if each.get("ground_truth")]
    own = certain if len(certain) == 1 else own
    if len(own) > 1:
        raise ValueError(
            f"it has {len(own)} annotations by different people or times, and one counts: mark one as ground truth in "
            "Label Studio, or delete the others, and export again."
        )
    if not own and any(task.get(name) for name in ("predictions", "drafts")):
        skipped.add(where, "predictions or drafts, which nobody has submitted")
    return list(own[0]["result"]) if own else []


def _labeled(result: Mapping[str, Any], recording: str) -> Iterator[LabeledFrames | Interval]:
    """What one region labels. Raises ValueError for units that nobody knows."""
    value = result.get("value") or {}
    if "timeserieslabels" in value:
        raise ValueError(
            "it has labels of a time series, whose unit is that of a column of a table: write them as a table "
            "start,end,label with seconds."
        )
    labels = [label.strip() for name in LABELS for label in value.get(name) or ()]
    for label in labels:
        if "ranges" in value:
            for each in value["ranges"]:
                yield LabeledFrames(label, _frame(each["start"]) - 1, _frame(each["end"]), "", recording)
        elif "sequence" in value:
            for first, last in _lifespans(value["sequence"], value.get("framesCount")):
                yield LabeledFrames(label, first - 1, last, str(result.get("id", "")), recording)
        elif "start" in value and "end" in value:
            if any(name in value for name in OF_TEXT):
                raise ValueError(f"{label!r} marks letters of a text, and an activity has times.")
            start_ns, end_ns = (_nanoseconds(value[name]) for name in ("start", "end"))
            yield Interval(start_ns, end_ns, label, "", True, recording)


def _lifespans(sequence: Sequence[Mapping[str, Any]], count: Any) -> Iterator[tuple[int, int]]:
    """First and last frame of each time that boxes show somebody; without an end it lasts to the last frame."""
    first = last = None
    for each in sorted(sequence, key=lambda box: _frame(box["frame"])):
        last = _frame(each["frame"])
        first = last if first is None else first
        if not each.get("enabled", True):
            yield first, last
            first = None
    if first is not None and last is not None:
        yield first, max(last, _frame(count)) if count else last


def _frame(value: Any) -> int:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not number or not 0 <= value < MOST_FRAMES or value != int(value):
        raise ValueError(f"expected the number of a frame, counted from 1, got {value!r}.")
    return int(value)


def _nanoseconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < LONGEST_S:
        raise ValueError(f"expected seconds since the start of the sound, got {value!r}.")
    return round(Decimal(value) * NANO)


def _recording(task: Mapping[str, Any]) -> str:
    """The name of the task's file without the letters that an upload puts before it, and without ending."""
    data = task.get("data")
    named = [task.get("file_upload"), *(data.values() if isinstance(data, dict) else task.values())]
    for text in named:
        if isinstance(text, str) and "." in text and not text.endswith(".json"):
            local = text.split("?d=", 1)[1] if "?d=" in text else text.split("?", 1)[0]
            return UPLOAD.sub("", PurePosixPath(local.replace("\\", "/")).stem)
    return ""
