"""Fuzz targets of the files of an evaluation: records and latencies."""

from __future__ import annotations

from pathlib import Path

from co_perception.evaluation.ground_truth import ground_truth, sightings
from co_perception.evaluation.records import (
    RecordWriter,
    read_classes,
    read_latencies,
    read_records,
)
from co_perception.evaluation.result_folder import FRAMES, LATENCIES
from fuzz.target import of_file


def _round_trip(path: Path) -> None:
    """Records that are read, written and read again are the same."""
    classes, found = read_classes(path.parent), list(read_records(path.parent))
    again = path.parent / "again"
    with RecordWriter(again, classes) as writer:
        for record in found:
            writer.write(record)
    if list(read_records(again)) != found:
        raise AssertionError("records did not come back")
    ground_truth((), sightings(found))


records = of_file(FRAMES, _round_trip)
latencies = of_file(LATENCIES, lambda path: read_latencies(path.parent))
