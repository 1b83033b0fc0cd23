"""Structured fuzz input: the fields of an object, drawn from bytes, for parsers that take objects."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Drawn:
    """Takes values from the front of some bytes. Beyond their end everything is zero, so that each input has an end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        part = self._data[self._at : self._at + count]
        self._at += count
        return part.ljust(count, b"\0")

    def rest(self) -> bytes:
        """All that is left."""
        part = self._data[self._at :]
        self._at = len(self._data)
        return part

    def integer(self, size: int = 4) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def real(self) -> float:
        """Any float32, NaN and infinities included."""
        return float(struct.unpack("<f", self.take(4))[0])

    def choice(self, values: Sequence[T]) -> T:
        """One of them."""
        return values[self.integer(1) % len(values)]

    def text(self) -> str:
        """Up to 15 characters."""
        return self.take(self.integer(1) % 16).decode("latin1")

    def count(self, most: int) -> int:
        """0 to `most`, and none where nothing is left."""
        return self.integer(1) % (most + 1) if self else 0
