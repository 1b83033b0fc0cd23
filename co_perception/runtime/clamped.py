"""Files of strangers that say how long their parts are."""

from __future__ import annotations

from typing import BinaryIO, cast

_LARGE = 1 << 16  # bytes; looking for the end costs a file its buffer, and less is no harm


def clamped(file: BinaryIO) -> BinaryIO:
    """The same open file to whoever trusts such lengths: `read` makes room for what it is asked before it looks what
    there is, so it is never asked for much more than that."""
    return cast("BinaryIO", _Clamped(file))


class _Clamped:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.readline, self.seek, self.tell, self.seekable = file.readline, file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        if count < _LARGE:
            return self._file.read(count)
        at = self._file.tell()
        left = self._file.seek(0, 2) - at
        self._file.seek(at)
        return self._file.read(min(count, max(left, 0)))
