"""MoveNet MultiPose: up to six people in one pass, 17 COCO joints each, run by LiteRT on the CPU.

Google's network (2021), a MobileNetV2 with a feature pyramid and centre heads after CenterNet (Zhou et al., arXiv
1904.07850). Input (1, H, W, 3) uint8 RGB with H and W multiples of 32; output (1, 6, 56): 17 times y, x, score, then
the box ymin, xmin, ymax, xmax and the person's score, all 0..1 of the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image
from co_perception.engine.target import Pose
from co_perception.pose.letterbox import Letterbox, Pixels
from co_perception.pose.optional import litert
from co_perception.pose.similarity import boxes, similarity
from co_perception.runtime import store

MODEL = "movenet_multipose"
_JOINTS = 17
_OVERLAP = 0.25  # of neighbouring tiles: who is no wider than that is whole in one of them
_SAME = 0.5  # similarity from which two answers are the same person


@dataclass(frozen=True)
class Tile:
    """A part of a picture; inner: which of its edges (left, top, right, bottom) have more picture behind them."""

    left: int
    top: int
    right: int
    bottom: int
    inner: tuple[bool, bool, bool, bool]


class MoveNet:
    """Estimates poses of several people, most confident first.

    Args:
        input_size: longer side of the network's input in pixels, a multiple of 32. People less than a tenth of it high
            are not found: larger finds smaller people, at a cost that grows with the square.
        tiles: 1 looks at the whole picture only; n also at n x n overlapping parts of it, for small people or more
            than six, at 1 + n² times the cost.
        person_threshold: least score of a person.
        joint_threshold: least score of a joint; others are zeros.
        threads: CPU threads.
        model_path: another TensorFlow Lite file of the same form; None takes the one in the store.

    Raises: ValueError for an option out of range or a file of another form; ImportError without LiteRT;
        FileNotFoundError where the model has not been fetched.
    """

    name = MODEL
    layout = "coco17"

    def __init__(
        self,
        input_size: int = 256,
        tiles: int = 1,
        person_threshold: float = 0.25,
        joint_threshold: float = 0.1,
        threads: int = 2,
        model_path: str | Path | None = None,
    ) -> None:
        Letterbox.around(1, 1, input_size)  # refuses what is no multiple of 32
        if tiles < 1 or threads < 1:
            raise ValueError(f"tiles and threads are at least 1, got tiles {tiles}, threads {threads}.")
        if not (0 <= person_threshold <= 1 and 0 <= joint_threshold <= 1):
            raise ValueError(f"thresholds are scores 0..1, got {person_threshold} and {joint_threshold}.")
        self._input_size = input_size
        self._tiles = tiles
        self._person_threshold = person_threshold
        self._joint_threshold = joint_threshold
        path = Path(model_path) if model_path else store.locate(MODEL)
        self._interpreter: Any = _load(path, threads)

    def estimate(self, image: Image) -> list[Pose]:
        """As `estimator.PoseEstimator.estimate`. Raises ValueError once it is closed."""
        if self._interpreter is None:
            raise ValueError("this estimator is closed: build another one.")
        height, width = image.data.shape[:2]
        found = [self._people(image.data, tile) for tile in _tiles(height, width, self._tiles)]
        people, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        people[people[..., 2] < self._joint_threshold] = 0.0
        kept = _without_doubles(people, scores)
        return [Pose(people[i].astype(np.float32), confidence=min(float(scores[i]), 1.0)) for i in kept]

    def reset(self) -> None:
        """Nothing: every picture is seen for itself."""

    def close(self) -> None:
        """As `estimator.PoseEstimator.close`."""
        self._interpreter = None

    def _people(self, picture: Pixels, tile: Tile) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 17, 3) x, y, score in pixels of the picture, and (N,) scores of those seen whole in one tile."""
        part = picture[tile.top : tile.bottom, tile.left : tile.right]
        box = Letterbox.around(part.shape[0], part.shape[1], self._input_size)
        answer = self._run(box.apply(part)).astype(np.float64)
        answer = answer[answer[:, 55] >= self._person_threshold]
        joints = answer[:, : 3 * _JOINTS].reshape(-1, _JOINTS, 3)
        people = np.concatenate([box.restore(joints[..., 1::-1] * (box.width, box.height)), joints[..., 2:]], -1)
        whole = ~_cut(boxes(people), tile)
        people[..., :2] += (tile.left, tile.top)
        return people[whole], answer[whole, 55]

    def _run(self, pixels: Pixels) -> NDArray[np.float32]:
        """(6, 56) from (H, W, 3)."""
        entry = self._interpreter.get_input_details()[0]
        if tuple(entry["shape"]) != (1, *pixels.shape):
            self._interpreter.resize_tensor_input(entry["index"], (1, *pixels.shape))
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(entry["index"], pixels[None].astype(entry["dtype"], copy=False))
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._interpreter.get_output_details()[0]["index"])[0])


def _load(path: Path, threads: int) -> Any:
    library = litert()
    try:
        interpreter = library.Interpreter(str(path), num_threads=threads)
        entries, answers = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is not a TensorFlow Lite file that LiteRT can run: {error}") from error
    if len(entries) != 1 or len(answers) != 1 or tuple(answers[0]["shape"]) != (1, 6, 56):
        raise ValueError(
            f"{path} is not MoveNet MultiPose: expected one input and one output (1, 6, 56), got "
            f"{[tuple(answer['shape']) for answer in answers]}. The single-person MoveNets have another form."
        )
    return interpreter


def _tiles(height: int, width: int, count: int) -> Iterator[Tile]:
    """The whole picture, then count x count parts of it."""
    yield Tile(0, 0, width, height, (False, False, False, False))
    if count > 1:
        for top, bottom in _spans(height, count):
            for left, right in _spans(width, count):
                yield Tile(left, top, right, bottom, (left > 0, top > 0, right < width, bottom < height))


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    """`count` equal spans that cover 0..length, each sharing `_OVERLAP` of itself with the next."""
    size = length / (count - (count - 1) * _OVERLAP)
    starts = [round(i * size * (1 - _OVERLAP)) for i in range(count)]
    return [(start, min(round(start + size), length)) for start in starts]


def _cut(found: NDArray[np.float64], tile: Tile) -> NDArray[np.bool_]:
    """(N,) whether the boxes (N, 4) in a tile touch an edge behind which the picture goes on."""
    width, height = tile.right - tile.left, tile.bottom - tile.top
    margin = 0.02 * max(width, height)
    beyond = np.concatenate([found[:, :2] < margin, found[:, 2:] > np.array([width, height]) - margin], -1)
    return np.asarray((beyond & np.array(tile.inner)).any(-1))


def _without_doubles(people: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """Indices of those to keep, best first: of two answers for one person the better."""
    alike = similarity(people, people, MoveNet.layout) > _SAME
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not alike[index, kept].any() and people[index, :, 2].any():
            kept.append(int(index))
    return kept
