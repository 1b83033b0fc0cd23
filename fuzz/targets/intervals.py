"""Annotations: tables, ELAN, subtitles, and the labels of a sample video."""

from __future__ import annotations

from pathlib import Path

from co_perception.data.annotations import Interval, read_annotations, write_annotations
from co_perception.data.elan import read_elan
from co_perception.data.stream_pose_ml import step_intervals
from co_perception.data.webvtt import read_webvtt
from fuzz.target import of_file

MOST_NS = 2**63 - 1  # a stamp of ROS fits into 64 bits


def _come_back(path: Path) -> None:
    """What a table says is said again by what is written of it."""
    found = _fit(read_annotations(path))
    if len({each.relative for each in found}) < 2:
        again = path.with_name(f"again{path.suffix}")
        write_annotations(again, found)
        if read_annotations(again) != found:
            raise AssertionError(f"{found} came back as {read_annotations(again)}")


def _fit(found: list[Interval]) -> list[Interval]:
    for each in found:
        if not -MOST_NS <= each.start_ns < each.end_ns <= MOST_NS or not each.label:
            raise AssertionError(f"no interval: {each}")
    return found


table = of_file("a.csv", _come_back)
objects = of_file("a.json", _come_back)
elan = of_file("a.eaf", lambda path: _fit(read_elan(path)))
webvtt = of_file("a.vtt", lambda path: _fit(read_webvtt(path)))
steps = of_file("steps.json", lambda path: _fit(step_intervals(path, ("Left Step", "Right Step"))))
