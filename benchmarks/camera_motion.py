"""Ids and walking while the camera moves: real clips shaken and swept by drawn rotations, whose homographies are known.

A camera of 60 degrees across is turned about its center, so that each picture is a homography of the clip's own, and
shows the middle of it, so that no border comes into sight. The clip at rest tells the truth: who is there, and what the
model says they do. Of each way of `camera_motion`:

ids kept    tracks at rest, of a second or more, whose person has one id for the whole time in the moving clip
walking     answers "walking" among the answers to people who do not walk in the clip at rest
error       of the estimated motion at people, against the drawn one [pixels a frame]: median, 95 of 100

`tf` is told the rotation, as a robot's odometry would tell it. Clips are shown at about 15 Hz, 480 pixels high or wide.

co-perception weights fetch movenet_multipose pose2sim_{single,multi}_cam0{1,2}
"""

from __future__ import annotations

import argparse
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from co_perception.data.messages.people import from_poses
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image, Pixels
from co_perception.engine.picture_motion import Floats, PictureMotion
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.learners.recognizers import KINDS, SkeletonSettings, skeleton_learner, skeleton_recognizer
from co_perception.online.pacing import Verdict
from co_perception.pose.finder import Finder, PoseSettings, TrackedPoses, build
from co_perception.pose.matching import assign, similarity
from co_perception.runtime.store import store

CLIPS = tuple(f"pose2sim_{clip}_cam0{view}" for clip in ("single", "multi") for view in (1, 2))
VIEW, SHOWN = math.radians(60.0), 0.7  # across the whole picture; the part of its sides that is shown
SHORT_SIDE, RATE_HZ = 480, 15.0
LEAST_S = 1.0  # a track at rest that is shorter is not counted
SAME = 0.3  # similarity of two poses of one person
Wave = tuple[float, float, float]  # degrees, Hz, phase in turns


@dataclass(frozen=True)
class Movement:
    """How the camera turns, as sums of waves: to the right, upwards and about its axis."""

    yaw: tuple[Wave, ...] = ()
    pitch: tuple[Wave, ...] = ()
    roll: tuple[Wave, ...] = ()

    def rotation(self, seconds: float) -> Floats:
        """(3, 3) directions of the camera at rest, as the turned one has them."""
        yaw, pitch, roll = (
            math.radians(sum(size * math.sin(2 * math.pi * (rate * seconds + phase)) for size, rate, phase in waves))
            for waves in (self.yaw, self.pitch, self.roll)
        )
        (cy, sy), (cp, sp), (cr, sr) = ((math.cos(angle), math.sin(angle)) for angle in (yaw, pitch, roll))
        about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return np.asarray(np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ about_x @ about_y)


REST = "at rest"
MOVEMENTS = {
    REST: Movement(),
    "shaken": Movement(
        ((0.6, 2.3, 0.1), (0.3, 5.1, 0.7)), ((0.5, 3.1, 0.4), (0.3, 6.3, 0.2)), ((0.8, 1.7, 0.6), (0.4, 4.3, 0.9))
    ),
    "swept, 31 degrees/s": Movement(((7.0, 0.7, 0.0), (0.2, 3.7, 0.3)), ((0.2, 4.9, 0.5),)),
    "swept, 88 degrees/s": Movement(((7.0, 2.0, 0.0), (0.2, 3.7, 0.3)), ((0.2, 4.9, 0.5),)),
}


@dataclass(frozen=True)
class Shot:
    """A picture of the moving camera, and the homography (3, 3) from the whole picture at rest to it."""

    stamp_ns: int
    pixels: Pixels
    homography: Floats


def shots(frames: Sequence[Image], movement: Movement) -> Iterator[Shot]:
    """What a camera that moves so sees of a clip."""
    for frame in frames:
        height, width = frame.data.shape[:2]
        focal = width / 2 / math.tan(VIEW / 2)
        lens = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        margin = (1 - SHOWN) / 2
        shown = np.array([[1, 0, -margin * width], [0, 1, -margin * height], [0, 0, 1]])
        size = (round(SHOWN * width), round(SHOWN * height))
        stamp_ns = frame.stamp_ns or 0
        whole = shown @ lens @ movement.rotation(stamp_ns / NANO) @ np.linalg.inv(lens)
        yield Shot(stamp_ns, cv2.warpPerspective(frame.data, whole, size, flags=cv2.INTER_LINEAR), whole)


