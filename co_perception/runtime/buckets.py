"""Numbers of streams for programs of fixed sizes: a few, so that few programs are made."""

from __future__ import annotations

from torch import Tensor

BUCKETS = (1, 2, 4, 8, 16, 32, 64)


def bucket(streams: int) -> int:
    """The least of BUCKETS that has place for so many, beyond them the next multiple of the largest."""
    largest = BUCKETS[-1]
    return next((size for size in BUCKETS if size >= streams), -(-streams // largest) * largest)


def filled(rows: Tensor, count: int) -> Tensor:
    """Rows (B, ...) filled up to `count` with copies of the last, whose answers nobody reads."""
    missing = count - len(rows)
    return rows if missing <= 0 else rows[[*range(len(rows)), *[-1] * missing]]
