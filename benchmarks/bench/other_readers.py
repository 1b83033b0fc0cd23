"""What readers of others give of a file: OpenCV, PyAV, SQLite, mcap, Python's XML, JSON and pickle, two small parsers.

Each gives a `Content`. None of them shares code with the package's readers, but for FFmpeg's decoders.
"""

from __future__ import annotations

import bz2
import contextlib
import json
import pickle
import re
import sqlite3
import struct
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

THUMBNAIL = 32  # pixels of a side
CLOCK = re.compile(r"(?:(\d{2,}):)?(\d\d):(\d\d)\.(\d{3})")
NTU_BODY, NTU_JOINT = 10, 12  # numbers in a line
LEAST_SHARE = 0.1  # of the best score of a person, from which on a joint was found


@dataclass(frozen=True, eq=False)
class Content:
    """What a reader gives of a file.

    Args:
        parts: by name: a list, of which every entry counts, or an array of numbers.
        told: what the reader says is wrong or missing; empty where it says nothing.
    """

    parts: Mapping[str, Any] = field(default_factory=dict)
    told: str = ""


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(32, 32, 3) of an RGB picture of any size."""
    import cv2

    small = cv2.resize(np.ascontiguousarray(pixels), (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def by_pyav(path: Path) -> Content:
    """Presentation times of a video [s, since the first one shown], as FFmpeg's libraries decode it."""
    import av

    times, told = list[float](), ""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            for frame in container.decode(video=0):
                times += [] if frame.time is None else [frame.time]
    except (av.FFmpegError, IndexError) as error:
        told = str(error)
    parts: dict[str, Any] = {"pictures": [len(times)]} if times else {}
    shown = np.unique(times)
    if len(shown) == len(times) > 0:  # times that are there twice tell nothing
        parts["times [s]"] = shown - shown[0]
    return Content(parts, told)


def by_opencv(path: Path) -> Content:
    """Number, shape and first and last picture of a video, turned by OpenCV; pixels that are not square made so.

    OpenCV does not mirror: a mirrored picture of an MP4 file is turned here by the first display matrix in its bytes.
    """
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    matrix = _mirror(path)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, float(matrix is None))
    count, first, last = 0, None, None
    while (read := capture.read())[0]:
        count, last = count + 1, read[1]
        first = last if first is None else first
    if first is None or last is None:
        return Content(told="no picture")
    if matrix is not None:
        first, last = placed(first, matrix), placed(last, matrix)
    aspect = capture.get(cv2.CAP_PROP_SAR_NUM) / (capture.get(cv2.CAP_PROP_SAR_DEN) or 1) or 1.0
    if capture.get(cv2.CAP_PROP_ORIENTATION_META) % 180:
        aspect = 1 / aspect
    height, width = first.shape[:2]
    pictures = {name: thumbnail(picture[..., ::-1]) for name, picture in (("first", first), ("last", last))}
    return Content({"pictures": [count], "width / height": np.array([width * aspect / height])} | pictures)


def _mirror(path: Path) -> tuple[int, ...] | None:
    """a, b, c, d of the first display matrix of an MP4 file (ISO/IEC 14496-12, tkhd); None where it mirrors nothing."""
    content = path.read_bytes()
    for found in re.finditer(b"tkhd", content):
        start = found.end() + (52 if content[found.end()] else 40)
        if len(content) >= start + 36:
            a, b, _, c, d = struct.unpack_from(">5i", content, start)
            if a * d - b * c < 0:
                return tuple(np.sign((a, b, c, d)))
    return None


def placed(picture: NDArray[np.uint8], matrix: tuple[int, ...]) -> NDArray[np.uint8]:
    """Each stored pixel (p, q) at (a p + c q, b p + d q)."""
    a, b, c, d = matrix
    q, p = np.indices(picture.shape[:2])
    x, y = a * p + c * q, b * p + d * q
    shown = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1, 3), np.uint8)
    shown[y - y.min(), x - x.min()] = picture
    return shown


def by_storage(path: Path) -> Content:
    """Each topic of a recording: when its messages were recorded, and the stamps their first bytes may be [ns]."""
    files = sorted(path.glob("*")) if path.is_dir() else [path]
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    try:
        for file in files:
            for topic, log_ns, data in STORAGES.get(file.suffix, _nothing)(file):
                found[topic].append((log_ns, _stamp_ns(data, ros1=file.suffix == ".bag")))
    except Exception as error:  # of another library, for a damaged file
        return Content(told=str(error) or type(error).__name__)
    parts = dict[str, Any]()
    for topic, messages in found.items():
        messages.sort(key=lambda each: each[0])
        parts |= {f"{topic} recorded": [log for log, _ in messages], f"{topic} stamped": [at for _, at in messages]}
    return Content(parts)


Stored: TypeAlias = Iterator[tuple[str, int, bytes]]  # topic, recorded at [ns], message


def _nothing(file: Path) -> Stored:
    yield from ()


def _database(file: Path) -> Stored:
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        yield from database.execute(
            "SELECT topics.name, timestamp, data FROM messages JOIN topics ON topics.id = messages.topic_id"
        )


