"""What every chart is made of: a frame with its title for those who do not see it, text, and the marks of an axis.

Colours are classes of the report's style sheet, so that one chart is dark on light or light on dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor, log10

from co_perception.evaluation.markup import Markup, tag

LETTER = 0.56  # width of a letter as a share of the size of its font, on average


def chart(width: float, height: float, title: str, description: str, *parts: Markup) -> Markup:
    """An image of so many pixels that shrinks with its page."""
    return tag(
        "svg", tag("title", title), tag("desc", description), *parts,
        role="img", viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, class_="chart",
    )  # fmt: skip


def words(
    x: float, y: float, content: str | float, size: float = 11, anchor: str | None = None, turn: float = 0,
    class_: str | None = None,
) -> Markup:  # fmt: skip
    """Text whose baseline begins, or ends, or has its middle at a point; turned about that point by so many degrees."""
    return tag(
        "text", content, x=x, y=y, font_size=None if size == 11 else size, text_anchor=anchor, class_=class_,
        transform=f"rotate({turn:g} {x:g} {y:g})" if turn else None,
    )  # fmt: skip


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "grid") -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def width_of(content: str, size: float = 11) -> float:
    """How many pixels a text takes, about."""
    return LETTER * size * len(content)


def ticks(low: float, high: float, about: int = 6) -> Iterator[float]:
    """Round values from `low` to `high`, about so many; of a range without extent its only value."""
    if high <= low:
        yield low
        return
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    place = -floor(-low / step + 1e-9)
    while place * step <= high + step * 1e-9:
        yield round(place * step, 12)
        place += 1


def duration(seconds: float) -> str:
    """A place in time: 12.5 s, 3:20 min or 1:02:00 h."""
    if abs(seconds) < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
