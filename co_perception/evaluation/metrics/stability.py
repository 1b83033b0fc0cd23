"""How restless a label is.

Flicker counts changes of what is said, also from and to nothing, between frames in which the truth stays the same, and
gives them per minute of observed time: a recogniser that is always right has 0, and being late adds one change per
event. Over-segmentation shows in segmental F1 as well, but flicker needs no truth: where none is known, every change
counts. The measure is this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MINUTE_NS = 60_000_000_000


def frame_ends(stamps_ns: NDArray[np.int64], max_gap_ns: int) -> NDArray[np.int64]:
    """(N,) until when each frame stands: to the next one's stamp, though not longer than `max_gap_ns`; the last one as
    long as the median of those before it."""
    if len(stamps_ns) < 2:
        return stamps_ns + min(1, max_gap_ns)
    steps = np.minimum(np.diff(stamps_ns), max_gap_ns)
    return stamps_ns + np.append(steps, np.int64(np.median(steps)))


def changes(said: Sequence[str], truth: Sequence[str | None], joined: NDArray[np.bool_]) -> int:
    """How often what is said changes while the truth does not.

    Args:
        said: label of each frame, empty for none.
        truth: of each frame, None where it is not known.
        joined: (N,) whether each frame follows the one before without a gap; the first element says nothing.
    """
    frames = list(zip(said, truth, strict=True))
    steps = zip(frames, frames[1:], joined[1:], strict=False)
    return sum(bool(follows) and now[0] != before[0] and now[1] == before[1] for before, now, follows in steps)


def minutes(stamps_ns: NDArray[np.int64], ends_ns: NDArray[np.int64]) -> float:
    """Observed time."""
    return float(np.sum(ends_ns - stamps_ns)) / MINUTE_NS
