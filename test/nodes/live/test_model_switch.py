"""A recognizer that runs gets another model: in which order its services are called, and what follows a refusal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters

from co_perception.nodes.live.model_switch import switch_model

NAMES = {Transition.TRANSITION_CONFIGURE: "configure", Transition.TRANSITION_ACTIVATE: "activate",
         Transition.TRANSITION_DEACTIVATE: "deactivate", Transition.TRANSITION_CLEANUP: "cleanup"}  # fmt: skip


class Node:
    """Services of a node that has a model, and cannot be configured with some others."""

    def __init__(
        self, state: int, refused: tuple[str, ...] = (), broken: tuple[str, ...] = (), activates: bool = True
    ) -> None:
        self.state, self.model, self.calls, self._activates = state, "old", list[str](), activates
        self._refused, self._broken = refused, broken

    def call(self, kind: Any, name: str, request: Any) -> Any:
        if kind is GetState:
            return SimpleNamespace(current_state=State(id=self.state, label="somewhere"))
        if kind is GetParameters:
            assert request.names == ["model_path"]
            value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=self.model)
            return SimpleNamespace(values=[value])
        if kind is SetParameters:
            given = request.parameters[0].value.string_value
            self.calls.append(f"set {given}")
            fine = given not in self._refused
            self.model = given if fine else self.model
            return SimpleNamespace(results=[SimpleNamespace(successful=fine, reason="" if fine else "no such folder")])
        assert kind is ChangeState and name == "change_state"
        self.calls.append(NAMES[request.transition.id])
        fails = {"configure": self.model in self._broken, "activate": not self._activates}
        return SimpleNamespace(success=not fails.get(self.calls[-1], False))


@pytest.mark.parametrize(
    ("state", "down"),
    [
        (State.PRIMARY_STATE_ACTIVE, ["deactivate", "cleanup"]),
        (State.PRIMARY_STATE_INACTIVE, ["cleanup"]),
        (State.PRIMARY_STATE_UNCONFIGURED, []),
    ],
)
def test_it_comes_up_with_the_new_model_from_any_state(state: int, down: list[str]) -> None:
    node = Node(state)
    switch_model(node.call, "new")
    assert node.calls == [*down, "set new", "configure", "activate"] and node.model == "new"


def test_what_is_refused_leaves_the_model_that_it_had() -> None:
    node = Node(State.PRIMARY_STATE_ACTIVE, refused=("new",))
    with pytest.raises(ValueError, match="no such folder"):
        switch_model(node.call, "new")
    assert node.calls[-2:] == ["configure", "activate"] and node.model == "old"
    node = Node(State.PRIMARY_STATE_ACTIVE, broken=("new",))
    with pytest.raises(ValueError, match="cannot be configured with new"):
        switch_model(node.call, "new")
    assert node.calls[-4:] == ["configure", "set old", "configure", "activate"] and node.model == "old"


def test_a_node_that_is_not_activated_is_told() -> None:
    with pytest.raises(ValueError, match="cannot be activated"):
        switch_model(Node(State.PRIMARY_STATE_ACTIVE, activates=False).call, "new")


def test_in_the_middle_of_a_transition_nothing_is_changed() -> None:
    node = Node(State.TRANSITION_STATE_ACTIVATING)
    with pytest.raises(ValueError, match="try it again"):
        switch_model(node.call, "new")
    assert node.calls == []
