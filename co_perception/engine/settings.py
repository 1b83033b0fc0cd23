"""One setting of a tool as a record: a parameter where it is a node, an option where it is a command."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Literal

Value = bool | int | float | str

_WORDS = {bool: "truth value (true or false)", int: "whole number", float: "number", str: "string"}

When = Literal["live", "configure", "start"]
"""live: from the next frame on · configure: only while unconfigured · start: only when the node is started."""


@dataclass(frozen=True)
class Setting:
    """One setting.

    Args:
        name: as the user writes it, unit included (`max_gap_s`).
        default: fixes the type too; where it is a float, 25 is taken for 25.0, and where it is a string, 0 for "0".
        description: one sentence with the unit.
        least, most: allowed range of a number, both inclusive.
        choices: allowed values of a string.
        when: from when on a change holds; a change at the wrong time is refused with the reason.
    """

    name: str
    default: Value
    description: str
    least: float | None = None
    most: float | None = None
    choices: Collection[str] = ()
    when: When = "configure"

    def objection(self, value: Value) -> str:
        """Why `value` cannot be taken; empty where it can."""
        kind = type(self.default)
        if type(value) is int and value.bit_length() > 63:
            return f"{self.name} is a {_WORDS[kind]}, got a whole number of more than 64 bits"
        if type(value) is not kind and not (kind in (float, str) and type(value) is int):
            return f"{self.name} is a {_WORDS[kind]}, got {value!r}"
        if type(value) is float and math.isnan(value):
            return f"{self.name} is a {_WORDS[kind]}, got {value!r}"
        if self.least is not None and self.most is not None and not self.least <= float(value) <= self.most:
            return f"{self.name} lies between {self.least:g} and {self.most:g}, got {value!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} is one of {', '.join(self.choices)}, got {value!r}"
        return ""

    def parse(self, text: str) -> Value:
        """The value written as `text`. Raises ValueError that says why it cannot be taken."""
        kind = type(self.default)
        truths = {"true": True, "false": False}
        value: Value
        try:
            value = truths[text.lower()] if kind is bool else kind(text)
        except (KeyError, ValueError):
            value = text
        reason = self.objection(value)
        if reason:
            raise ValueError(f"{reason}.")
        return value


def values_of(table: Iterable[Setting], given: Mapping[str, Value]) -> SimpleNamespace:
    """All settings of a table as attributes: their defaults, and what is given instead.

    Raises: ValueError for a name that is not in the table, and for a value that cannot be taken.
    """
    known = {setting.name: setting for setting in table}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"there is no setting {name!r}; there are: {', '.join(sorted(known))}.")
        if reason := known[name].objection(value):
            raise ValueError(f"{reason}.")
    values = {name: type(setting.default)(given.get(name, setting.default)) for name, setting in known.items()}
    return SimpleNamespace(**values)
