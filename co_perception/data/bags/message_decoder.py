"""Decoder of the messages of one topic of a recording, by the definitions there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from co_perception.data.bags.message_types import ADDED, types_of
from co_perception.data.bags.rosbags_library import unpacked

OURS = "co_perception/"


class MessageDecoder:
    """Decodes messages by the definition in the recording; without one, ours as they are today or as they were once.

    Which of them a recording has, its bytes tell: a message of another kind is too long or too short. What the
    first messages leave open, such as an array of nobody's activities, stays open.

    Args:
        connections: of the topic, as rosbags reads them.
        ros1: whether the bytes are as ROS 1 writes them.

    Raises: as `types_of`.
    """

    def __init__(self, connections: Sequence[Any], ros1: bool = False) -> None:
        self._ros1 = ros1
        self._stores = [types_of(connections, ros1)]
        undefined = not any(each.msgdef.data for each in connections)
        if undefined and any(each.msgtype.startswith(OURS) for each in connections):
            self._stores += [types_of(connections, changes=count) for count in reversed(range(len(ADDED)))]

    def decode(self, data: bytes, kind: str) -> Any:
        """The message of this type. Raises what rosbags raises; its parser can fail anywhere."""
        if self._ros1:
            return self._stores[0].deserialize_ros1(data, kind)
        data, failures = unpacked(data), list[Exception]()
        for number, types in enumerate(self._stores):
            try:
                message = types.deserialize_cdr(data, kind)
            except Exception as error:  # of another time, or damaged
                failures.append(error)
            else:
                self._stores = self._stores[number:]
                return message
        raise failures[0]
