"""What a recorder reads keys from."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator

import pytest


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The descriptor that plays the user, and that of the terminal."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)
