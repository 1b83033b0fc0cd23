"""Parameters as a table: one row each, from which declaration, descriptor, range, check and read access follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

Value = bool | int | float | str

_WORDS = {bool: "truth value (true or false)", int: "whole number", float: "number", str: "string"}

When = Literal["live", "configure", "start"]
"""live: from the next frame on · configure: only while unconfigured · start: only when the node is started."""


@dataclass(frozen=True)
class Setting:
    """One parameter of a node.

    Args:
        name: as the user writes it, unit included (`max_gap_s`).
        default: fixes the type too; where it is a float, 25 is taken for 25.0, and where it is a string, 0 for "0".
        description: one sentence with the unit, for `ros2 param describe`.
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

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows and rclpy enforces."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.when == "start")
        # rclpy would refuse 25 where it expects 25.0; `objection` checks the type instead.
        descriptor.dynamic_typing = isinstance(self.default, (float, str))
        if self.choices:
            descriptor.additional_constraints = "one of: " + ", ".join(self.choices)
        if self.least is not None and self.most is not None:
            if isinstance(self.default, float):
                descriptor.floating_point_range = [FloatingPointRange(from_value=self.least, to_value=self.most)]
            else:
                whole = IntegerRange(from_value=int(self.least), to_value=int(self.most), step=1)
                descriptor.integer_range = [whole]
        return descriptor

    def objection(self, value: Value) -> str:
        """Why `value` cannot be taken; empty where it can."""
        kind = type(self.default)
        if type(value) is not kind and not (kind in (float, str) and type(value) is int):
            return f"{self.name} is a {_WORDS[kind]}, got {value!r}"
        if self.least is not None and self.most is not None and not self.least <= float(value) <= self.most:
            return f"{self.name} lies between {self.least:g} and {self.most:g}, got {value!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} is one of {', '.join(self.choices)}, got {value!r}"
        return ""


class Settings:
    """Declares a table of settings on a node and guards them from then on.

    Raises: rclpy's ParameterException for an override that does not fit; its text names setting and reason.
    """

    def __init__(self, node: LifecycleNode, table: Iterable[Setting]) -> None:
        self._node = node
        self._table = {setting.name: setting for setting in table}
        self.configured = False
        node.add_on_set_parameters_callback(self._check)
        for setting in self._table.values():
            node.declare_parameter(setting.name, setting.default, setting.descriptor())

    def __getitem__(self, name: str) -> Any:
        """The present value of one setting, in the type of its default."""
        return type(self._table[name].default)(self._node.get_parameter(name).value)

    def read(self) -> SimpleNamespace:
        """All present values, as attributes."""
        return SimpleNamespace(**{name: self[name] for name in self._table})

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            reason = self._objection(change)
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _objection(self, change: Parameter) -> str:
        setting = self._table.get(change.name)
        if setting is None:
            return ""
        if self.configured and setting.when == "configure":
            return f"{change.name} is read when the node is configured: deactivate and clean up first, then set it"
        return setting.objection(change.value)
