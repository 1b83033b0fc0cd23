"""Small learners in place of networks, which remember what they were shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from co_perception.engine.data import Image
from co_perception.engine.target import Category, Pose, Status


class FakeLearner:
    """Three classes, told by the brightest channel of the newest frame; eight frames of receptive field.

    Remembers what it was shown, so that tests can ask how it was used.
    """

    name, label_set, labels = "fake/colours", "colours", ("red", "green", "blue")
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
        scores = means / means.sum()
        best = int(scores.argmax())
        return [
            Category(
                best,
                description=self.labels[best],
                confidence=float(scores[best]),
                probabilities=scores,
                status=Status.VALID if progress >= self.min_progress else Status.WARMING_UP,
                progress=progress,
                delay=2,
            )
        ]


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

    name, label_set, labels = "fake/places", "places", ("left", "middle", "right")
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
        kept = {id: self.shown[id] for id in (self.shown if ids is None else ids)}
        Path(path).write_text(json.dumps(kept))
        return list(kept)

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
        scores /= scores.sum()
        best, progress = int(scores.argmax()), min(len(shown) / self.receptive_field, 1.0)
        return Category(
            best,
            description=self.labels[best],
            confidence=float(scores[best]),
            probabilities=scores,
            status=Status.VALID if progress >= self.min_progress else Status.WARMING_UP,
            progress=progress,
        )
