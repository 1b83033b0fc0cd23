"""Writes topics into one MCAP file that any ROS 2 tool reads; messages are stored as received, byte for byte."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from struct import unpack_from
from types import TracebackType
from typing import Any

from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from co_perception.engine.time import NANO, nanoseconds

RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)

_FIELD = re.compile(r"^\s*([A-Za-z]\w*(?:/\w+)*)(?:<=\d+)?(?:\[[^\]]*\])?\s+\w+")
_PRIMITIVE = {
    "bool", "byte", "char", "float32", "float64", "string", "wstring",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
}  # fmt: skip


class Recorder:
    """An open MCAP file with one channel per topic.

    Args:
        path: file to write; an existing one is replaced.
        chunk_bytes: size of the chunks that are compressed and written; a killed process loses one.
        by_stamps: messages are logged at the newest stamp so far, and not when they come: where a source is played as
            fast as the machine can follow, the recording is then played as fast as the source is.

    Raises:
        ImportError: that names the extra, where the mcap package is missing.
        OSError: that names the file, where it cannot be written.
    """

    def __init__(self, path: Path | str, chunk_bytes: int = 1 << 20, by_stamps: bool = False) -> None:
        try:
            from mcap.writer import Writer
        except ImportError as error:
            raise ImportError(f"recording needs mcap: pip install 'co_perception[ros]'. ({error})") from error
        self._file = open(path, "wb")  # noqa: SIM115 - closed by close()
        self._writer = Writer(self._file, chunk_size=chunk_bytes)
        self._channels: dict[str, int] = {}
        self._path, self._by_stamps, self._newest_ns = path, by_stamps, 0
        try:
            self._writer.start(profile="ros2", library="co_perception")
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        self._written = (self._file.tell(), 0)  # bytes of the file, and messages in them: chunk by chunk
        self.messages = 0
        self.problem = ""
        """Why recording stopped, such as a full disk. What was written before stays."""

    def record(
        self,
        node: Node,
        message_type: type,
        topic: str,
        also: Callable[[bytes], None] | None = None,
        qos: QoSProfile = RELIABLE,
    ) -> None:
        """Subscribes `node` to `topic`, stores its messages, and calls `also` with the serialized bytes of each.

        Raises LookupError, OSError or what rclpy raises, for a type whose definition or code is not installed here.
        """
        definition(type_name(message_type))  # or the first message would end the process

        stamp_of = stamp_reader(message_type) if self._by_stamps else None

        def arrived(data: bytes) -> None:
            at_ns = node.get_clock().now().nanoseconds
            if stamp_of is not None:
                at_ns = self._newest_ns = max(stamp_of(data), self._newest_ns)
            self.write(topic_name, message_type, data, at_ns)
            if also is not None:
                also(data)

        topic_name = node.create_subscription(message_type, topic, arrived, qos, raw=True).topic_name

    def write(self, topic: str, message_type: type, data: bytes, at_ns: int) -> None:
        """Appends one serialized message (CDR), received at `at_ns`; does nothing once there is a `problem`."""
        if self.problem:
            return
        try:
            channel = self._channels.get(topic)
            if channel is None:
                name = type_name(message_type)
                schema = self._writer.register_schema(name, "ros2msg", definition(name).encode())
                channel = self._channels[topic] = int(self._writer.register_channel(topic, "cdr", schema))
            self._writer.add_message(channel, log_time=at_ns, publish_time=at_ns, data=bytes(data))
            self._file.flush()
        except OSError as error:
            self._fail(error)
            return
        self.messages += 1
        if self._file.tell() > self._written[0]:
            self._written = (self._file.tell(), self.messages)

    def close(self) -> None:
        """Writes the index, without which some tools call the file damaged. Idempotent."""
        if self._file.closed:
            return
        try:
            self._writer.finish()
            self._file.close()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        """Closes the file after the last whole chunk; `messages` are those in it."""
        self.problem = f"{self._path} cannot be written any further: {error.strerror or error}"
        with suppress(OSError):  # closing writes what could not be written
            self._file.close()
        written_bytes, self.messages = self._written
        os.truncate(self._path, written_bytes)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def type_name(message_type: type) -> str:
    """Its name in ROS, such as "sensor_msgs/msg/Image"."""
    return f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"


def message_type_of(name: str) -> type:
    """The class of a type of messages. Raises ImportError in words where it is not installed here, or no message."""
    package, folder, kind = name.split("/")
    try:
        found: type = getattr(import_module(f"{package}.{folder}"), kind)
    except (ImportError, AttributeError) as error:
        raise ImportError(f"{package} is not installed, built and sourced here ({error})") from error
    if folder != "msg":
        raise ImportError("only types in msg folders can be recorded, not those of services and actions")
    return found


def stamp_reader(message_type: Any) -> Callable[[bytes], int] | None:
    """Gives the stamp [ns] in the header of a serialized message; None for a type without a header."""
    fields = message_type.get_fields_and_field_types()
    if fields.get("header") != "std_msgs/Header":
        return None
    if next(iter(fields)) != "header":
        return lambda data: nanoseconds(deserialize_message(data, message_type).header.stamp)

    def read(data: bytes) -> int:
        seconds, nanoseconds_more = unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)  # data[1]: the order of bytes
        return int(seconds) * NANO + int(nanoseconds_more)

    return read


@cache
def definition(name: str) -> str:
    """The definition of a message type and of every type inside it, in the MCAP schema encoding `ros2msg`.

    Raises:
        FileNotFoundError: for a type whose package does not install its .msg files.
        LookupError: for one whose package is not installed.
    """
    texts: dict[str, str] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current not in texts:
            package, folder, kind = current.split("/")
            texts[current] = (Path(get_package_share_directory(package)) / folder / f"{kind}.msg").read_text()
            fields = (_FIELD.match(line.split("#")[0]) for line in texts[current].splitlines())
            names = [field[1].split("/") for field in fields if field and field[1] not in _PRIMITIVE]
            waiting += [f"{parts[0] if len(parts) > 1 else package}/msg/{parts[-1]}" for parts in names]
    first, *others = texts.items()
    separator = "\n" + "=" * 80 + "\n"
    return separator.join([first[1], *(f"MSG: {name.replace('/msg/', '/')}\n{text}" for name, text in others)])
