"""Types of command-line options for argparse: finite numbers within a range, refused before anything is computed."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from dataclasses import dataclass

MOST = 2**31 - 1  # of whole numbers: what is larger is a slip, and would be asked of the memory
_WHOLE = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True)
class NumberArgument:
    """Type of an option: a finite number in words, and its range. A call reads one.

    Args:
        meaning: what it is, for the refusal: "a share that is held out, such as 0.25".
        least, most: the range.
        open_below, open_above: whether `least` and `most` themselves are outside.

    >>> NumberArgument("a share, such as 0.25", 0, 1, open_above=True)("0.5")
    0.5
    """

    meaning: str
    least: float
    most: float
    open_below: bool = False
    open_above: bool = False

    def __call__(self, text: str) -> float:
        """The number written as `text`. Raises ArgumentTypeError with what was expected, and what came."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not self.holds(value):
            raise ArgumentTypeError(f"expected {self.meaning} ({self.range}), got {text!r}")
        return value

    @property
    def range(self) -> str:
        """The range in words."""
        low = f"above {self.least:g}" if self.open_below else f"at least {self.least:g}"
        return f"{low}, {'below' if self.open_above else 'at most'} {self.most:g}"

    def holds(self, value: float) -> bool:
        """Whether a number lies within the range."""
        above = value > self.least if self.open_below else value >= self.least
        return above and (value < self.most if self.open_above else value <= self.most)


@dataclass(frozen=True)
class CountArgument:
    """Type of an option: a whole number in words, and its range. A call reads one."""

    meaning: str
    least: int = 1
    most: int = MOST

    def __call__(self, text: str) -> int:
        """The number written as `text`. Raises ArgumentTypeError with what was expected, and what came."""
        if not _WHOLE.fullmatch(text.strip()) or not self.least <= int(text) <= self.most:
            expected = f"{self.meaning}: a whole number, at least {self.least}, at most {self.most}"
            raise ArgumentTypeError(f"expected {expected}, got {text!r}")
        return int(text)


def rank(text: str) -> float:
    """Type of an option: a rank as a whole number, or as a share of the output channels below 1."""
    try:
        return CountArgument("a rank", most=4096)(text)
    except ArgumentTypeError:
        share = NumberArgument(
            "a rank, a whole number from 1 to 4096, or a share of the output channels", 0, 1, True, True
        )
        return share(text)


def positive(meaning: str, most: float) -> NumberArgument:
    """Type of a number above 0."""
    return NumberArgument(meaning, 0, most, open_below=True)


FRAME_RATE = positive("frames per second, such as 30", 1000)
HELD_OUT_SHARE = NumberArgument("a share, such as 0.25 for a quarter; 0 for nothing", 0, 1, open_above=True)
SEED = CountArgument("a seed", least=0)
