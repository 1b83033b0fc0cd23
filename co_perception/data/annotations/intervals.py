"""Labeled time intervals, and annotation files of them: CSV or JSON, written by hand or by `co-perception record`.

    start,end,label,subject              start_ns,end_ns,label,subject
    2.5,7.25,wave,                       1700000002500000000,1700000007250000000,wave,
    9,12,walk,person_1                   1700000009000000000,1700000012000000000,walk,person_1

`start` and `end` are seconds since the first message of the recording; `start_ns` and `end_ns` are stamps, nanoseconds
of the clock that stamps the recording. The names of the columns decide which, never the size of a number: simulated
time begins at zero too. An empty subject means everybody in sight. A column `recording` (the name of a bag or file)
says which of several recordings a row belongs to. A column `group` says which question of a label set with groups a row
answers (`Activity.group`): what one subject does in different groups may overlap. JSON is a list of objects with the
same keys.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from co_perception.data.parsing import cell_text, parse_errors, read_json, read_table
from co_perception.engine.names import nearest
from co_perception.engine.time import NANO

MOST_NS = 2**63 - 1  # a stamp has 64 bits
LONGEST_S = 10_000_000  # four months: a `start` beyond it is a clock time in the wrong column
SECONDS, STAMPS = ("start", "end"), ("start_ns", "end_ns")
OPTIONAL = ("recording", "group")  # columns after the subject, written where a row has them
SHOWN = 12  # known labels that an error lists


@dataclass(frozen=True)
class Interval:
    """One activity of one subject: a label for the half-open time [start_ns, end_ns).

    Raises ValueError where it ends before it starts, has no label, or a time that does not fit into a stamp.

    Args:
        start_ns: stamp in nanoseconds; since the recording's first message where `relative`.
        end_ns: the same, later than `start_ns`.
        subject: id of the subject or name of a person; empty: everybody in sight.
        relative: whether the times count from the start of the recording.
        recording: name of the recording it belongs to; empty: any.
        group: of the label set that the label is of; empty: that is not said, or all labels are one group.
    """

    start_ns: int
    end_ns: int
    label: str
    subject: str = ""
    relative: bool = False
    recording: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError("an interval needs a label. Time without an activity is left out of the file.")
        if max(abs(self.start_ns), abs(self.end_ns)) > MOST_NS:
            raise ValueError(f"{self.label!r} has a time that does not fit into the 64 bits of a stamp.")
        if self.end_ns <= self.start_ns:
            raise ValueError(f"{self.label!r} ends at {self.end_ns} ns, not after its start at {self.start_ns} ns.")

    def shifted(self, origin_ns: int) -> Interval:
        """The same in stamps, for a recording that starts at `origin_ns`; unchanged where it is in stamps already."""
        if not self.relative:
            return self
        return replace(self, start_ns=self.start_ns + origin_ns, end_ns=self.end_ns + origin_ns, relative=False)

    def since(self, origin_ns: int) -> Interval:
        """The same in time since the start of a recording that starts at `origin_ns`: `shifted` turned round."""
        if self.relative:
            return self
        return replace(self, start_ns=self.start_ns - origin_ns, end_ns=self.end_ns - origin_ns, relative=True)


def read_annotations(path: Path | str) -> list[Interval]:
    """The intervals of a `.csv` or `.json` file, by recording and start.

    Raises ValueError that names the file and the row, for columns that are unknown or missing, times that are no
    numbers or end before they start, and intervals of one subject and group that overlap.
    """
    path, found = Path(path), []
    with parse_errors(path, "a table of annotations"):
        for number, given in _rows(path):
            try:
                row = {name: cell_text(name, value) for name, value in given.items()}
                label, relative = row["label"].strip(), "start" in row
                subject, recording, group = ((row.get(name) or "").strip() for name in ("subject", *OPTIONAL))
                start_ns, end_ns = (_nanoseconds(name, row[name]) for name in (SECONDS if relative else STAMPS))
                found.append(Interval(start_ns, end_ns, label, subject, relative, recording, group))
            except ValueError as error:
                raise ValueError(f"row {number}: {error}") from error
        return checked(found)


def write_annotations(path: Path | str, intervals: Iterable[Interval]) -> None:
    """Writes what `read_annotations` reads back unchanged; the ending of `path` chooses CSV or JSON.

    Raises ValueError for intervals that overlap, or of which some are relative and some are not.
    """
    path, rows = Path(path), checked(intervals)
    if len({interval.relative for interval in rows}) > 1:
        raise ValueError("some intervals count from the start and some are stamps: call shifted() on the former.")
    columns = [*(SECONDS if rows and rows[0].relative else STAMPS), "label", "subject"]
    columns += [name for name in OPTIONAL if any(getattr(interval, name) for interval in rows)]
    cells = []
    for interval in rows:
        stamps_ns = interval.start_ns, interval.end_ns
        times = [f"{Decimal(ns) / NANO:f}" if interval.relative else ns for ns in stamps_ns]
        values = (*times, *(getattr(interval, name) for name in columns[2:]))
        cells.append(dict(zip(columns, values, strict=True)))
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        if _is_json(path):
            file.write(json.dumps(cells, indent=1) + "\n")
        else:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(cells)
    unfinished.replace(path)  # whole or not at all: a full disk must not cost what was there


def checked(intervals: Iterable[Interval]) -> list[Interval]:
    """The intervals by recording and start. Raises ValueError where two of one subject and group overlap."""
    ordered = sorted(intervals, key=lambda each: (each.recording, each.start_ns, each.subject, each.group))
    for one, other in pairwise(sorted(ordered, key=_subject_first)):
        if _subject_first(one)[:-1] == _subject_first(other)[:-1] and other.start_ns < one.end_ns:
            whose = "".join(f" of {name}" for name in (one.group, one.subject) if name)
            raise ValueError(
                f"{one.label!r} ({one.start_ns} to {one.end_ns} ns) and {other.label!r} ({other.start_ns} to "
                f"{other.end_ns} ns){whose} overlap. Nobody does two things at once here: end one before the other, or "
                "give them different subjects, or groups where the label set has them (posture, arms ...)."
            )
    return ordered


def check_labels(intervals: Iterable[Interval], known: Sequence[str]) -> None:
    """Raises ValueError that names every label outside `known`, and the known one it resembles most."""
    unknown = sorted({interval.label for interval in intervals} - set(known))
    if not unknown:
        return
    near = {label: get_close_matches(label, known, 1) for label in unknown}
    listed = ", ".join(f"{label!r} (meant: {near[label][0]!r}?)" if near[label] else repr(label) for label in unknown)
    there = ", ".join(known[:SHOWN]) + (f" and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
    raise ValueError(
        f"unknown labels: {listed}. The known ones are {there}. Labels count letter by letter, capitals too: rename "
        "them in the annotations, or leave these intervals out."
    )


def of_recording(intervals: Iterable[Interval], name: str) -> list[Interval]:
    """Those that belong to the recording called `name`, or to any."""
    return [interval for interval in intervals if interval.recording in ("", name)]


def without(interval: Interval, others: Iterable[Interval]) -> list[Interval]:
    """What of `interval` no other one covers, in order; nothing where all of it is covered."""
    parts, start_ns = [], interval.start_ns
    for other in sorted(others, key=lambda each: each.start_ns):
        if other.start_ns > start_ns:
            parts.append((start_ns, min(other.start_ns, interval.end_ns)))
        start_ns = max(start_ns, other.end_ns)
    parts.append((start_ns, interval.end_ns))
    return [replace(interval, start_ns=start, end_ns=end) for start, end in parts if start < end]


def label_at(intervals: Sequence[Interval], t_ns: int, subject: str = "") -> str | None:
    """The label of `subject` at `t_ns`, None where there is none; its own annotation goes before everybody's."""
    now = [each for each in intervals if each.start_ns <= t_ns < each.end_ns and each.subject in ("", subject)]
    return max(now, key=lambda each: bool(each.subject)).label if now else None


