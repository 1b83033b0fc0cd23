"""Records topics into one MCAP file that any ROS 2 tool reads. Messages are stored as they came, byte for byte."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from ament_index_python.packages import get_package_share_directory
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

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
        chunk_bytes: so much is gathered before it is compressed and written, and so much a killed process loses.

    Raises: ImportError that names the extra where the mcap package is missing.
    """

    def __init__(self, path: Path | str, chunk_bytes: int = 1 << 20) -> None:
        try:
            from mcap.writer import Writer
        except ImportError as error:
            raise ImportError(f"recording needs mcap: pip install 'co_perception[ros]'. ({error})") from error
        self._file = open(path, "wb")  # noqa: SIM115 - closed by close()
        self._writer = Writer(self._file, chunk_size=chunk_bytes)
        self._writer.start(profile="ros2", library="co_perception")
        self._channels: dict[str, int] = {}
        self._path = path
        self._file.flush()
        self._written = (self._file.tell(), 0)  # bytes of the file, and messages in them: chunk by chunk
        self.messages = 0
        self.problem = ""
        """Why no more is recorded: the disk is full, say. What was written before is kept."""

    def record(
        self,
        node: Node,
        message_type: type,
        topic: str,
        also: Callable[[bytes], None] | None = None,
        qos: QoSProfile = RELIABLE,
    ) -> None:
        """Subscribes `node` to `topic` and stores what arrives; `also` is called with the bytes of each message."""

        def arrived(data: bytes) -> None:
            self.write(topic_name, message_type, data, node.get_clock().now().nanoseconds)
            if also is not None:
                also(data)

        topic_name = node.create_subscription(message_type, topic, arrived, qos, raw=True).topic_name

    def write(self, topic: str, message_type: type, data: bytes, at_ns: int) -> None:
        """Appends one serialised message (CDR), received at `at_ns`; nothing once there is a `problem`."""
        if self.problem:
            return
        try:
            channel = self._channels.get(topic)
            if channel is None:
                channel = self._channels[topic] = self._begin(topic, full_name(message_type))
            self._writer.add_message(channel, log_time=at_ns, publish_time=at_ns, data=bytes(data))
            self._file.flush()
        except OSError as error:
            self._give_up(error)
            return
        self.messages += 1
        if self._file.tell() > self._written[0]:
            self._written = (self._file.tell(), self.messages)

    def close(self) -> None:
        """Writes the index; without it some tools call the file damaged. May be repeated."""
        if self._file.closed:
            return
        try:
            self._writer.finish()
            self._file.close()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Closes the file after the last whole chunk; `messages` are those in it."""
        self.problem = f"{self._path} cannot be written any further: {error.strerror or error}"
        with suppress(OSError):  # tries to write once more what it has just failed to write
            self._file.close()
        written_bytes, self.messages = self._written
        os.truncate(self._path, written_bytes)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _begin(self, topic: str, name: str) -> int:
        schema = self._writer.register_schema(name, "ros2msg", definition(name).encode())
        return int(self._writer.register_channel(topic, "cdr", schema))


def full_name(message_type: Any) -> str:
    """ "co_perception/msg/Activity" for that class."""
    return f"{message_type.__module__.split('.')[0]}/msg/{message_type.__name__}"


def definition(name: str) -> str:
    """The text of a message type and of every type inside it, in the form MCAP calls `ros2msg`.

    Raises: FileNotFoundError for a type whose package does not install its .msg files.
    """
    texts: dict[str, str] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop(0)
        if current not in texts:
            texts[current] = _source(current)
            waiting += _inner(texts[current], current.split("/")[0])
    first, *others = texts.items()
    separator = "\n" + "=" * 80 + "\n"
    return separator.join([first[1], *(f"MSG: {package_and_type(inner)}\n{text}" for inner, text in others)])


def package_and_type(name: str) -> str:
    """ "std_msgs/Header" for "std_msgs/msg/Header"."""
    package, _, kind = name.split("/")
    return f"{package}/{kind}"


def _source(name: str) -> str:
    package, folder, kind = name.split("/")
    return (Path(get_package_share_directory(package)) / folder / f"{kind}.msg").read_text()


def _inner(text: str, package: str) -> list[str]:
    """Full names of the message types used as fields, in order of appearance."""
    names = []
    for line in text.splitlines():
        found = _FIELD.match(line.split("#")[0])
        if found is None or found[1] in _PRIMITIVE:
            continue
        parts = found[1].split("/")
        names.append(f"{parts[0] if len(parts) > 1 else package}/msg/{parts[-1]}")
    return names
