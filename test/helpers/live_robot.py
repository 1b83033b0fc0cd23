"""Robot for tests of the live page: a recognizer, and skeletons and pictures, spun on a thread of their own."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from sensor_msgs.msg import Image

from co_perception.msg import SkeletonArray
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from helpers.fake_learners import LimitedLearner
from helpers.node_stream import RELIABLE, overrides_of, picture, skeleton, skeletons


class Robot:
    """A recognizer and publishers, on a thread as another process would be; a context that ends the thread."""

    period_s = 0.05

    def __init__(self, bench: Any) -> None:
        self._bench, self.learner = bench, LimitedLearner()
        self.node = bench.add(
            SkeletonActivityNode(lambda _: self.learner, parameter_overrides=overrides_of({"reliability": "reliable"}))
        )
        self.skeletons = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
        self.pictures = bench.node.create_publisher(Image, "image_raw", RELIABLE)
        self.speaks = True
        self._begun_s, self._ends = time.monotonic(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(10)

    def _run(self) -> None:
        sent_s = 0.0
        while not self._ends.is_set():
            self._bench.executor.spin_once(timeout_sec=0.01)
            if self.speaks and time.monotonic() - sent_s > self.period_s:
                sent_s = time.monotonic()
                self.send(self._bench.node.get_clock().now().nanoseconds, sent_s - self._begun_s)

    def send(self, stamp_ns: int, seconds: float) -> None:
        """Publishes somebody who stands on the left, in a gray picture; `seconds` since the robot began."""
        self.skeletons.publish(skeletons(stamp_ns / 1e9, skeleton("p1", x=40.0)))
        self.pictures.publish(picture(stamp_ns / 1e9, np.full((24, 32, 3), 90, np.uint8)))
