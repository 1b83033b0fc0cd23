"""One recording as the studio shows it: who is in sight when, their joints by stamp, and its annotations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.bags.bag_file import SKELETONS, Bag
from co_perception.data.bags.labeled_bags import annotation_file_beside, check_origins
from co_perception.data.bags.pose_streams import read_frames
from co_perception.data.bags.recorded_file import recordings_beside
from co_perception.data.parsing import parse_errors
from co_perception.engine.coordinates import PIXELS, to_picture
from co_perception.engine.stage_counts import StageCounts
from co_perception.engine.time import NANO
from co_perception.skeletons.layouts import LAYOUTS
from co_perception.studio.recorded_pictures import RecordedPictures, picture_topic

GAP_NS = NANO  # between poses of one person, from which on the person is out of sight
MOST_FRAMES = 2000  # of one person in an answer
IN_VIEW, MARGIN = (0.1, 99.9), 0.03  # percentiles of the places of joints; of the longer side, around these
MOST_INTERVALS, MOST_LETTERS = 100_000, 1000


@dataclass(frozen=True)
class Proposal:
    """What a model takes an interval for, and its mean probability there."""

    interval: Interval
    share: float


class ConflictError(ValueError):
    """The annotations were changed elsewhere since they were read."""


@dataclass(frozen=True, eq=False)
class PersonTrack:
    """All poses of one person.

    Args:
        id: of the tracker; empty where poses carry none.
        stamps_ns: (n,) rising.
        joints: (n, V, 3) x, y in a picture and whether it was found.
        layout: of the joints.
    """

    id: str
    stamps_ns: NDArray[np.int64]
    joints: NDArray[np.float32]
    layout: str

    def spans(self, begin_ns: int) -> list[list[int]]:
        """Begin and end of each time in sight [ns since `begin_ns`]."""
        cuts = np.flatnonzero(np.diff(self.stamps_ns) > GAP_NS) + 1
        return [[int(part[0] - begin_ns), int(part[-1] - begin_ns)] for part in np.split(self.stamps_ns, cuts)]


@dataclass(frozen=True)
class TimedPicture:
    """A picture as JPEG, and its time [ns since the recording's `begin_ns`]."""

    time: int
    jpeg: bytes


class AnnotatedRecording:
    """A recording with skeletons, and the annotations beside it. Safe to use from several threads.

    Args:
        path: of the recording.
        topic: of the skeletons, where there are several.
        proposals: what a model says, in stamps.
        pictures: topic of the pictures, where there are several.
        on_read: takes the number of messages that were read, and of all, now and then.

    Raises:
        FileNotFoundError, BagError: as `Bag`; for one without skeletons.
        ValueError: for one in which nobody is found, whose clock was set back, or whose annotations are damaged; for
            pictures that it does not have.
    """

    def __init__(
        self,
        path: Path,
        topic: str | None = None,
        proposals: Sequence[Proposal] = (),
        pictures: str | None = None,
        on_read: Callable[[int, int], object] = lambda done, total: None,
    ) -> None:
        self.path, self._lock, self._proposals = path, Lock(), tuple(proposals)
        with Bag(path) as bag:
            self.name, topic = bag.name, bag.topic(SKELETONS, topic)
            frames = read_frames(bag, topic, StageCounts(), still=False, on_read=on_read)
            self._clock = bag.clock(topic)
            self._size = _picture_size(bag, topic)
            shown = picture_topic(bag.topics, pictures)
            self.damage = tuple(bag.damage)
        self._pictures = RecordedPictures(path, shown, self._clock) if shown is not None else None
        if len({part for part, _ in frames}) > 1:
            raise ValueError(f"the clock of {path} was set back: a stamp stands for two times in it. Cut it there.")
        self._in_pixels = all(pose.coordinates == PIXELS for poses in frames.values() for _, pose in poses[:1])
        self.people = [_track(id, poses) for (_, id), poses in sorted(frames.items()) if poses]
        if not self.people:
            raise ValueError(f"nobody is found in {path}: see `co-perception doctor {path}`")
        self.begin_ns = int(min(person.stamps_ns[0] for person in self.people))
        self.end_ns = int(max(person.stamps_ns[-1] for person in self.people)) + 1
        found = np.concatenate([person.joints[person.joints[..., 2] > 0][:, :2] for person in self.people])
        self._low, high = np.percentile(found, IN_VIEW, axis=0)  # a hand that is raised now and then is in view
        margin = MARGIN * (high - self._low).max()
        self._low, high = self._low - margin, high + margin
        self._span = float(max((high - self._low).max(), 1e-6))
        self.height = float((high - self._low)[1]) / self._span
        """Of all places of joints, as a share of the longer side of the box around them."""
        folder = path if path.is_dir() else path.parent
        self.file = annotation_file_beside(path) or folder / "annotations.csv"
        self._beside = recordings_beside(path)  # whose annotations are in the same file
        self.intervals()  # or what is wrong with the file would be found by whoever opens the page

    def intervals(self) -> list[Interval]:
        """The annotations, in stamps. Raises: ValueError for a damaged file."""
        own, _ = self._read()
        return self._clock.stamped(own)

    @property
    def origin_ns(self) -> int:
        """Stamp at which the recording starts, from which seconds count."""
        return self._clock.origin_ns

    @property
    def version(self) -> str:
        """Digest of the file of annotations; empty where there is none."""
        return blake2b(self.file.read_bytes(), digest_size=8).hexdigest() if self.file.is_file() else ""

    def overview(self) -> dict[str, Any]:
        """All but the joints, as JSON; times are nanoseconds since `begin_ns`, which is a text."""
        people = [{"id": person.id, "spans": person.spans(self.begin_ns)} for person in self.people]
        version = self.version  # before the annotations: what is written in between is told as a conflict
        found = self.intervals()
        return {
            "name": self.name,
            "begin_ns": str(self.begin_ns),
            "duration": self.end_ns - self.begin_ns,
            "height": self.height,
            "picture": self._picture_box(),
            "people": people,
            "damage": list(self.damage),
            "version": version,
            "intervals": [self._to_json(each) for each in found],
            "proposals": [{**self._to_json(each.interval), "share": round(each.share, 3)} for each in self._proposals],
        }

    def frames(self, begin: int, end: int) -> list[dict[str, Any]]:
        """Each person's joints between two times [ns since `begin_ns`], at most `MOST_FRAMES`, as JSON."""
        found = []
        for person in self.people:
            first, last = np.searchsorted(person.stamps_ns, [begin + self.begin_ns, end + self.begin_ns])
            part = slice(int(first), min(int(last), int(first) + MOST_FRAMES))
            if part.start < part.stop:
                stamps = (person.stamps_ns[part] - self.begin_ns).tolist()
                joints = self._scaled(person.joints[part]).reshape(part.stop - part.start, -1).tolist()
                links = [list(link) for link in LAYOUTS[person.layout].links]
                found.append({"id": person.id, "links": links, "stamps": stamps, "joints": joints})
        return found

    def picture(self, time: int) -> TimedPicture:
        """The newest picture at a time [ns since `begin_ns`]. Raises as `RecordedPictures.at`."""
        if self._pictures is None:
            raise LookupError(f"there are no pictures in {self.path}")
        found = self._pictures.at(time + self.begin_ns)
        return TimedPicture(found.stamp_ns - self.begin_ns, found.jpeg)

    def replace_intervals(self, given: Sequence[Mapping[str, Any]], version: str) -> str:
        """Writes other annotations; those of other recordings in the file stay. Returns the new version.

        Args:
            given: of each interval start, end [ns since `begin_ns`], label, subject and group.
            version: of the annotations that were changed.

        Raises:
            ConflictError: where the file is of another version.
            ValueError: for intervals that overlap, end before they begin, or are no intervals; nothing is written then.
        """
        if len(given) > MOST_INTERVALS:
            raise ValueError(f"a recording has {MOST_INTERVALS} annotations at most, got {len(given)}")
        own = [self._from_json(each) for each in given]
        with self._lock:
            if version != self.version:
                raise ConflictError(
                    "the annotations were changed elsewhere: load the page again, and change them there"
                )
            before, others = self._read()
            write_annotations(self.file, [*self._named(own, before), *others])
            return self.version

    def _picture_box(self) -> list[float] | None:
        """Left, top, width and height of a picture, in units of the joints of `frames`; None without pictures.

        Width and height are 0 where it is not known how joints lie in it, as those in metres.
        """
        if self._pictures is None:
            return None
        if not all(self._size) or not self._in_pixels:
            return [0.0, 0.0, 0.0, 0.0]
        left, top = -self._low / self._span * 1000
        return [round(float(each), 2) for each in (left, top, *(1000 * side / self._span for side in self._size))]

    def _scaled(self, joints: NDArray[np.float32]) -> NDArray[np.float32]:
        """Places as thousandths of the longer side of the box around all joints."""
        places = (joints[..., :2] - self._low) / self._span * 1000
        return np.concatenate([np.round(places, 1), joints[..., 2:]], -1).astype(np.float32)

    def _named(self, own: Sequence[Interval], before: Sequence[Interval]) -> list[Interval]:
        """New annotations of this recording, with its name where others have theirs in the same file."""
        if self._beside == 1:
            return list(own)
        return [each if each.recording or each in before else replace(each, recording=self.name) for each in own]

    def _is_own(self, row: Interval) -> bool:
        """Whether it is of this recording; without a name it is in a folder of several where it touches its time."""
        touches = row.relative or row.start_ns < self.end_ns and row.end_ns > self.begin_ns
        return row.recording == self.name or not row.recording and (self._beside == 1 or touches)

    def _read(self) -> tuple[list[Interval], list[Interval]]:
        """The annotations of this recording, and those of others in the same file."""
        rows = read_annotations(self.file) if self.file.is_file() else []
        with parse_errors(self.file, "a table of annotations"):
            check_origins(rows, self._beside)
        own = [row for row in rows if self._is_own(row)]
        others = [row for row in rows if not self._is_own(row)]
        if any(row.relative for row in others):
            raise ValueError(
                f"{self.file} has seconds of other recordings, which cannot stand beside stamps: give each recording a "
                "folder and an annotations.csv of its own"
            )
        return own, others

    def _to_json(self, each: Interval) -> dict[str, Any]:
        return {"start": each.start_ns - self.begin_ns, "end": each.end_ns - self.begin_ns, "label": each.label,
                "subject": each.subject, "group": each.group, "recording": each.recording}  # fmt: skip

    def _from_json(self, given: Mapping[str, Any]) -> Interval:
        try:
            start, end = given["start"], given["end"]
            texts = [given.get(name, "") for name in ("label", "subject", "group", "recording")]
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"an interval has start, end, label and subject, got {given!r:.100}") from error
        whole = type(start) is int and type(end) is int
        if not whole or not all(isinstance(text, str) and len(text) < MOST_LETTERS for text in texts):
            raise ValueError(f"an interval has whole nanoseconds and short texts, got {given!r:.100}")
        label, subject, group, recording = (text.strip() for text in texts)
        if recording not in ("", self.name):
            raise ValueError(f"{recording!r} is another recording")
        return Interval(start + self.begin_ns, end + self.begin_ns, label, subject, False, recording, group)


def _picture_size(bag: Bag, topic: str) -> tuple[int, int]:
    """Width and height of the pictures in which people were found, as the first message has them; 0 if not known."""
    first = next(iter(bag.messages(topic)), None)
    if first is None:
        return 0, 0
    return int(getattr(first.message, "image_width", 0)), int(getattr(first.message, "image_height", 0))


def _track(id: str, poses: Sequence[tuple[int, Any]]) -> PersonTrack:
    """The poses of one person, those of the layout of the first one."""
    layout = poses[0][1].layout
    same = [(stamp_ns, pose) for stamp_ns, pose in poses if pose.layout == layout and pose.kind == poses[0][1].kind]
    joints = np.stack([to_picture(pose.data[None], pose.coordinates)[0] for _, pose in same])
    found = np.stack([pose.found for _, pose in same])
    values = np.concatenate([np.where(found[..., None], joints[..., :2], 0), found[..., None]], -1).astype(np.float32)
    return PersonTrack(id, np.array([stamp_ns for stamp_ns, _ in same], np.int64), values, layout)
