"""Finding: one fault that a check has found, in plain words and with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from co_perception.doctor.observation import StreamObservation


class Severity(Enum):
    """How bad a fault is: without a remedy nothing is recognized, or it is recognized worse than it could be."""

    ERROR = "fault"
    WARNING = "doubt"


@dataclass(frozen=True)
class Finding:
    """One fault.

    Args:
        fault: a short name to sort and count by, such as "stamps/late".
        topic: of the stream; empty where it is of none.
        words: what is wrong, with the figures.
        remedy: what to do.
        settings: launch arguments that mend it, by name.
    """

    fault: str
    topic: str
    words: str
    remedy: str
    severity: Severity = Severity.ERROR
    settings: tuple[tuple[str, str], ...] = ()


Check: TypeAlias = Callable[[StreamObservation], Iterator[Finding]]
