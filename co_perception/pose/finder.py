"""Pose pipeline from images to tracked people: an estimator, a tracker and a smoother, built from settings.

The node `pose` and the replay of recordings without skeletons use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from co_perception.data.messages.people_motion import NO_MOTIONS, Motion
from co_perception.engine.data import Image
from co_perception.engine.picture_turn import TurnSettings
from co_perception.engine.settings import setting
from co_perception.engine.stamp_order import Order
from co_perception.engine.target import Pose
from co_perception.pose.camera_motion import CAMERA_MOTIONS, ImageMotion, MotionSource
from co_perception.pose.estimator import ESTIMATORS, PoseEstimator, build_estimator
from co_perception.pose.identity import Identity, IdentitySettings
from co_perception.pose.second_look import SecondLook
from co_perception.pose.smoothing import Smoother
from co_perception.pose.tracker import FramePlace, Tracked, Tracker
from co_perception.runtime.store import store

OWN = -1.0  # of a threshold: the estimator's default


@dataclass(frozen=True)
class PoseSettings(TurnSettings, IdentitySettings):
    """Settings of estimator, tracker and smoother."""

    estimator: str = setting("movenet", "What finds people and their joints.", choices=ESTIMATORS)
    model_path: str = setting("", "Another model file for the estimator; empty: the one in the local store.", path=True)
    input_size: int = setting(256, "Longer side of MoveNet's input, a multiple of 32 [pixels].", 96, 1280)
    tiles: int = setting(1, "MoveNet: look at n x n parts of the picture besides, for small people.", 1, 4)
    person_threshold: float = setting(OWN, "Least score of a person, 0..1; -1: the estimator's own.", OWN, 1.0)
    followed_threshold: float = setting(
        0.15, "MoveNet: least score of somebody who is followed already; those who lie have a low one.", 0.0, 1.0
    )
    joint_threshold: float = setting(OWN, "Least score of a joint, 0..1; -1: the estimator's own.", OWN, 1.0)
    threads: int = setting(2, "CPU threads of MoveNet; MediaPipe chooses for itself.", 1, 256)
    max_people: int = setting(6, "Most people followed at once; bounds memory and time.", 1, 64)
    max_missed_s: float = setting(1.0, "Time out of sight after which an id is given up [s].", 0.01, 60.0)
    confirm: int = setting(2, "Frames in a row somebody must be seen in to get an id.", 1, 100)
    second_look: int = setting(
        2, "MoveNet: look again, turned, for who vanished or lies, at most every n-th frame; 0: never.", 0, 100
    )
    camera_motion: str = setting(
        "none",
        "How the camera's own motion is taken out: none; image: by the picture's background; tf: by odometry in TF.",
        choices=CAMERA_MOTIONS,
    )
    smoothing: str = setting("none", "none, or one_euro: joints that tremble less.", choices=("none", "one_euro"))


class TrackedPoses(NamedTuple):
    """The people of one image, smoothed where that is asked for, and the tracker's report.

    poses: in pixels of the source picture. tracked: as the tracker has them, in those of the upright picture. looks,
    finds: second looks at this image, and those that found their person; 0 or 1. motions: by how much the camera's own
    motion has moved each of them in the source picture, by id [pixels]; empty without `camera_motion`.
    """

    poses: tuple[Pose, ...]
    tracked: Tracked
    looks: int = 0
    finds: int = 0
    motions: Mapping[str, Motion] = NO_MOTIONS


@dataclass(frozen=True)
class ImagePlace:
    """Place of an image in the stream of a `Finder`.

    frame: as the tracker needs it. dropped: why `find` should not be called with it: it is late or doubled.
    """

    frame: FramePlace
    dropped: Order | None


class Finder:
    """Tracks the people in a stream of images.

    An image passes through two calls, in a node on two threads: `place` as it arrives, then `find`. Where the settings
    turn the picture, people are found and followed in the upright one.

    Args:
        estimator: reset with everything else; the caller closes it.
        values: settings of tracker and smoother.
        id_prefix: what each id begins with.
    """

    def __init__(self, estimator: PoseEstimator, values: PoseSettings, id_prefix: str = "p") -> None:
        self.estimator = estimator
        self._tracker = Tracker(
            values.max_people, values.max_missed_s, values.confirm, _new_person_score(values), id_prefix
        )
        self._second_look: SecondLook | None = None
        if values.second_look and ESTIMATORS[values.estimator].independent:
            self._second_look = SecondLook(estimator, _new_person_score(values), values.second_look)
        self.turn = values.turn
        """How pictures are made upright."""
        self.camera_motion: MotionSource | None = ImageMotion() if values.camera_motion == "image" else None
        """What finds how the camera moved; None: it stands still. Of `camera_motion: tf` a node sets it."""
        self._identity = Identity(values) if values.identity != "none" else None
        self._smoother = Smoother() if values.smoothing == "one_euro" else None
        self._before: tuple[Pose, ...] = ()  # people of the frame before, in the upright picture
        self._size: tuple[int, ...] | None = None
        self._stream = 0

    def place(self, stamp_ns: int) -> ImagePlace:
        """Where the next image comes among those before, in the order of arrival. Called once an image.

        Images without a stamp (0) are not doubled.
        """
        frame = self._tracker.place(stamp_ns)
        useless = frame.order == Order.LATE or (frame.order == Order.DUPLICATE and stamp_ns != 0)
        return ImagePlace(frame, frame.order if useless else None)

    def find(self, image: Image, place: ImagePlace | None = None) -> TrackedPoses:
        """Everybody in the next image, which has a stamp; without its place it is placed now.

        An image of another size than before loses everybody: positions are in pixels, and those of both sizes cannot be
        compared.
        """
        stamp_ns, size = image.stamp_ns or 0, image.data.shape[:2]
        place = place or self.place(stamp_ns)
        if place.frame.stream > self._stream:
            self._stream = place.frame.stream
            self._begin_anew()
        before = self._give_up(self._tracker.end_all()) if self._size not in (None, size) else ()
        self._size = size
        image = Image(np.ascontiguousarray(self.turn.upright(image.data)), stamp_ns) if self.turn else image
        found, looks, finds = self._look(image, stamp_ns)
        tracked = self._tracker.update(found, stamp_ns, place.frame)
        tracked = replace(tracked, lost=before + tracked.lost)
        self._before = tracked.poses
        if self._identity is not None:
            tracked = self._identity.resolve(image.data, tracked, stamp_ns)
        source = (size[1], size[0])
        motions = NO_MOTIONS if self.camera_motion is None else self._motions(tracked, source)
        poses = [self.turn.pose_in_source(pose, source) for pose in self._smoothed(tracked, stamp_ns)]
        return TrackedPoses(tuple(poses), tracked, looks, finds, motions)

    def _look(self, image: Image, stamp_ns: int) -> tuple[Sequence[Pose], int, int]:
        """Who is in an upright picture; second looks at it, and those that found their person."""
        found = self.estimator.estimate(image)
        if self.camera_motion is not None:
            self._follow_camera(self.camera_motion, image, self._before)
        if self._second_look is None:
            return found, 0, 0
        return self._second_look.improve(image, found, self._tracker.expected(stamp_ns))

    def _smoothed(self, tracked: Tracked, stamp_ns: int) -> list[Pose]:
        """Those in sight, smoothed where that is asked for."""
        if self._smoother is None:
            return list(tracked.poses)
        self._smoother.forget(tracked.lost)
        return self._smoother.smooth(list(tracked.poses), stamp_ns)

    def _follow_camera(self, source: MotionSource, image: Image, people: Sequence[Pose]) -> None:
        """Moves what is remembered of people to where the camera's motion has moved them."""
        motion = source.motion(image, people)
        if motion is None:
            return
        depths, tracks = source.depths(), self._tracks
        self._tracker.follow_camera(motion, {tracks.get(id, id): depth for id, depth in depths.items()})
        if self._smoother is not None:
            self._smoother.follow_camera(motion, depths)

    @property
    def _tracks(self) -> Mapping[str, str]:
        """The tracker's id of those who have another one for all others."""
        return {} if self._identity is None else self._identity.tracks

    def _motions(self, tracked: Tracked, source: tuple[int, int]) -> dict[str, Motion]:
        """The camera's motion at each person, in the source picture of this size."""
        moved, tracks, found = self._tracker.camera_motions(), self._tracks, dict[str, Motion]()
        for id in (pose.id for pose in tracked.poses):
            start, end = self.turn.places_in_source(np.stack([np.zeros(2), moved[tracks.get(id, id)]]), source)
            found[id] = (float(end[0] - start[0]), float(end[1] - start[1]))
        return found

    def end_stream(self) -> None:
        """The images that are placed from now on are another camera's; on the thread of `place`."""
        self._tracker.end_stream()

    def reset(self) -> tuple[str, ...]:
        """Lose everybody for good, and begin a new stream; their ids. No image is placed meanwhile."""
        lost = self._tracker.reset()
        if self._identity is not None:
            lost = self._identity.end(lost)
            self._identity.forget()
        return self._give_up(lost)

    def _begin_anew(self) -> None:
        self.estimator.reset()
        self._before = ()
        if self.camera_motion is not None:
            self.camera_motion.reset()

    def _give_up(self, lost: tuple[str, ...]) -> tuple[str, ...]:
        self._begin_anew()
        if self._smoother is not None:
            self._smoother.forget(lost)
        return lost


