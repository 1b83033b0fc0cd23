"""Tasks for worker processes, in a module that they can import."""

from __future__ import annotations

import os
import time


def square(number: int) -> tuple[int, int]:
    """Later tasks end sooner."""
    time.sleep(0.05 * number)
    return number * number, os.getpid()


def refuse_zero(number: int) -> int:
    if not number:
        raise ValueError("nothing can be done with 0")
    return number