def _subject_first(interval: Interval) -> tuple[str, bool, str, str, int]:
    return interval.recording, interval.relative, interval.subject, interval.group, interval.start_ns


def _is_json(path: Path) -> bool:
    if path.suffix.lower() not in (".csv", ".json"):
        raise ValueError(f"annotations are a .csv or a .json file, got {path.name!r}.")
    return path.suffix.lower() == ".json"


def _rows(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    """(row, cells) of each interval; a row of a CSV is its line in the file."""
    if not _is_json(path):
        columns, rows = read_table(path)
        _check_columns(columns)
        return rows
    objects = read_json(path, parse_float=Decimal)
    if not isinstance(objects, list) or not all(isinstance(item, dict) for item in objects):
        raise ValueError('expected a list of objects such as {"start": 2.5, "end": 7, "label": "wave"}.')
    for item in objects:
        _check_columns(list(item))
    return enumerate(objects, 1)


def _check_columns(columns: Sequence[str]) -> None:
    known = (*SECONDS, *STAMPS, "label", "subject", *OPTIONAL)
    unknown = [column for column in columns if column not in known]
    times = tuple(column for column in columns if column in SECONDS + STAMPS)
    if unknown or "label" not in columns or set(times) not in (set(SECONDS), set(STAMPS)):
        near = [f"{name} (meant: {nearest(name, known)!r}?)" if nearest(name, known) else name for name in unknown]
        wrong = f"unknown: {', '.join(near)}" if unknown else f"got {', '.join(columns) or 'none'}"
        raise ValueError(
            "it needs the columns start, end (seconds since the recording's start) or start_ns, end_ns (stamps), "
            f"label, separated by commas, and may have subject, recording and group; {wrong}."
        )


def _nanoseconds(name: str, text: str) -> int:
    if name in STAMPS:
        try:
            return int(text)
        except ValueError as error:
            raise ValueError(
                f"{name} is a stamp in whole nanoseconds, got {text!r}. Seconds since the start go into start and end."
            ) from error
    try:
        seconds = Decimal(text.strip())
    except InvalidOperation as error:
        raise ValueError(f"{name} is a number of seconds such as 2.5, got {text!r}.") from error
    if not seconds.is_finite() or not 0 <= seconds < LONGEST_S:
        raise ValueError(
            f"{name} counts seconds since the recording's start, and {text} is no such time. "
            "Stamps of a clock go into columns start_ns and end_ns, in nanoseconds."
        )
    return math.floor(seconds * NANO + Decimal("0.5"))


def disjoint(intervals: Sequence[Interval]) -> list[Interval]:
    """The intervals without what an earlier one of the same subject covers: a clock that is set back repeats stamps."""
    found: list[Interval] = []
    for interval in intervals:
        found += without(interval, [each for each in found if each.subject == interval.subject])
    return sorted(found, key=lambda each: each.start_ns)
