"""Time of pose estimation and tracking: MoveNet and MediaPipe on real clips, on the CPU.

Every second frame of each clip, 480 pixels at the shorter side. Prints milliseconds per frame and people per frame.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np

from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.pose.estimator import build_estimator
from co_perception.pose.tracker import Tracker
from co_perception.runtime.store import store

CLIPS = ("pose2sim_multi_cam02", "sports2d_demo")
WARM_UP, MOST = 3, 60
CASES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("movenet", {}),
    ("movenet", {"input_size": 384}),
    ("movenet", {"tiles": 2}),
    ("mediapipe", {"people": 2}),
)


def frames(clip: str) -> list[Image]:
    """Every second frame."""
    with VideoReader(str(store.locate(clip)), 480) as reader:
        return [Image(f.pixels, round(f.time_s * 1e9)) for number, f in enumerate(reader) if number % 2 == 0][:MOST]


def measure(pictures: list[Image], name: str, options: Mapping[str, Any]) -> str:
    """One line on one estimator."""
    estimator, tracker = build_estimator(name, **options), Tracker()
    finding, following, people, born = [], [], [], 0
    for picture in pictures:
        begin = perf_counter()
        poses = estimator.estimate(picture)
        found = perf_counter()
        tracked = tracker.update(poses, picture.stamp_ns or 0)
        finding.append(1000 * (found - begin))
        following.append(1000 * (perf_counter() - found))
        people.append(len(poses))
        born += len(tracked.born)
    estimator.close()
    p50, p95 = np.percentile(finding[WARM_UP:], [50, 95])
    words = ", ".join(f"{key} {value}" for key, value in options.items())
    return (
        f"  {name} {words:15} p50 {p50:6.1f}  p95 {p95:6.1f}  least {min(finding):6.1f}  tracker "
        f"{np.median(following):4.2f}  people per frame {np.mean(people):.2f}  ids given {born}"
    )


def main() -> None:
    """Measure and print."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; milliseconds per frame")
    for clip in CLIPS:
        pictures = frames(clip)
        print(f"{clip}: {len(pictures)} frames of {pictures[0].data.shape[1]} x {pictures[0].data.shape[0]}")
        for name, options in CASES:
            print(measure(pictures, name, options), flush=True)


if __name__ == "__main__":
    main()
