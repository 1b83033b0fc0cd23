"""A camera whose frames are swapped, doubled and late now and then, as those of busy drivers are; for the soak test."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from co_perception.nodes.camera import CameraNode, CameraSettings
from co_perception.nodes.core import run_node

SWAPPED, DOUBLED, DELAYED = "swapped", "doubled", "delayed"
SHARES = {SWAPPED: 0.01, DOUBLED: 0.01, DELAYED: 0.005}
DELAY = 5  # frames that overtake a delayed one


class DisorderedFrames:
    """Passes frames on in another order, every one of them once or twice.

    Args:
        publish: takes each frame.
        count: takes SWAPPED, DOUBLED or DELAYED where that becomes of a frame.
        seed: of the draws.
    """

    def __init__(self, publish: Callable[[Any], None], count: Callable[[str], None], seed: int = 0) -> None:
        self._publish, self._count, self._random = publish, count, Random(seed)
        self._held: Any = None
        self._frames_left = 0  # that overtake the one that is held

    def publish(self, frame: Any) -> None:
        """Takes the next frame; one at a time is held back."""
        if self._held is None:
            drawn = self._draw()
            if drawn in (SWAPPED, DELAYED):
                self._held, self._frames_left = frame, 1 if drawn == SWAPPED else DELAY
                return
            if drawn == DOUBLED:
                self._publish(frame)
        self._publish(frame)
        self._frames_left -= 1
        if self._held is not None and self._frames_left <= 0:
            self._publish(self._held)
            self._held = None

    def _draw(self) -> str:
        drawn = self._random.random()
        for event, share in SHARES.items():
            if drawn < share:
                self._count(event)
                return event
            drawn -= share
        return ""


class DisorderedCameraNode(CameraNode):
    """The node `camera`, whose frames leave it by way of `DisorderedFrames`."""

    def prepare(self, values: CameraSettings) -> None:
        """Puts the disorder before the publisher."""
        super().prepare(values)
        disorder = DisorderedFrames(self._images.publish, lambda event: self.counters.count(event))
        self._images = _Outlet(self._images, disorder)


class _Outlet:
    """A publisher as far as the camera uses it."""

    def __init__(self, publisher: Any, disorder: DisorderedFrames) -> None:
        self.publish = disorder.publish
        self.get_subscription_count, self.topic_name = publisher.get_subscription_count, publisher.topic_name


def main() -> None:
    """Runs the node, see `nodes.entry`."""
    run_node.main(DisorderedCameraNode)
