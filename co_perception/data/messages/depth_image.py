"""Reader of depth pictures in sensor_msgs/Image: 16UC1 in millimeters and 32FC1 in metres (REP 118)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.raw_image import ImageMessage, bytes_of

Floats = NDArray[np.float64]

# Bytes and meters of a number. mono16 is what some drivers call 16UC1.
DEPTHS = {"16UC1": ("u2", 0.001), "mono16": ("u2", 0.001), "32FC1": ("f4", 1.0)}
NEAREST, FARTHEST = 0.05, 60.0  # [m] what is beyond is no measurement of a person


@dataclass(frozen=True, eq=False)
class DepthImage:
    """Distances along the optical axis: a view of a message, of which only what is asked for is converted.

    Args:
        values: (H, W) in the sensor's unit; 0, NaN and infinite: not measured.
        unit_m: of the values [m].
        stamp_ns: of the message.
    """

    values: NDArray[Any]
    unit_m: float
    stamp_ns: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height [pixels]."""
        return self.values.shape[1], self.values.shape[0]

    def at(self, pixels: NDArray[np.integer]) -> Floats:
        """(N,) depth [m] at pixels (N, 2) of across and down; NaN outside of the picture and where there is none."""
        across, down = pixels[:, 0], pixels[:, 1]
        width, height = self.size
        inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
        depth = np.full(len(pixels), np.nan)
        depth[inside] = self.values[down[inside], across[inside]].astype(np.float64) * self.unit_m
        depth[~((depth >= NEAREST) & (depth <= FARTHEST))] = np.nan
        return depth


def read_depth(message: ImageMessage, stamp_ns: int = 0) -> DepthImage:
    """The depth picture in a message, without a copy.

    Raises:
        ValueError: for another encoding, no pixels, or fewer bytes than height and step say.
    """
    name = str(message.encoding)
    if name not in DEPTHS:
        raise ValueError(
            f"a depth picture has the encoding 16UC1 (millimeters) or 32FC1 (metres), got {name!r}: subscribe to the "
            "depth that is registered to the color picture, raw and not compressed."
        )
    kind, unit_m = DEPTHS[name]
    height, width, step, bytes_per = int(message.height), int(message.width), int(message.step), int(kind[1])
    if height < 1 or width < 1:
        raise ValueError(f"the depth picture is {width} x {height} pixels: there is nothing in it.")
    data = bytes_of(message.data)
    if step < width * bytes_per or data.size < step * height:
        raise ValueError(
            f"the depth picture holds {data.size} bytes in rows of {step}, but {width} x {height} pixels of {name} "
            f"need {width * bytes_per} a row and {width * bytes_per * height} in all."
        )
    rows = data[: step * height].reshape(height, step)[:, : width * bytes_per]
    order = ">" if message.is_bigendian else "<"
    return DepthImage(rows.view(f"{order}{kind}"), unit_m, stamp_ns)
