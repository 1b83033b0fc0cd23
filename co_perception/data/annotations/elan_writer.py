"""Writer of ELAN files (.eaf), which `read_elan` reads back to the millisecond.

Each subject has a tier, named by its participant; the tier `default` is of everybody. The type of a tier says which
group its labels answer, and a property of the file of which recording it is. (EAF 3.0, Max Planck Institute for
Psycholinguistics.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.annotations.video_annotations import (
    EVERYBODY,
    GROUP_TYPE,
    MILLI_NS,
    RECORDING,
    parse_elan,
)
from co_perception.engine.files import write_files

PLAIN_TYPE = "default-lt"  # of a tier whose labels are of no group
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="1970-01-01T00:00:00Z" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
"""


def write_elan(path: Path | str, intervals: Sequence[Interval], video: Path | str | None = None) -> None:
    """Writes the annotations of one recording, which count from its start, to the nearest millisecond.

    Args:
        path: of the .eaf file.
        intervals: relative ones (`Interval.since`).
        video: the file that ELAN opens with them; None: it asks for one.

    Raises:
        ValueError: for stamps, times before the start, annotations of several recordings, those shorter than a
            millisecond, overlaps, and letters that XML cannot hold.
    """
    rows = checked(_rounded(each) for each in intervals)
    names = sorted({each.recording for each in rows})
    if len(names) > 1:
        raise ValueError(
            f"an ELAN file is of one recording, and these are of {', '.join(map(repr, names))}: write one file for "
            "each."
        )
    content = _document(rows, names[0] if names else "", video).encode()
    if parse_elan(content) != rows:
        raise ValueError(
            "a name or label has letters that an ELAN file does not keep: line breaks, or several spaces in a row. "
            "Rename it."
        )
    write_files({Path(path): content})


def _rounded(interval: Interval) -> Interval:
    if not interval.relative:
        raise ValueError("an ELAN file counts from the start of its video, and these are stamps: call since() first.")
    start_ms, end_ms = (round(ns / MILLI_NS) for ns in (interval.start_ns, interval.end_ns))
    if start_ms < 0:
        raise ValueError(f"{interval.label!r} begins {-start_ms} ms before the recording, which ELAN cannot show.")
    if start_ms == end_ms:
        raise ValueError(f"{interval.label!r} at {start_ms} ms is shorter than ELAN's millisecond: leave it out.")
    return replace(interval, start_ns=start_ms * MILLI_NS, end_ns=end_ms * MILLI_NS)


def _document(rows: Sequence[Interval], recording: str, video: Path | str | None) -> str:
    tiers: dict[tuple[str, str], list[tuple[int, Interval]]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        tiers[row.subject, row.group].append((number, row))
    slots = [
        f'    <TIME_SLOT TIME_SLOT_ID="ts{2 * number - 1 + end}" TIME_VALUE="{ns // MILLI_NS}"/>\n'
        for number, row in enumerate(rows, 1)
        for end, ns in enumerate((row.start_ns, row.end_ns))
    ]
    names = set[str]()
    types = sorted({_type(group) for _, group in tiers} | {PLAIN_TYPE})
    return "".join(
        [
            HEAD,
            _header(recording, video, len(rows)),
            "  <TIME_ORDER>\n",
            *slots,
            "  </TIME_ORDER>\n",
            *(_tier(subject, group, own, names) for (subject, group), own in sorted(tiers.items())),
            *(
                f'  <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID={quoteattr(each)} '
                'TIME_ALIGNABLE="true"/>\n'
                for each in types
            ),
            "</ANNOTATION_DOCUMENT>\n",
        ]
    )


def _header(recording: str, video: Path | str | None, last: int) -> str:
    medium = ""
    if video is not None:
        url = Path(video).resolve().as_uri()
        medium = f'    <MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(url)} MIME_TYPE="video/*"/>\n'
    named = f'    <PROPERTY NAME="{RECORDING}">{escape(recording)}</PROPERTY>\n' if recording else ""
    return (
        f'  <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">\n{medium}{named}'
        f'    <PROPERTY NAME="lastUsedAnnotationId">{last}</PROPERTY>\n  </HEADER>\n'
    )


def _tier(subject: str, group: str, rows: Sequence[tuple[int, Interval]], names: set[str]) -> str:
    """One tier, with a name that none of `names` is, to which it is added."""
    plain = subject or EVERYBODY  # everybody's tiers come first, and have their names
    wanted = f"{plain} ({group})" if group else plain
    name = next(each for n in range(len(names) + 1) if (each := f"{wanted} {n + 1}" if n else wanted) not in names)
    names.add(name)
    participant = f" PARTICIPANT={quoteattr(subject)}" if subject else ""
    annotations = "".join(
        f'    <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="ts{2 * number - 1}" '
        f'TIME_SLOT_REF2="ts{2 * number}">\n      <ANNOTATION_VALUE>{escape(row.label)}</ANNOTATION_VALUE>\n'
        "    </ALIGNABLE_ANNOTATION></ANNOTATION>\n"
        for number, row in rows
    )
    head = f"  <TIER LINGUISTIC_TYPE_REF={quoteattr(_type(group))} TIER_ID={quoteattr(name)}{participant}>\n"
    return f"{head}{annotations}  </TIER>\n"


def _type(group: str) -> str:
    return f"{GROUP_TYPE}{group}" if group else PLAIN_TYPE
