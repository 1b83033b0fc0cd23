"""ROS parameters of a node from a settings dataclass: declaration, descriptor, range check and typed read access."""

from __future__ import annotations

from typing import Generic

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

from co_perception.engine.settings import S, Setting, table_of


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
            made.integer_range = [IntegerRange(from_value=int(setting.least), to_value=int(setting.most), step=1)]
    return made


class Parameters(Generic[S]):
    """The parameters of a node as an instance of a settings dataclass, `current`, which follows every change.

    While `configured`, only changes of live settings are accepted. A callback that the node itself adds with
    `add_post_set_parameters_callback` is called before `current` is replaced.

    Raises:
        ParameterException: of rclpy, for an override that does not fit; its text names setting and reason.
    """

    def __init__(self, node: LifecycleNode, settings: type[S]) -> None:
        self._node, self._settings = node, settings
        self._table = {setting.name: setting for setting in table_of(settings)}
        self.configured = False
        node.add_on_set_parameters_callback(self._check)
        for setting in self._table.values():
            node.declare_parameter(setting.name, setting.default, descriptor(setting))
        self.current = self._read()
        node.add_post_set_parameters_callback(self._refresh)

    def _read(self) -> S:
        return self._settings(
            **{name: row.typed(self._node.get_parameter(name).value) for name, row in self._table.items()}
        )

    def _refresh(self, changes: list[Parameter]) -> None:
        if any(change.name in self._table for change in changes):
            self.current = self._read()

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            setting = self._table.get(change.name)
            if setting is None:
                continue
            reason = setting.objection(change.value)
            if self.configured and setting.when == "configure":
                when = "is read when the node is configured"
                reason = f"{change.name} {when}: deactivate and clean up first, then set it"
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)