def find_models(values: PoseSettings) -> None:
    """Looks for the files of the estimator, within milliseconds. Raises FileNotFoundError, which says how to get them.

    What else may be wrong is found by `build`.
    """
    if values.model_path and not Path(values.model_path).is_file():
        raise FileNotFoundError(f"model_path: there is no file {values.model_path}")
    for name in () if values.model_path else ESTIMATORS[values.estimator].models:
        store.locate(name)


def build(values: PoseSettings) -> PoseEstimator:
    """The estimator of these settings. Raises what `build_estimator` raises."""
    options: dict[str, Any] = {"model_path": values.model_path or None}
    thresholds = {"person_threshold": values.person_threshold, "joint_threshold": values.joint_threshold}
    options |= {name: score for name, score in thresholds.items() if score >= 0}
    if values.estimator == "movenet":
        options |= {"input_size": values.input_size, "tiles": values.tiles, "threads": values.threads}
        options |= {"person_threshold": min(values.followed_threshold, _new_person_score(values))}
    else:
        options |= {"people": values.max_people}
    return build_estimator(values.estimator, **options)


def _new_person_score(values: PoseSettings) -> float:
    """Least score of somebody new."""
    return values.person_threshold if values.person_threshold >= 0 else ESTIMATORS[values.estimator].person_threshold
