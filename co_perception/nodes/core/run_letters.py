"""Letters that tell one run of a node from another, as ids begin with them."""

from __future__ import annotations

import zlib


def run_letters(name: str, began_ns: int) -> str:
    """Four letters for a run of a node, by its name and when it began: 457 thousand runs have different ones.

    >>> run_letters("/pose", 1), run_letters("/pose", 2), run_letters("/left/pose", 1)
    ('ugar', 'kgnn', 'evog')
    """
    number = zlib.crc32(f"{name} since {began_ns}".encode())
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(4))
