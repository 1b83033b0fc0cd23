"""Reader of StreamPoseML's annotations of a video (Nate Green).

The file is a JSON object with a list of labels, each from one frame to another, of several kinds that may overlap.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.parsing import parse_errors, read_json


def step_intervals(path: Path | str, labels: Collection[str]) -> list[Interval]:
    """The intervals with one of these labels, in order, in time since the video's start.

    Args:
        path: the file.
        labels: of one kind, such as "Left Step" and "Right Step"; those of another kind overlap them.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for another file, for intervals that overlap, and where there are none.
    """
    with parse_errors(path, "a StreamPoseML file: annotations, each with label and metadata"):
        entries = read_json(Path(path))["annotations"]
        found = []
        for entry in entries:
            if entry["label"] in labels:
                times = entry["metadata"]["system"]
                start_ns, end_ns = (round(float(times[name]) * 1e9) for name in ("startTime", "endTime"))
                found.append(Interval(start_ns, end_ns, entry["label"], relative=True))
        if not found:
            there = sorted({str(entry["label"]) for entry in entries})
            raise ValueError(f"it says nothing about {sorted(labels)}; its labels are {there}.")
        return checked(found)