def _mcap(file: Path) -> Stored:
    from mcap.reader import NonSeekingReader

    with file.open("rb") as stream:
        for _, channel, message in NonSeekingReader(stream).iter_messages():
            yield channel.topic, message.log_time, message.data


def _bag(file: Path) -> Stored:
    """ROS 1, format 2.0 (wiki.ros.org/Bags/Format/2.0)."""
    content = file.read_bytes()
    magic, _, rest = content.partition(b"\n")
    if magic != b"#ROSBAG V2.0":
        raise ValueError(f"it begins with {magic[:20]!r}")
    (first, _), topics = next(_records(rest)), dict[bytes, str]()
    (end,) = struct.unpack("<Q", first[b"index_pos"])
    for header, data in _records(content[len(magic) + 1 : end]):
        chunk = UNPACK[header[b"compression"]](data) if header.get(b"op") == b"\5" else b""
        for inner, message in _records(chunk):
            if inner[b"op"] == b"\7":
                topics[inner[b"conn"]] = inner[b"topic"].decode()
            elif inner[b"op"] == b"\2":
                seconds, nanoseconds = struct.unpack("<II", inner[b"time"])
                yield topics[inner[b"conn"]], seconds * 10**9 + nanoseconds, message


def _records(content: bytes) -> Iterator[tuple[dict[bytes, bytes], bytes]]:
    """The fields and the data of each record of a ROS 1 bag."""
    at = 0
    while at + 8 <= len(content):
        head, at = _sized(content, at)
        data, at = _sized(content, at)
        fields, place = dict[bytes, bytes](), 0
        while place < len(head):
            field, place = _sized(head, place)
            name, _, value = field.partition(b"=")
            fields[name] = value
        yield fields, data


def _sized(content: bytes, at: int) -> tuple[bytes, int]:
    """The bytes whose number stands before them, and where they end."""
    (size,) = struct.unpack_from("<I", content, at)
    return content[at + 4 : at + 4 + size], at + 4 + size


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    return bytes(lz4.frame.decompress(data))


UNPACK: dict[bytes, Callable[[bytes], bytes]] = {b"none": bytes, b"bz2": bz2.decompress, b"lz4": _lz4}
STORAGES: dict[str, Callable[[Path], Stored]] = {".db3": _database, ".mcap": _mcap, ".bag": _bag}


def _stamp_ns(data: bytes, ros1: bool) -> int:
    """The two numbers behind the head of a message in CDR, packed or not, or behind the number of one of ROS 1."""
    if data.startswith(b"\x28\xb5\x2f\xfd"):  # rosbag2's compression mode "message"
        import zstandard

        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    order = "<iI" if data[1:2] == b"\1" or ros1 else ">iI"
    seconds, nanoseconds = struct.unpack_from(order, data, 4) if len(data) >= 12 else (0, 0)
    return int(seconds * 10**9 + nanoseconds)


def by_lines(path: Path) -> Content:
    """Sums of x, y and z over all tracked joints of each frame of an NTU file, read line by line."""
    lines = iter(path.read_text().split("\n"))
    try:
        sums = [_ntu_frame(lines) for _ in range(int(next(lines)))]
    except (ValueError, StopIteration) as error:
        return Content(told=f"{type(error).__name__} {error}")
    return Content({"frames": [len(sums)], "joints": np.array(sums)})


def _ntu_frame(lines: Iterator[str]) -> NDArray[np.float64]:
    found = np.zeros(3)
    for _ in range(int(next(lines))):
        if len(next(lines).split()) != NTU_BODY:
            raise ValueError("a body begins with ten numbers")
        for _ in range(int(next(lines))):
            numbers = [float(word) for word in next(lines).split()]
            if len(numbers) != NTU_JOINT:
                raise ValueError("a joint has twelve numbers")
            found += np.array(numbers[:3]) * bool(numbers[-1])
    return found


def by_json(path: Path) -> Content:
    """Sums of x, y and score over all joints of each frame of a Kinetics-Skeleton file."""
    try:
        content = json.loads(path.read_text())
        numbers = {frame["frame_index"]: sum(map(_person, frame["skeleton"]), np.zeros(3)) for frame in content["data"]}
    except (ValueError, KeyError, TypeError) as error:
        return Content(told=f"{type(error).__name__} {error}")
    frames = range(min(numbers), max(numbers) + 1)
    return Content({"frames": [len(frames)], "joints": np.array([numbers.get(n, np.zeros(3)) for n in frames])})


def _person(entry: Mapping[str, Any]) -> NDArray[np.float64]:
    return _found([entry["pose"][0::2], entry["pose"][1::2], entry["score"]]).sum(1)


def _found(values: Any) -> NDArray[np.float64]:
    """(3, n) the joints of a person that were found, by the rule of docs/skeletons.md for scores that are shares."""
    joints = np.array(values, float)
    joints = joints[:, joints[:2].any(0)]
    return joints[:, (joints[2] > 0) & (joints[2] >= LEAST_SHARE * joints[2].max(initial=0))]


