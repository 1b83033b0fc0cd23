"""Positions of people by one camera alone, against triangulation from four calibrated ones.

The clips and their calibration are those of Pose2Sim's demo (Pagnon et al., JOSS 2022): an athlete on a beam, alone and
with a second person who walks. MoveNet finds the joints in each view; shoulders and hips that three views or more agree
on, within 40 pixels (8 cm), are triangulated, and their middle is the truth. Then each view says where people are.
Nothing of the localization was chosen on these clips.

co-perception weights fetch movenet_multipose pose2sim_calibration pose2sim_{single,multi}_cam0{1,2,3,4}
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from co_perception.data.video import VideoReader
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.localization.locator import Locator, LocatorOptions
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.runtime.store import store

Floats = NDArray[np.float64]

VIEWS = 4
TORSO = (5, 6, 11, 12)  # COCO's shoulders and hips
AGREEMENT_PX = 40.0  # 8 cm where the people are
LEAST_SCORE = 0.3


@dataclass(frozen=True)
class View:
    """A calibrated camera: its lens, and rotation and translation from the room into its optical frame [m]."""

    camera: CameraModel
    rotation: Floats
    translation: Floats

    def seen(self, points: Floats) -> Floats:
        """(N, 3) points of the room in the camera's frame."""
        return np.asarray(points @ self.rotation.T + self.translation)

    def pixels(self, points: Floats) -> Floats:
        """(N, 2) pixels of the room's points (N, 3), without distortion."""
        seen = self.seen(points)
        return np.asarray(seen[:, :2] / seen[:, 2:] * self.camera.focal + self.camera.center)


def views(path: Path) -> list[View]:
    """The cameras of a calibration by Qualisys, in 64ths of a pixel and millimeters, x to the right and y upwards."""
    turned = np.diag([1.0, -1.0, -1.0])  # to x right, y down, z forward
    found = []
    for camera in sorted(ElementTree.parse(path).iter("camera"), key=lambda each: each.get("serial", "")):
        lens = {name: float(value) for name, value in _attributes(camera, "intrinsic")}
        place = {name: float(value) for name, value in _attributes(camera, "transform")}
        field = {name: float(value) for name, value in _attributes(camera, "fov_video")}
        focal = lens["focalLengthU"] / 64, lens["focalLengthV"] / 64
        center = lens["centerPointU"] / 64 - field["left"], lens["centerPointV"] / 64 - field["top"]
        size = round(field["right"] - field["left"] + 1), round(field["bottom"] - field["top"] + 1)
        rotation = turned @ np.array([[place[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
        origin = np.array([place[axis] for axis in "xyz"]) / 1000
        found.append(View(CameraModel(focal, center, size), rotation, -rotation @ origin))
    return found


def _attributes(element: ElementTree.Element, name: str) -> Iterator[tuple[str, str]]:
    child = element.find(name)
    yield from () if child is None else child.attrib.items()


def people_of(clip: str, every: int) -> list[tuple[Pose, ...]]:
    """The people in every n-th frame of a clip."""
    settings = PoseSettings()
    finder, found = Finder(build(settings), settings), []
    with VideoReader(str(store.locate(clip))) as reader:
        for number, frame in enumerate(reader):
            if number % every == 0:
                image = Image(np.ascontiguousarray(frame.pixels), round(frame.time_s * 1e9))
                found.append(finder.find(image).poses)
    return found


def triangulated(cameras: Sequence[View], pixels: Sequence[Floats]) -> Floats:
    """(3,) the point of the room that these views see at these pixels (2,), by the linear method."""
    rows = []
    for view, pixel in zip(cameras, pixels, strict=True):
        x, y = (pixel - view.camera.center) / view.camera.focal
        projection = np.column_stack([view.rotation, view.translation])
        rows += [x * projection[2] - projection[0], y * projection[2] - projection[1]]
    point = np.linalg.svd(np.stack(rows))[2][-1]
    return np.asarray(point[:3] / point[3])


def torso_in_space(cameras: Sequence[View], poses: Sequence[Pose | None]) -> tuple[Floats, float]:
    """(4, 3) shoulders and hips, and the largest error of a joint in a view [pixels]; infinite where too few views have
    them."""
    points, worst = [], 0.0
    for joint in TORSO:
        used = [(view, pose) for view, pose in zip(cameras, poses, strict=True)
                if pose is not None and pose.data[joint, 2] >= LEAST_SCORE]  # fmt: skip
        if len(used) < 3:
            return np.zeros((4, 3)), np.inf
        places = [pose.data[joint, :2].astype(np.float64) for _, pose in used]
        point = triangulated([view for view, _ in used], places)
        off = [np.linalg.norm(view.pixels(point[None])[0] - place)
               for (view, _), place in zip(used, places, strict=True)]  # fmt: skip
        points.append(point)
        worst = max(worst, float(np.max(off)))
    return np.stack(points), worst


def matched(
    cameras: Sequence[View], frame: Sequence[Sequence[Pose]]
) -> Iterator[tuple[Floats, tuple[Pose | None, ...]]]:
    """Each person that the views agree on: the torso in space, and the poses of the views."""
    choices = product(*((*poses, None) for poses in frame))
    ranked = [(*torso_in_space(cameras, poses), poses) for poses in choices if sum(p is not None for p in poses) >= 3]
    used: set[tuple[int, str]] = set()
    for torso, error, poses in sorted(ranked, key=lambda each: (sum(p is None for p in each[2]), each[1])):
        keys = {(view, pose.id) for view, pose in enumerate(poses) if pose is not None}
        if error <= AGREEMENT_PX and not keys & used:
            used |= keys
            yield torso, poses


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each clip and view."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=2, help="frames: each n-th (default: %(default)s)")
    parser.add_argument("--stature", type=float, default=1.7, help="expected height [m] (default: %(default)s)")
    options = parser.parse_args(arguments)
    cameras, locator = views(store.locate("pose2sim_calibration")), Locator(LocatorOptions(stature=options.stature))
    print("| clip | view | people | distance [m] | error, median | 1 deviation | 2 deviations |")
    print("|---|---|---|---|---|---|---|")
    everything: list[tuple[float, float, float]] = []
    for clip in ("single", "multi"):
        clips = [people_of(f"pose2sim_{clip}_cam{view + 1:02}", options.every) for view in range(VIEWS)]
        rows: list[list[tuple[float, float, float]]] = [[] for _ in range(VIEWS)]
        for frame in zip(*clips, strict=False):
            for torso, poses in matched(cameras, frame):
                for view, pose in enumerate(poses):
                    position = None if pose is None else locator.position(pose, cameras[view].camera)
                    if position is not None:
                        truth = float(np.linalg.norm(cameras[view].seen(torso.mean(0)[None])))
                        rows[view].append((truth, position.distance, position.distance_deviation))
        for view, row in enumerate(rows):
            report(clip, str(view + 1), row)
            everything += row
    report("both", "all", everything)


def report(clip: str, view: str, rows: Sequence[tuple[float, float, float]]) -> None:
    """Prints one row of the table."""
    if not rows:
        print(f"| {clip} | {view} | 0 |  |  |  |  |")
        return
    truth, found, deviation = np.array(rows).reshape(-1, 3).T
    off = np.abs(found - truth)
    shares = [f"{np.mean(off <= count * deviation):.0%}" for count in (1, 2)]
    error = f"{np.median(off / truth):.1%} ({np.median(found / truth - 1):+.1%})"
    print(
        f"| {clip} | {view} | {len(rows)} | {truth.min():.1f} to {truth.max():.1f} | {error} | {' | '.join(shares)} |"
    )


if __name__ == "__main__":
    main()
