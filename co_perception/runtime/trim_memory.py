"""Gives freed memory back to the system."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def trim_memory() -> None:
    """Give freed memory back to the system where the C library can (glibc).

    Building programs takes several times the network's size, and a node runs for days afterwards.
    """
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
