"""How large a JPEG or PNG says it is, read before a decoder makes room for it; and that it is one of these at all.

OpenCV knows twenty more formats, none of which a camera sends, and takes any header's word for up to 2^30 pixels.
"""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# Segments that begin a frame (ITU-T T.81, table B.1): all of C0 to CF but tables (C4, CC) and an extension (C8).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])


def coded_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels as the header tells; None for another format, and where it ends before it tells."""
    if data[: len(PNG)] == PNG:
        return struct.unpack(">II", data[16:24]) if len(data) >= 24 and data[12:16] == b"IHDR" else None
    return _jpeg_size(data) if data[: len(JPEG)] == JPEG else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        kind = data[at + 1]
        if kind == 0xFF:  # filling
            at += 1
        elif kind in _WITHOUT_LENGTH:
            at += 2
        elif kind in _FRAMES:
            return struct.unpack(">HH", data[at + 5 : at + 9])[::-1] if at + 9 <= len(data) else None
        else:
            at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return None
