"""Texts for people, of a bounded length: ids, layouts and encodings in messages may be as long as anybody likes."""

from __future__ import annotations

MOST, HEAD = 2000, 1500  # letters of a text, and those of its beginning where it is longer


def shortened(text: str) -> str:
    """The text, without its middle where it is longer than `MOST` letters.

    >>> shortened("a" * 3000)[1498:1540]
    'aa ... (1000 letters left out) ... aaaaaaa'
    """
    if len(text) <= MOST:
        return text
    return f"{text[:HEAD]} ... ({len(text) - MOST} letters left out) ... {text[HEAD - MOST :]}"
