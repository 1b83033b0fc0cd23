"""Endpoints of the studio's pages that teach, judge and examine, and the queue of their jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from co_perception.studio.endpoints import Endpoint
    from co_perception.studio.recording_annotations import AnnotatedRecording


@contextmanager
def workshop(recordings: Sequence[AnnotatedRecording], out: Path, topic: str | None = None) -> Iterator[list[Endpoint]]:
    """The endpoints, while their jobs may run; those that are left are stopped at the end.

    Args:
        recordings: that pages may choose from.
        out: folder for all results, made when the first one is written.
        topic: of the skeletons, where a recording has several.
    """
    from co_perception.commands.studio_teacher import GalleryTeacher
    from co_perception.learners.metadata import shipped_names
    from co_perception.studio.export_endpoints import export_endpoint
    from co_perception.studio.job_endpoints import JobEndpoints
    from co_perception.studio.jobs import JobQueue
    from co_perception.studio.results_folder import ResultsFolder
    from co_perception.studio.run_comparison import comparison_endpoint
    from co_perception.studio.teach_endpoints import teach_endpoints

    results, queue = ResultsFolder(out, shipped_names()), JobQueue()
    try:
        yield [
            *results.endpoints(),
            *JobEndpoints(recordings, results, queue).endpoints(),
            *teach_endpoints(recordings, results, GalleryTeacher(topic)),
            comparison_endpoint(results),
            export_endpoint(recordings),
        ]
    finally:
        queue.close()
