"""Counts of messages that could be decoded and that could not, by the encoding of their picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from co_perception.engine.stage_counts import Stage, StageCounts

MALFORMED = "not as the definition of its type says"


@contextmanager
def counted_decoding(message: object, counts: StageCounts) -> Iterator[None]:
    """Counts whether the message that is decoded inside can be, by the encoding of its picture; the error goes on."""
    try:
        yield
    except (ImportError, ValueError) as error:
        from co_perception.data.messages.image import encoding_of  # what decodes pictures; skeletons have none

        counts.lose(Stage.DECODED, encoding_of(message), detail=str(error))
        raise
    counts.add(Stage.DECODED)
