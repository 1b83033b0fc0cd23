"""Colours of labels that people with any colour vision can tell apart.

The first six are those of Okabe and Ito, Color Universal Design, 2008. The others are as far from these, and from the
grey of labels without a colour, as colours can be that are seen on white and on black; test_colours.py measures it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9911ff", "#773311", "#ddbb77", "#5533bb",
)  # fmt: skip
GREY = "#666666"
DARK, LIGHT = "#14181d", "#ffffff"


def luminance(colour: str) -> float:
    """Relative luminance 0..1 of "#rrggbb", as WCAG 2.2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio 1..21 of WCAG 2.2; text needs 4.5."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ink_on(colour: str) -> str:
    """What text on `colour` is written in."""
    return max(DARK, LIGHT, key=lambda ink: contrast(ink, colour))


def places(seconds: Iterable[tuple[str, float]], most: int = len(COLOURS)) -> dict[str, int]:
    """The place in COLOURS of the labels that last longest in all, the others have none; ties go by name."""
    total: defaultdict[str, float] = defaultdict(float)
    for label, lasted in seconds:
        total[label] += lasted
    ordered = sorted(total, key=lambda label: (-total[label], label))
    return {label: place for place, label in enumerate(ordered[:most])}
