"""Endpoint of exports: the annotations of a recording as a file of another program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from co_perception.data.annotations.writers import write_any
from co_perception.studio.endpoints import Endpoint, Question, Reply
from co_perception.studio.fields import in_thread
from co_perception.studio.recording_annotations import AnnotatedRecording

KINDS: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8", "json": "application/json", "eaf": "application/xml",
    "mcap": "application/octet-stream",
}  # fmt: skip
"""Media types by ending: a table, ELAN, Foxglove's events."""


def export_endpoint(recordings: Sequence[AnnotatedRecording]) -> Endpoint:
    """Of the annotations of a recording, by the ending of the file that is wanted."""

    def work(question: Question) -> Reply:
        recording, ending = recordings[int(question.path["number"])], str(question.path["ending"])
        kind, intervals = KINDS[ending], recording.intervals()
        if not intervals:
            raise ValueError("nothing is annotated yet")
        with TemporaryDirectory(prefix="co_perception_") as folder:
            file = Path(folder) / f"annotations.{ending}"
            write_any(file, intervals, recording.origin_ns)
            content = file.read_bytes()
        name = quote(f"{recording.name}.{ending}")
        return Reply(content, kind, {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"})

    return Endpoint("/api/recordings/{number:int}/export/{ending}", in_thread(work))
