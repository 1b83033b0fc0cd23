"""A table of settings read from text and from values."""

from __future__ import annotations

import pytest

from co_perception.engine.settings import Setting, values_of

RATE = Setting("rate_hz", 25.0, "A rate [Hz].", 0.0, 100.0)
TABLE = (
    RATE,
    Setting("depth", 1, "A depth.", 1, 10),
    Setting("kind", "raw", "How.", choices=("raw", "coded")),
    Setting("on", True, "Whether."),
    Setting("name", "", "A name."),
)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate_hz", "10", 10.0), ("rate_hz", "1e1", 10.0), ("depth", "3", 3), ("kind", "coded", "coded"),
        ("on", "False", False), ("on", "true", True), ("name", "7", "7"), ("name", "", ""),
    ],
)  # fmt: skip
def test_text_becomes_a_value_of_the_right_type(name: str, text: str, value: object) -> None:
    (setting,) = (each for each in TABLE if each.name == name)
    found = setting.parse(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("rate_hz", "fast", "rate_hz is a number, got 'fast'"),
        ("rate_hz", "101", "between 0 and 100"),
        ("depth", "1.5", "whole number"),
        ("kind", "jpeg", "one of raw, coded"),
        ("on", "yes", "truth value"),
    ],
)
def test_text_that_is_none_is_refused_with_the_reason(name: str, text: str, told: str) -> None:
    (setting,) = (each for each in TABLE if each.name == name)
    with pytest.raises(ValueError, match=told):
        setting.parse(text)


def test_values_are_the_defaults_but_for_what_is_given() -> None:
    found = values_of(TABLE, {"rate_hz": 10, "kind": "coded"})
    assert vars(found) == {"rate_hz": 10.0, "depth": 1, "kind": "coded", "on": True, "name": ""}
    assert type(found.rate_hz) is float
    with pytest.raises(ValueError, match="no setting 'colour'; there are: depth, kind, name, on, rate_hz"):
        values_of(TABLE, {"colour": "red"})
    with pytest.raises(ValueError, match="depth lies between"):
        values_of(TABLE, {"depth": 11})
