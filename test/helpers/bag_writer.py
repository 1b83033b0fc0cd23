"""Writer of bags by rosbags: with or without ROS, as MCAP or SQLite, with any message definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

MESSAGES = Path(__file__).parents[2] / "msg"
SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
WARMING_UP, VALID, UNCERTAIN, STALE = range(4)  # status of an Activity


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
    frame_id: str = "eye"
    size: tuple[int, int] = (640, 480)


def frames(count: int, people: int = 1) -> list[Frame]:
    """`count` frames at 10 Hz from T0 of people p0, p1 ... who stand at x = number of the frame."""
    return [Frame(T0 + i * SECOND // 10, [Person(f"p{n}", standing(i)) for n in range(people)]) for i in range(count)]


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
    logged = {
        topic: [(f.stamp_ns if f.log_ns is None else f.log_ns, skeleton_array(f, types)) for f in found]
        for topic, found in topics.items()
    }
    return write_messages(path, logged, storage, types, packed, "co_perception/msg/SkeletonArray")


def write_messages(
    path: Path,
    topics: Mapping[str, Iterable[tuple[int, Any]]],
    storage: Literal["mcap", "sqlite3"] = "mcap",
    types: Any = None,
    packed: Literal["message", "file"] | None = None,
    kind: str | None = None,
) -> Path:
    """A rosbag2 folder with topics of (recorded at [ns], message of `types`), each in the order of that time.

    kind: the type of all topics, for those without a message.
    """
    types = types or store()
    writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3)
    if packed:
        writer.set_compression(CompressionMode[packed.upper()], CompressionFormat.ZSTD)
    named = [[(log_ns, name, message) for log_ns, message in found] for name, found in topics.items()]
    with writer:
        connections = {name: writer.add_connection(name, kind, typestore=types) for name in topics} if kind else {}
        for log_ns, name, message in merge(*named, key=lambda entry: entry[0]):
            if name not in connections:
                connections[name] = writer.add_connection(name, message.__msgtype__, typestore=types)
            writer.write(connections[name], log_ns, types.serialize_cdr(message, message.__msgtype__))
    return path


def skeleton_array(frame: Frame, types: Any) -> Any:
    """The message of one frame."""
    kinds = types.types
    keypoint = kinds["co_perception/msg/Keypoint"]
    skeletons = [
        ours(
            types, "Skeleton", subject_id=person.id, layout=person.layout, score=person.score,
            keypoints=[keypoint(*map(float, joint)) for joint in person.joints], roi=region(types),
            position=nowhere(types), camera_motion_x=0.0, camera_motion_y=0.0,
        )
        for person in frame.people
    ]  # fmt: skip
    return ours(
        types, "SkeletonArray", header=header(types, frame.stamp_ns, frame.frame_id), estimator="test",
        coordinates=frame.coordinates, image_width=frame.size[0], image_height=frame.size[1], skeletons=skeletons,
        processing_latency=kinds["builtin_interfaces/msg/Duration"](sec=0, nanosec=0), dropped_frames=0, rotate=0,
        mirrored=False,
    )  # fmt: skip


def standing(x: float, joints: int = 17, z: float = np.nan) -> NDArray[np.float32]:
    """(V, 4): joint j at (x, 10 j)."""
    rows = [(x, 10.0 * joint, z, 0.8) for joint in range(joints)]
    return np.array(rows, np.float32)


def region(types: Any) -> Any:
    """An empty sensor_msgs/RegionOfInterest."""
    return types.types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)


def nowhere(types: Any) -> Any:
    """A PersonPosition that is not known; None where `types` are those of a version without."""
    kinds = types.types
    if "co_perception/msg/PersonPosition" not in kinds:
        return None
    point, velocity = (kinds[f"geometry_msgs/msg/{name}"](x=0.0, y=0.0, z=0.0) for name in ("Point", "Vector3"))
    return kinds["co_perception/msg/PersonPosition"](
        source=0, frame_id="", point=point, covariance=np.zeros(9), distance=0.0, distance_deviation=0.0, bearing=0.0,
        facing=0.0, velocity=velocity, velocity_deviation=0.0,
    )  # fmt: skip


def header(types: Any, stamp_ns: int, frame_id: str = "eye") -> Any:
    kinds = types.types
    stamp = kinds["builtin_interfaces/msg/Time"](sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)
    return kinds["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


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


def activities(
    types: Any,
    stamp_ns: int,
    subjects: Mapping[Any, tuple[int, Mapping[str, float]]],
    classes: Sequence[str],
    delay_ns: int = 0,
    dropped: int = 0,
    top_k: int | None = None,
) -> Any:
    """An ActivityArray: of each subject, or subject and group, the status and the scores by label, best first.

    top_k: hypotheses of each, beside all `scores` in the order of `classes`; None: all hypotheses and no `scores`, as
        earlier versions have them.
    """
    kinds = types.types
    duration = kinds["builtin_interfaces/msg/Duration"]
    return kinds["co_perception/msg/ActivityArray"](
        header=header(types, stamp_ns), recognizer="net/own", label_set="own",
        observation_delay=duration(sec=delay_ns // SECOND, nanosec=delay_ns % SECOND),
        processing_latency=duration(sec=0, nanosec=20_000_000), dropped_frames=dropped, state_epoch=0,
        activities=[_activity(types, key, *said, classes, top_k) for key, said in subjects.items()],
    )  # fmt: skip


def labels(
    types: Any, stamp_ns: int, classes: Sequence[str], label_set: str = "own", groups: Sequence[str] = ()
) -> Any:
    """A LabelInfo."""
    return ours(
        types, "LabelInfo", header=header(types, stamp_ns), recognizer="net/own", label_set=label_set,
        labels=list(classes), groups=list(groups), threshold=0.0, min_progress=0.75, receptive_field=16, rate_hz=15.0,
    )  # fmt: skip


def ours(types: Any, name: str, **fields: Any) -> Any:
    """A message of ours; fields that `types` have not, of an earlier version, are left out; ids may be left out."""
    kind, given = types.types[f"co_perception/msg/{name}"], {"id": "", "onset_id": "", **fields}
    return kind(**{key: value for key, value in given.items() if key in kind.__dataclass_fields__})


def _activity(
    types: Any,
    key: str | tuple[str, str],
    status: int,
    scores: Mapping[str, float],
    classes: Sequence[str],
    top_k: int | None,
) -> Any:
    kinds = types.types
    hypothesis = kinds["co_perception/msg/ActivityHypothesis"]
    valid, best = status == VALID, next(iter(scores), "")
    subject, group = (key, "") if isinstance(key, str) else key
    every = [scores[label] for label in classes if label in scores] if top_k else []
    return ours(
        types, "Activity", subject_id=subject, group=group, scores=np.array(every, np.float32), status=status,
        label=best if valid else "", class_id=classes.index(best) if valid else -1, score=scores.get(best, 0.0),
        hypotheses=[
            hypothesis(label=label, class_id=classes.index(label), score=score)
            for label, score in [*scores.items()][:top_k]
        ],
        since=kinds["builtin_interfaces/msg/Time"](sec=0, nanosec=0), progress=0.5,
        roi=region(types), position=nowhere(types),
    )  # fmt: skip