class CachedEstimator:
    """An estimator that looks at each picture once: modes of one movement see the same ones."""

    layout = "coco17"

    def __init__(self, estimator: Any) -> None:
        self._estimator, self.name, self._found = estimator, estimator.name, dict[int, list[Pose]]()
        self.spent_s: list[float] = []

    def estimate(self, image: Image) -> list[Pose]:
        """As `PoseEstimator`."""
        key = zlib.crc32(np.ascontiguousarray(image.data)) ^ hash(image.data.shape)
        if key not in self._found:
            began_s = perf_counter()
            self._found[key] = self._estimator.estimate(image)
            self.spent_s.append(perf_counter() - began_s)
        return self._found[key]

    def reset(self) -> None:
        """As `PoseEstimator`."""

    def close(self) -> None:
        """As `PoseEstimator`."""


class KnownMotion:
    """The drawn motion, as TF would tell it; also notes what another source says, for its error."""

    def __init__(self, taken: Sequence[Shot], other: Any = None) -> None:
        self._homographies = {shot.stamp_ns: shot.homography for shot in taken}
        self._before: int | None = None
        self._other = other
        self.counts: Counter[str] = Counter()
        self.errors: list[float] = []
        self.spent_s: list[float] = []

    def motion(self, image: Image, people: Sequence[Pose]) -> PictureMotion | None:
        """As `MotionSource`."""
        before, self._before = self._before, image.stamp_ns
        began_s = perf_counter()
        other = self._other.motion(image, people) if self._other is not None else None
        self.spent_s += [perf_counter() - began_s] if self._other is not None else []
        if before is None or image.stamp_ns is None:
            return None
        known = PictureMotion(self._homographies[image.stamp_ns] @ np.linalg.inv(self._homographies[before]))
        for pose in people if self._other is not None else ():
            places = pose.data[pose.found, :2].astype(np.float64)
            moved = places if other is None else other.places(places)
            self.errors.append(float(np.linalg.norm((moved - known.places(places)).mean(0))))
        return known if self._other is None else other

    def depths(self) -> Mapping[str, float]:
        """As `MotionSource`."""
        return {}

    def reset(self) -> None:
        """As `MotionSource`."""
        self._before = None


@dataclass
class Watched:
    """People and answers of one run: by frame the poses in pixels at rest, and the labels of motion by id."""

    poses: list[list[Pose]] = field(default_factory=list)
    labels: list[dict[str, str]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)


def watched(taken: Sequence[Shot], mode: str, estimator: CachedEstimator, learner: Any) -> Watched:
    """One run of the pose node's tracker and the recognizer."""
    values = PoseSettings(camera_motion=mode, threads=1)
    finder, seen = Finder(estimator, values), Watched()
    if mode != "none":
        finder.camera_motion = source = KnownMotion(taken, finder.camera_motion)
        seen.errors, seen.spent_s = source.errors, source.spent_s
    recognizer = skeleton_recognizer(learner, SkeletonSettings())
    for shot in taken:
        size = (shot.pixels.shape[1], shot.pixels.shape[0])
        found: TrackedPoses = finder.find(Image(shot.pixels, shot.stamp_ns))
        seen.poses.append([at_rest(pose, shot) for pose in found.poses])
        admission = recognizer.admit(shot.stamp_ns)
        answered = None
        if admission.verdict == Verdict.TAKE:
            people = from_poses(found.poses, size, motions=found.motions)
            answered = recognizer.answer(people, shot.stamp_ns, admission)
        answers = answered.answers if answered else ()
        seen.labels.append({each.subject: each.label for each in answers if each.category.group == "motion"})
    return seen


def at_rest(pose: Pose, shot: Shot) -> Pose:
    """A pose in pixels of the whole picture at rest."""
    data = pose.data.copy()
    places = PictureMotion(np.linalg.inv(shot.homography)).places(data[:, :2].astype(np.float64))
    data[pose.found, :2] = places[pose.found]
    return Pose(data, pose.layout, id=pose.id)


