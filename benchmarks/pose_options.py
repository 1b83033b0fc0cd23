"""Cost of the options of the node `pose` in each frame, beside pose estimation itself.

Frames of Pose2Sim's clip with two people, 480 pixels wide, at MoveNet's defaults on one thread; depth is drawn. All
rows are measured in every frame, so ratios hold on a busy machine. What is off is not called at all.

co-perception weights fetch movenet_multipose pose2sim_calibration pose2sim_multi_cam02
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import TypeVar

import numpy as np
from positions import views

from co_perception.data.messages.depth_image import DepthImage
from co_perception.data.video import VideoReader
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.data import Image
from co_perception.engine.picture_motion import rotation_motion
from co_perception.engine.target import Pose
from co_perception.localization.locator import Locator
from co_perception.pose.camera_motion import ImageMotion
from co_perception.pose.finder import PoseSettings, build
from co_perception.pose.smoothing import Smoother
from co_perception.pose.tracker import Tracker
from co_perception.runtime.store import store

CLIP, VIEW, SHORT_SIDE, EVERY = "pose2sim_multi_cam02", 1, 480, 2
ESTIMATION = "pose estimation"
WARM_UP = 3
T = TypeVar("T")


class Stopwatch:
    """Times of each row [s]."""

    def __init__(self) -> None:
        self.spent_s: dict[str, list[float]] = defaultdict(list)

    def time(self, row: str, work: Callable[[], T]) -> T:
        """What `work` gives."""
        began_s = perf_counter()
        made = work()
        self.spent_s[row].append(perf_counter() - began_s)
        return made


def followed(tracker: Tracker, lens: CameraModel) -> None:
    """What `camera_motion: tf` does once the transform is known, of a camera that stands still."""
    tracker.follow_camera(rotation_motion(np.diag([*lens.focal, 1.0]), np.eye(3), np.zeros(3)), {})


def main() -> None:
    """Prints a row for each option."""
    values, watch = PoseSettings(threads=1), Stopwatch()
    estimator, tracker, smoother, source = build(values), Tracker(), Smoother(), ImageMotion()
    camera, flat, deep = views(store.locate("pose2sim_calibration"))[VIEW].camera, Locator(), Locator()
    people: tuple[Pose, ...] = ()
    with VideoReader(str(store.locate(CLIP)), SHORT_SIDE) as video:
        pictures = [picture for number, picture in enumerate(video) if number % EVERY == 0]
    for picture in pictures:
        stamp_ns, pixels = round(picture.time_s * 1e9) + 10**9, np.ascontiguousarray(picture.pixels)
        image, lens = Image(pixels, stamp_ns), camera.scaled((pixels.shape[1], pixels.shape[0]))
        depth = DepthImage(np.full(pixels.shape[:2], 3000, np.uint16), 0.001, stamp_ns)
        found = watch.time(ESTIMATION, partial(estimator.estimate, image))
        watch.time("camera_motion: image", partial(source.motion, image, people))
        watch.time("camera_motion: tf, and tracks moved", partial(followed, tracker, lens))
        people = watch.time("tracker", partial(tracker.update, found, stamp_ns)).poses
        watch.time("position: camera_info", partial(flat.locate, people, stamp_ns, lens))
        watch.time("position: depth", partial(deep.locate, people, stamp_ns, lens, depth))
        watch.time("smoothing: one_euro", partial(smoother.smooth, people, stamp_ns))
    whole = median(watch.spent_s[ESTIMATION][WARM_UP:])
    print(f"| {len(pictures)} frames, two people | ms a frame | share of pose estimation |\n|---|---|---|")
    for row, spent in watch.spent_s.items():
        each = median(spent[WARM_UP:])
        print(f"| {row} | {1000 * each:.2f} | {each / whole:.1%} |")


if __name__ == "__main__":
    main()
