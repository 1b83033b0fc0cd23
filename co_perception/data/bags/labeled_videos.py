"""Annotated recordings as a labeled data set of videos: the pictures that a video network gets on the robot.

A recognizer of the scene has one stream. Its clock takes the picture nearest to each tick and repeats one for a tick
that has none, as `online.pacing` does; after a gap the stream begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from co_perception.data.annotations.intervals import Interval, of_recording, without
from co_perception.data.bags.bag_file import IMAGES, Bag
from co_perception.data.bags.bag_frames import image_frames
from co_perception.data.bags.labeled_bags import annotations_beside, check_origins, of_one_group
from co_perception.data.parsing import Skipped
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import Pixels, Video
from co_perception.engine.files import cached_file_digest
from co_perception.engine.time import NANO

MAX_GAP_S = 1.0  # as the node's default
LEAST_S = 1.0  # of a time without annotation


@dataclass(frozen=True)
class BagClip:
    """A part of a stream of pictures in a recording; a call reads it as `Video`. Times count from the stream's start.

    Args:
        path: the recording.
        topic: of the pictures.
        first_ns, last_ns: stamps of the first and the last picture of the stream.
        rate_hz: ticks per second of the network's clock.
        start_s, end_s: of the part [s].
    """

    path: Path
    topic: str
    first_ns: int
    last_ns: int
    rate_hz: float
    start_s: float
    end_s: float

    def __call__(self) -> Video:
        """Decodes the part: (3, T, H, W) uint8. Raises ValueError where no picture of it can be read."""
        frames = [pixels for pixels, time_s in self.pictures() if self.start_s <= time_s < self.end_s]
        if not frames:
            raise ValueError(f"{self.path}: no picture of {self.topic} from {self.start_s:g} s to {self.end_s:g} s")
        return Video(np.stack(frames).transpose(3, 0, 1, 2), self.rate_hz)

    def whole(self, rate_hz: float) -> BagClip:
        """The whole stream that this is a part of, at a rate."""
        return replace(self, rate_hz=rate_hz, start_s=0.0, end_s=(self.last_ns - self.first_ns) / NANO + 1 / rate_hz)

    def pictures(self) -> Iterator[tuple[Pixels, float]]:
        """The picture of each tick of the whole stream, with its time [s]; those that cannot be read are missing."""
        last, shown = -1, None
        with Bag(self.path) as bag:
            for frame in image_frames(bag, self.topic):
                tick = round((frame.stamp_ns - self.first_ns) * self.rate_hz / NANO)
                if not self.first_ns <= frame.stamp_ns <= self.last_ns or tick <= last:
                    continue
                try:
                    pixels = frame.read().data
                except ValueError:
                    continue
                shown = pixels if shown is None else shown
                yield from ((shown, missing / self.rate_hz) for missing in range(last + 1, tick))
                yield pixels, tick / self.rate_hz
                last, shown = tick, pixels

    def length_s(self) -> float:
        """How long the part lasts [s]."""
        return self.end_s - self.start_s

    def content(self) -> str:
        """Digest of the recording, and which of its pictures are shown: equal for a copy of another name."""
        files = [self.path] if self.path.is_file() else sorted(self.path.rglob("*"))
        digests = [
            cached_file_digest(file) for file in files if file.is_file() and file.suffix not in (".csv", ".json")
        ]
        return f"{digests} {self.topic} {self.first_ns} {self.last_ns} {self.rate_hz} {self.start_s} {self.end_s}"


def video_bag_samples(
    bags: Sequence[Path | str],
    annotations: Sequence[Interval] | None,
    rate_hz: float,
    background: str = "",
    *,
    topic: str | None = None,
    max_gap_s: float = MAX_GAP_S,
) -> tuple[Samples, Skipped]:
    """The annotated parts of recordings with pictures.

    Args:
        bags: rosbag2 folders, .mcap, .db3 or .bag files.
        annotations: what is done when, by whoever; None reads the annotations.csv (or .json) beside each bag.
            ValueError for annotations that do not say which bag they belong to.
        rate_hz: frames per second of the network.
        background: label of all time that is not annotated; empty: it is left out.
        topic: of the pictures, where a bag has several.
        max_gap_s: after a longer time without a picture the stream begins anew.

    Returns:
        Samples of `BagClip` with the classes in alphabetical order, background last, and what was skipped.
    """
    skipped, cuts = Skipped(), list[tuple[BagClip, Interval, str]]()
    if annotations is not None:
        check_origins(annotations, len(bags))
    for path in map(Path, bags):
        try:
            given = annotations_beside(path) if annotations is None else annotations
            cuts += _cuts(path, given, rate_hz, background, topic, max_gap_s, skipped)
        except (OSError, ValueError) as error:
            skipped.add(path, error)
    classes = sorted({cut.label for _, cut, _ in cuts}, key=lambda name: (name == background, name))
    items = [
        Sample(clip, classes.index(cut.label), cut.subject, group, f"{group} +{clip.start_s:.2f} s", str(clip.path))
        for clip, cut, group in cuts
    ]
    return Samples(items, classes), skipped


def _cuts(
    path: Path,
    given: Sequence[Interval],
    rate_hz: float,
    background: str,
    topic: str | None,
    max_gap_s: float,
    skipped: Skipped,
) -> Iterator[tuple[BagClip, Interval, str]]:
    """Each annotated part of a recording, then its background; with the annotation and the name of the take."""
    with Bag(path) as bag:
        topic = bag.topic(IMAGES, topic)
        stamps = np.unique([found.stamp_ns for found in bag.messages(topic)])
        intervals = bag.clock(topic).stamped(of_one_group(of_recording(given, bag.name)))
    cuts = [(each, f"{path}#{number}") for number, each in enumerate(intervals)]
    for number, each in enumerate(intervals):
        others = (other for other in intervals if other.label != each.label)
        if any(other.start_ns < each.end_ns and each.start_ns < other.end_ns for other in others):
            skipped.add(f"{path}#{number}", f"{each.label!r} is done while another activity is, and a scene has one")
            cuts = [cut for cut in cuts if cut[0] is not each]
    streams = np.split(stamps, np.flatnonzero(np.diff(stamps) > max_gap_s * NANO) + 1) if len(stamps) else []
    for stream in streams:
        first_ns, last_ns = int(stream[0]), int(stream[-1])
        whole = Interval(first_ns, last_ns + round(NANO / rate_hz), background or "-")
        rest = [part for part in without(whole, intervals) if part.end_ns - part.start_ns >= LEAST_S * NANO]
        parts = [(part, f"{path}#{background} {part.start_ns}") for part in rest if background]
        for cut, group in [*cuts, *parts]:
            start_ns, end_ns = max(cut.start_ns, whole.start_ns), min(cut.end_ns, whole.end_ns)
            if start_ns < end_ns:
                start_s, end_s = (start_ns - first_ns) / NANO, (end_ns - first_ns) / NANO
                yield BagClip(path, topic, first_ns, last_ns, rate_hz, start_s, end_s), cut, group
