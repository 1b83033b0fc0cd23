"""What earlier recordings show, by content: a copy is known whatever its name, storage, stamps and ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil

import numpy as np
from numpy.typing import NDArray

from co_perception.data.samples import TIME_AXIS, Item
from co_perception.engine.data import SkeletonSequence, Timeseries

LEAST_SHARED = 8
"""Different frames that two recordings must share to be copies: a motionless simulated person is one frame only."""
LEAST_NUMBERS = 32  # of a time series that are compared at once, about as many as a pose has
AGAIN_NS = 1_000_000_000  # the same content in one recording after this time: it was played in a loop


def joints_digest(joints: NDArray[np.float32]) -> bytes:
    """Of joints (V, C) with a score last: the places of those that were found, bit by bit; empty where none was."""
    found = joints[:, -1] > 0
    places = np.where(found[:, None], joints[:, :-1], 0).astype(np.float32)
    return blake2b(found.tobytes() + places.tobytes(), digest_size=8).digest() if found.any() else b""


def content_digests(item: Item) -> Iterator[bytes]:
    """Of all that a recording shows, instant by instant: of each person's joints, each picture, each row of numbers.

    A row of few numbers comes again by chance, as no pose does: it counts together with the rows before it, or with
    the first ones, so that `LEAST_NUMBERS` or the whole item are compared. Instants that show nothing have none. The
    item is that of a data set, or a tuple of such; others have no digest.
    """
    if isinstance(item, tuple):
        for part in item:
            yield from content_digests(part)
    elif isinstance(item, SkeletonSequence):
        people = item.data.transpose(1, 3, 2, 0)  # (T, M, V, C)
        yield from filter(None, (joints_digest(joints) for joints in people.reshape(-1, *people.shape[2:])))
    elif isinstance(item, Timeseries):
        rows = np.ascontiguousarray(item.data)
        count = ceil(LEAST_NUMBERS / max(rows.shape[1], 1))
        for number in np.flatnonzero(rows.any(1)).tolist():
            end = max(number + 1, count)
            yield blake2b(rows[end - count : end].tobytes() + rows[number].tobytes(), digest_size=8).digest()
    elif type(item) in TIME_AXIS:
        for frame in np.moveaxis(item.data, TIME_AXIS[type(item)], 0):
            if frame.any():
                yield blake2b(np.ascontiguousarray(frame).tobytes(), digest_size=8).digest()


@dataclass
class KnownContent:
    """Where each pose was shown first, by its digest, and at which stamps."""

    places: dict[bytes, tuple[str, int]] = field(default_factory=dict)  # recording and stamp of the first
    stamped: dict[tuple[bytes, int], str] = field(default_factory=dict)  # recording, by digest and stamp

    def origins(self, recording: str, stamps_ns: Iterable[int], digests: Sequence[bytes]) -> list[tuple[str, bool]]:
        """For each pose the recording that showed it before, and whether at the same stamp; "" for a new one.

        At the same stamp one pose is enough. At others, `LEAST_SHARED` different ones have to be shared with that
        recording. Earlier poses of the same recording count where they lie `AGAIN_NS` back.
        """
        before: list[tuple[str, bool]] = []
        shared = defaultdict[str, set[bytes]](set)
        for at_ns, digest in zip(stamps_ns, digests, strict=True):
            if digest and (digest, at_ns) in self.stamped:
                before.append((self.stamped[digest, at_ns], True))
                continue
            origin, then_ns = self.places.get(digest, ("", 0))
            if origin == recording and abs(at_ns - then_ns) < AGAIN_NS:
                origin = ""
            before.append((origin, False))
            if origin:
                shared[origin].add(digest)
            if digest:
                self.places.setdefault(digest, (recording, at_ns))
                self.stamped[digest, at_ns] = recording
        return [
            (origin, same) if same or len(shared[origin]) >= LEAST_SHARED else ("", False) for origin, same in before
        ]
