"""What goes wrong on a robot, done to a recording on purpose: how much worse does a recogniser get?

Every draw is a pure function of the seed and the frame's stamp, so a run can be repeated, and the frames that are lost
at a rate of 0.1 are among those lost at 0.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import singledispatch
from typing import Any

import numpy as np

from co_perception.data.bag_frames import Frame, Frames, Sighting
from co_perception.data.people_messages import Reading
from co_perception.engine.data import Image
from co_perception.engine.target import Pose

_LOST, _LATE, _BLURRED = range(3)  # what is drawn for a frame


@dataclass(frozen=True)
class Fault:
    """What is done to each frame, in this order; the defaults do nothing.

    Args:
        rate_hz: a slower camera: of each of so many ticks a second the first frame is kept; 0: all.
        drop: share of the frames that is lost, each by itself, 0..1.
        jitter_ms: standard deviation of an error that is added to each stamp; stamps keep their order.
        noise: standard deviation of normal noise: of a picture's brightness as a share of its range, of a joint's place
            as a share of the height of its person.
        seed: of all draws.

    Raises: ValueError where one of them is out of its range.
    """

    rate_hz: float = 0.0
    drop: float = 0.0
    jitter_ms: float = 0.0
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.drop < 1:
            raise ValueError(f"drop is the share of frames that is lost, at least 0 and below 1, got {self.drop}.")
        if min(self.rate_hz, self.jitter_ms, self.noise, self.seed) < 0:
            raise ValueError(f"rate_hz, jitter_ms, noise and seed are 0 or more, got {self}.")

    @property
    def name(self) -> str:
        """What is wrong, such as "drop=0.2 jitter_ms=15"; "clean" where nothing is."""
        wrong = [f"{name}={value:g}" for name, value in asdict(self).items() if value and name != "seed"]
        return " ".join(wrong) or "clean"

    def spoil(self, frames: Iterable[Frame]) -> Frames:
        """The frames as they arrive with this fault."""
        told_ns = -1
        for frame in _thinned(frames, self.rate_hz):
            if self.drop and self._rng(frame, _LOST).random() < self.drop:
                continue
            if self.jitter_ms:
                wrong_ns = round(self._rng(frame, _LATE).normal(0, self.jitter_ms * 1e6))
                told_ns = max(frame.told_ns + wrong_ns, told_ns + 1, 0)
                frame = replace(frame, told_ns=told_ns)
            yield replace(frame, read=self._noisy(frame)) if self.noise else frame

    def _noisy(self, frame: Frame) -> Callable[[], Any]:
        return lambda: blurred(frame.read(), self.noise, self._rng(frame, _BLURRED))

    def _rng(self, frame: Frame, what: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, what, frame.stamp_ns])


def _thinned(frames: Iterable[Frame], rate_hz: float) -> Frames:
    begin_ns, last = None, -1
    for frame in frames:
        begin_ns = frame.stamp_ns if begin_ns is None else begin_ns
        tick = int((frame.stamp_ns - begin_ns) * rate_hz / 1e9)
        if not rate_hz or tick > last:
            last = tick
            yield frame


@singledispatch
def blurred(seen: Any, noise: float, rng: np.random.Generator) -> Any:
    """What is seen, with noise on it; see `Fault.noise`. Raises TypeError for what has none."""
    raise TypeError(f"no noise is known for a {type(seen).__name__}")


@blurred.register
def _(seen: Image, noise: float, rng: np.random.Generator) -> Image:
    wrong = rng.normal(0, 255 * noise, seen.data.shape)
    return Image(np.clip(np.rint(seen.data + wrong), 0, 255).astype(np.uint8), seen.stamp_ns)


@blurred.register
def _(seen: Sighting, noise: float, rng: np.random.Generator) -> Sighting:
    return replace(seen, image=blurred(seen.image, noise, rng))  # where people are found, and how well, stays


@blurred.register
def _(seen: Reading, noise: float, rng: np.random.Generator) -> Reading:
    return replace(seen, poses=[_trembling(pose, noise, rng) for pose in seen.poses])


def _trembling(pose: Pose, noise: float, rng: np.random.Generator) -> Pose:
    places = pose.data[pose.found, :-1]
    height = float(np.ptp(places[:, 1])) if len(places) else 0.0
    wrong = rng.normal(0, noise * height, (len(pose), places.shape[1])).astype(np.float32)
    joints = pose.data.copy()
    joints[pose.found, :-1] += wrong[pose.found]
    return Pose(joints, pose.layout, confidence=pose.confidence, id=pose.id)
