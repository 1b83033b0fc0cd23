"""Services of nodes that follow people: their states to a file, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from co_perception.learners.people import People
from co_perception.nodes.parameters import Setting
from co_perception.nodes.recogniser import RecogniserNode
from co_perception.nodes.snapshots import inside
from co_perception.srv import Restore, Snapshot

FOLDER = Setting("snapshot_folder", "~/.ros/co_perception", "Folder in which ~/snapshot writes and ~/restore reads.")


class Keeper:
    """Serves `~/snapshot` and `~/restore` while the node is configured. Its settings include FOLDER."""

    def __init__(self, node: RecogniserNode[Any, Any], people: People) -> None:
        self._node, self.people = node, people
        node.serve(Snapshot, "~/snapshot", self._on_snapshot)
        node.serve(Restore, "~/restore", self._on_restore)

    def _on_snapshot(self, request: Snapshot.Request, response: Snapshot.Response) -> Snapshot.Response:
        ids: Sequence[str] = list(request.subject_ids)
        try:
            path = inside(self._node.settings["snapshot_folder"], request.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            response.subject_ids = self._node.on_worker(lambda: self.people.save(path, ids))
        except (ValueError, OSError, RuntimeError) as error:
            response.message = str(error)
            return response
        response.success, response.message = True, str(path)
        return response

    def _on_restore(self, request: Restore.Request, response: Restore.Response) -> Restore.Response:
        following = self._node.epoch + 1
        try:
            path = inside(self._node.settings["snapshot_folder"], request.path)
            response.subject_ids = self._node.on_worker(lambda: self.people.load(path, following))
        except (ValueError, OSError, RuntimeError) as error:
            response.message = str(error)
            return response
        self._node.restart()
        response.success, response.message = True, f"the next frame continues {len(response.subject_ids)} subject(s)"
        return response
