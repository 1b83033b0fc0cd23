"""A table of settings becomes declared, described and guarded parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy")

from rclpy.exceptions import ParameterException
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from co_perception.engine.settings import setting
from co_perception.nodes.core.parameters import Parameters


@dataclass(frozen=True)
class Settings:
    rate_hz: float = setting(25.0, "A rate [Hz].", 0.0, 100.0, when="live")
    depth: int = setting(1, "A depth.", 1, 10)
    transport: str = setting("raw", "How.", choices=("raw", "compressed"))
    autostart: bool = setting(True, "At start.", when="start")


@dataclass(frozen=True)
class PathSettings:
    model_path: str = setting("~/none", "Where.", path=True)


@dataclass(frozen=True)
class SourceSettings:
    source: str = setting("", "What.")


def guarded(bench: Any, **overrides: Any) -> tuple[Any, Parameters[Settings]]:
    changed = [Parameter(name, value=value) for name, value in overrides.items()]
    node = bench.add(LifecycleNode("guarded", parameter_overrides=changed), up=False)
    return node, Parameters(node, Settings)


def change(node: Any, name: str, value: Any) -> str:
    """Empty where the change was taken, else the reason."""
    result = node.set_parameters([Parameter(name, value=value)])[0]
    return "" if result.successful else str(result.reason)


def test_defaults_and_overrides_are_read_as_attributes(bench: Any) -> None:
    node, settings = guarded(bench, depth=3)
    assert vars(settings.current) == {"rate_hz": 25.0, "depth": 3, "transport": "raw", "autostart": True}
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
    assert settings.current.rate_hz == 30.0
    assert isinstance(settings.current.rate_hz, float)
    assert change(node, "rate_hz", 10) == ""
    camera = bench.add(LifecycleNode("c", parameter_overrides=[Parameter("source", value=0)]), up=False)
    assert Parameters(camera, SourceSettings).current.source == "0"


def test_home_is_the_users_also_on_the_command_line_of_ros(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves ~ in `-p model_path:=~/lesson`; what was written stays the parameter's value."""
    monkeypatch.setenv("HOME", "/home/me")
    arguments = ["--ros-args", "-p", "model_path:=~/lesson"]
    node = bench.add(LifecycleNode("p", cli_args=arguments), up=False)
    settings = Parameters(node, PathSettings)
    assert settings.current.model_path == "/home/me/lesson"
    assert node.get_parameter("model_path").value == "~/lesson"
    assert change(node, "model_path", "~/other") == ""
    assert settings.current.model_path == "/home/me/other"


def test_changes_are_checked_and_the_reason_is_told(bench: Any) -> None:
    node, settings = guarded(bench)
    assert change(node, "transport", "compressed") == ""
    assert settings.current.transport == "compressed"
    assert "one of raw, compressed" in change(node, "transport", "pigeon")
    assert change(node, "depth", 11) != ""
    assert change(node, "autostart", False) != ""
    assert settings.current.depth == 1


def test_a_configured_node_takes_live_changes_only(bench: Any) -> None:
    node, settings = guarded(bench)
    settings.configured = True
    assert change(node, "rate_hz", 10.0) == ""
    assert "clean up first" in change(node, "depth", 2)
    assert change(node, "use_sim_time", True) == "", "which is none of its settings"
    assert (settings.current.rate_hz, settings.current.depth) == (10.0, 1)
    settings.configured = False
    assert change(node, "depth", 2) == ""
