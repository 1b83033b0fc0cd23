"""What the studio answers where a request fails: a status of HTTP, and words for the page."""

from __future__ import annotations

from co_perception.studio.recording_annotations import ConflictError

MOST_BYTES = 8_000_000  # of a request


class TooLargeError(ValueError):
    """A request that is larger than `MOST_BYTES`."""

    def __init__(self) -> None:
        super().__init__(f"a request has {MOST_BYTES} bytes at most")


# The first kind that an error is of counts.
STATUSES: tuple[tuple[type[Exception], int, str], ...] = (
    (TooLargeError, 413, "{words}"),
    (LookupError, 404, "there is nothing of this name"),
    (ConflictError, 409, "{words}"),
    (OverflowError, 422, "{words}"),
    (ValueError, 422, "{words}"),
    (OSError, 507, "nothing was written: {words}"),
    (Exception, 500, "the studio failed: {kind}: {words}"),
)


def printable(error: Exception) -> str:
    """Its words, in UTF-8 whatever was sent."""
    return str(error).encode("utf-8", "backslashreplace").decode("utf-8")


def refusal(error: Exception) -> tuple[int, str]:
    """Status and words for an error; 500 for one that nobody expected."""
    status, words = next((status, words) for kind, status, words in STATUSES if isinstance(error, kind))
    return status, words.format(kind=type(error).__name__, words=printable(error))
