"""What a skeleton learner knows of each of its streams beside the network's state: as values, and as a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from co_perception.continual import state as states
from co_perception.continual.state import State
from co_perception.data.damage import reading
from co_perception.runtime.pool import Held


class Track(NamedTuple):
    """One stream. waiting: frames (C, V, M) that wait for their step; frames: given so far; real: bit n is whether
    somebody was there n frames ago; logits: (classes,) of the answer that stands, None before the first."""

    waiting: tuple[Tensor, ...] = ()
    frames: int = 0
    real: int = 0
    logits: Tensor | None = None


class Snapshot(NamedTuple):
    """Running streams: a value that `snapshot` hands out and `restore` takes. slots: who holds which place in a
    network's frame of several persons, whoever was seen last at the end."""

    held: Held
    tracks: Mapping[str, Track]
    slots: Mapping[str, int]


class _Rows(NamedTuple):
    """Tracks as tensors (N, ...), for a file: what is missing is zeros, and counted."""

    state: State
    waiting: Tensor
    waits: Tensor
    frames: Tensor
    real: Tensor
    logits: Tensor
    stands: Tensor


class Shape(NamedTuple):
    """Sizes in a track: memory bits of `real`, frames of a step, (C, V, M) of a frame, classes."""

    memory: int
    stride: int
    frame: tuple[int, ...]
    classes: int


def save(snapshot: Snapshot, shape: Shape, path: Path | str, network: str) -> None:
    """Write streams to a safetensors file, whole or not at all."""
    if not snapshot.held.ids:
        raise ValueError("there are no streams to write: nobody was seen yet, or none of those asked for")
    tracks = [snapshot.tracks[name] for name in snapshot.held.ids]
    says = {"network": network, "ids": json.dumps(snapshot.held.ids), "slots": json.dumps(list(snapshot.slots.items()))}
    states.save(_as_rows(snapshot.held.state, tracks, shape), path, says)


def load(path: Path | str, shape: Shape, fresh: State, network: str) -> Snapshot:
    """The streams of a file; `fresh` is any state of the network.

    Raises: ValueError for a file that is damaged or of another network, FileNotFoundError where there is none.
    """
    says = states.read_metadata(path)
    if says.get("network") != network:
        raise ValueError(f"{path} holds streams of {says.get('network')}, this network is {network}")
    rows = states.load(path, _as_rows(fresh, [Track()], shape))
    with reading(path, "streams that `save` wrote"):
        ids, slots = _names(json.loads(says["ids"])), dict(json.loads(says["slots"]))
        if len(set(ids)) != len(rows.frames) or len(ids) != len(rows.frames):
            raise ValueError(f"it names {len(ids)} streams and holds {len(rows.frames)}")
        fitting = [type(place) is int and place >= 0 for place in slots.values()]
        if not all(fitting) or len(set(slots.values())) < len(slots):
            raise ValueError("its places are no numbers of one person each")
        tracks = {name: _track(rows, row) for row, name in enumerate(ids)}
    held = Held(ids, (0,) * len(ids), rows.state, 0)
    return Snapshot(held, tracks, slots)


def _names(found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError("the names of its streams are no list of texts")
    return tuple(found)


def _as_rows(state: State, tracks: Sequence[Track], shape: Shape) -> _Rows:
    device = state.age.device
    none, nothing = torch.zeros(shape.frame, device=device), torch.zeros(shape.classes, device=device)
    room = max(shape.stride - 1, 1)
    waiting = [torch.stack([*track.waiting, *[none] * (room - len(track.waiting))]) for track in tracks]
    logits = [nothing if track.logits is None else track.logits for track in tracks]
    bits = [[bool(track.real >> place & 1) for place in range(shape.memory)] for track in tracks]
    return _Rows(
        state=state,
        waiting=torch.stack(waiting),
        waits=torch.tensor([len(track.waiting) for track in tracks]),
        frames=torch.tensor([track.frames for track in tracks]),
        real=torch.tensor(bits),
        logits=torch.stack(logits),
        stands=torch.tensor([track.logits is not None for track in tracks]),
    )


def _track(rows: _Rows, row: int) -> Track:
    waits, frames = int(rows.waits[row]), int(rows.frames[row])
    if not 0 <= waits <= rows.waiting.shape[1] or frames < waits:
        raise ValueError(f"{waits} of {frames} frames wait in stream {row}, there is room for {rows.waiting.shape[1]}")
    return Track(
        waiting=tuple(rows.waiting[row, :waits]),
        frames=frames,
        real=sum(1 << place for place, bit in enumerate(rows.real[row].tolist()) if bit),
        logits=rows.logits[row] if rows.stands[row] else None,
    )
