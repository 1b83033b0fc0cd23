"""Bags for tests, written by rosbags: with or without ROS, as MCAP or SQLite, with any definition of a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

MESSAGES = Path(__file__).parents[1] / "msg"
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Person:
    """One skeleton of a frame: joints (V, 4) of x, y, z, score."""

    id: str
    joints: NDArray[np.float32]
    layout: str = "coco17"
    score: float = 0.9


@dataclass(frozen=True)
class Frame:
    """One SkeletonArray: its stamp, who is in it, and when it was recorded (default: at its stamp)."""

    stamp_ns: int
    people: Sequence[Person]
    log_ns: int | None = None
    coordinates: int = 0


def store(changed: Mapping[str, str] | None = None) -> Any:
    """Types of this checkout; `changed` gives other texts for some of our messages."""
    types = get_typestore(Stores.LATEST)
    for file in sorted(MESSAGES.glob("*.msg")):
        text = (changed or {}).get(file.stem, file.read_text())
        types.register(get_types_from_msg(text, f"co_perception/msg/{file.stem}"))
    return types


def write_bag(
    path: Path,
    topics: Mapping[str, Iterable[Frame]],
    storage: Literal["mcap", "sqlite3"] = "mcap",
    types: Any = None,
    packed: Literal["message", "file"] | None = None,
) -> Path:
    """A rosbag2 folder with topics of skeletons. packed: what is compressed by zstd."""
    types = types or store()
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    writer = Writer(path, version=9, storage_plugin=plugin)
    if packed:
        writer.set_compression(CompressionMode[packed.upper()], CompressionFormat.ZSTD)
    with writer:
        for topic, frames in topics.items():
            kind = "co_perception/msg/SkeletonArray"
            connection = writer.add_connection(topic, kind, typestore=types)
            for frame in frames:
                data = types.serialize_cdr(skeleton_array(frame, types), kind)
                writer.write(connection, frame.stamp_ns if frame.log_ns is None else frame.log_ns, data)
    return path


def skeleton_array(frame: Frame, types: Any) -> Any:
    """The message of one frame."""
    kinds = types.types
    roi = kinds["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    keypoint = kinds["co_perception/msg/Keypoint"]
    stamp = kinds["builtin_interfaces/msg/Time"](sec=frame.stamp_ns // SECOND, nanosec=frame.stamp_ns % SECOND)
    skeletons = [
        kinds["co_perception/msg/Skeleton"](
            subject_id=person.id,
            layout=person.layout,
            score=person.score,
            keypoints=[keypoint(*map(float, joint)) for joint in person.joints],
            roi=roi,
        )
        for person in frame.people
    ]
    return kinds["co_perception/msg/SkeletonArray"](
        header=kinds["std_msgs/msg/Header"](stamp=stamp, frame_id="eye"),
        estimator="test",
        coordinates=frame.coordinates,
        image_width=640,
        image_height=480,
        skeletons=skeletons,
    )


def standing(x: float, joints: int = 17, z: float = np.nan) -> NDArray[np.float32]:
    """(V, 4): joint j at (x, 10 j)."""
    rows = [(x, 10.0 * joint, z, 0.8) for joint in range(joints)]
    return np.array(rows, np.float32)


def write_messages(
    path: Path,
    topics: Mapping[str, Iterable[tuple[int, Any]]],
    storage: Literal["mcap", "sqlite3"] = "mcap",
    types: Any = None,
) -> Path:
    """A rosbag2 folder with topics of (recorded at [ns], message of `types`), each in the order of that time."""
    types = types or store()
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    named = [_named(name, found) for name, found in topics.items()]
    connections: dict[str, Any] = {}
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for log_ns, name, message in merge(*named, key=lambda entry: entry[0]):
            kind = message.__msgtype__
            if name not in connections:
                connections[name] = writer.add_connection(name, kind, typestore=types)
            writer.write(connections[name], log_ns, types.serialize_cdr(message, kind))
    return path


def _named(name: str, found: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, str, Any]]:
    for log_ns, message in found:
        yield log_ns, name, message


def header(types: Any, stamp_ns: int) -> Any:
    kinds = types.types
    stamp = kinds["builtin_interfaces/msg/Time"](sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)
    return kinds["std_msgs/msg/Header"](stamp=stamp, frame_id="eye")


def image(types: Any, stamp_ns: int, pixels: NDArray[np.uint8], encoding: str = "rgb8", step: int | None = None) -> Any:
    """sensor_msgs/Image of pixels (H, W, C) as they lie, rows padded to `step` bytes."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, (step or rows.shape[1]) - rows.shape[1])))
    return types.types["sensor_msgs/msg/Image"](
        header=header(types, stamp_ns), height=height, width=width, encoding=encoding, is_bigendian=0,
        step=padded.shape[1], data=np.ascontiguousarray(padded).reshape(-1),
    )  # fmt: skip


def compressed(types: Any, stamp_ns: int, coded: bytes, format: str = "jpeg") -> Any:
    """sensor_msgs/CompressedImage."""
    data = np.frombuffer(coded, np.uint8)
    return types.types["sensor_msgs/msg/CompressedImage"](header=header(types, stamp_ns), format=format, data=data)
