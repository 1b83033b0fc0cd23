"""MediaPipe's pose landmarker: BlazePose's 33 joints of each of a few people, on the CPU.

One network finds people, a second one the joints of each; from frame to frame the second one's answer says where to
look, so the first runs only where somebody is new. Works with MediaPipe 0.10.21 and later; `setup.py` pins one that
was seen to open no network connection (later ones report their use to Google).
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.pose.model_file import task_file
from co_perception.pose.optional import mediapipe_tasks
from co_perception.runtime import store

DETECTOR, LANDMARKS = "blazepose_detector", "blazepose_full"
_NO_STAMP_MS = 33  # pictures without a stamp are taken for a 30 Hz stream


class MediaPipePose:
    """Estimates poses of up to `people` people, most confident first. Close it: MediaPipe complains, harmlessly, about
    what is still open when Python ends.

    Args:
        people: most in one picture; each costs a pass of the landmark network.
        person_threshold: least score of the detector, and of a person's presence from frame to frame.
        joint_threshold: least score of a joint; others are zeros.
        streaming: pictures are a stream: people are followed from frame to frame, and where `people` is 1 the joints
            are smoothed. False: each picture is seen for itself, at the cost of the detector every time.
        model_path: a `.task` file, such as Google's pose_landmarker_heavy.task; None makes one of the networks in the
            store ("full").

    A joint's score is the lesser of its visibility and its presence; a person's, which MediaPipe does not tell, is the
    mean of them.
    Raises: ValueError for an option out of range or an unreadable file; ImportError without MediaPipe;
        FileNotFoundError where the networks have not been fetched.
    """

    name = "mediapipe_blazepose_full"
    layout = "blazepose33"

    def __init__(
        self,
        people: int = 2,
        person_threshold: float = 0.5,
        joint_threshold: float = 0.1,
        streaming: bool = True,
        model_path: str | Path | None = None,
    ) -> None:
        if people < 1:
            raise ValueError(f"people is the most to be found, at least 1, got {people}.")
        if not (0 <= person_threshold <= 1 and 0 <= joint_threshold <= 1):
            raise ValueError(f"thresholds are scores 0..1, got {person_threshold} and {joint_threshold}.")
        self._people = people
        self._person_threshold = person_threshold
        self._joint_threshold = joint_threshold
        self._streaming = streaming
        self._tasks = mediapipe_tasks()
        self._model = self._read_model(model_path)
        if model_path:
            self.name = f"mediapipe_{Path(model_path).stem}"
        self._stamp_ns: int | None = None
        self._clock_ms = 0
        self._landmarker: Any = None
        self._close: Callable[[], object] = lambda: None
        self._open()

    def estimate(self, image: Image) -> list[Pose]:
        """As `estimator.PoseEstimator.estimate`; a stamp older than the one before begins a new stream."""
        if self._landmarker is None:
            raise ValueError("this estimator is closed: build another one.")
        library = self._tasks.mediapipe
        picture = library.Image(image_format=library.ImageFormat.SRGB, data=np.ascontiguousarray(image.data))
        if self._streaming:
            self._tick(image.stamp_ns)
            result = self._landmarker.detect_for_video(picture, self._clock_ms)
        else:
            result = self._landmarker.detect(picture)
        poses = [self._pose(landmarks, image) for landmarks in result.pose_landmarks]
        return sorted((pose for pose in poses if pose is not None), key=lambda pose: -pose.confidence)

    def reset(self) -> None:
        """Forgets frames before."""
        if self._landmarker is not None and self._clock_ms:
            self._close()
            self._open()

    def close(self) -> None:
        """As `estimator.PoseEstimator.close`."""
        self._close()
        self._landmarker = None

    def _open(self) -> None:
        vision = self._tasks.vision
        mode = vision.RunningMode.VIDEO if self._streaming else vision.RunningMode.IMAGE
        options = vision.PoseLandmarkerOptions(
            base_options=self._tasks.base_options(model_asset_buffer=self._model),
            running_mode=mode,
            num_poses=self._people,
            min_pose_detection_confidence=self._person_threshold,
            min_pose_presence_confidence=self._person_threshold,
            min_tracking_confidence=self._person_threshold,
        )
        try:
            self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (ValueError, RuntimeError) as error:
            raise ValueError(f"MediaPipe cannot use this model: {error}") from error
        self._close = weakref.finalize(self, _close, self._landmarker)
        self._stamp_ns, self._clock_ms = None, 0

    def _read_model(self, model_path: str | Path | None) -> bytes:
        if model_path is None:
            return task_file(store.locate(DETECTOR).read_bytes(), store.locate(LANDMARKS).read_bytes(), self._tasks)
        if not Path(model_path).is_file():
            raise FileNotFoundError(f"there is no file {model_path}; model_path is a .task file, or None.")
        return Path(model_path).read_bytes()

    def _tick(self, stamp_ns: int | None) -> None:
        """Brings the clock to a picture's stamp. MediaPipe wants whole milliseconds, each more than the one before."""
        if stamp_ns is not None and self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            self.reset()
        if stamp_ns is None:
            passed_ms = _NO_STAMP_MS
        else:
            passed_ms = 1 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) // 1_000_000
        self._stamp_ns = stamp_ns
        self._clock_ms += max(passed_ms, 1)

    def _pose(self, landmarks: Any, image: Image) -> Pose | None:
        """One person; None where no joint was found."""
        height, width = image.data.shape[:2]
        rows = [(mark.x * width, mark.y * height, min(mark.visibility, mark.presence)) for mark in landmarks]
        joints = np.array(rows, np.float32)
        confidence = float(np.clip(joints[:, 2].mean(), 0, 1))
        joints[~(joints[:, 2] >= self._joint_threshold)] = 0.0
        return Pose(joints, self.layout, confidence=confidence) if joints[:, 2].any() else None


def _close(landmarker: Any) -> None:
    """Closes it; while Python ends, its threads may be gone already, and the process takes the rest with it."""
    with contextlib.suppress(RuntimeError):
        landmarker.close()
