"""Inputs of learners: thin, validated wrappers around one NumPy array each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.coordinates import check_coordinates, default_coordinates

Pixels = NDArray[np.uint8]  # an image or a part of one: (H, W, 3) or (H, W), as the place of use says


@dataclass(frozen=True, eq=False)
class Data:
    """Base of all inputs. Holds one array, which is not copied: do not write into it later."""

    data: NDArray[Any]

    ndim: ClassVar[int]
    axes: ClassVar[str]
    float32: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name, rate_hz = type(self).__name__, getattr(self, "rate_hz", None)
        if not isinstance(self.data, np.ndarray):
            raise ValueError(f"{name} expects a numpy array {self.axes}, got {type(self.data).__name__}.")
        if self.data.ndim != self.ndim:
            raise ValueError(f"{name} expects {self.ndim} axes {self.axes}, got shape {self.data.shape}.")
        if self.data.size == 0:
            raise ValueError(f"{name} has nothing in it: shape {self.data.shape} has an axis of length 0.")
        if self.float32 and self.data.dtype != np.float32:
            raise ValueError(f"{name} expects {self.axes}, got {self.data.dtype}: pass data.astype(np.float32).")
        if rate_hz is not None and not rate_hz > 0:
            raise ValueError(f"rate_hz is frames per second and above 0, or None where it is unknown, got {rate_hz}.")

    def numpy(self) -> NDArray[Any]:
        """The array itself, not a copy."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        wanted = self.data if dtype is None else self.data.astype(dtype, copy=False)
        return wanted.copy() if copy else wanted


@dataclass(frozen=True, eq=False)
class Image(Data):
    """One frame: (H, W, 3) uint8, RGB, as a camera delivers it.

    OpenDR keeps (3, H, W); `convert` gives that layout. `stamp_ns` is the instant the frame was taken, in nanoseconds
    of whichever clock stamps the stream (None: unknown).
    """

    stamp_ns: int | None = None

    ndim: ClassVar[int] = 3
    axes: ClassVar[str] = "(height, width, 3) of uint8 in RGB order"

    def __post_init__(self) -> None:
        super().__post_init__()
        shape, dtype = self.data.shape, self.data.dtype
        if shape[2] != 3:
            hint = " It looks channels-first: pass data.transpose(1, 2, 0)." if shape[0] == 3 else ""
            raise ValueError(f"Image expects {self.axes}, got shape {shape}.{hint}")
        if dtype != np.uint8:
            hint = " Values of 0..1? Multiply by 255 and cast." if dtype.kind == "f" else ""
            raise ValueError(f"Image expects {self.axes}, got {dtype}.{hint}")

    @classmethod
    def from_opencv(cls, bgr: NDArray[np.uint8], stamp_ns: int | None = None) -> Image:
        """From OpenCV's (H, W, 3) BGR; a view, nothing is copied."""
        return cls(bgr[..., ::-1], stamp_ns)

    def opencv(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 in BGR order, contiguous, as OpenCV wants it."""
        return np.ascontiguousarray(self.data[..., ::-1])

    def convert(
        self,
        format: Literal["channels_first", "channels_last"] = "channels_first",
        channel_order: Literal["rgb", "bgr"] = "rgb",
    ) -> NDArray[np.uint8]:
        """The frame as contiguous uint8, (3, H, W) or (H, W, 3). Raises ValueError for other names."""
        if format not in ("channels_first", "channels_last"):
            raise ValueError(f"format is 'channels_first' or 'channels_last', got {format!r}.")
        if channel_order not in ("rgb", "bgr"):
            raise ValueError(f"channel_order is 'rgb' or 'bgr', got {channel_order!r}.")
        ordered = self.data if channel_order == "rgb" else self.data[..., ::-1]
        return np.ascontiguousarray(ordered if format == "channels_last" else ordered.transpose(2, 0, 1))


@dataclass(frozen=True, eq=False)
class Video(Data):
    """A finite clip: (C, T, H, W), uint8 values 0..255, or float32 in the range the learner at hand documents.

    `rate_hz` is the frame rate the clip was sampled at (None: unknown; learners refuse more than one frame without it).
    """

    rate_hz: float | None = None

    ndim: ClassVar[int] = 4
    axes: ClassVar[str] = "(channels, time, height, width) of uint8 or float32"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.dtype not in (np.uint8, np.float32):
            raise ValueError(f"Video expects {self.axes}, got {self.data.dtype}.")
        if self.data.shape[0] not in (1, 2, 3):
            hint = " It looks frame-first: pass data.transpose(3, 0, 1, 2)." if self.data.shape[-1] == 3 else ""
            raise ValueError(f"Video expects {self.axes}, got shape {self.data.shape}.{hint}")

    @classmethod
    def from_frames(cls, frames: list[Image], rate_hz: float | None = None) -> Video:
        """A clip of frames of one size, oldest first. Raises ValueError for none, or for mixed sizes."""
        sizes = {frame.data.shape for frame in frames}
        if len(sizes) != 1:
            raise ValueError(f"a Video needs frames of one size and at least one, got shapes {sorted(sizes)}.")
        return cls(np.stack([frame.data for frame in frames]).transpose(3, 0, 1, 2), rate_hz)


@dataclass(frozen=True, eq=False)
class Vector(Data):
    """One feature vector: (features,) float32. `stamp_ns` as in `Image`."""

    stamp_ns: int | None = None

    ndim: ClassVar[int] = 1
    axes: ClassVar[str] = "(features,) of float32"
    float32: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class Timeseries(Data):
    """A finite run of feature vectors: (time, features) float32. `rate_hz` as in `Video`."""

    rate_hz: float | None = None

    ndim: ClassVar[int] = 2
    axes: ClassVar[str] = "(time, features) of float32"
    float32: ClassVar[bool] = True


@dataclass(frozen=True, eq=False)
class SkeletonSequence(Data):
    """A finite run of poses: (C, T, V, M) float32, V joints of M persons.

    C is 3 (x, y, score) or 4 (x, y, z, score). An absent person, and a joint that was not found, is zeros, score
    included. OpenDR's (N, C, T, V, M) holds N of these.

    Args:
        layout: names the joints.
        rate_hz: as in `Video`.
        coordinates: unit and axes, one of `engine.coordinates.COORDINATES`; by default pixels for x, y, and for x, y, z
            metres: the Kinect's with y upwards for ntu25, else those of a camera's optical frame.
        aspect: width over height of the picture, for coordinates that are shares of it.
    """

    layout: str = "coco17"
    rate_hz: float | None = None
    coordinates: str = ""
    aspect: float | None = None

    ndim: ClassVar[int] = 4
    axes: ClassVar[str] = "(3 or 4 channels with the score last, time, joints, persons) of float32"
    float32: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.shape[0] not in (3, 4):
            hint = " OpenDR's has one axis more and no score." if self.data.shape[0] in (1, 2) else ""
            raise ValueError(f"SkeletonSequence expects {self.axes}, got shape {self.data.shape}.{hint}")
        coordinates = self.coordinates or default_coordinates(self.data.shape[0], self.layout)
        check_coordinates(coordinates, self.data.shape[0], self.aspect)
        object.__setattr__(self, "coordinates", coordinates)
