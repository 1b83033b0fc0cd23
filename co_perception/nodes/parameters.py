"""Parameters as a table: one row each, from which declaration, descriptor, range, check and read access follow."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from co_perception.engine.settings import Setting as Setting


def descriptor(setting: Setting) -> ParameterDescriptor:
    """What `ros2 param describe` shows and rclpy enforces."""
    made = ParameterDescriptor(description=setting.description, read_only=setting.when == "start")
    # rclpy would refuse 25 where it expects 25.0; `Setting.objection` checks the type instead.
    made.dynamic_typing = isinstance(setting.default, (float, str))
    if setting.choices:
        made.additional_constraints = "one of: " + ", ".join(setting.choices)
    if setting.least is not None and setting.most is not None:
        if isinstance(setting.default, float):
            made.floating_point_range = [FloatingPointRange(from_value=setting.least, to_value=setting.most)]
        else:
            whole = IntegerRange(from_value=int(setting.least), to_value=int(setting.most), step=1)
            made.integer_range = [whole]
    return made


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
            node.declare_parameter(setting.name, setting.default, descriptor(setting))

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
