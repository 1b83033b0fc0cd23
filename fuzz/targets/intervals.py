"""Fuzz targets of annotations: tables, files of other tools, and the labels of a sample video."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from co_perception.data.annotations.cvat_backup import TASK_FILE
from co_perception.data.annotations.elan_writer import write_elan
from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.annotations.sources import read_any
from co_perception.data.annotations.video_annotations import read_elan, read_webvtt
from fuzz.target import of_file, scratch
from recipes.readers.stream_pose_ml import step_intervals

MOST_NS = 2**63 - 1  # a stamp of ROS fits into 64 bits


def _round_trip(path: Path) -> None:
    """A table that is read, written and read again has the same intervals."""
    found = _fit(read_annotations(path))
    if len({each.relative for each in found}) < 2:
        again = path.with_name(f"again{path.suffix}")
        write_annotations(again, found)
        if read_annotations(again) != found:
            raise AssertionError(f"{found} came back as {read_annotations(again)}")


def _elan_round_trip(path: Path) -> None:
    """What is read of another tool is written for ELAN, to the millisecond, or refused."""
    found = _fit(read_any(path, FrameTimes(25)))
    again = path.with_name("again.eaf")
    with suppress(ValueError):
        write_elan(again, found)
        if len(read_elan(again)) != len(found):
            raise AssertionError(f"{found} came back as {read_elan(again)}")


def _fit(found: list[Interval]) -> list[Interval]:
    for each in found:
        if not -MOST_NS <= each.start_ns < each.end_ns <= MOST_NS or not each.label:
            raise AssertionError(f"no interval: {each}")
    return found


def exports(data: bytes) -> None:
    """An export in JSON; what follows a zero byte is the task.json beside it."""
    export, _, task = data.partition(b"\0")
    beside = scratch() / TASK_FILE
    beside.unlink(missing_ok=True)
    if task:
        beside.write_bytes(task)
    of_file("export.json", _elan_round_trip)(export)


table = of_file("a.csv", _round_trip)
objects = of_file("a.json", _round_trip)
elan = of_file("a.eaf", lambda path: _fit(read_elan(path)))
cvat = of_file("annotations.xml", _elan_round_trip)
webvtt = of_file("a.vtt", lambda path: _fit(read_webvtt(path)))
steps = of_file("steps.json", lambda path: _fit(step_intervals(path, ("Left Step", "Right Step"))))
