"""Streams of a skeleton learner as values and as a file: what is known of each beside the network's state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.parsing import parse_errors
from co_perception.engine import state_tree
from co_perception.engine.files import write_files
from co_perception.engine.state_tree import State
from co_perception.runtime.pool import PoolState


@dataclass(frozen=True)
class PresenceHistory:
    """In which of the last frames a person was present, packed into the bits of one integer.

    >>> history = PresenceHistory().append(True, length=8).append(False, length=8)
    >>> history.now, history.count(8), history.count(8, skip=1)
    (False, 1, 1)

    Args:
        bits: bit n is whether the person was present n frames ago.
    """

    bits: int = 0

    def append(self, present: bool, length: int) -> PresenceHistory:
        """The history one frame later, cut to `length` frames."""
        return PresenceHistory((self.bits << 1 | present) & (1 << length) - 1)

    def count(self, frames: int, skip: int = 0) -> int:
        """In how many of `frames` frames the person was present; the newest `skip` frames are left out."""
        return (self.bits >> skip & (1 << frames) - 1).bit_count()

    @property
    def now(self) -> bool:
        """Whether the person is present in the newest frame."""
        return bool(self.bits & 1)

    @property
    def total(self) -> int:
        """In how many frames of the whole history the person was present."""
        return self.bits.bit_count()

    def as_list(self, length: int) -> list[bool]:
        """Presence in the last `length` frames, the newest first."""
        return [bool(self.bits >> ago & 1) for ago in range(length)]

    @staticmethod
    def from_list(present: Sequence[bool]) -> PresenceHistory:
        """The history that `as_list` gave."""
        return PresenceHistory(sum(1 << ago for ago, bit in enumerate(present) if bit))


class SkeletonStream(NamedTuple):
    """One stream beside the network's state."""

    waiting: tuple[NDArray[np.float32], ...] = ()  # frames (C, V, M) that wait for their step
    frames: int = 0  # so far
    presence: PresenceHistory = PresenceHistory()
    whole: PresenceHistory = PresenceHistory()  # frames that show enough of the body for a label
    logits: NDArray[np.float32] | None = None  # (classes,) of the latest answer, None before the first


class Snapshot(NamedTuple):
    """Running streams: a value that `snapshot` returns and `restore` takes."""

    held: PoolState  # the network's states
    streams: Mapping[str, SkeletonStream]  # by id
    slots: Mapping[str, int]  # place of each person in a frame of several, in the order of last presence


def renamed(snapshot: Snapshot, name: str, age: int | None = None) -> Snapshot:
    """The only stream of a snapshot under another name; `age` in frames instead of its own, where the state has one."""
    state, (stream,) = snapshot.held.state, snapshot.streams.values()
    if age is not None and isinstance(state, State):
        state = state._replace(age=state.age * 0 + age)
    return Snapshot(PoolState((name,), (0,), state, 0), {name: stream}, {})


class StreamOwner(NamedTuple):
    """The model whose streams a file holds: a state means something to its own weights and classes alone."""

    network: str  # its name
    digest: str  # of weights and class names, as a learner's `digest` gives it

    def check(self, metadata: Mapping[str, str], path: Path | str) -> None:
        """Raises ValueError where the metadata of a file name another model."""
        if metadata.get("network") != self.network:
            raise ValueError(f"{path} holds streams of {metadata.get('network')}, this network is {self.network}")
        if metadata.get("model") != self.digest:
            raise ValueError(
                f"{path} holds streams of another model of {self.network} (digest {metadata.get('model')}, here "
                f"{self.digest}): its weights or classes differ. Restore them into the model that they were saved "
                "from, or begin anew and save again"
            )


class SkeletonStreamSizes(NamedTuple):
    """Sizes in a stream."""

    memory: int  # frames of the presence history
    stride: int  # frames of a step
    frame: tuple[int, ...]  # (C, V, M)
    classes: int


