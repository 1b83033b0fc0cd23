"""A table of settings becomes declared, described and guarded parameters."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from co_perception.nodes.parameters import Setting, Settings

TABLE = (
    Setting("rate_hz", 25.0, "A rate [Hz].", 0.0, 100.0, when="live"),
    Setting("depth", 1, "A depth.", 1, 10),
    Setting("transport", "raw", "How.", choices=("raw", "compressed")),
    Setting("autostart", True, "At start.", when="start"),
)


def guarded(bench: Any, **overrides: Any) -> tuple[Any, Settings]:
    changed = [Parameter(name, value=value) for name, value in overrides.items()]
    node = bench.add(LifecycleNode("guarded", parameter_overrides=changed), up=False)
    return node, Settings(node, TABLE)


def change(node: Any, name: str, value: Any) -> str:
    """Empty where the change was taken, else the reason."""
    result = node.set_parameters([Parameter(name, value=value)])[0]
    return "" if result.successful else str(result.reason)


def test_defaults_and_overrides_are_read_as_attributes(bench: Any) -> None:
    node, settings = guarded(bench, depth=3)
    assert vars(settings.read()) == {"rate_hz": 25.0, "depth": 3, "transport": "raw", "autostart": True}
    descriptor = node.describe_parameter("rate_hz")
    assert descriptor.description == "A rate [Hz]."
    assert (descriptor.floating_point_range[0].from_value, descriptor.floating_point_range[0].to_value) == (0.0, 100.0)
    assert node.describe_parameter("depth").integer_range[0].to_value == 10
    assert "compressed" in node.describe_parameter("transport").additional_constraints


@pytest.mark.parametrize(
    ("overrides", "teaches"),
    [
        ({"depth": 0}, "depth"),
        ({"depth": 1.5}, "depth"),
        ({"rate_hz": 101.0}, "rate_hz"),
        ({"rate_hz": "fast"}, "rate_hz is a number, got 'fast'"),
        ({"rate_hz": True}, "rate_hz is a number"),
        ({"transport": "pigeon"}, "one of raw, compressed"),
        ({"autostart": 1}, "autostart"),
    ],
)
def test_an_override_that_does_not_fit_stops_the_node(bench: Any, overrides: dict[str, Any], teaches: str) -> None:
    with pytest.raises(ParameterException, match=teaches):
        guarded(bench, **overrides)


def test_whole_numbers_are_taken_for_floats_and_for_names(bench: Any) -> None:
    node, settings = guarded(bench, rate_hz=30)
    assert settings["rate_hz"] == 30.0
    assert isinstance(settings["rate_hz"], float)
    assert change(node, "rate_hz", 10) == ""
    camera = Settings(
        bench.add(LifecycleNode("c", parameter_overrides=[Parameter("source", value=0)]), up=False),
        [
            Setting("source", "", "What."),
        ],
    )
    assert camera["source"] == "0"


def test_changes_are_checked_and_the_reason_is_told(bench: Any) -> None:
    node, settings = guarded(bench)
    assert change(node, "transport", "compressed") == ""
    assert settings["transport"] == "compressed"
    assert "one of raw, compressed" in change(node, "transport", "pigeon")
    assert change(node, "depth", 11) != ""
    assert change(node, "autostart", False) != ""
    assert settings["depth"] == 1


def test_a_configured_node_takes_live_changes_only(bench: Any) -> None:
    node, settings = guarded(bench)
    settings.configured = True
    assert change(node, "rate_hz", 10.0) == ""
    assert "clean up first" in change(node, "depth", 2)
    assert (settings["rate_hz"], settings["depth"]) == (10.0, 1)
    settings.configured = False
    assert change(node, "depth", 2) == ""


def test_parameters_of_others_are_none_of_its_business(bench: Any) -> None:
    node, settings = guarded(bench)
    settings.configured = True
    assert change(node, "use_sim_time", True) == ""
