"""Checks of metadata.yaml, which names the files of a ROS 2 recording: no recorder writes much, or anchors, into it."""

from __future__ import annotations

import re
from pathlib import Path

from co_perception.data.parsing import has_anchors

MOST_METADATA = 4 * 1024 * 1024  # bytes
MOST_BRACKETS = 1000  # recorders write none: reading nested ones takes the square of time
UNPACK = "Unpack them beside it (zstd -d *.zstd), and open it again."
_PACKED = re.compile(rb"^\s*compression_mode\s*:\s*[\"']?file\b", re.IGNORECASE | re.MULTILINE)


def check_metadata(path: Path) -> None:
    """Raises ValueError for a metadata.yaml that no recorder writes."""
    with path.open("rb") as file:
        content = file.read(MOST_METADATA + 1)
    large = len(content) > MOST_METADATA or content.count(b"[") + content.count(b"{") > MOST_BRACKETS
    if large or has_anchors(content.decode("utf-8")):
        raise ValueError(
            f"{path.name} is larger or more nested than any recorder writes it, or has anchors; take the files alone."
        )


def is_packed(metadata: Path) -> bool:
    """Whether a metadata.yaml says that whole files are compressed (`ros2 bag record --compression-mode file`)."""
    with metadata.open("rb") as file:
        return bool(_PACKED.search(file.read(MOST_METADATA)))
