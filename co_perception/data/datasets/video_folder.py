"""Reader of labeled video files: a folder for each class, or a table of clips. Videos are decoded sample by sample.

    wave/monday.mp4          path,label,start,end,subject,who
    wave/tuesday.mp4         monday.mp4,wave,2.5,7,anna,left
    sit/monday.mp4           monday.mp4,sit,7,12.25,anna,

A table is CSV, or JSON as a list of objects with the same keys. `path` is relative to the table; `start` and `end` are
seconds of the video and may be left out or empty, as may `subject`, the name of who acts, and `who`, which of several
people in sight that is (`learners.actors`; a network of pictures sees them all).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from co_perception.data.parsing import Skipped, cell_text, parse_errors, read_json, read_table
from co_perception.data.samples import Sample, Samples
from co_perception.data.video import VideoFrame, VideoReader
from co_perception.engine.data import Pixels, Video
from co_perception.engine.files import cached_file_digest

ENDINGS = frozenset([".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"])
LARGEST = 2 << 30  # bytes of one clip's pixels
COLUMNS = frozenset(["path", "label", "start", "end", "subject", "who"])
EARLY_S = 1e-6  # times of frames are rounded
LEAST_BACKGROUND_S = 1.0  # of a time between two clips of one file


@dataclass(frozen=True)
class Clip:
    """A part of a video file; a call reads it as `Video`.

    Args:
        start_s: seconds from the beginning of the file, as players count: its sound may begin before its first frame.
        end_s: the same; the end is not part of the clip, and infinity is the end of the file.
        rate_hz: frames per second, at each instant the frame then shown; None for the file's own frames.
        short_side: pixels of the shorter side, 0 for the file's own; never enlarged.
        who: which of several people in it acts, in the word of a table; empty: that is not said.
    """

    path: Path
    start_s: float = 0.0
    end_s: float = math.inf
    rate_hz: float | None = None
    short_side: int = 0
    who: str = ""

    def __call__(self) -> Video:
        """Decodes the clip: (3, T, H, W) uint8. Raises OSError where the file is gone or cannot be decoded.

        Raises ValueError for a clip without frames, or of more than 2 GiB.
        """
        frames, times, size = list[Pixels](), list[float](), 0
        with VideoReader(str(self.path), self.short_side) as reader:
            for pixels, time_s in self._of(reader):
                times.append(time_s)
                size += pixels.nbytes
                if size > LARGEST:
                    raise ValueError(f"{self.path}: more than 2 GiB. Name a start and end, or a smaller rate or size.")
                frames.append(pixels)
            if not frames:
                raise ValueError(f"{self.path}: no frame from {self.start_s:g} s to {self.end_s:g} s, it ends before.")
            rate_hz = self.rate_hz or _rate(times[-1] - times[0], len(times), reader.rate_hz)
            return Video(np.stack(frames).transpose(3, 0, 1, 2), rate_hz or None)

    def whole(self, rate_hz: float) -> Clip:
        """The whole file that this is a part of, at a rate."""
        return replace(self, start_s=0.0, end_s=math.inf, rate_hz=rate_hz)

    def pictures(self) -> Iterator[tuple[Pixels, float]]:
        """The frames one by one, however many, with their times from the beginning of the file [s]. Raises OSError."""
        with VideoReader(str(self.path), self.short_side) as reader:
            for pixels, time_s in self._of(reader):
                yield pixels, time_s + reader.begin_s

    def length_s(self) -> float:
        """About how long it lasts [s], as the file declares; 0 where it does not."""
        with VideoReader(str(self.path)) as reader:
            whole_s = reader.begin_s + (reader.frames or 0) / (reader.rate_hz or math.inf)
        return max(min(self.end_s, whole_s) - self.start_s, 0.0)

    def content(self) -> str:
        """Digest of the file, and which of its frames are shown at which size: equal for a copy of another name."""
        return f"{cached_file_digest(self.path)} {self.start_s:g} {self.end_s:g} {self.rate_hz} {self.short_side}"

    def _of(self, reader: VideoReader) -> Iterator[tuple[Pixels, float]]:
        """The frames of this clip, with their times since the first one of the file [s]."""
        start_s, end_s = max(self.start_s - reader.begin_s, 0.0), self.end_s - reader.begin_s
        yield from replace(self, start_s=start_s, end_s=end_s)._shown(iter(reader), reader.rate_hz)

    def _shown(self, frames: Iterator[VideoFrame], declared_hz: float) -> Iterator[tuple[Pixels, float]]:
        """The frames of this clip, whose times are from the first frame on, at its rate, with their times [s]."""
        if self.rate_hz is None:
            yield from (
                (f.pixels, f.time_s) for f in frames if self.start_s - EARLY_S <= f.time_s < self.end_s - EARLY_S
            )
            return
        shown, due, count = None, self.start_s, 0
        for frame in _and_an_end(frames, declared_hz):
            until = min(frame.time_s, self.end_s) - EARLY_S
            while shown is not None and due < until:
                yield shown.pixels, due
                count += 1
                due = self.start_s + count / self.rate_hz
            if frame.time_s >= self.end_s:
                return
            shown = frame


def video_samples(
    path: Path | str, classes: Sequence[str] | None = None, rate_hz: float | None = None, short_side: int = 0
) -> tuple[Samples, Skipped]:
    """The clips of a folder of folders, or of a CSV or JSON table, and what was left out.

    A sample's group is its file, so that folds do not part pieces of one video. `classes` are names by index, by
    default the names found, sorted; clips of other classes are left out. `rate_hz` and `short_side` as in `Clip`.

    Raises FileNotFoundError without the folder or table, and ValueError for a table without the columns, a rate or a
    size below its range, or where no sample is left.
    """
    path, skipped = Path(path), Skipped()
    if rate_hz is not None and not rate_hz > 0 or short_side < 0:
        raise ValueError(f"rate_hz is above 0 (None: as recorded), short_side 0 or more; got {rate_hz}, {short_side}.")
    if not path.exists():
        raise FileNotFoundError(f"there is no {path}. It is a folder with a folder for each class, or a table.")
    rows = list(_folders(path, skipped) if path.is_dir() else _table(path, skipped))
    names = tuple(classes) if classes else tuple(sorted({row[1] for row in rows}))
    samples = list[Sample]()
    for file, label, subject, start_s, end_s, who in rows:
        if label not in names:
            skipped.add(file, f"{label!r} is none of the classes asked for")
            continue
        part = "" if (start_s, end_s) == (0, math.inf) else f" {start_s:g}-{end_s:g} s"
        clip = Clip(file, start_s, end_s, rate_hz, short_side, who)
        samples.append(Sample(clip, names.index(label), subject, str(file), f"{file}{part}"))
    skipped.require(samples, path, "It is a folder with a folder of videos for each class, or a table path,label.")
    return Samples(samples, names), skipped


def with_background(samples: Samples, label: str) -> Samples:
    """The clips of `video_samples`, and what of their files is in none of them, as clips of the class `label`, the last
    of all. What is shorter than `LEAST_BACKGROUND_S` is left out, and files that do not tell their length have none.
    """
    spans: dict[Path, list[Clip]] = {}
    for item in samples.items:
        if isinstance(item.data, Clip):
            spans.setdefault(item.data.path, []).append(item.data)
    names = (*(name for name in samples.classes if name != label), label)
    found = list(samples.with_classes(names).items)
    for path, clips in spans.items():
        whole = replace(clips[0], start_s=0.0, end_s=math.inf)
        edges, end_s = [0.0], whole.length_s()
        for clip in sorted(clips, key=lambda each: each.start_s):
            edges[-1:] = [edges[-1], clip.start_s, max(edges[-1], clip.end_s)]
        for start_s, stop_s in zip(edges[::2], [*edges[1::2], end_s], strict=True):
            if min(stop_s, end_s) - start_s >= LEAST_BACKGROUND_S:
                part = replace(whole, start_s=start_s, end_s=min(stop_s, end_s))
                source = f"{path} {part.start_s:g}-{part.end_s:g} s"
                found.append(Sample(part, len(names) - 1, "", str(path), source))
    return Samples(found, names)


Row = tuple[Path, str, str, float, float, str]  # file, label, subject, start, end, who


def _folders(root: Path, skipped: Skipped) -> Iterator[Row]:
    for folder in sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith(".")):
        for file in sorted(each for each in folder.rglob("*") if each.is_file() and not each.name.startswith(".")):
            if file.suffix.lower() in ENDINGS:
                yield file, folder.name, "", 0.0, math.inf, ""
            else:
                skipped.add(file, f"{file.suffix or 'no ending'} is not the ending of a video")


def _table(path: Path, skipped: Skipped) -> Iterator[Row]:
    with parse_errors(path, "a table of clips"):
        rows = list(_rows(path))
    for number, cells in rows:
        where = f"{path.name}, row {number}"
        try:
            with parse_errors(where, "a clip with a path and a label"):
                words = (cell_text(key, cells.get(key)).strip() for key in ("path", "label", "subject", "who"))
                name, label, subject, who = words
                if not name or not label:
                    raise ValueError("a clip needs a path and a label.")
                if not (path.parent / name).is_file():
                    raise ValueError(f"there is no file {path.parent / name}. Paths are relative to the table.")
                start_s, end_s = (
                    _seconds(key, cells.get(key), due) for key, due in (("start", 0.0), ("end", math.inf))
                )
                if not 0 <= start_s < end_s:
                    raise ValueError(f"from {start_s:g} s to {end_s:g} s is no part of a video.")
        except (ValueError, OSError) as error:
            skipped.add(where, error)
        else:
            yield path.parent / name, label, subject, start_s, end_s, who


def _rows(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    """(line of a CSV or place in a JSON list, cells)"""
    if path.suffix.lower() == ".json":
        rows = read_json(path)
        if not isinstance(rows, list):
            raise ValueError('expected a list of objects such as {"path": "a.mp4", "label": "wave"}.')
        yield from enumerate(rows, 1)
        return
    columns, table = read_table(path)
    if not {"path", "label"} <= set(columns) <= COLUMNS:
        raise ValueError(f"its first line is path,label and maybe start, end, subject, who; got {sorted(columns)}.")
    yield from table


def _seconds(column: str, cell: object, default: float) -> float:
    return float(text) if (text := cell_text(column, cell).strip()) else default


def _and_an_end(frames: Iterator[VideoFrame], declared_hz: float) -> Iterator[VideoFrame]:
    """The frames, and the last once more at the end of its time."""
    count, last = 0, None
    for last in frames:
        count += 1
        yield last
    if last is not None:  # its time is from the first frame on
        yield VideoFrame(last.pixels, last.time_s + 1 / (_rate(last.time_s, count, declared_hz) or 30.0))


def _rate(span_s: float, count: int, declared_hz: float) -> float:
    """Frames per second of `count` frames from first to last: as declared where that is so within 5 %, else measured.

    Files of variable rate, or with null frames, declare the finest step of their clock.
    """
    measured_hz = (count - 1) / span_s if span_s > 0 else declared_hz
    return declared_hz if abs(measured_hz - declared_hz) <= 0.05 * declared_hz else measured_hz
