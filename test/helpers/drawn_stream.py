"""`skeleton_activity` with the shipped model, drawn people before it, and a bench that another thread spins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from co_perception.msg import Keypoint, Skeleton, SkeletonArray
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from helpers.drawn_people import Figure
from helpers.node_stream import RecognizerStream, header, overrides_of

STEP_S = 1 / 15


class DrawnStream(RecognizerStream):
    """`skeleton_activity` with the shipped model, and people who wave and squat."""

    def __init__(self, bench: Any, **settings: Any) -> None:
        given = {"reliability": "reliable", "queue_depth": 100, "threads": 1, **settings}
        node = SkeletonActivityNode(parameter_overrides=overrides_of(given))
        super().__init__(bench, node, {"skeletons": SkeletonArray})
        self.sent = 0

    def show(self, frames: int, ids: str = "ab") -> None:
        """Publishes so many frames more."""
        for _ in range(frames):
            seconds = 5 + self.sent * STEP_S
            people = [
                Skeleton(subject_id=id, layout="coco17", score=1.0, keypoints=[
                    Keypoint(x=float(x), y=float(y), z=float("nan"), score=float(score)) for x, y, _, score in
                    Figure("wave" if id == "a" else "squat", ord(id)).frame(seconds)
                ]) for id in ids
            ]  # fmt: skip
            self.publish({"skeletons": SkeletonArray(header=header(seconds), skeletons=people,
                                                     image_width=640, image_height=480)})  # fmt: skip
            self.sent += 1
        self.answered(self.sent)


@contextmanager
def spun_elsewhere(bench: Any) -> Iterator[None]:
    """Spins the nodes of a bench on another thread."""
    ends = Event()

    def spin() -> None:
        while not ends.is_set():
            bench.executor.spin_once(timeout_sec=0.02)

    thread = Thread(target=spin, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
