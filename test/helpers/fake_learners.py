"""Learners and pose estimators without networks, which record their input."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image
from co_perception.engine.target import Category, Pose, Status


def category(
    scores: NDArray[np.float32], labels: Sequence[str], progress: float, min_progress: float, delay: int = 0
) -> Category:
    """The class with the best score, valid from `min_progress` on."""
    best, progress = int(scores.argmax()), min(progress, 1.0)
    return Category(
        best,
        description=labels[best],
        confidence=float(scores[best]),
        probabilities=scores,
        status=Status.VALID if progress >= min_progress else Status.WARMING_UP,
        progress=progress,
        delay=delay,
    )


class FakeLearner:
    """Three classes, told by the brightest channel of the newest frame; eight frames of receptive field.

    Remembers what it was shown, so that tests can ask how it was used.
    """

    name, label_set, labels = "fake/colors", "colors", ("red", "green", "blue")
    receptive_field, rate_hz, threshold, min_progress = 8, 25.0, 0.0, 0.75

    def __init__(self) -> None:
        self.shown: list[tuple[int, ...]] = []  # stamps since each reset
        self.resets = self.optimized = 0
        self.loaded_from: Any = "never"
        self.before: Callable[[Image], None] = lambda frame: None

    def load(self, path: Any = None) -> None:
        self.loaded_from = path

    def optimize(self, backend: str = "auto", *, precision: str = "float32") -> None:
        self.optimized += 1

    def reset(self) -> None:
        self.resets += 1
        self.shown.append(())

    def infer(self, data: Image) -> Sequence[Category]:
        self.before(data)
        assert data.stamp_ns is not None
        self.shown[-1] = (*self.shown[-1], data.stamp_ns)
        frames = len(self.shown[-1])
        progress = min(frames / self.receptive_field, 1.0)
        if frames <= 2:
            return [Category(-1, status=Status.WARMING_UP, progress=progress)]
        means = data.data.reshape(-1, 3).mean(axis=0).astype(np.float32) + 1
        return [category(means / means.sum(), self.labels, progress, self.min_progress, delay=2)]


class FakeRestorable(FakeLearner):
    """The same with a state to take out: the stamps shown since the reset. `looks` has every picture's size."""

    stream_bytes = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[tuple[int, ...]] = []
        self.before = lambda frame: self.looks.append(frame.data.shape[:2])

    def snapshot(self) -> tuple[int, ...]:
        return self.shown[-1]

    def restore(self, stream: tuple[int, ...]) -> None:
        self.shown.append(stream)

    def save_streams(self, path: Path | str, streams: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        Path(path).write_text(json.dumps({id: [stream, notes[id]] for id, stream in streams.items()}))

    def load_streams(self, path: Path | str) -> dict[str, tuple[Any, Any]]:
        return {id: (tuple(stream), note) for id, (stream, note) in json.loads(Path(path).read_text()).items()}


class FakePeopleLearner:
    """Tells where somebody's joints were of late, with a state for every id: memory = 0.5 memory + 0.5 mean x.

    Three classes, left, middle and right of a picture 300 pixels wide; eight frames of receptive field. `shown` has,
    for each id, the x of every frame since its state was fresh.
    """

    name, label_set = "fake/places", "places"
    labels: tuple[str, ...] = ("left", "middle", "right")
    receptive_field, rate_hz, threshold, min_progress = 8, 10.0, 0.0, 0.5

    def __init__(self, persons: int = 1) -> None:
        self.persons = persons
        self.shown: dict[str, list[float]] = {}
        self.batches: list[int] = []
        self.resets = self.optimized = 0
        self.loaded_from: Any = "never"
        self.before: Callable[[Sequence[Pose]], None] = lambda poses: None

    def load(self, path: Any = None) -> None:
        self.loaded_from = path

    def optimize(self, backend: str = "auto", *, precision: str = "float32") -> None:
        self.optimized += 1

    def reset(self, id: str | None = None) -> None:
        self.resets += 1
        if id is None:
            self.shown.clear()
        else:
            self.shown.pop(id, None)

    def release(self, id: str) -> None:
        self.shown.pop(id, None)

    def save_streams(self, path: Path | str, ids: Sequence[str] | None = None) -> list[str]:
        states = {id: self.shown[id] for id in (self.shown if ids is None else ids)}
        Path(path).write_text(json.dumps(states))
        return list(states)

    def load_streams(self, path: Path | str) -> list[str]:
        self.shown = json.loads(Path(path).read_text())
        return list(self.shown)

    def infer(self, data: Sequence[Pose]) -> Sequence[Category]:
        self.before(data)
        self.batches.append(len(data))
        for pose in data:
            found = pose.data[pose.found, 0]
            self.shown.setdefault(self._stream(pose), []).append(float(found.mean()) if len(found) else 0.0)
        return [self._category(self.shown[id]) for id in dict.fromkeys(map(self._stream, data))]

    def _stream(self, pose: Pose) -> str:
        return pose.id if self.persons == 1 else ""

    def _category(self, shown: list[float]) -> Category:
        memory = 0.0
        for x in shown:
            memory = 0.5 * memory + 0.5 * x
        scores = np.exp(-np.abs(memory - np.array([50, 150, 250])) / 50).astype(np.float32)
        return category(scores / scores.sum(), self.labels, len(shown) / self.receptive_field, self.min_progress)


class LimitedLearner(FakePeopleLearner):
    """One whose threshold can be changed, and which has one of its own."""

    def __init__(self, own_threshold: float = 0.0) -> None:
        super().__init__()
        self._own_threshold = own_threshold

    def choose_threshold(self, threshold: float | None) -> None:
        self.threshold = self._own_threshold if threshold is None else threshold


class FakeGroupLearner(FakePeopleLearner):
    """Two questions: posture (standing, sitting) and arms (no_gesture, waving). `script` gives the probabilities.

    Valid from the first frame on.
    """

    name, label_set = "fake/everyday", "everyday"
    labels = ("standing", "sitting", "no_gesture", "waving")
    groups = ("posture", "posture", "arms", "arms")

    def __init__(self, script: Callable[[int], Sequence[float]] = lambda number: (0.9, 0.1, 0.8, 0.2)) -> None:
        super().__init__()
        self.script = script

    def _category(self, shown: list[float]) -> Category:
        found = []
        for group in dict.fromkeys(self.groups):
            own = [name == group for name in self.groups]
            scores = np.where(own, self.script(len(shown) - 1), 0.0).astype(np.float32)
            found.append(replace(category(scores, self.labels, 1.0, 0.0), group=group))
        return replace(found[0], others=(found[1],))


class FakeFallLearner(FakeGroupLearner):
    """As `FakeGroupLearner`, of posture (standing, lying) and motion (no_motion, falling)."""

    labels = ("standing", "lying", "no_motion", "falling")
    groups = ("posture", "posture", "motion", "motion")


class NoEstimator:
    """A pose estimator that finds no people."""

    name, layout = "none", "coco17"

    def estimate(self, image: Image) -> list[Pose]:
        return []

    def reset(self) -> None:
        return

    def close(self) -> None:
        return


LEFT, RIGHT = 60, 240


class TwoPeople(NoEstimator):
    """For images 320 pixels wide: a person at `LEFT`, and one at `RIGHT` where `right` is true of the number."""

    name = "fake/two_people"

    def __init__(self, right: Callable[[int], bool] = lambda number: True) -> None:
        self._right = right
        self.shapes: list[tuple[int, ...]] = []
        self.closed = False

    def estimate(self, image: Image) -> list[Pose]:
        if self.shapes and image.data.shape != self.shapes[0]:
            return []  # a second look, at a part of a picture
        self.shapes.append(image.data.shape)
        joints = np.column_stack([np.tile([-10, 10], 9)[:17], np.linspace(60, 180, 17), np.ones(17)])
        people = [LEFT, RIGHT] if self._right(len(self.shapes) - 1) else [LEFT]
        return [Pose((joints + (x, 0, 0)).astype(np.float32), "coco17", confidence=0.9) for x in people]

    def close(self) -> None:
        self.closed = True
