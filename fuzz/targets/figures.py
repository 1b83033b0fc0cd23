"""What runs leave behind for later ones: records and their latencies."""

from __future__ import annotations

from pathlib import Path

from co_perception.evaluation.records import (
    FRAMES,
    LATENCIES,
    read_classes,
    read_latencies,
    read_records,
    write_records,
)
from co_perception.evaluation.truth import deal, sightings
from fuzz.target import of_file


def _come_back(path: Path) -> None:
    """What is read can be written, and is then read the same."""
    classes, found = read_classes(path.parent), list(read_records(path.parent))
    again = path.parent / "again"
    write_records(again, classes, found)
    if list(read_records(again)) != found:
        raise AssertionError("records did not come back")
    deal((), sightings(found))


records = of_file(FRAMES, _come_back)
latencies = of_file(LATENCIES, lambda path: read_latencies(path.parent))
