"""A double of tf2_ros, which ROS's wheels of PyPI do not have."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

Place = tuple[tuple[float, float, float, float], tuple[float, float, float]]
"""Quaternion x, y, z, w, and translation [m]."""
AHEAD: Place = ((-0.5, 0.5, -0.5, 0.5), (0.0, 0.0, 1.5))
"""Of a camera 1.5 m above base_link that looks ahead: REP 103, from optical axes to x ahead, y left, z up."""


class TransformsDouble(ModuleType):
    """tf2_ros with one transform, from any frame to any other: `place` at a stamp [ns], while `known` says so."""

    class TransformException(Exception):
        pass

    def __init__(self, place: Callable[[int], Place] = lambda stamp_ns: AHEAD) -> None:
        super().__init__("tf2_ros")
        self.known: Callable[[int], bool] = lambda stamp_ns: True
        self.asked, self.listeners = list[tuple[str, str, int]](), list[bool]()
        self.Buffer, self.TransformListener, self._place = lambda: self, self.listen, place

    def listen(self, buffer: Any, node: Any, spin_thread: bool) -> Any:
        self.listeners.append(spin_thread)
        return SimpleNamespace(unregister=self.listeners.pop)

    def lookup_transform(self, target: str, source: str, time: Any) -> Any:
        self.asked.append((target, source, time.nanoseconds))
        if not self.known(time.nanoseconds):
            raise self.TransformException("extrapolation into the future")
        turn, move = self._place(time.nanoseconds)
        rotation = SimpleNamespace(**dict(zip("xyzw", turn, strict=True)))
        translation = SimpleNamespace(**dict(zip("xyz", move, strict=True)))
        return SimpleNamespace(transform=SimpleNamespace(rotation=rotation, translation=translation))
