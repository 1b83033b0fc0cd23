"""A file is never asked for more than it has."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from co_perception.runtime.clamped import clamped


class Asked(io.BytesIO):
    """Remembers the most that it was asked for."""

    most = 0

    def read(self, count: int | None = -1, /) -> bytes:
        self.most = max(self.most, count or 0)
        return super().read(count)


@pytest.mark.parametrize("claim", [1 << 40, 1 << 62])
def test_no_room_is_asked_for_beyond_the_end(claim: int) -> None:
    file = Asked(b"x" * 100_000)
    assert clamped(file).read(10) == b"x" * 10
    assert len(clamped(file).read(claim)) == file.most == 99_990
    file.seek(200_000)
    assert clamped(file).read(claim) == b""


def test_it_reads_as_the_file_does(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(data)
    with (tmp_path / "a").open("rb") as plain:
        file = clamped(plain)
        assert (file.read(3), file.tell(), file.read(70_000)) == (data[:3], 3, data[3:70_003])
        assert file.seek(-5, 2) == len(data) - 5 and file.read() == data[-5:]
