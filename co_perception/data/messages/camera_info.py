"""Reader of sensor_msgs/CameraInfo: size of the pictures, and the camera model behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from co_perception.data.messages.people_fields import RoiMessage
from co_perception.engine.camera_model import CameraModel

FISHEYE = ("equidistant", "fisheye")


class CameraInfoMessage(Protocol):
    """The fields of a `sensor_msgs/CameraInfo` that are used."""

    width: int
    height: int
    distortion_model: str
    d: Sequence[float]
    k: Sequence[float]
    p: Sequence[float]
    binning_x: int
    binning_y: int
    roi: RoiMessage


def image_size(info: CameraInfoMessage) -> tuple[int, int]:
    """Width and height [pixels] of the pictures that a sensor_msgs/CameraInfo is of; 0 where it does not tell.

    Its own width and height are those of the whole sensor at full resolution.
    """
    width, height = info.roi.width or info.width, info.roi.height or info.height
    return int(width // max(info.binning_x, 1)), int(height // max(info.binning_y, 1))


def camera_model(info: CameraInfoMessage, rectified: bool = False) -> CameraModel:
    """The camera of the pictures that a sensor_msgs/CameraInfo is of.

    Args:
        info: the message. Its numbers are those of the whole sensor; pictures are a part of it, and binned.
        rectified: whether the pictures are (image_rect): then P is used instead of K, and no distortion.

    Raises:
        ValueError: for a camera that is not calibrated (zeros), and for numbers that are not finite.
    """
    matrix, columns = (info.p, 4) if rectified else (info.k, 3)
    values = [float(value) for value in matrix]
    if len(values) != 3 * columns:
        raise ValueError(f"a camera_info has 9 numbers in K and 12 in P, got {len(info.k)} and {len(info.p)}.")
    across, down = max(info.binning_x, 1), max(info.binning_y, 1)
    focal = (values[0] / across, values[columns + 1] / down)
    center = ((values[2] - info.roi.x_offset) / across, (values[columns + 2] - info.roi.y_offset) / down)
    distortion = () if rectified else tuple(float(value) for value in info.d)
    return CameraModel(focal, center, image_size(info), distortion, info.distortion_model in FISHEYE)
