"""Endpoints of teaching: annotated intervals are shows of an activity, and a gallery of them is made at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from co_perception.engine.time import NANO
from co_perception.studio.endpoints import Endpoint, Question
from co_perception.studio.fields import in_thread, numbers_of, text_of, texts_of
from co_perception.studio.recording_annotations import AnnotatedRecording
from co_perception.studio.results_folder import ResultsFolder

MOST_LABELS = 1000


@dataclass(frozen=True)
class TaughtGallery:
    """What is said of a gallery when it was made.

    Args:
        shows: number of shows by activity.
        right, asked: of the shows, how many are recognized by the others, of those that have others.
        words: the same, and what to show once more, line by line.
        skipped: what could not be used, and why.
        recordings: names of those that show it.
        command: the line that starts the node with it.
    """

    shows: Mapping[str, int]
    right: int
    asked: int
    words: tuple[str, ...]
    skipped: tuple[str, ...]
    recordings: tuple[str, ...]
    command: str


class Teacher(Protocol):
    """Who makes galleries."""

    def teach(
        self, folder: Path, recordings: Sequence[AnnotatedRecording], labels: Collection[str] | None
    ) -> TaughtGallery:
        """Makes a gallery of what these recordings show, or of some labels of it. Raises: ValueError, OSError."""

    def warm(self) -> None:
        """Loads what teaching needs, so that the first gallery takes no longer than the next ones."""


def teach_endpoints(
    recordings: Sequence[AnnotatedRecording], results: ResultsFolder, teacher: Teacher
) -> list[Endpoint]:
    """Of what the recordings show, and of galleries that are made of it."""

    def shows(_: Question) -> list[dict[str, Any]]:
        return [{"name": each.name, "labels": _shows(each)} for each in recordings]

    def teach(question: Question) -> dict[str, Any]:
        folder = results.folder("gallery", text_of(question, "name"))
        chosen = [recordings[number] for number in numbers_of(question, "recordings", len(recordings))]
        return asdict(teacher.teach(folder, chosen, texts_of(question, "labels", MOST_LABELS)))

    def warm(_: Question) -> dict[str, Any]:
        teacher.warm()
        return {}

    return [
        Endpoint("/api/shows", in_thread(shows)),
        Endpoint("/api/gallery", in_thread(teach), "POST"),
        Endpoint("/api/gallery/warm", in_thread(warm), "POST"),
    ]


def _shows(recording: AnnotatedRecording) -> dict[str, dict[str, float]]:
    """Number and seconds of the annotations of each label."""
    found = recording.intervals()
    counts = Counter(each.label for each in found)
    seconds = {label: sum(each.end_ns - each.start_ns for each in found if each.label == label) / NANO
               for label in counts}  # fmt: skip
    return {label: {"shows": counts[label], "seconds": round(seconds[label], 3)} for label in sorted(counts)}
