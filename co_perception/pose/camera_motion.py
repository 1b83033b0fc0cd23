"""Camera motion from pictures: the background's points are followed, and a homography that most agree on is theirs.

Points are Shi and Tomasi's (CVPR 1994, doi:10.1109/CVPR.1994.323794), followed by Lucas and Kanade's method in a
pyramid (Bouguet, 2001); the homography is found by RANSAC (Fischler and Bolles 1981, doi:10.1145/358669.358692).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.image import opencv
from co_perception.engine.data import Image, Pixels
from co_perception.engine.picture_motion import Floats, PictureMotion
from co_perception.engine.target import Pose
from co_perception.pose.matching import boxes

NO_BACKGROUND = "background could not be followed"
CAMERA_MOTIONS = ("none", "image", "tf")


@dataclass(frozen=True)
class FlowOptions:
    """How the background is followed.

    Args:
        longest: side of the picture in which points are followed; larger ones are shrunk [pixels].
        points: most points.
        quality: of a point, as a share of the best one's.
        apart: least distance of two points [pixels].
        window: side of the patch that is followed [pixels].
        levels: of the pyramid above the picture itself: a point may move by about window / 2 * 2^levels.
        tolerance: distance from the homography with which a point agrees [pixels].
        least: points that have to agree.
        share: of the points that were followed that has to agree.
        simple: share of the points of the best homography with which a similarity is preferred.
        margin: around people, in longest sides of their joints' boxes.
    """

    longest: int = 320
    points: int = 200
    quality: float = 0.01
    apart: float = 7.0
    window: int = 21
    levels: int = 4
    tolerance: float = 1.0
    least: int = 12
    share: float = 0.4
    simple: float = 0.98
    margin: float = 0.15


class MotionSource(Protocol):
    """Finds how the camera moved between two frames.

    counts: frames whose motion is not known, by the reason.
    """

    counts: Counter[str]

    def motion(self, image: Image, people: Sequence[Pose]) -> PictureMotion | None:
        """The motion from the frame before, in pixels of these upright pictures; None where it is not known.

        Args:
            image: the upright picture of this frame, with its stamp.
            people: where people were in the frame before, in pixels of it.
        """

    def depths(self) -> Mapping[str, float]:
        """Depth of people along the optical axis, by id, where it is known [m]."""

    def reset(self) -> None:
        """Begins anew: the next frame has no frame before."""


class ImageMotion:
    """Camera motion from the picture's background, as `MotionSource`."""

    def __init__(self, options: FlowOptions | None = None) -> None:
        self.options = options or FlowOptions()
        self._before: Pixels | None = None
        self._newest = np.eye(3)  # homography of the small pictures; the next one is sought near to it
        self.counts: Counter[str] = Counter()

    def motion(self, image: Image, people: Sequence[Pose]) -> PictureMotion | None:
        """As `MotionSource`."""
        before, (now, scale) = self._before, self._small(image.data)
        self._before = now
        if before is None or before.shape != now.shape:
            self._newest = np.eye(3)
            return None
        found = self._homography(before, now, people, scale)
        if found is None:
            self.counts[NO_BACKGROUND] += 1
            self._newest = np.eye(3)
            return None
        self._newest = found
        # Pixel n of a picture that was shrunk by s has its middle at s (n + .5) - .5 of the large one.
        large = np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2], [0.0, 0.0, 1.0]])
        return PictureMotion(large @ found @ np.linalg.inv(large))

    def depths(self) -> Mapping[str, float]:
        """None: the homography is that of the background, wherever that is."""
        return {}

    def reset(self) -> None:
        """As `MotionSource`."""
        self._before = None

    def _small(self, picture: Pixels) -> tuple[NDArray[np.uint8], float]:
        """The green of a picture, small, and how many of its pixels one of them is wide."""
        green = np.ascontiguousarray(picture[..., 1])
        scale = max(max(green.shape) / self.options.longest, 1.0)
        size = (round(green.shape[1] / scale), round(green.shape[0] / scale))
        if scale == 1.0:
            return green, scale
        cv2 = opencv()
        return cv2.resize(green, size, interpolation=cv2.INTER_AREA), green.shape[1] / size[0]

    def _homography(
        self, before: NDArray[np.uint8], now: NDArray[np.uint8], people: Sequence[Pose], scale: float
    ) -> Floats | None:
        cv2, options = opencv(), self.options
        mask = _without(people, before.shape, scale, options.margin)
        points = cv2.goodFeaturesToTrack(before, options.points, options.quality, options.apart, mask=mask)
        if points is None or len(points) < options.least:
            return None
        found = self._followed(before, now, points, self._newest)
        # A camera that has turned round or begun to turn is somewhere else: the whole picture tells where.
        return self._followed(before, now, points, _shift(cv2, before, now)) if found is None else found

    def _followed(
        self, before: NDArray[np.uint8], now: NDArray[np.uint8], points: Any, expected: Floats
    ) -> Floats | None:
        """The homography of points (N, 1, 2) that are looked for near to where an expected one takes them."""
        cv2, options = opencv(), self.options
        guess = cv2.perspectiveTransform(points, expected).astype(np.float32)
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            before, now, points, guess, winSize=(options.window, options.window), maxLevel=options.levels,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        followed = (status[:, 0] == 1) & _inside(moved[:, 0], now.shape)
        if followed.sum() < options.least:
            return None
        found, agree = _model(cv2, points[followed], moved[followed], options)
        if found is None or agree < max(options.least, options.share * followed.sum()):
            return None
        return found if _is_plausible(found, now.shape) else None


