"""The files of a recording, opened by rosbags: MCAP and SQLite, alone or listed by a metadata.yaml, and those of ROS 1.

What a recording has is taken from its files. Its metadata.yaml only names files, and hashes of types to compare: it is
absent, or older than the files, where a recorder was killed, and tools word the same QoS differently in both.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from co_perception.data.bags import mcap_file, metadata_file, rosbags_library, sqlite_file
from co_perception.data.pose_json import pose_json_refusal

PLUGINS = {".mcap": "mcap", ".db3": "sqlite3"}  # rosbag2's name of the storage in a file, by the file's ending
MOST_WAITING = 64 * 1024 * 1024  # bytes of messages of a file without an index, which may be recorded out of order
ROS1 = ".bag"
ENDINGS = (*PLUGINS, ROS1)
PACKED = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".zstd", ".7z", ".rar")

Read: TypeAlias = Callable[..., Iterator[tuple[Any, int, bytes]]]


class BagError(OSError):
    """A recording that cannot be read, or lacks what is asked for; the text names what it has."""


@dataclass(frozen=True, eq=False)
class RecordedFile:
    """One open file of a recording.

    Args:
        start_ns: when its first message was recorded.
        end_ns: just after its last message was recorded; 0 for an empty file.
        connections: of rosbags: topic, type, definition and number of messages.
        read: gives connection, time of recording [ns] and bytes of each message of some connections: all, or those
            recorded from one time to before another [ns].
        ros1: whether the bytes are as ROS 1 writes them.
    """

    path: Path
    start_ns: int
    end_ns: int
    connections: Sequence[Any]
    read: Read
    ros1: bool = False

    def count(self, topic: str) -> int:
        """Number of messages of a topic, as the file declares it."""
        return sum(each.msgcount for each in self.connections if each.topic == topic)


class RecordedFiles(AbstractContextManager["RecordedFiles"]):
    """All files of one recording, open.

    Args:
        path: a folder, or one file.
        note: takes what of the recording is lost, in words.

    Raises FileNotFoundError where there is nothing at `path`, BagError for what is no recording or cannot be read at
    all, and ImportError without rosbags.
    """

    def __init__(self, path: Path, note: Callable[[str], None]) -> None:
        self._path, self._note, self._stack = path, note, ExitStack()
        self.declared: list[Any] = []
        """The connections that metadata.yaml lists."""
        try:
            self.files = sorted(self._opened(), key=lambda file: (file.start_ns, _numbered(file.path.name)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes them. May be repeated."""
        self._stack.close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> list[RecordedFile]:
        """Of a folder with metadata those that it lists, and the others too."""
        files = _found(self._path)
        if files[0].suffix == ROS1:
            return [self._open_ros1(file) for file in files]
        metadata = self._path / "metadata.yaml"
        whole = all(mcap_file.is_whole(file) for file in files if file.suffix == ".mcap")
        if self._path.is_file() or not whole or not metadata.is_file() or metadata_file.is_packed(metadata):
            return [each for file in files for each in self._open(file)]
        try:
            opened = self._open(self._path)
        except BagError as error:  # of another version, cut off, or naming files that are gone
            self._note(f"{metadata.name} cannot be used, the files beside it are read: {error.__cause__}")
            return [each for file in files for each in self._open(file)]
        listed = {each.path.name for each in opened}
        for file in files:
            if file.name not in listed:
                self._note(f"{metadata.name} does not list {file.name} (is it older?), which is read all the same")
                opened += self._open(file)
        for topic in {each.topic for each in self.declared}:
            found, declared = (sum(each.count(topic) for each in opened), _count(self.declared, topic))
            if found < declared:
                self._note(f"{metadata.name} has {declared} messages of {topic}, its files have {found}")
        return opened

    def _open(self, path: Path) -> list[RecordedFile]:
        """A ROS 2 file, or those that the metadata of a folder lists."""
        rosbags = rosbags_library.rosbags2()
        try:
            if path.is_dir():
                metadata_file.check_metadata(path / "metadata.yaml")
            reader = rosbags.Reader(path if path.is_dir() else self._readable(PLUGINS[path.suffix], path))
            if path.is_dir():  # it opens each file that its metadata lists by one of these
                plugins = reader.storage.STORAGE_PLUGINS.items()
                reader.storage.STORAGE_PLUGINS = {name: partial(self._plugin, name, kind) for name, kind in plugins}
            self._stack.enter_context(reader)
            if reader.message_count and reader.start_time > reader.end_time:
                raise ValueError("it says that it ends before it begins; a folder's files may be sound by themselves")
            reader.storage.files = []  # not used here; rosbags takes them as they are, and fails to close
            if path.is_dir():
                self.declared = _with_full_types(reader.storage.connections)
            return [_ros2_file(storage) for storage in (reader.storage.storages if path.is_dir() else [reader.storage])]
        except Exception as error:  # a damaged file can fail anywhere inside rosbags
            raise BagError(f"{path} cannot be read as a ROS 2 recording: {error}") from error

    def _open_ros1(self, path: Path) -> RecordedFile:
        rosbags = rosbags_library.rosbags1()
        try:
            reader = self._stack.enter_context(rosbags.Reader(path))
            read = reader.messages
            return RecordedFile(path, reader.start_time, reader.end_time, list(reader.connections), read, ros1=True)
        except Exception as error:  # as in _open
            remedy = " (rosbag reindex mends that, in ROS 1)" if "not indexed" in str(error) else ""
            raise BagError(f"{path} cannot be read as a ROS 1 recording: {error}{remedy}") from error

    def _plugin(self, name: str, kind: Callable[[Path], Any], file: Path) -> Any:
        return kind(self._readable(name, file))

    def _readable(self, plugin: str, file: Path) -> Path:
        """The file, or a copy of all that is in it where rosbags would not find that. What is lost is noted.

        Raises ValueError for what is none of this plugin, apsw.Error for a damaged database.
        """
        if plugin == "sqlite3":
            if sqlite_file.has_journal(file):
                self._note(f"{file.name} was not closed (was its recorder killed?): its last messages may be damaged")
            if sqlite_file.has_wal(file):
                file = sqlite_file.with_wal(file, self._place(file))
            sqlite_file.check_database(file)
            if sqlite_file.has_unknown_definitions(file):
                file = sqlite_file.without_unknown_definitions(file, self._place(file))
            return file
        mcap_file.check_profile(file)
        whole = mcap_file.is_whole(file)
        if whole and mcap_file.is_indexed(file):
            return file
        copy = self._place(file)
        lost = mcap_file.salvage(file, copy)
        if not whole:
            self._note(f"{file.name} has no end (was its recorder killed?): the last {lost} bytes are lost")
        return copy

    def _place(self, file: Path) -> Path:
        """Where a copy of a file goes."""
        return Path(self._stack.enter_context(TemporaryDirectory(prefix="co_perception_"))) / file.name


