"""Sketch of what recordings show, of bounded size: by it a model tells that it was trained on a recording.

Of all digests the smallest are kept, as of min-wise sampling (Broder, "On the resemblance and containment of
documents", 1997): the same content is kept or left out wherever it occurs, so that a recording that was trained on
shares about all of its kept digests, however large the data set was.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import ceil

import numpy as np
from numpy.typing import NDArray

from co_perception.data.known_content import LEAST_SHARED

MOST = 8192  # digests: 64 KiB, and one frame in ten of an hour at 25 Hz
_NUMBER = np.dtype("<u8")
_CHUNK = 1 << 16  # digests at a time, so that memory stays bounded
_HIGHEST = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class ContentSketch:
    """The smallest digests of a set, at most `MOST`.

    Args:
        digests: different numbers, rising.
        limit: all digests of the set up to this one are kept.
    """

    digests: NDArray[np.uint64]
    limit: int = _HIGHEST

    def __repr__(self) -> str:
        """Short: it is part of what `fit` returns, which people print."""
        return f"ContentSketch({len(self.digests)} digests)"

    @classmethod
    def of(cls, digests: Iterable[bytes]) -> ContentSketch:
        """The sketch of digests of 8 bytes, as of `known_content`; empty ones, of nothing, do not count."""
        found, rest = cls(np.zeros(0, _NUMBER)), filter(None, digests)
        while chunk := b"".join(islice(rest, _CHUNK)):
            found = found.joined(cls(np.frombuffer(chunk, _NUMBER)))
        return found

    def joined(self, other: ContentSketch) -> ContentSketch:
        """The sketch of both sets together."""
        limit = min(self.limit, other.limit)
        both = np.unique(np.concatenate([self.digests, other.digests]))
        both = both[both <= limit]
        if len(both) > MOST:
            both, limit = both[:MOST], int(both[MOST - 1])
        return ContentSketch(both, limit)

    def shared(self, other: ContentSketch) -> tuple[int, int]:
        """How many digests both have, and how many of the other could have been found here."""
        limit = min(self.limit, other.limit)
        asked = other.digests[other.digests <= limit]
        return len(np.intersect1d(self.digests, asked)), len(asked)

    def contains(self, other: ContentSketch) -> bool:
        """Whether so much of the other is shared that a recording must be in both: `LEAST_SHARED`, or all there is.

        Where sketches keep a share of their digests, that share of `LEAST_SHARED` is enough, and one at least.
        """
        shared, asked = self.shared(other)
        share = (min(self.limit, other.limit) + 1) / (_HIGHEST + 1)
        return shared >= min(ceil(LEAST_SHARED * share), max(asked, 1))

    def overlap(self, other: ContentSketch) -> tuple[int, int] | None:
        """`shared`, where one of both contains the other, so that recordings are in both; else None."""
        return self.shared(other) if self.contains(other) or other.contains(self) else None

    def to_text(self) -> str:
        """For `from_text`; empty for nothing."""
        if not len(self.digests):
            return ""
        limit = np.array([self.limit], _NUMBER)
        return base64.b85encode(np.concatenate([limit, self.digests]).astype(_NUMBER).tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> ContentSketch:
        """What `to_text` gave. Raises: ValueError for any other text."""
        try:
            numbers = np.frombuffer(base64.b85decode(text.encode("ascii")), _NUMBER)
        except ValueError as error:
            raise ValueError(f"a sketch of contents is text that to_text() gave ({error})") from None
        found = cls(numbers[1:], int(numbers[0])) if len(numbers) else cls(numbers)
        digests = found.digests
        sound = bool((digests[1:] > digests[:-1]).all()) and not (len(digests) and digests[-1] > found.limit)
        if len(digests) > MOST or not sound or found.to_text() != text:
            raise ValueError(f"a sketch of contents is at most {MOST} rising numbers up to its limit")
        return found
