"""What a video learner knows of a stream: as a value, and several in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from co_perception.continual import state as states
from co_perception.continual.spread import StageState
from co_perception.data.damage import reading

MOST_FRAMES = 2**62  # of a stream: counters have 64 bits
MOST_WAITING = 64  # frames before one stage; far more than a stride


class Stream(NamedTuple):
    """A running recogniser: a value that `snapshot` hands out and `restore` takes.

    frames: frames seen; answers: steps that have answered; logits: (classes,) of the answer that stands, None before
    the first."""

    stages: tuple[StageState, ...]
    frames: int
    answers: int
    logits: Tensor | None


class Form(NamedTuple):
    """What streams of one network look like. fresh: one that has seen nothing; shapes: of a frame before each stage."""

    network: str
    fresh: Stream
    shapes: Sequence[tuple[int, ...]]
    classes: int


class _Filed(NamedTuple):
    stages: tuple[StageState, ...]
    logits: Tensor


def save(streams: Mapping[str, Stream], form: Form, path: Path | str, notes: Mapping[str, Any]) -> None:
    """Write streams to a safetensors file, whole or not at all, with a note of the caller's for each, for JSON."""
    if not streams:
        raise ValueError("there are no streams to write: nobody was seen yet, or none of those asked for")
    about = [
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
    none = torch.zeros(form.classes)
    tree = tuple(_Filed(s.stages, none[None] if s.logits is None else s.logits[None]) for s in streams.values())
    states.save(tree, path, {"network": form.network, "streams": json.dumps(about)})


def load(path: Path | str, form: Form) -> dict[str, tuple[Stream, Any]]:
    """The streams of a file by id, each with its note.

    Raises: ValueError for a file that is damaged or of another network, FileNotFoundError where there is none.
    """
    says = states.read_metadata(path)
    if says.get("network") != form.network:
        raise ValueError(f"{path} holds streams of {says.get('network')}, this network is {form.network}")
    with reading(f"{path} does not say whose streams it holds", "what `save` wrote"):
        about = {
            _name(one["id"]): (
                _count(one["frames"]), _count(one["answers"]), bool(one["stands"]), one["note"], one["waiting"]
            )
            for one in json.loads(says["streams"])
        }  # fmt: skip
        likes = tuple(_like(form, waiting) for *_, waiting in about.values())
    trees = states.load(path, likes)
    return {
        name: (Stream(filed.stages, frames, answers, filed.logits[0] if stands else None), note)
        for (name, (frames, answers, stands, note, _)), filed in zip(about.items(), trees, strict=True)
    }


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a stream's name is a text, got {value!r:.50}")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST_FRAMES:
        raise ValueError(f"a count of frames is a whole number, got {value!r:.50}")
    return value


def _like(form: Form, waiting: Sequence[int]) -> _Filed:
    """A tree of that structure, with so many frames before each stage."""
    fitting = [type(count) is int and 0 <= count <= MOST_WAITING for count in waiting]
    if len(waiting) != len(form.shapes) or not all(fitting):
        raise ValueError(f"the streams wait before {waiting}, but the network has {len(form.shapes)} stages")
    stages = tuple(
        stage._replace(waiting=tuple(stage.age.new_zeros((1, *shape), dtype=torch.float32) for _ in range(count)))
        for stage, shape, count in zip(form.fresh.stages, form.shapes, waiting, strict=True)
    )
    return _Filed(stages, form.fresh.stages[0].age.new_zeros((1, form.classes), dtype=torch.float32))
