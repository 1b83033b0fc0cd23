"""The node `video_activity` with stopwatches around the parts of its path, for `node_latency.py`, which starts it.

Nothing in the package is changed: functions are wrapped where the node looks them up. What each frame took is written
as JSON to the file named by NODE_LATENCY_OUT when the node ends.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from co_perception.learners import recognizers, video
from co_perception.nodes import image_inputs, recognizer
from co_perception.nodes.core import run_node
from co_perception.nodes.recognizer import FrameJob
from co_perception.nodes.video_activity import VideoActivityNode, VideoNodeSettings

OUT = "NODE_LATENCY_OUT"


class Stopwatch:
    """Nanoseconds of each part of the frame in work; one thread at a time."""

    def __init__(self) -> None:
        self.frames: list[dict[str, int]] = []
        self.spent: Counter[str] = Counter()

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed; nested parts are counted in both."""

        def timed(*arguments: Any, **options: Any) -> Any:
            began = perf_counter_ns()
            try:
                return function(*arguments, **options)
            finally:
                self.spent[part] += perf_counter_ns() - began

        return timed

    def noted(self, moment: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function; when it was called is kept."""

        def noting(*arguments: Any, **options: Any) -> Any:
            self.spent[moment] = perf_counter_ns()
            return function(*arguments, **options)

        return noting

    def finish(self, **known: int) -> None:
        """Ends the frame in work."""
        self.frames.append({**self.spent, **known})
        self.spent.clear()


class WatchedNode(VideoActivityNode):
    """Keeps when each frame came, was begun and was answered; all on the clock that processes share."""

    watch = Stopwatch()

    def use(self, loaded: Any) -> None:
        """As `VideoActivityNode`; then the stopwatches."""
        super().use(loaded)
        around = self.watch.around
        self._activity.publish = self.watch.noted("publishing", around("publish", self._activity.publish))
        learner: Any = self._recognizer.learner
        learner.infer = around("infer", learner.infer)
        learner._score = around("scores", learner._score)

    def work(self, job: FrameJob[Any]) -> None:
        """As `VideoActivityNode`, with its times."""
        self.watch.spent.clear()
        self._began_ns = perf_counter_ns()
        super().work(job)

    def publish(self, job: FrameJob[Any], *what: Any) -> None:
        """As `RecognizerNode`; the frame's work ends with it."""
        super().publish(job, *what)
        self.watch.finish(stamp=job.stamp_ns, arrived=job.arrived_ns, began=self._began_ns)


def small_learner(values: VideoNodeSettings) -> Any:
    """The learner as the node makes it, with the network made small and random weights: it takes pictures of the same
    size in the same way, and what it answers does not matter here."""
    learner: Any = recognizers.video_learner(values)
    learner.variant = dataclasses.replace(learner.variant, width=8, blocks=(1, 1, 1, 1), features=64)
    learner._build()
    learner._loaded = True
    learner.load = lambda path: None
    return learner


def main() -> None:
    """Runs the node until SIGINT or SIGTERM."""
    for module, name in ((image_inputs, "to_rgb"), (video, "to_input"), (recognizer, "activity_array")):
        setattr(module, name, WatchedNode.watch.around(name, getattr(module, name)))
    try:
        run_node.run(lambda: WatchedNode(small_learner))
    finally:
        Path(os.environ[OUT]).write_text(json.dumps(WatchedNode.watch.frames))


if __name__ == "__main__":
    main()
