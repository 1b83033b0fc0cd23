"""Digests of what a message shows, whatever its stamps and ids: by these a recording is known again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np

from co_perception.data.known_content import joints_digest
from co_perception.data.messages.people import DetectedPeople
from co_perception.data.parsing import STUMBLES

PICTURE_BYTES = 1 << 17  # that are read at least, of a picture that has so many


def people_digest(read: Callable[[], DetectedPeople]) -> bytes:
    """Of the joints of the people that `read` gives; empty for nobody and for damage, which is reported elsewhere."""
    try:
        return b"".join(joints_digest(pose.data) for pose in read().poses)
    except ValueError:
        return b""


def picture_digest(message: Any) -> bytes:
    """Of the bytes of a picture; empty for none, and for damage."""
    try:
        data = np.asarray(message.data, np.uint8)
    except (ValueError, *STUMBLES):
        return b""
    step = max(len(data) // PICTURE_BYTES, 1)  # of raw pictures a part of the bytes is enough
    return blake2b(data[::step].tobytes(), digest_size=8).digest() if len(data) else b""