class _SkeletonArrays(NamedTuple):
    """Streams as arrays (N, ...) for a file; the names are those in the file. What a stream lacks is zeros, and `waits`
    and `stands` tell how much there is."""

    state: State
    waiting: NDArray[np.float32]
    waits: NDArray[np.int64]
    frames: NDArray[np.int64]
    real: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    logits: NDArray[np.float32]
    stands: NDArray[np.bool_]


def save(snapshot: Snapshot, sizes: SkeletonStreamSizes, path: Path | str, owner: StreamOwner) -> None:
    """Write streams to a safetensors file, whole or not at all, with the model they belong to, which `load` checks.

    Raises:
        ValueError: where there is no stream.
    """
    write_files({Path(path): packed_streams(snapshot, sizes, owner)})


def packed_streams(snapshot: Snapshot, sizes: SkeletonStreamSizes, owner: StreamOwner) -> bytes:
    """What `save` writes."""
    ids = snapshot.held.ids
    if not ids:
        raise ValueError("there are no streams to write: nobody was seen yet, or none of those asked for")
    metadata = {"network": owner.network, "model": owner.digest}
    metadata |= {"ids": json.dumps(ids), "slots": json.dumps(list(snapshot.slots.items()))}
    streams = [snapshot.streams[name] for name in ids]
    return state_tree.packed_file(_to_arrays(snapshot.held.state, streams, sizes), metadata)


def load(path: Path | str, sizes: SkeletonStreamSizes, fresh: State, owner: StreamOwner) -> Snapshot:
    """The streams of a file; `fresh` is any state of the network.

    Raises:
        ValueError: for a file that is damaged or of another model.
        FileNotFoundError: where there is none.
    """
    metadata = state_tree.read_metadata(path)
    owner.check(metadata, path)
    arrays = state_tree.load(path, _to_arrays(fresh, [SkeletonStream()], sizes))
    with parse_errors(path, "streams that `save` wrote"):
        ids, slots = json.loads(metadata["ids"]), dict(json.loads(metadata["slots"]))
        if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
            raise ValueError("the names of its streams are no list of texts")
        if len(set(ids)) != len(arrays.frames) or len(ids) != len(arrays.frames):
            raise ValueError(f"it names {len(ids)} streams and holds {len(arrays.frames)}")
        valid = [type(place) is int and place >= 0 for place in slots.values()]
        if not all(valid) or len(set(slots.values())) < len(slots):
            raise ValueError("its places are no numbers of one person each")
        streams = {}
        for row, name in enumerate(ids):
            waits, frames, room = int(arrays.waits[row]), int(arrays.frames[row]), arrays.waiting.shape[1]
            if not 0 <= waits <= room or frames < waits:
                raise ValueError(f"{waits} of {frames} frames wait in stream {row}, there is room for {room}")
            presence = PresenceHistory.from_list(arrays.real[row].tolist())
            whole = PresenceHistory.from_list(arrays.whole[row].tolist())
            logits = arrays.logits[row] if arrays.stands[row] else None
            streams[name] = SkeletonStream(tuple(arrays.waiting[row, :waits]), frames, presence, whole, logits)
    return Snapshot(PoolState(tuple(ids), (0,) * len(ids), arrays.state, 0), streams, slots)


def _to_arrays(state: State, streams: Sequence[SkeletonStream], sizes: SkeletonStreamSizes) -> _SkeletonArrays:
    no_frame, no_logits = np.zeros(sizes.frame, np.float32), np.zeros(sizes.classes, np.float32)
    room = max(sizes.stride - 1, 1)
    waiting = [np.stack([*stream.waiting, *[no_frame] * (room - len(stream.waiting))]) for stream in streams]
    return _SkeletonArrays(
        state=state,
        waiting=np.stack(waiting),
        waits=np.array([len(stream.waiting) for stream in streams], np.int64),
        frames=np.array([stream.frames for stream in streams], np.int64),
        real=np.array([stream.presence.as_list(sizes.memory) for stream in streams], np.bool_),
        whole=np.array([stream.whole.as_list(sizes.memory) for stream in streams], np.bool_),
        logits=np.stack([no_logits if stream.logits is None else stream.logits for stream in streams]),
        stands=np.array([stream.logits is not None for stream in streams], np.bool_),
    )
