"""Refusal of names that nobody knows, with the known name that is nearest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

NEAR = 0.6  # least similarity of two names, 0..1, from which on one may have been meant by the other


def nearest(name: str, known: Iterable[str], least: float = NEAR) -> str:
    """The known name that resembles `name` most, capitals aside; empty where none does.

    >>> nearest("treshold", ["max_gap_s", "threshold"])
    'threshold'
    """
    plain = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), plain, 1, least)
    return plain[found[0]] if found else ""


def no_such(what: str, name: str, known: Collection[str]) -> str:
    """Words for a name that is not among the known ones.

    >>> no_such("setting", "treshold", ["max_gap_s", "threshold"])
    "there is no setting 'treshold' (meant: 'threshold'?); there are: max_gap_s, threshold"
    """
    near = nearest(name, known)
    meant = f" (meant: {near!r}?)" if near else ""
    return f"there is no {what} {name!r}{meant}; there are: {', '.join(sorted(known)) or 'none'}"
