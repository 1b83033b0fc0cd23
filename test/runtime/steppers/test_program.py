"""Memory that building programs took is given back."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from co_perception.runtime.trim_memory import trim_memory


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc alone")
def test_small_pieces_between_others_are_given_back() -> None:
    trim_memory()
    before = resident_mb()
    pieces = [np.ones(8_000) for _ in range(2_000)]  # below what the C library maps by itself
    retained, pieces = pieces[::40], []
    trim_memory()
    assert len(retained) == 50 and resident_mb() - before < 60


def test_it_does_no_harm_where_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str | None) -> object:
        raise OSError("no C library here")

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    trim_memory()
