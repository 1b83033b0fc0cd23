"""Switches a running recognizer to another model, by its lifecycle: a node reads `model_path` when it is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.parameter import Parameter, parameter_value_to_python

MODEL_PATH = "model_path"
UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = {
    State.PRIMARY_STATE_ACTIVE: (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP),
    State.PRIMARY_STATE_INACTIVE: (Transition.TRANSITION_CLEANUP,),
    State.PRIMARY_STATE_UNCONFIGURED: (),
}
Call = Callable[[Any, str, Any], Any]


def switch_model(call: Call, folder: str) -> None:
    """Brings a recognizer down, and up again with another model. Where that is refused, with the one that it had.

    Args:
        call: calls a service of the node, by its type and last name, and returns the answer.
        folder: of the model; empty: what the node's parameter `model` names.

    Raises:
        ValueError: where the node does not take the model, is not activated with it, or is in the middle of a
            transition.
        TimeoutError: where it does not answer.
    """
    state = call(GetState, "get_state", GetState.Request()).current_state
    if state.id not in DOWN:
        raise ValueError(f"the node is {state.label}: try it again in a moment")
    [value] = call(GetParameters, "get_parameters", GetParameters.Request(names=[MODEL_PATH])).values
    before = parameter_value_to_python(value) or ""
    for transition in DOWN[state.id]:
        _change(call, transition)
    refused = _set(call, folder)
    if not refused and _change(call, UP[0]):
        if not _change(call, UP[1]):
            raise ValueError("the node has the model, and cannot be activated: its log says why")
        return
    if not refused:
        refused = f"the node cannot be configured with {folder or 'its own model'}: its log says why"
        _set(call, before)
    for transition in UP:
        _change(call, transition)
    raise ValueError(refused)


def _change(call: Call, transition: int) -> bool:
    """Whether a transition succeeded."""
    return bool(call(ChangeState, "change_state", ChangeState.Request(transition=Transition(id=transition))).success)


def _set(call: Call, folder: str) -> str:
    """Sets the parameter; why it was refused, if it was."""
    message: ParameterMessage = Parameter(MODEL_PATH, value=folder).to_parameter_msg()
    [result] = call(SetParameters, "set_parameters", SetParameters.Request(parameters=[message])).results
    return "" if result.successful else str(result.reason)