def _ros2_file(storage: Any) -> RecordedFile:
    # Without an index rosbags' `messages` ends at the first message that was recorded before the one before it.
    read = storage.messages if getattr(storage, "chunks", True) else partial(_by_time, storage.messages_scan)
    metadata, connections = storage.metadata, _with_full_types(storage.connections)
    end_ns = metadata.end_time if metadata.message_count else 0
    return RecordedFile(Path(storage.path), metadata.start_time, end_ns, connections, partial(_read, read))


def _read(read: Read, wanted: Sequence[Any], *span_ns: int | None) -> Iterator[tuple[Any, int, bytes]]:
    """What `read` gives, with the connections that are asked for: rosbags gives its own ones, of other type names."""
    own = {each.id: each for each in wanted}
    for connection, log_ns, data in read(wanted, *span_ns):
        yield own[connection.id], log_ns, data


def _by_time(read: Read, wanted: Sequence[Any], *span_ns: int | None) -> Iterator[tuple[Any, int, bytes]]:
    """What `read` gives, by time of recording, as an index would give it; MOST_WAITING bytes wait for earlier ones."""
    waiting, size, failure = list[tuple[int, int, Any, bytes]](), 0, None
    try:
        for number, (connection, log_ns, data) in enumerate(read(wanted, *span_ns)):
            heapq.heappush(waiting, (log_ns, number, connection, data))
            size += len(data)
            while size > MOST_WAITING:
                first_ns, _, first, content = heapq.heappop(waiting)
                size -= len(content)
                yield first, first_ns, content
    except Exception as error:  # what was read before the damage comes first
        failure = error
    yield from (
        (connection, log_ns, data) for log_ns, _, connection, data in sorted(waiting, key=lambda each: each[:2])
    )
    if failure is not None:
        raise failure


def _with_full_types(connections: Sequence[Any]) -> list[Any]:
    """Connections with types as "std_msgs/msg/String": early recorders and some converters write std_msgs/String."""
    return [each._replace(msgtype=re.sub(r"^(\w+)/(\w+)$", r"\1/msg/\2", each.msgtype)) for each in connections]


def _found(path: Path) -> list[Path]:
    """The files of a recording, all of one ROS."""
    if not path.exists():
        raise FileNotFoundError(f"there is no recording {path}.")
    if path.is_file():
        if path.suffix in ENDINGS:
            return [path]
        if refusal := pose_json_refusal(path):
            raise BagError(refusal)
        remedy = " It is packed: unpack it, and name what comes out." if path.suffix in PACKED else ""
        raise BagError(f"{path} is no recording: those are folders, or files that end in {_WORDS}.{remedy}")
    files = sorted((file for file in path.iterdir() if file.suffix in ENDINGS), key=lambda file: _numbered(file.name))
    if not files:
        if refusal := pose_json_refusal(path):
            raise BagError(refusal)
        packed = any(file.suffix in PACKED for file in path.iterdir())
        remedy = f" There are packed ones. {metadata_file.UNPACK}" if packed else ""
        raise BagError(f"there is no {_WORDS} file in {path}.{remedy}")
    ros1, ros2 = ([file for file in files if (file.suffix == ROS1) is old] for old in (True, False))
    if len(ros1) > 1 or (ros1 and ros2):
        raise BagError(
            f"{path} holds several recordings: each ROS 1 bag is one, and so is a folder of ROS 2. Name one of "
            f"{', '.join(file.name for file in files[:5])}{' and others' if len(files) > 5 else ''} by itself, or join "
            f"the parts of a split one: rosbags-convert --src {path}/*.bag --dst NEW_FOLDER."
        )
    return files


_WORDS = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"


def _numbered(name: str) -> list[tuple[str, int]]:
    """Key that sorts names by the numbers in them: day_2 before day_10."""
    return [(text, int(number or -1)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def _count(connections: Sequence[Any], topic: str) -> int:
    return sum(each.msgcount for each in connections if each.topic == topic)


def recording_name(path: Path) -> str:
    """The name of a recording in annotations: the folder's, or the file's without its ending."""
    return path.resolve().stem if path.is_file() else path.resolve().name


def recordings_beside(path: Path) -> int:
    """How many recordings the annotations in the folder of this one may be of: 1, or the files beside it and itself."""
    return sum(file.suffix in ENDINGS for file in path.parent.iterdir()) if path.is_file() else 1


def is_recording(path: Path) -> bool:
    """Whether `path` looks like a recording: a file of one, or a folder with one."""
    return path.suffix in ENDINGS if path.is_file() else any(file.suffix in ENDINGS for file in path.glob("*"))
