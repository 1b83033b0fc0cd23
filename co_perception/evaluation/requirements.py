"""What a build demands of a recogniser: `map=0.8`, or it fails."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# The better the smaller; of all other figures the greater is the better.
AT_MOST = ("ece", "onset_error_s", "offset_error_s", "delay_s", "delay_share", "flicker_per_minute")


@dataclass(frozen=True)
class Requirement:
    """A figure of the summary, and what it has to reach: at least `value`, or at most where small is good."""

    figure: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Of `NAME=VALUE`. Raises ValueError for anything else."""
        name, _, value = text.partition("=")
        try:
            return cls(name.strip(), float(value))
        except ValueError as error:
            raise ValueError(f"a requirement is a figure and a number, such as map=0.8, got {text!r}.") from error

    def failure(self, figures: Mapping[str, float]) -> str:
        """Why it is not met; empty where it is. A figure without a value meets nothing.

        Raises: ValueError where there is no such figure.
        """
        if self.figure not in figures:
            raise ValueError(f"there is no figure {self.figure!r}; there are: {', '.join(sorted(figures))}.")
        found, small = figures[self.figure], self.figure in AT_MOST
        if not math.isnan(found) and (found <= self.value if small else found >= self.value):
            return ""
        return f"{self.figure} is {found:.4g}, and at {'most' if small else 'least'} {self.value:g} is required"


def failures(requirements: Iterable[Requirement], figures: Mapping[str, float]) -> list[str]:
    """Of those that are not met. Raises as `Requirement.failure`."""
    return [failure for each in requirements if (failure := each.failure(figures))]
