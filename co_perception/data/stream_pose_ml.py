"""StreamPoseML's annotations of a video (Nate Green): a JSON object with a list of labels, each from one frame to
another, that may say several things about the same frames."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from co_perception.data.annotations import Interval, checked
from co_perception.data.damage import bounded_json, reading


def step_intervals(path: Path | str, labels: Collection[str]) -> list[Interval]:
    """The intervals with one of these labels, in order, in time since the video's start.

    labels: of one kind, such as "Left Step" and "Right Step"; those of another kind overlap them.
    Raises: FileNotFoundError; ValueError for another file, for intervals that overlap, and where there are none.
    """
    with reading(path, "a StreamPoseML file: annotations, each with label and metadata"):
        entries = bounded_json(Path(path))["annotations"]
        found = [_interval(entry) for entry in entries if entry["label"] in labels]
        if not found:
            there = sorted({str(entry["label"]) for entry in entries})
            raise ValueError(f"it says nothing about {sorted(labels)}; its labels are {there}.")
        return checked(found)


def _interval(entry: dict[str, Any]) -> Interval:
    times = entry["metadata"]["system"]
    start, end = (round(float(times[name]) * 1e9) for name in ("startTime", "endTime"))
    return Interval(start, end, entry["label"], relative=True)
