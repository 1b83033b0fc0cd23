"""People who were seen apart lately: their halves are two people, however well they fit together in one frame.

Two who hug or stand behind each other may show one half each. A single frame cannot tell these from the two halves of
one person (`one_body`), the frames before can.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout
from co_perception.skeletons.one_body import LEAST, body_size

REMEMBERED_NS = 10_000_000_000  # of stamps; an id may be somebody else's after a jump
APART = 0.2  # median distance in torsos of the joints of two people; that of doubles is DOUBLE at most
MOST_PAIRS = 4096  # two of 64 people, and as many again


class SeparatePeople:
    """Which ids were seen as two people: each showed `LEAST` joints that the other showed elsewhere."""

    def __init__(self) -> None:
        self._seen_ns: dict[tuple[str, str], int] = {}  # oldest first

    def two(self, one: str, other: str, stamp_ns: int) -> bool:
        """Whether these ids were two people within `REMEMBERED_NS` of the stamp."""
        seen_ns = self._seen_ns.get((min(one, other), max(one, other)))
        return seen_ns is not None and abs(stamp_ns - seen_ns) <= REMEMBERED_NS

    def note(self, ids: Sequence[str], joints: NDArray[np.floating], layout: Layout, stamp_ns: int) -> None:
        """Takes the bodies of a frame: joints (N, V, 3 or 4) of one layout, and their ids, of which "" is none."""
        visible = joints[..., -1] > 0
        for one, other in combinations(range(len(ids)), 2):
            both = visible[one] & visible[other]
            if not (ids[one] and ids[other]) or both.sum() < LEAST:
                continue
            apart = np.linalg.norm((joints[one] - joints[other])[both, :-1].astype(np.float64), axis=-1)
            size = max(body_size(joints[n, :, :-1].astype(np.float64), visible[n], layout) for n in (one, other))
            if 0 < size * APART < np.median(apart):
                pair = (min(ids[one], ids[other]), max(ids[one], ids[other]))
                self._seen_ns.pop(pair, None)
                self._seen_ns[pair] = stamp_ns
        while len(self._seen_ns) > MOST_PAIRS:
            del self._seen_ns[next(iter(self._seen_ns))]
