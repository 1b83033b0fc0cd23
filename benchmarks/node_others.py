"""How much of the machine went to others while something was measured: figures from a busy machine say little."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

IDLE = (3, 4)  # columns of /proc/stat: idle, and waiting for a disk; steal, what the hypervisor took, counts as busy


class Others:
    """cores: how many were busy on average for others than this process and those it started and waited for; None where
    the system does not tell."""

    cores: float | None = None


@contextmanager
def others() -> Iterator[Others]:
    """Watches while the block runs."""
    found, began = Others(), perf_counter()
    busy, own = _busy_s(), _own_s()
    yield found
    if busy is not None and (now := _busy_s()) is not None:
        found.cores = max(now - busy - (_own_s() - own), 0.0) / (perf_counter() - began)


def _busy_s() -> float | None:
    try:
        with open("/proc/stat") as file:
            ticks = [int(value) for value in file.readline().split()[1:9]]
    except OSError:
        return None
    return sum(value for column, value in enumerate(ticks) if column not in IDLE) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    return sum(os.times()[:4])
