"""Memory that is free is not yet given back: C libraries keep it for the next time."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Give the system what nobody uses any more, where the C library can (glibc): after building programs, whose traces
    take several times the network's size, a node runs for days."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