def _shift(cv2: Any, before: NDArray[np.uint8], now: NDArray[np.uint8]) -> Floats:
    """(3, 3) the shift of a whole picture, by the phase of its spectrum (Kuglin and Hines, 1975)."""
    height, width = before.shape
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    (x, y), _ = cv2.phaseCorrelate(before.astype(np.float32), now.astype(np.float32), window)
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _model(cv2: Any, before: Any, now: Any, options: FlowOptions) -> tuple[Floats | None, int]:
    """The homography of points (N, 1, 2), and how many agree: a similarity where it explains nearly as many.

    That has four numbers instead of eight, and so less of a will of its own where people hide the points.
    """
    simple, inside = cv2.estimateAffinePartial2D(before, now, None, cv2.RANSAC, options.tolerance)
    found, agree = cv2.findHomography(before, now, cv2.RANSAC, options.tolerance)
    count = 0 if found is None else int(agree.sum())
    if simple is not None and inside.sum() >= options.simple * count:
        return np.concatenate([simple, [[0.0, 0.0, 1.0]]]), int(inside.sum())
    return (None, 0) if found is None else (np.asarray(found, np.float64), count)


def _without(people: Sequence[Pose], shape: tuple[int, ...], scale: float, margin: float) -> Any:
    """A mask that is 0 where people are."""
    mask = np.full(shape, 255, np.uint8)
    for pose in people:
        box = boxes(pose.data[None, :, [0, 1, -1]].astype(np.float64))[0] / scale
        wide = margin * float((box[2:] - box[:2]).max())
        left, top = np.maximum(np.floor(box[:2] - wide), 0).astype(int)
        right, bottom = np.maximum(np.ceil(box[2:] + wide), 0).astype(int)
        mask[top:bottom, left:right] = 0
    return mask


def _inside(places: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    height, width = shape
    return np.asarray((places >= 0).all(1) & (places[:, 0] < width) & (places[:, 1] < height))


def _is_plausible(homography: Any, shape: tuple[int, ...]) -> bool:
    """Whether a picture stays one: not turned inside out, nor shrunk or grown by half from one frame to the next."""
    height, width = shape
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    if not np.isfinite(homography).all():
        return False
    moved = PictureMotion(np.asarray(homography, np.float64)).places(corners)
    x, y = moved.T
    area = 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    return bool(np.isfinite(moved).all() and 0.5 < area / (width * height) < 2.0)
