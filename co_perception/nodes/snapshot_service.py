"""Services ~/snapshot and ~/restore: the streams of followed people to a file, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from co_perception.engine.settings import setting
from co_perception.nodes.core.worker_node import WorkerNode
from co_perception.nodes.snapshot_path import file_inside, path_inside
from co_perception.online.people_recognizers import PeopleRecognizer
from co_perception.srv import Restore, Snapshot


@dataclass(frozen=True)
class SnapshotSettings:
    """Where states are saved."""

    snapshot_folder: str = setting(
        "~/.ros/co_perception", "Folder in which ~/snapshot writes and ~/restore reads.", path=True
    )


class SnapshotService:
    """Serves `~/snapshot` and `~/restore` while the node is configured. Its settings include `SnapshotSettings`.

    `recognizer` gives the one whose people are meant, once the node is ready.
    """

    def __init__(self, node: WorkerNode[Any, Any], recognizer: Callable[[], PeopleRecognizer[Any]]) -> None:
        self._node, self._recognizer = node, recognizer
        node.serve(Snapshot, "~/snapshot", self._on_snapshot)
        node.serve(Restore, "~/restore", self._on_restore)

    def _on_snapshot(self, request: Snapshot.Request, response: Snapshot.Response) -> Snapshot.Response:
        ids = list(request.subject_ids)
        try:
            path = path_inside(self._node.settings.current.snapshot_folder, request.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            response.subject_ids = self._node.on_worker(lambda: self._recognizer().people.save(path, ids))
            response.success, response.message = True, str(path)
        except (ValueError, OSError, RuntimeError) as error:
            response.message = str(error)
        return response

    def _on_restore(self, request: Restore.Request, response: Restore.Response) -> Restore.Response:
        try:
            path = file_inside(self._node.settings.current.snapshot_folder, request.path)
            # This callback waits for the worker, so no frame is admitted meanwhile.
            response.subject_ids = self._node.on_worker(lambda: self._recognizer().load(path))
            response.success = True
            response.message = f"the next frame continues {len(response.subject_ids)} subject(s)"
        except (ValueError, OSError, RuntimeError) as error:
            response.message = str(error)
        return response
