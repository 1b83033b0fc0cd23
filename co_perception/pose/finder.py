"""Pictures in, people with ids out: an estimator, a tracker and a smoother, as settings ask for them.

The node `pose` and the replay of recordings without skeletons look for people with it.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

from co_perception.engine.data import Image
from co_perception.engine.settings import Setting
from co_perception.engine.target import Pose
from co_perception.pose.estimator import ESTIMATORS, PoseEstimator, build_estimator
from co_perception.pose.smoothing import Smoother
from co_perception.pose.tracker import Tracked, Tracker

OWN = -1.0  # of a threshold: what the estimator has of its own
FINDING = (
    Setting("estimator", "movenet", "What finds people and their joints.", choices=ESTIMATORS),
    Setting("model_path", "", "Another model file for the estimator; empty: the one in the local store."),
    Setting("input_size", 256, "Longer side of MoveNet's input, a multiple of 32 [pixels].", 96, 1280),
    Setting("tiles", 1, "MoveNet: look at n x n parts of the picture besides, for small people.", 1, 4),
    Setting("person_threshold", OWN, "Least score of a person, 0..1; -1: the estimator's own.", OWN, 1.0),
    Setting("joint_threshold", OWN, "Least score of a joint, 0..1; -1: the estimator's own.", OWN, 1.0),
    Setting("threads", 2, "CPU threads of MoveNet; MediaPipe chooses for itself.", 1, 256),
    Setting("max_people", 6, "Most people followed at once; bounds memory and time.", 1, 64),
    Setting("max_missed_s", 1.0, "Time out of sight after which an id is given up [s].", 0.01, 60.0),
    Setting("confirm", 2, "Frames in a row somebody must be seen in to get an id.", 1, 100),
    Setting("smoothing", "none", "none, or one_euro: joints that tremble less.", choices=("none", "one_euro")),
)


class Found(NamedTuple):
    """The people of one picture, and what became of those before."""

    poses: tuple[Pose, ...]
    tracked: Tracked


class Finder:
    """Follows the people in a stream of pictures. Its settings are FINDING.

    estimator: reset with everything else, and closed by whoever made it.
    """

    def __init__(self, estimator: PoseEstimator, values: SimpleNamespace) -> None:
        self.estimator = estimator
        self._tracker = Tracker(values.max_people, values.max_missed_s, values.confirm)
        self._smoother = Smoother() if values.smoothing == "one_euro" else None
        self._size: tuple[int, ...] | None = None

    def find(self, image: Image) -> Found:
        """Everybody in the next picture, which has a stamp. Pictures of another size than before give everybody up:
        places are told in pixels, and nothing says how those of both belong together."""
        stamp_ns, size = image.stamp_ns or 0, image.data.shape[:2]
        before = self.reset() if self._size not in (None, size) else ()
        self._size = size
        tracked = self._tracker.update(self.estimator.estimate(image), stamp_ns)
        tracked = replace(tracked, lost=before + tracked.lost)
        poses = list(tracked.poses)
        if self._smoother is not None:
            self._smoother.forget(tracked.lost)
            poses = self._smoother.smooth(poses, stamp_ns)
        return Found(tuple(poses), tracked)

    def reset(self) -> tuple[str, ...]:
        """Gives everybody up; whom."""
        lost = self._tracker.reset()
        self.estimator.reset()
        if self._smoother is not None:
            self._smoother.forget(lost)
        return lost


def build(values: SimpleNamespace) -> PoseEstimator:
    """The estimator these settings ask for. Raises as `build_estimator`."""
    options: dict[str, Any] = {"model_path": values.model_path or None}
    for threshold in ("person_threshold", "joint_threshold"):
        if getattr(values, threshold) >= 0:
            options[threshold] = getattr(values, threshold)
    if values.estimator == "movenet":
        options |= {"input_size": values.input_size, "tiles": values.tiles, "threads": values.threads}
    else:
        options |= {"people": values.max_people}
    return build_estimator(values.estimator, **options)
