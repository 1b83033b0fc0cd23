"""What a failed request is answered: the most special kind of an error counts, and words are always UTF-8."""

from __future__ import annotations

import pytest

from co_perception.studio.recording_annotations import ConflictError
from co_perception.studio.refusals import TooLargeError, refusal


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (TooLargeError(), 413, "a request has 8000000 bytes at most"),
        (KeyError("x"), 404, "there is nothing of this name"),
        (IndexError("x"), 404, "there is nothing of this name"),
        (ConflictError("changed elsewhere"), 409, "changed elsewhere"),
        (ValueError("a {name} in braces"), 422, "a {name} in braces"),
        (OverflowError("too large"), 422, "too large"),
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no"),
            422,
            "'utf-8' codec can't decode byte 0xff in position 0: no",
        ),
        (FileNotFoundError(2, "No such file", "a"), 507, "nothing was written: [Errno 2] No such file: 'a'"),
        (RuntimeError("a bug \ud800"), 500, "the studio failed: RuntimeError: a bug \\ud800"),
    ],
)
def test_an_error_has_a_status_and_words(error: Exception, status: int, words: str) -> None:
    assert refusal(error) == (status, words)
    refusal(error)[1].encode()
