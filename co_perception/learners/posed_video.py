"""The people in each frame of a video file, found and followed as the node `pose` does, and their store on disk.

Every frame is looked at, in its order and with its time, as fast as the estimator runs. What was found is stored under
a digest of the file, of the estimator's model and of the settings, so that each video costs once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.files import cached_file_digest, write_files
from co_perception.engine.time import NANO
from co_perception.pose.estimator import ESTIMATORS
from co_perception.pose.finder import Finder, PoseSettings, build
from co_perception.runtime.store import store

FORMAT = 1  # of the files
UNSEEN = ("threads",)  # settings that change nothing but the last digits of a sum


@dataclass(frozen=True, eq=False)
class Track:
    """One person in a video.

    Args:
        id: of the tracker.
        frames: (n,) numbers of the frames in which the person is in sight, rising.
        joints: (n, V, 3) x, y [pixels], score.
        scores: (n,) that it is a person.
    """

    id: str
    frames: NDArray[np.int64]
    joints: NDArray[np.float32]
    scores: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PosedVideo:
    """The people in a video.

    Args:
        stamps_ns: (frames,) time of each frame since the beginning of the file, rising.
        size: width and height of its pictures.
        estimator: network and weights that found them.
        layout: of their joints.
        tracks: by number of the id, the first one found first.
    """

    stamps_ns: NDArray[np.int64]
    size: tuple[int, int]
    estimator: str
    layout: str
    tracks: tuple[Track, ...]

    def to_bytes(self) -> bytes:
        """For `from_file`."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[np.generic]] = {"stamps_ns": self.stamps_ns}
        for number, track in enumerate(self.tracks):
            arrays |= {f"{number}.frames": track.frames, f"{number}.joints": track.joints,
                       f"{number}.scores": track.scores}  # fmt: skip
        notes = {"format": str(FORMAT), "size": json.dumps(self.size), "estimator": self.estimator,
                 "layout": self.layout, "ids": json.dumps([track.id for track in self.tracks])}  # fmt: skip
        # Safetensors writes memory as it lies, and takes it for rows.
        return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, notes)

    @classmethod
    def from_file(cls, path: Path) -> PosedVideo:
        """What `to_bytes` gave. Raises: OSError without the file, ValueError for any other one, and a damaged one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                notes = file.metadata() or {}
                if notes.get("format") != str(FORMAT):
                    raise ValueError(f"{path} holds no poses of format {FORMAT}")
                parts = ("frames", "joints", "scores")
                tracks = tuple(
                    Track(id, *(file.get_tensor(f"{number}.{part}") for part in parts))
                    for number, id in enumerate(json.loads(notes["ids"]))
                )
                width, height = json.loads(notes["size"])
                stamps_ns = file.get_tensor("stamps_ns")
        except (SafetensorError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no whole poses: {error}") from None
        return cls(stamps_ns, (width, height), notes["estimator"], notes["layout"], tracks)


class VideoPoser:
    """Finds and follows the people in video files, and stores what it found.

    Args:
        values: settings of estimator and tracker, as of the node `pose`.
        folder: of the store; None: `poses` in the package's own store.
    """

    def __init__(self, values: PoseSettings, folder: Path | None = None) -> None:
        self._values, self._folder = values, folder or store.root() / "poses"
        self._digest = _digest_of_settings(values)

    def stored(self, path: Path) -> PosedVideo | None:
        """What was stored before; None where nothing was, or the file is damaged."""
        try:
            return PosedVideo.from_file(self._path(path))
        except (OSError, ValueError):
            return None

    def find(self, path: Path, note: Callable[[int], None] = lambda frames: None) -> PosedVideo:
        """Looks at each frame of a video, and stores what is found.

        Args:
            note: called with the number of frames done.

        Raises:
            OSError: where the video cannot be read, or the poses cannot be written.
            ValueError: for one without a frame.
        """
        estimator = build(self._values)
        try:
            finder, stamps_ns, size = Finder(estimator, self._values), list[int](), (0, 0)
            rows: dict[str, list[tuple[int, NDArray[np.float32], float]]] = defaultdict(list)
            with VideoReader(str(path)) as reader:
                for number, picture in enumerate(reader):
                    stamp_ns = round((picture.time_s + reader.begin_s) * NANO)
                    size = (picture.pixels.shape[1], picture.pixels.shape[0])
                    # A stamp of 0 is one that is missing, so all are later by a second.
                    for pose in finder.find(Image(picture.pixels, stamp_ns + NANO)).poses:
                        rows[pose.id].append((number, pose.data, pose.confidence))
                    stamps_ns.append(stamp_ns)
                    note(number + 1)
            if not stamps_ns:
                raise ValueError(f"{path} has no frame.")
            tracks = tuple(_track(id, found) for id, found in rows.items())
            posed = PosedVideo(np.array(stamps_ns), size, estimator.name, estimator.layout, tracks)
        finally:
            estimator.close()
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_files({target: posed.to_bytes()})
        return posed

    def _path(self, path: Path) -> Path:
        return self._folder / self._digest / f"{cached_file_digest(path)[:32]}.safetensors"


def _track(id: str, rows: list[tuple[int, NDArray[np.float32], float]]) -> Track:
    numbers, joints, scores = zip(*rows, strict=True)
    return Track(id, np.array(numbers, np.int64), np.stack(joints).astype(np.float32), np.array(scores, np.float32))


def _digest_of_settings(values: PoseSettings) -> str:
    """Of all that decides what is found, the estimator's model too. Raises FileNotFoundError without the model."""
    names = ESTIMATORS[values.estimator].models
    models = [Path(values.model_path)] if values.model_path else [store.locate(name) for name in names]
    known = {name: str(value) for name, value in sorted(asdict(values).items()) if name not in UNSEEN}
    content = json.dumps([FORMAT, known, [cached_file_digest(model) for model in models]])
    return blake2b(content.encode(), digest_size=8).hexdigest()
