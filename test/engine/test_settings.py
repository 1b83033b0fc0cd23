"""A table of settings read from text and from values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import pytest

from co_perception.engine.settings import Setting, setting, table_of, values_of


@dataclass(frozen=True)
class RateSettings:
    rate_hz: float = setting(25.0, "A rate [Hz].", 0.0, 100.0)


@dataclass(frozen=True)
class Settings(RateSettings):
    depth: int = setting(1, "A depth.", 1, 10)
    kind: str = setting("raw", "How.", choices=("raw", "coded"))
    on: bool = setting(True, "Whether.", when="live")
    name: str = setting("", "A name.")


TABLE = {row.name: row for row in table_of(Settings)}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate_hz", "10", 10.0), ("rate_hz", "1e1", 10.0), ("depth", "3", 3), ("kind", "coded", "coded"),
        ("on", "False", False), ("on", "true", True), ("name", "7", "7"), ("name", "", ""),
    ],
)  # fmt: skip
def test_text_becomes_a_value_of_the_right_type(name: str, text: str, value: object) -> None:
    found = TABLE[name].parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rate_hz", "fast", "rate_hz is a number, got 'fast'"),
        ("rate_hz", "101", "between 0 and 100"),
        ("depth", "1.5", "whole number"),
        ("kind", "jpeg", "one of raw, coded"),
        ("on", "yes", "truth value"),
    ],
)
def test_text_that_is_none_is_refused_with_the_reason(name: str, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        TABLE[name].parse(text)


def test_values_are_the_defaults_but_for_what_is_given() -> None:
    found = values_of(Settings, {"rate_hz": 10, "kind": "coded"})
    assert vars(found) == {"rate_hz": 10.0, "depth": 1, "kind": "coded", "on": True, "name": ""}
    assert type(found.rate_hz) is float
    with pytest.raises(ValueError, match="no setting 'color'; there are: depth, kind, name, on, rate_hz"):
        values_of(Settings, {"color": "red"})
    with pytest.raises(ValueError, match="depth lies between"):
        values_of(Settings, {"depth": 11})
    changed: Any = found
    with pytest.raises(FrozenInstanceError):
        changed.depth = 2


def test_rows_are_the_fields_in_their_order_those_of_the_base_first() -> None:
    assert list(TABLE) == ["rate_hz", "depth", "kind", "on", "name"]
    assert TABLE["rate_hz"] == Setting("rate_hz", 25.0, "A rate [Hz].", 0.0, 100.0)
    assert TABLE["on"].when == "live"


def test_a_subclass_gives_a_field_without_a_row_its_row() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Base:
        network: str
        depth: int = setting(1, "A depth.", 1, 10)

    @dataclass(frozen=True)
    class Special(Base):
        network: str = setting("small", "What runs.")

    assert [(row.name, row.default) for row in table_of(Special)] == [("network", "small"), ("depth", 1)]
    assert values_of(Special, {"depth": 2}) == Special(network="small", depth=2)
