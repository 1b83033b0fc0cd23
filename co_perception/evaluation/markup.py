"""HTML and SVG out of plain values. Text is escaped unless it is known to be markup: labels come from outside."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable

EMPTY = {"circle", "line", "path", "rect"}
"""SVG elements that are written without an end tag where nothing is in them."""


class Markup(str):
    """Text that is markup already. Only `tag` and `joined` make it, out of what they have escaped."""

    __slots__ = ()


def tag(name: str, *children: str | float, **attributes: str | float | None) -> Markup:
    """One element. Attributes are written with a dash for each underscore, and none after the last letter (`class_`);
    those that are None are left out."""
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    written = "".join(f' {key}="{text(value)}"' for key, value in given.items())
    if not children and name in EMPTY:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(parts: Iterable[str | float]) -> Markup:
    """One after the other; what is no markup is escaped."""
    return Markup("".join(part if isinstance(part, Markup) else text(part) for part in parts))


def text(value: str | float) -> str:
    """A value as escaped text, numbers with at most two digits after the point. Characters that HTML forbids become
    U+FFFD."""
    if not isinstance(value, str):
        value = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return html.escape("".join("\ufffd" if _forbidden(each) else each for each in value))


def shortened(value: str, most: int) -> str:
    """At most so many characters, the last one an ellipsis where some are left out."""
    return value if len(value) <= most else value[: max(most - 1, 1)].rstrip() + "…"


def _forbidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n"
