"""MoveNet MultiPose: up to six people in one pass, 17 COCO joints each, run by LiteRT on the CPU.

Google's network (2021; tfhub.dev/google/movenet, no paper), a MobileNetV2 with a feature pyramid and center heads after
CenterNet (Zhou et al., arXiv:1904.07850). Input (1, H, W, 3) uint8 RGB with H and W multiples of 32; output (1, 6, 56):
17 times y, x, score, then the box ymin, xmin, ymax, xmax and the person's score, all 0..1 of the input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import Image, Pixels
from co_perception.engine.target import Pose
from co_perception.pose.matching import boxes, similarity
from co_perception.pose.resize import Letterbox
from co_perception.runtime.store import store

MODEL = "movenet_multipose"
_JOINTS = 17
_OVERLAP = 0.25  # of neighboring tiles: a person no wider than that is whole in one of them
_SAME = 0.5  # similarity from which two answers are the same person


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
        self._input_size, self._tiles = input_size, tiles
        self._person_threshold, self._joint_threshold = person_threshold, joint_threshold
        path = Path(model_path) if model_path else store.locate(MODEL)
        self._interpreter: Any = _load(path, threads)

    def estimate(self, image: Image) -> list[Pose]:
        """Everybody found, most confident first. Raises ValueError once the estimator is closed."""
        if self._interpreter is None:
            raise ValueError("this estimator is closed: build another one.")
        height, width = image.data.shape[:2]
        tiles = [(0, 0, width, height)]  # left, top, right, bottom
        if self._tiles > 1:
            downwards, across = _spans(height, self._tiles), _spans(width, self._tiles)
            tiles += [(left, top, right, bottom) for top, bottom in downwards for left, right in across]
        found = [self._people(image.data, *tile) for tile in tiles]
        people, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        people[people[..., 2] < self._joint_threshold] = 0.0
        alike = similarity(people, people, self.layout) > _SAME
        best: list[int] = []  # distinct people: non-maximum suppression by keypoint similarity
        for index in np.argsort(-scores, kind="stable"):
            if not alike[index, best].any() and people[index, :, 2].any():
                best.append(int(index))
        return [Pose(people[i].astype(np.float32), confidence=min(float(scores[i]), 1.0)) for i in best]

    def reset(self) -> None:
        """Nothing to do: every image is processed independently."""

    def close(self) -> None:
        """Free the network. May be repeated."""
        self._interpreter = None

    def _people(
        self, picture: Pixels, left: int, top: int, right: int, bottom: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(N, 17, 3) x, y, score in pixels of the picture, and (N,) scores of those seen whole in a part of it."""
        part = picture[top:bottom, left:right]
        box = Letterbox.around(part.shape[0], part.shape[1], self._input_size)
        pixels = box.apply(part)
        entry = self._interpreter.get_input_details()[0]
        if tuple(entry["shape"]) != (1, *pixels.shape):
            self._interpreter.resize_tensor_input(entry["index"], (1, *pixels.shape))
            self._interpreter.allocate_tensors()
        self._interpreter.set_tensor(entry["index"], pixels[None].astype(entry["dtype"], copy=False))
        self._interpreter.invoke()
        output = self._interpreter.get_output_details()[0]["index"]
        answer = np.asarray(self._interpreter.get_tensor(output)[0], np.float64)  # (6, 56)
        answer = answer[answer[:, 55] >= self._person_threshold]
        joints = answer[:, : 3 * _JOINTS].reshape(-1, _JOINTS, 3)
        people = np.concatenate([box.restore(joints[..., 1::-1] * (box.width, box.height)), joints[..., 2:]], -1)
        found, sides = boxes(people), np.array([right - left, bottom - top])
        margin = 0.02 * sides.max()
        at_edge = np.concatenate([found[:, :2] < margin, found[:, 2:] > sides - margin], -1)
        inside = [left > 0, top > 0, right < picture.shape[1], bottom < picture.shape[0]]
        whole = ~(at_edge & np.array(inside)).any(-1)  # at no edge of the part that is inside the picture
        people[..., :2] += (left, top)
        return people[whole], answer[whole, 55]


def _load(path: Path, threads: int) -> Any:
    try:
        from ai_edge_litert import interpreter as litert
    except ImportError as error:
        raise ImportError(
            f"MoveNet needs LiteRT, which is not installed: pip install 'co_perception[pose]'. ({error})"
        ) from error
    try:
        interpreter = litert.Interpreter(str(path), num_threads=threads)
        entries, answers = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is not a TensorFlow Lite file that LiteRT can run: {error}") from error
    if len(entries) != 1 or len(answers) != 1 or tuple(answers[0]["shape"]) != (1, 6, 56):
        raise ValueError(
            f"{path} is not MoveNet MultiPose: expected one input and one output (1, 6, 56), got "
            f"{[tuple(answer['shape']) for answer in answers]}. The single-person MoveNets have another form."
        )
    return interpreter


def _spans(length: int, count: int) -> list[tuple[int, int]]:
    """`count` equal spans that cover 0..length, each sharing `_OVERLAP` of itself with the next."""
    size = length / (count - (count - 1) * _OVERLAP)
    starts = [round(i * size * (1 - _OVERLAP)) for i in range(count)]
    return [(start, min(round(start + size), length)) for start in starts]
