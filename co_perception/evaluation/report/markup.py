"""HTML and SVG elements out of plain values, and what all charts share.

Text is escaped unless it is known to be markup: labels come from outside. Colors are classes of the report's style
sheet, so that one chart is dark on light or light on dark.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable, Iterator
from math import floor, log10

LETTER = 0.56  # width of a letter as a share of the size of its font, on average
EMPTY = {"circle", "line", "path", "rect"}
"""SVG elements that are written without an end tag where nothing is in them."""


class Markup(str):
    """Text that is markup already. Only `tag` and `joined` make it, out of escaped parts."""

    __slots__ = ()


def tag(name: str, *children: str | float, **attributes: str | float | None) -> Markup:
    """One element.

    Args:
        name: of the element.
        children: what is in it; text that is no `Markup` is escaped.
        attributes: written with a dash for each underscore, and none at the end (`class_`); None: left out.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{text(value)}"' for key, value in given.items())
    if not children and name in EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | float]) -> Markup:
    """The parts one after the other; text that is no markup is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(value: str | float) -> str:
    """A value as escaped text, numbers with at most two digits after the point. Characters that HTML forbids become
    U+FFFD."""
    if not isinstance(value, str):
        value = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    forbidden = (unicodedata.category(each) in ("Cc", "Cs") and each not in "\t\n" for each in value)
    return html.escape("".join("\ufffd" if bad else each for bad, each in zip(forbidden, value, strict=True)))


def shortened(value: str, most: int) -> str:
    """At most `most` characters, the last one an ellipsis where some are left out."""
    return value if len(value) <= most else value[: max(most - 1, 1)].rstrip() + "…"


def chart(width: float, height: float, title: str, description: str, *parts: Markup) -> Markup:
    """An image of `width` by `height` pixels that shrinks with its page."""
    return tag(
        "svg", tag("title", title), tag("desc", description), *parts,
        role="img", viewBox=f"0 0 {width:g} {height:g}", width=width, height=height, class_="chart",
    )  # fmt: skip


def words(
    x: float, y: float, content: str | float, size: float = 11, anchor: str | None = None, turn: float = 0,
    class_: str | None = None,
) -> Markup:  # fmt: skip
    """Text whose baseline starts, ends or has its middle (`anchor`) at a point; turned about it by `turn` degrees."""
    return tag(
        "text", content, x=x, y=y, font_size=None if size == 11 else size, text_anchor=anchor, class_=class_,
        transform=f"rotate({turn:g} {x:g} {y:g})" if turn else None,
    )  # fmt: skip


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "grid") -> Markup:
    """A straight line between two points."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def width_of(content: str, size: float = 11) -> float:
    """Width of a text in pixels, about."""
    return LETTER * size * len(content)


def ticks(low: float, high: float, about: int = 6) -> Iterator[float]:
    """Round values from `low` to `high`, `about` as many; of a range without extent its only value."""
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
    """A time in words: 12.5 s, 3:20 min or 1:02:00 h."""
    if abs(seconds) < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
