"""OutputFormat: base of what the node `outputs` publishes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from co_perception.nodes.core.complaints import Complaints
from co_perception.nodes.core.managed_node import ManagedNode
from co_perception.nodes.core.qos import ImageInputSettings
from co_perception.nodes.output_formats.people_frame import PeopleFrame

WITHOUT_PICTURE, BAD_PICTURE = "annotated, without its picture", "annotated, picture cannot be read"


class OutputFormat(ABC):
    """One kind of messages about people.

    Args:
        node: that is being configured; publishers are undone with it.
        values: how pictures come.
        complaints: for what is wrong with a frame.

    Raises:
        ImportError: where the messages are not installed.
    """

    def __init__(self, node: ManagedNode[Any], values: ImageInputSettings, complaints: Complaints) -> None:
        self._node, self._values, self._complaints = node, values, complaints

    def begin(self) -> None:
        """Makes what an active node has."""
        return

    @abstractmethod
    def publish(self, frame: PeopleFrame) -> None:
        """Publishes one frame, where somebody subscribes."""
