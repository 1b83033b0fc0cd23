"""Streams of a video learner as values, and several of them as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from co_perception.data.parsing import parse_errors
from co_perception.engine import state_tree
from co_perception.engine.array_library import Array, library_of
from co_perception.engine.stages import StageState
from co_perception.learners.skeleton_streams import StreamOwner

MOST_FRAMES = 2**62  # of a stream: counters have 64 bits
MOST_WAITING = 64  # frames before one stage; far more than a stride


class VideoStream(NamedTuple):
    """A running video stream: a value that `snapshot` returns and `restore` takes."""

    stages: tuple[StageState, ...]  # of the network
    frames: int  # so far
    answers: int  # steps that have answered
    logits: Array | None  # (classes,) of the latest answer, None before the first


class VideoStreamSizes(NamedTuple):
    """What the streams of one network have in common."""

    owner: StreamOwner  # which `load` checks
    fresh: VideoStream  # before its first frame
    shapes: Sequence[tuple[int, ...]]  # of a frame before each stage
    classes: int


class _VideoArrays(NamedTuple):
    """Arrays of a stream in a file; the names are those in the file."""

    stages: tuple[StageState, ...]
    logits: Array


def save(
    streams: Mapping[str, VideoStream], sizes: VideoStreamSizes, path: Path | str, notes: Mapping[str, object]
) -> None:
    """Write streams, by id, to a safetensors file, whole or not at all; `notes` are the caller's, values for JSON.

    Raises:
        ValueError: where there is no stream.
    """
    if not streams:
        raise ValueError("there are no streams to write: nobody was seen yet, or none of those asked for")
    records = [
        {
            "id": name,
            "frames": stream.frames,
            "answers": stream.answers,
            "stands": stream.logits is not None,
            "waiting": [len(stage.waiting) for stage in stream.stages],
            "note": notes.get(name),
        }
        for name, stream in streams.items()
    ]
    none = _zeros(sizes, (sizes.classes,))
    tree = tuple(_VideoArrays(s.stages, none[None] if s.logits is None else s.logits[None]) for s in streams.values())
    metadata = {"network": sizes.owner.network, "model": sizes.owner.digest, "streams": json.dumps(records)}
    state_tree.save(tree, path, metadata)


def load(path: Path | str, sizes: VideoStreamSizes) -> dict[str, tuple[VideoStream, object]]:
    """The streams of a file by id, each with its note.

    Raises:
        ValueError: for a file that is damaged or of another model.
        FileNotFoundError: where there is none.
    """
    metadata = state_tree.read_metadata(path)
    sizes.owner.check(metadata, path)
    with parse_errors(f"{path} does not say whose streams it holds", "what `save` wrote"):
        records = {}
        for record in json.loads(metadata["streams"]):
            if not isinstance(record["id"], str):
                raise ValueError(f"a stream's name is a text, got {record['id']!r:.50}")
            counts = _count(record["frames"]), _count(record["answers"])
            records[record["id"]] = (*counts, bool(record["stands"]), record["note"], record["waiting"])
        templates = tuple(_template(sizes, waiting) for *_, waiting in records.values())
    arrays = state_tree.load(path, templates)
    return {
        name: (VideoStream(loaded.stages, frames, answers, loaded.logits[0] if stands else None), note)
        for (name, (frames, answers, stands, note, _)), loaded in zip(records.items(), arrays, strict=True)
    }


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < MOST_FRAMES:
        raise ValueError(f"a count of frames is a whole number, got {value!r:.50}")
    return value


def _template(sizes: VideoStreamSizes, waiting: Sequence[int]) -> _VideoArrays:
    """Arrays of the expected shapes, with this many frames before each stage."""
    valid = [type(count) is int and 0 <= count <= MOST_WAITING for count in waiting]
    if len(waiting) != len(sizes.shapes) or not all(valid):
        raise ValueError(f"the streams wait before {waiting}, but the network has {len(sizes.shapes)} stages")
    stages = tuple(
        stage._replace(waiting=tuple(_zeros(sizes, (1, *shape)) for _ in range(count)))
        for stage, shape, count in zip(sizes.fresh.stages, sizes.shapes, waiting, strict=True)
    )
    return _VideoArrays(stages, _zeros(sizes, (1, sizes.classes)))


def _zeros(sizes: VideoStreamSizes, shape: Sequence[int]) -> Array:
    """Zeros in the library of the network's states, and where they lie."""
    like = sizes.fresh.stages[0].age
    return library_of(like).zeros(shape, like)
