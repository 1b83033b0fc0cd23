"""Checksums pinned on this machine, in a file that may be damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from co_perception.runtime.store import pins
from co_perception.runtime.store.assets import Asset
from co_perception.runtime.store.pip_download import StoreError

ITEM = Asset("one", "video", None, "", "", 0, "MIT", "made here", "a test file", url="https://localhost/one.mp4")
DIGEST = "ab" * 32


def test_a_pin_is_found_for_its_address_alone(tmp_path: Path) -> None:
    assert pins.find(tmp_path, ITEM) is None
    pins.add(tmp_path / "new", ITEM, DIGEST, 7)
    found = pins.find(tmp_path / "new", ITEM)
    assert found is not None and (found.sha256, found.bytes, found.origin) == (DIGEST, 7, ITEM.url)
    moved = Asset(**{**vars(ITEM), "url": "https://localhost/two.mp4"})
    assert pins.find(tmp_path / "new", moved) is None
    pins.remove(tmp_path / "new", "one")
    assert pins.find(tmp_path / "new", ITEM) is None


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"one": 1}', '{"one": {"sha256": "x"}}',
     json.dumps({"one": dict(sha256="x", bytes=1, origin="", day="")}),
     json.dumps({"one": dict(sha256=DIGEST, bytes="1", origin="", day="")}), " " * (pins.MOST_BYTES + 1)],
    ids=["cut", "list", "number", "short", "digest", "size", "huge"],
)  # fmt: skip
def test_a_damaged_file_is_told_and_not_taken_for_no_pin(content: str, tmp_path: Path) -> None:
    (tmp_path / pins.FILE).write_text(content)
    with pytest.raises(StoreError, match="is damaged"):
        pins.find(tmp_path, ITEM)
    with pytest.raises(StoreError, match="is damaged"):
        pins.add(tmp_path, ITEM, DIGEST, 7)
    assert (tmp_path / pins.FILE).read_text() == content
