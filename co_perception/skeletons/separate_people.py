"""People who were seen apart lately: their halves are two people, however well they fit together in one frame.

Two who hug or stand behind each other may show one half each. A single frame cannot tell these from the two halves of
one person (`one_body`), the frames before can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import Layout
from co_perception.skeletons.one_body import LEAST, MOST, body_sizes

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
        """Takes the bodies of a frame: joints (N, V, 3 or 4) of one layout, and their ids, of which "" is none.

        Of more than `MOST` none is compared, as in `one_body.bodies`.
        """
        named = [number for number, name in enumerate(ids) if name]
        if not 2 <= len(named) <= MOST:
            return
        places, visible = joints[named, :, :-1].astype(np.float64), joints[named, :, -1] > 0
        both = visible[:, None] & visible[None]
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        sizes = body_sizes(places, visible, layout)
        size = np.maximum(sizes[:, None], sizes[None])
        separate = (both.sum(-1) >= LEAST) & (size > 0) & (size * APART < _median(apart, both))
        for one, other in np.argwhere(np.triu(separate, 1)):
            first, second = sorted((ids[named[one]], ids[named[other]]))
            self._seen_ns.pop((first, second), None)
            self._seen_ns[first, second] = stamp_ns
        while len(self._seen_ns) > MOST_PAIRS:
            del self._seen_ns[next(iter(self._seen_ns))]


def _median(values: NDArray[np.floating], counted: NDArray[np.bool_]) -> NDArray[np.floating]:
    """The median over the last axis of what is counted; infinite where nothing is."""
    ordered, count = np.sort(np.where(counted, values, np.inf), -1), counted.sum(-1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-1] - 1)
    return np.asarray((np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, high, -1))[..., 0] / 2)
