"""Writer of recordings without ROS: rosbag2 folders as MCAP, which every ROS 2 tool reads."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from co_perception.data.bags import rosbags_library
from co_perception.data.bags.message_types import types_of


class BagWriter:
    """A folder with one MCAP file and its metadata.yaml that is being written. It is whole, or it is not there.

    Args:
        folder: of the recording; nothing may be at this place yet.

    Raises:
        FileExistsError: where something is at this place.
        ImportError: that names the extra, without rosbags.
    """

    def __init__(self, folder: Path | str) -> None:
        self._folder, library = Path(folder), rosbags_library.rosbags2()
        if self._folder.exists():
            raise FileExistsError(f"{folder} is there already, and is not overwritten: take another place.")
        # rosbags names the file within like the folder, so the folder has its name from the start.
        self._unfinished = self._folder.parent / f".{self._folder.name}.part" / self._folder.name
        shutil.rmtree(self._unfinished.parent, ignore_errors=True)
        self._types = types_of([])
        self._writer = library.Writer(self._unfinished, version=9, storage_plugin=library.StoragePlugin.MCAP)
        self._topics: dict[str, Any] = {}

    def message(self, kind: str, **fields: Any) -> Any:
        """A message of a type ("std_msgs/msg/Header"); fields that are messages, or lists of them, may be mappings."""
        return self._filled(kind, fields)

    def write(self, topic: str, message: Any, at_ns: int) -> None:
        """Appends a message, recorded at `at_ns`, from 0 on."""
        kind = message.__msgtype__
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self._types)
        self._writer.write(self._topics[topic], at_ns, self._types.serialize_cdr(message, kind))

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._writer.close()
            if error is None:
                self._unfinished.rename(self._folder)
        finally:
            shutil.rmtree(self._unfinished.parent, ignore_errors=True)

    def _filled(self, kind: str, values: Mapping[str, Any]) -> Any:
        """A message whose mappings are messages, by the types of the fields."""
        made = dict[str, Any]()
        for name, (_, content) in self._types.fielddefs[kind][1]:
            value = values[name]
            part = content[0][1] if isinstance(content[0], tuple) else content
            if isinstance(value, Mapping):
                value = self._filled(part, value)
            elif isinstance(value, list):
                value = [self._filled(part, each) if isinstance(each, Mapping) else each for each in value]
            made[name] = value
        return self._types.types[kind](**made)