def by_openpose(path: Path) -> Content:
    """Sums of x, y and score over all joints of the one frame of an OpenPose file."""
    try:
        people = [np.reshape(each["pose_keypoints_2d"], (-1, 3)).T for each in json.loads(path.read_text())["people"]]
    except (ValueError, KeyError, TypeError) as error:
        return Content(told=f"{type(error).__name__} {error}")
    return Content({"frames": [1], "joints": np.array([sum((_found(each).sum(1) for each in people), np.zeros(3))])})


def by_coco(path: Path) -> Content:
    """Sums of x and y over all people of each image of COCO's results, or of its annotations of people."""
    try:
        content = json.loads(path.read_text())
        entries = content if isinstance(content, list) else content["annotations"]
        best, sums = 1 if isinstance(content, list) else 2, defaultdict[Any, NDArray[np.float64]](lambda: np.zeros(2))
        for entry in entries:
            joints = np.reshape(entry["keypoints"], (-1, 3)).T / [[1], [1], [best]]
            sums[entry["image_id"]] += _found(joints)[:2].sum(1)
    except (ValueError, KeyError, TypeError) as error:
        return Content(told=f"{type(error).__name__} {error}")
    shown = np.array([sums[key] for key in sorted(sums) if sums[key].any()])
    return Content({"people's joints": shown})


class _Arrays(pickle.Unpickler):
    """Pickles of NumPy arrays alone."""

    def find_class(self, module: str, name: str) -> Any:
        """What NumPy's arrays are made of; any other name is an error."""
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it needs {module}.{name}")


def by_pickle(path: Path) -> Content:
    """Sums of x and y over all joints that were found of each clip of a PYSKL pickle."""
    try:
        with path.open("rb") as file:
            content = _Arrays(file).load()
        clips = content["annotations"] if isinstance(content, dict) else content
        sums = []
        for clip in clips:
            places, total = np.asarray(clip["keypoint"], float), np.zeros(2)
            scores = np.asarray(clip.get("keypoint_score", np.ones(places.shape[:3])), float)
            for person, score in zip(
                places.reshape(-1, *places.shape[2:]), scores.reshape(-1, places.shape[2]), strict=True
            ):
                total += _found([*person[:, :2].T, score])[:2].sum(1)
            sums.append(total)
    except Exception as error:  # of a file of others
        return Content(told=f"{type(error).__name__} {error}")
    return Content({"clips": [len(sums)], "joints": np.array(sums)})


def by_element_tree(path: Path) -> Content:
    """(start, end [ms], text) of each annotation of an ELAN file's tiers without a parent."""
    try:
        root = ElementTree.parse(path).getroot()
        slots = {each.get("TIME_SLOT_ID"): int(each.get("TIME_VALUE", -1)) for each in root.iter("TIME_SLOT")}
        found = [
            (slots[each.get("TIME_SLOT_REF1")], slots[each.get("TIME_SLOT_REF2")], each.findtext("ANNOTATION_VALUE"))
            for tier in root.iter("TIER")
            if "PARENT_REF" not in tier.attrib
            for each in tier.iter("ALIGNABLE_ANNOTATION")
        ]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        return Content(told=f"{type(error).__name__} {error}")
    return Content({"intervals": sorted((start, end, " ".join((text or "").split())) for start, end, text in found)})


def by_cues(path: Path) -> Content:
    """(start, end [ms], text) of each line of each cue of a WebVTT file, by W3C's forgiving parser in short.

    A cue is a line with an arrow and all lines from there to an empty line or another arrow.
    """
    lines = re.split("\r\n|\n|\r", path.read_text("utf-8-sig", errors="replace"))
    if not re.match(r"WEBVTT([ \t]|$)", lines[0]):
        return Content(told="no WEBVTT in its first line")
    found, times, texts = list[tuple[int, int, str]](), None, list[str]()
    for line in [*lines[1:], ""]:
        if not line or "-->" in line:
            found += [(*times, text) for text in texts or [""]] if times else []
            times, texts = _times(line) if line else None, []
        elif times:
            texts.append(" ".join(unescape(re.sub(r"<[^>]*>", "", line)).split()))
    return Content({"intervals": sorted(found)})


def _times(line: str) -> tuple[int, int] | None:
    start, end = (CLOCK.match(part.strip(" \t")) for part in line.split("-->", 1))
    if start is None or end is None:
        return None
    first, last = (int(t[1] or 0) * 3600_000 + int(t[2]) * 60_000 + int(t[3]) * 1000 + int(t[4]) for t in (start, end))
    return first, last


OTHERS: dict[str, Iterable[Callable[[Path], Content]]] = {
    "video": (by_pyav, by_opencv),
    "recording": (by_storage,),
    "NTU skeleton": (by_lines,),
    "Kinetics skeleton": (by_json,),
    "OpenPose": (by_openpose,),
    "COCO keypoints": (by_coco,),
    "PYSKL": (by_pickle,),
    "ELAN": (by_element_tree,),
    "WebVTT": (by_cues,),
}