def matched(rest: Sequence[Pose], moved: Sequence[Pose]) -> Iterator[tuple[str, str]]:
    """Ids of one person in both runs."""
    if rest and moved:
        first, second = (np.stack([pose.data for pose in poses]).astype(np.float64) for poses in (rest, moved))
        for one, other in assign(similarity(first, second, "coco17", 2.0), SAME):
            yield rest[one].id, moved[other].id


@dataclass
class Score:
    """What is counted of one movement and mode over all clips."""

    tracks: int = 0
    kept: int = 0
    answers: int = 0
    walking: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, rest: Watched, moved: Watched, stamps_ns: Sequence[int]) -> None:
        """Adds a clip."""
        ids, frames = defaultdict[str, Counter[str]](Counter), defaultdict[str, list[int]](list)
        for stamp_ns, still, shaken, truth, told in zip(
            stamps_ns, rest.poses, moved.poses, rest.labels, moved.labels, strict=True
        ):
            for pose in still:
                frames[pose.id].append(stamp_ns)
            for one, other in matched(still, shaken):
                ids[one][other] += 1
                if truth.get(one) and told.get(other) and truth[one] not in ("walking", "running"):
                    self.answers += 1
                    self.walking += told[other] == "walking"
        for id, own in frames.items():
            if own[-1] - own[0] >= LEAST_S * NANO:
                self.tracks += 1
                self.kept += len(ids[id]) == 1
        self.errors += moved.errors

    def row(self) -> str:
        """Cells of a table."""
        middle, most = np.percentile(self.errors, [50, 95]) if self.errors else (math.nan, math.nan)
        error = f"{middle:.2f}, {most:.2f}" if self.errors else "-"
        return (
            f"{self.kept} of {self.tracks} ({self.kept / max(self.tracks, 1):.0%}) | {self.walking} of {self.answers} "
            f"({self.walking / max(self.answers, 1):.1%}) | {error}"
        )


def modes(movement: str) -> tuple[str, ...]:
    """Of `camera_motion`; at rest TF would tell that nothing moves."""
    return ("none", "image") if movement == REST else ("none", "image", "tf")


def frames_of(path: str, seconds: float) -> list[Image]:
    """A clip at about RATE_HZ."""
    with VideoReader(path, SHORT_SIDE) as video:
        every = max(round(video.rate_hz / RATE_HZ), 1)
        pictures = [picture for number, picture in enumerate(video) if number % every == 0]
    return [
        Image(np.ascontiguousarray(picture.pixels), round(picture.time_s * NANO) + NANO)
        for picture in pictures if picture.time_s <= seconds
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each movement and mode."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each clip at most (default: %(default)s)")
    parser.add_argument("videos", nargs="*", type=Path, help="folders and files besides Pose2Sim's clips")
    options = parser.parse_args(arguments)
    folders = [file for path in options.videos for file in ([path] if path.is_file() else sorted(path.rglob("*.*")))]
    files = [str(file) for file in folders if file.suffix in (".avi", ".mp4")]
    recognizing = SkeletonSettings(threads=1)
    learner = skeleton_learner(recognizing)
    learner.load(KINDS["skeleton"].weights(recognizing))
    spent_s: dict[str, list[float]] = {"pose estimation": [], "camera_motion image": []}
    scores = {(movement, mode): Score() for movement in MOVEMENTS for mode in modes(movement)}
    for path in [*(str(store.locate(clip)) for clip in CLIPS), *files]:
        frames = frames_of(path, options.seconds)
        rest: Watched | None = None
        for movement, waves in MOVEMENTS.items():
            taken = list(shots(frames, waves))
            estimator = CachedEstimator(build(PoseSettings(threads=1)))
            for mode in modes(movement):
                run = watched(taken, mode, estimator, learner)
                rest = rest or run
                spent_s["camera_motion image"] += run.spent_s
                scores[movement, mode].add(rest, run, [shot.stamp_ns for shot in taken])
            spent_s["pose estimation"] += estimator.spent_s
        print(f"{Path(path).name}: {len(frames)} frames", flush=True)
    print("| camera | camera_motion | ids kept | walking | error |\n|---|---|---|---|---|")
    for (movement, mode), score in scores.items():
        print(f"| {movement} | {mode} | {score.row()} |")
    for name, spent in spent_s.items():
        print(f"{name}: {1000 * float(np.median(spent)):.1f} ms a frame, median, on one thread")


if __name__ == "__main__":
    main()
