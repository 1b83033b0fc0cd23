"""Fields of what a page sends, checked one by one; and answers that take their time."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from co_perception.studio.endpoints import Question, Reply

Answer = Callable[[Question], Awaitable[Reply]]


def in_thread(work: Callable[[Question], Any]) -> Answer:
    """An answer that a function gives in a thread: a `Reply`, or what becomes one as JSON."""

    async def answer(question: Question) -> Reply:
        found = await to_thread(work, question)
        return found if isinstance(found, Reply) else Reply(found)

    return answer


def text_of(question: Question, name: str, default: str = "", most: int = 200) -> str:
    """A text that was sent. Raises: ValueError for one that is none, or too long."""
    return checked_text(name, _sent(question).get(name, default), most)


def number_of(question: Question, name: str, low: float, high: float, default: float | None = None) -> float:
    """A number that was sent. Raises: ValueError for one outside of these bounds, or none."""
    value = _sent(question).get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is a number from {low:g} to {high:g}, got {value!r:.100}")
    return float(value)


def numbers_of(question: Question, name: str, end: int) -> list[int]:
    """Different whole numbers below `end` that were sent as a list. Raises: ValueError for anything else, and none."""
    values = _sent(question).get(name, [])
    whole = isinstance(values, list) and all(type(each) is int and 0 <= each < end for each in values)
    if not whole or not values or len(set(values)) < len(values):
        raise ValueError(f"{name} is a list of different numbers from 0 to {end - 1}, got {values!r:.100}")
    return list(values)


def texts_of(question: Question, name: str, most: int) -> list[str] | None:
    """Texts that were sent as a list; None where there is none. Raises: ValueError for anything else."""
    given = _sent(question).get(name)
    if given is None:
        return None
    if not isinstance(given, list) or not 0 < len(given) <= most:
        raise ValueError(f"{name} is a list of 1 to {most} texts, got {given!r:.100}")
    return [checked_text(name, each, 1000) for each in given]


def is_true(question: Question, name: str) -> bool:
    """Whether this was sent as true."""
    return _sent(question).get(name) is True


def checked_text(name: str, value: object, most: int = 200) -> str:
    """A text of one line without its outer spaces. Raises: ValueError for anything else, also for what is no UTF-8."""
    if not isinstance(value, str) or len(value) > most or not value.isprintable():  # lone surrogates are not either
        raise ValueError(f"{name} is a text of one line and {most} letters at most, got {value!r:.100}")
    return value.strip()


def _sent(question: Question) -> Mapping[str, Any]:
    """The object that was sent. Raises: ValueError for anything else."""
    if not isinstance(question.content, dict):
        raise ValueError(f"expected an object, got {question.content!r:.100}")
    return question.content
