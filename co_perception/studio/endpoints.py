"""Endpoints of the studio without a web framework: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
MOST_LETTERS = 1000  # of a text


@dataclass(frozen=True)
class Question:
    """A request that was let in.

    Args:
        path: the variable parts of the path.
        query: what follows the question mark.
        content: the body as JSON; None without one.
    """

    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    content: Any = None

    def texts(self, *names: str) -> dict[str, str]:
        """Fields of the body that are texts; empty where they are missing. Raises: ValueError for others."""
        given = self.content if isinstance(self.content, dict) else {}
        found = {name: given.get(name, "") for name in names}
        if not all(isinstance(text, str) and len(text) <= MOST_LETTERS for text in found.values()):
            raise ValueError(
                f"expected texts of up to {MOST_LETTERS} letters as {', '.join(names)}, got {given!r:.100}"
            )
        return found


@dataclass(frozen=True)
class Reply:
    """An answer.

    Args:
        content: what JSON can say; bytes, or pieces of text one after the other, of another `kind`.
        kind: its media type.
        headers: others.
        status: of HTTP.
    """

    content: Any | bytes | AsyncIterator[str] = None
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Endpoint:
    """Who answers at a path, such as "/api/recordings/{number:int}".

    `answer` raises LookupError for what there is not, ConflictError for what was changed elsewhere, ValueError for
    what makes no sense, OSError for what could not be written.
    """

    path: str
    answer: Callable[[Question], Awaitable[Reply]]
    method: str = "GET"
