"""Writers of annotations: a table, an ELAN file or Foxglove's events, by the ending of the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from co_perception.data.annotations.elan_writer import write_elan
from co_perception.data.annotations.foxglove_events import write_events
from co_perception.data.annotations.intervals import Interval, write_annotations

ENDINGS = (".csv", ".json", ".eaf", ".mcap")


def write_any(
    path: Path | str, intervals: Sequence[Interval], origin_ns: int | None = None, video: Path | str | None = None
) -> None:
    """Writes annotations in the format that the ending of `path` names; `read_any` reads them back.

    Tables (.csv, .json) keep the times as they are. ELAN (.eaf) gets time since the start, to the millisecond;
    Foxglove's events (.mcap) get stamps, to the nanosecond.

    Args:
        path: of the file; one that is there is replaced as a whole.
        intervals: of one recording.
        origin_ns: stamp at which the recording starts; needed where a format counts otherwise than the intervals.
        video: that ELAN opens with them.

    Raises:
        ValueError: for other endings, a missing origin, and as `write_annotations`, `write_elan` and `write_events`.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"annotations are written to a file that ends in {', '.join(ENDINGS)}, got {Path(path).name!r}."
        )
    if ending in (".csv", ".json"):
        write_annotations(path, intervals)
        return
    relative = ending == ".eaf"
    if origin_ns is None and any(each.relative != relative for each in intervals):
        ours, theirs = ("stamps", "time since the start") if relative else ("time since the start", "stamps")
        raise ValueError(
            f"these annotations have {ours}, and {ending} has {theirs}: name the recording that they are of, which "
            "tells at which stamp it starts (--bag)."
        )
    origin_ns = origin_ns or 0
    if relative:
        write_elan(path, [each.since(origin_ns) for each in intervals], video)
    else:
        write_events(path, [each.shifted(origin_ns) for each in intervals])
