"""Settings as frozen dataclasses: each field carries its description, range and choices.

One row, written with `setting`, is a ROS parameter of a node, an option `--set NAME=VALUE` of a command, and a typed
attribute for the code that reads it:

>>> @dataclass(frozen=True)
... class GapSettings:
...     max_gap_s: float = setting(1.0, "Longer steps between stamps reset the state [s].", 0.001, 3600.0)
>>> values_of(GapSettings, {"max_gap_s": 2}).max_gap_s
2.0

Settings are composed by inheritance. A field without a row (`network: str`) gets one in the subclass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from co_perception.engine.names import no_such
from co_perception.engine.paths import expanded


class DataclassInstance(Protocol):
    """An instance of any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


Value = bool | int | float | str
V = TypeVar("V", bound=Value)
S = TypeVar("S", bound="DataclassInstance")

_ROW = "setting"  # key of a field's row in its metadata
_WORDS = {bool: "truth value (true or false)", int: "whole number", float: "number", str: "string"}

When = Literal["live", "configure", "start"]
"""live: from the next frame on · configure: only while unconfigured · start: only when the node is started."""


@dataclass(frozen=True)
class Setting:
    """The row of one setting, with the range of a number (`least`, `most`) or the choices of a string.

    Args:
        name: as the user writes it, unit included (`max_gap_s`).
        default: its type is that of the setting. A float setting takes 25 for 25.0, a string setting 0 for "0".
        when: from when on a change takes effect; a change at the wrong time is refused with the reason.
        path: the string names a file or folder; ~ in it is the user's home directory, see `typed`.
    """

    name: str
    default: Value
    description: str
    least: float | None = None
    most: float | None = None
    choices: Collection[str] = ()
    when: When = "configure"
    path: bool = False

    def typed(self, value: Value) -> Value:
        """A value that is allowed, with the type of the default; a path as it is looked for."""
        made = type(self.default)(value)
        return expanded(made) if self.path and isinstance(made, str) else made

    def objection(self, value: Value) -> str:
        """Why `value` is not allowed; empty where it is."""
        kind = type(self.default)
        if type(value) is int and value.bit_length() > 63:
            return f"{self.name} is a {_WORDS[kind]}, got a whole number of more than 64 bits"
        if value != value or (type(value) is not kind and not (kind in (float, str) and type(value) is int)):  # or NaN
            return f"{self.name} is a {_WORDS[kind]}, got {value!r}"
        if self.least is not None and self.most is not None and not self.least <= float(value) <= self.most:
            return f"{self.name} lies between {self.least:g} and {self.most:g}, got {value!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} is one of {', '.join(self.choices)}, got {value!r}"
        return ""

    def parse(self, text: str) -> Value:
        """The value written as `text`. Raises ValueError that says why it is not allowed."""
        kind = type(self.default)
        value: Value
        try:
            value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
        except (KeyError, ValueError):
            value = text
        if reason := self.objection(value):
            raise ValueError(f"{reason}.")
        return self.typed(value)


def setting(
    default: V,
    description: str,
    least: float | None = None,
    most: float | None = None,
    *,
    choices: Collection[str] = (),
    when: When = "configure",
    path: bool = False,
) -> V:
    """A field of a settings dataclass; arguments as in `Setting`."""
    row = Setting("", default, description, least, most, choices, when, path)
    made: V = field(default=default, metadata={_ROW: row})
    return made


def table_of(settings: type[DataclassInstance]) -> tuple[Setting, ...]:
    """The rows of a settings dataclass, in the order of its fields."""
    return tuple(replace(each.metadata[_ROW], name=each.name) for each in fields(settings))


def values_of(settings: type[S], given: Mapping[str, Value]) -> S:
    """An instance of a settings dataclass: its defaults, and the values given instead.

    Raises ValueError for a name that is no field of it, and for a value that is not allowed.
    """
    known = {setting.name: setting for setting in table_of(settings)}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{no_such('setting', name, known)}.")
        if reason := known[name].objection(value):
            raise ValueError(f"{reason}.")
    values = {name: setting.typed(given.get(name, setting.default)) for name, setting in known.items()}
    return settings(**values)
