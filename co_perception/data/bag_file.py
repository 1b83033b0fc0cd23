"""ROS 2 recordings read without ROS: rosbag2 folders, and .mcap or .db3 files alone. rosbags is imported here only.

Messages are decoded by the definitions that the recording carries (MCAP always does), so a bag outlives changes of a
message. A .db3 of an older ROS carries none: then the common messages and ours are taken as they are today.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType, TracebackType
from typing import Any

from co_perception.data.bag_checks import (
    UNPACK,
    bound_chunks,
    bound_messages,
    bound_rows,
    check_database,
    check_definitions,
    check_metadata,
    idl_parts,
    is_packed,
)
from co_perception.data.mcap_salvage import is_whole, salvage
from co_perception.data.skeleton_messages import nanoseconds

SKELETONS = ("co_perception/msg/SkeletonArray",)
IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
ENDINGS = (".mcap", ".db3")


class BagError(OSError):
    """A recording that cannot be read, or lacks what is asked for; says what it has."""


@dataclass(frozen=True, eq=False)
class Stamped:
    """One message, decoded: its own stamp, and when it was recorded, both in nanoseconds."""

    stamp_ns: int
    log_ns: int
    message: Any


class Bag:
    """One open recording.

    Args:
        path: a rosbag2 folder, a folder with .mcap or .db3 files, or one such file.

    `damage` says what of the recording is lost, empty where nothing is; it grows while messages are read.

    Raises: FileNotFoundError; BagError for what is no recording, or cannot be read at all; ImportError without rosbags.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.damage: list[str] = []
        self._stack = ExitStack()
        try:
            self._readers = [self._open(part) for part in _parts(self.path)]
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What annotations call it, see `recording_name`."""
        return recording_name(self.path)

    @property
    def start_ns(self) -> int:
        """When its first message was recorded; 0 for an empty one."""
        starts = [reader.start_time for reader in self._readers if reader.message_count]
        return min(starts, default=0)

    @property
    def end_ns(self) -> int:
        """Just after its last message was recorded; 0 for an empty one."""
        return max((reader.end_time for reader in self._readers if reader.message_count), default=0)

    @property
    def topics(self) -> dict[str, str]:
        """The type of each topic that has messages, as "sensor_msgs/msg/Image"."""
        found = (connection for reader in self._readers for connection in reader.connections)
        return {connection.topic: connection.msgtype for connection in found if connection.msgcount}

    def topic(self, kinds: tuple[str, ...], wanted: str | None = None) -> str:
        """`wanted`, or the one topic of these message types.

        Raises: BagError that lists the topics there are, where it is missing or there are several.
        """
        fitting = [name for name, kind in self.topics.items() if kind in kinds and wanted in (None, name)]
        if len(fitting) == 1:
            return fitting[0]
        there = ", ".join(f"{name} ({kind})" for name, kind in sorted(self.topics.items())) or "none"
        if fitting:
            raise BagError(f"{self.path} has several topics of {kinds[0]}: {', '.join(fitting)}. Name one of them.")
        what = f"no topic {wanted} of" if wanted else "no topic of"
        raise BagError(f"{self.path} has {what} {' or '.join(kinds)}; its topics: {there}.")

    def count(self, topic: str) -> int:
        """Messages of one topic, as far as the recording says."""
        found = (connection for reader in self._readers for connection in reader.connections)
        return sum(connection.msgcount for connection in found if connection.topic == topic)

    def origin_ns(self, topic: str) -> int:
        """The stamp at which the recording starts, by the clock that stamps `topic`.

        That may be another one than the recorder's: what counts is how long after the start a message came.
        """
        first = next(self.messages(topic), None)
        return self.start_ns if first is None else first.stamp_ns - (first.log_ns - self.start_ns)

    def messages(self, topic: str, depth: int = 16) -> Iterator[Stamped]:
        """The messages of one topic by their header's stamp, as rosbags decodes them: fields as attributes. Messages
        without a header are stamped with when they were recorded.

        Args:
            topic: its full name.
            depth: a message that was recorded at most so many messages too late is put back into its place. One that
                comes later still is left out, and `damage` says how many were.

        Where the recording is damaged, everything before that place is given, and `damage` says where it was.
        """
        waiting: list[tuple[int, int, Stamped]] = []
        given_ns, late = -1, 0
        for number, found in enumerate(self._decoded(topic)):
            heapq.heappush(waiting, (found.stamp_ns, number, found))
            if len(waiting) > depth:
                stamp_ns, _, first = heapq.heappop(waiting)
                late += stamp_ns < given_ns
                if stamp_ns >= given_ns:
                    given_ns = stamp_ns
                    yield first
        yield from (entry[2] for entry in sorted(waiting, key=lambda entry: entry[:2]) if entry[0] >= given_ns)
        late += sum(entry[0] < given_ns for entry in waiting)
        if late:
            self._note(f"{late} messages of {topic} are stamped before others that were recorded long before")

    def close(self) -> None:
        """Lets go of its files. May be repeated."""
        self._stack.close()

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _note(self, damage: str) -> None:
        if damage not in self.damage:
            self.damage.append(damage)

    def _open(self, part: Path) -> Any:
        if part.suffix == ".mcap" and not is_whole(part):
            part = self._salvaged(part)
        rosbags = _rosbags()
        try:
            _check(part)
            reader = self._stack.enter_context(rosbags.Reader(part))
            if reader.message_count and reader.start_time > reader.end_time:
                raise ValueError("it says that it ends before it begins; a folder's files may be sound by themselves")
            reader.storage.files = []  # nobody asks for them; rosbags takes them as they are, and fails to close
            return reader
        except Exception as error:  # a damaged file can fail anywhere inside rosbags
            raise BagError(f"{part} cannot be read as a ROS 2 recording: {error}") from error

    def _salvaged(self, part: Path) -> Path:
        copy = Path(self._stack.enter_context(TemporaryDirectory(prefix="co_perception_"))) / part.name
        try:
            lost = salvage(part, copy)
        except ValueError as error:
            raise BagError(str(error)) from error
        self._note(f"{part.name} has no end (was its recorder killed?): the last {lost} bytes are lost")
        return copy

    def _decoded(self, topic: str) -> Iterator[Stamped]:
        count = 0
        try:
            for reader in self._readers:
                wanted = [connection for connection in reader.connections if connection.topic == topic]
                types: Any = _types_of(wanted) if wanted else None
                for connection, log_ns, data in reader.messages(wanted) if wanted else ():
                    message = types.deserialize_cdr(data, connection.msgtype)
                    header = getattr(message, "header", None)
                    yield Stamped(nanoseconds(header.stamp) if header else log_ns, log_ns, message)
                    count += 1
        except Exception as error:  # as in _open
            self._note(f"damaged after {count} messages of {topic}, the rest is lost: {error}")


def recording_name(path: Path) -> str:
    """What annotations call a recording: the folder's name, or the file's without its ending."""
    return path.resolve().stem if path.is_file() else path.resolve().name


def is_recording(path: Path) -> bool:
    """Whether `path` looks like a ROS 2 recording: a .mcap or .db3 file, or a folder with one."""
    return path.suffix in ENDINGS if path.is_file() else any(file.suffix in ENDINGS for file in path.glob("*"))


def _parts(path: Path) -> list[Path]:
    """What is opened for `path`: the folder itself where it has its metadata, else the files in it."""
    if not path.exists():
        raise FileNotFoundError(f"there is no recording {path}.")
    if path.is_file() and path.suffix not in ENDINGS:
        raise BagError(f"{path} is no ROS 2 recording: those are folders, or files that end in {' or '.join(ENDINGS)}.")
    if path.is_file():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in ENDINGS)
    if not files:
        packed = f" There are packed ones. {UNPACK}" if any(path.glob("*.zstd")) else ""
        raise BagError(f"there is no {' or '.join(ENDINGS)} file in {path}.{packed}")
    metadata = path / "metadata.yaml"
    whole = all(is_whole(file) for file in files if file.suffix == ".mcap")
    return [path] if whole and metadata.is_file() and not is_packed(metadata) else files


def _check(part: Path) -> None:
    """Raises ValueError for files that would have rosbags work without end."""
    if part.is_dir():
        check_metadata(part / "metadata.yaml")
    for file in part.iterdir() if part.is_dir() else [part]:
        if file.suffix == ".db3":
            check_database(file)


def _rosbags() -> ModuleType:
    try:
        import rosbags.rosbag2
        import rosbags.rosbag2.reader
        import rosbags.rosbag2.storage_mcap
    except ImportError as error:
        raise ImportError(
            f"reading recordings needs rosbags, which is not installed: pip install 'co_perception[ros]'. ({error})"
        ) from error
    bound_chunks(rosbags.rosbag2.storage_mcap)
    bound_messages(rosbags.rosbag2.reader)
    bound_rows()
    return rosbags.rosbag2


def _types_of(connections: Sequence[Any]) -> Any:
    """The types of a topic: by the definition in the recording, or, without one, the common messages and ours.

    Raises: ValueError for definitions that ask for more than any message of ours; rosbags' errors for what are none."""
    from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

    told = [each for each in connections if each.msgdef.data]
    store = get_typestore(Stores.EMPTY if told else Stores.LATEST)
    if not told:
        for file in _message_files():
            store.register(get_types_from_msg(file.read_text(), f"co_perception/msg/{file.stem}"))
    for text, kind, is_msg in {(each.msgdef.data, each.msgtype, each.msgdef.format.name == "MSG") for each in told}:
        check_definitions(text)
        for part in [text] if is_msg else idl_parts(text):
            store.register(get_types_from_msg(part, kind) if is_msg else get_types_from_idl(part))
    for kind, digest in {(each.msgtype, each.digest) for each in told if each.digest}:
        if (own := store.hash_rihs01(kind)) != digest:
            raise ValueError(f"{kind}: hash mismatch, the definition has {own}, the messages are of {digest}")
    return store


def _message_files() -> list[Path]:
    """Our .msg files: of this checkout, of the workspace this file is installed in, or of a sourced one."""
    here = Path(__file__).resolve()
    prefixes = [*here.parents, *map(Path, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))]
    for folder in [here.parents[2] / "msg", *(prefix / "share/co_perception/msg" for prefix in prefixes)]:
        if files := sorted(folder.glob("Skeleton*.msg")):
            return sorted(files[0].parent.glob("*.msg"))
    return []
