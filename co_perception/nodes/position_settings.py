"""Parameters of the nodes that find people in space; what finds them is imported where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from co_perception.engine.settings import setting
from co_perception.nodes.core.managed_node import ManagedNode, NodeSettings

if TYPE_CHECKING:
    from co_perception.nodes.position_inputs import PositionInput

POSITIONS = ("none", "camera_info", "depth")


@dataclass(frozen=True)
class PositionSettings(NodeSettings):
    """Parameters of nodes that find people in space."""

    position: str = setting(
        "none",
        "Where people are in space: none; of camera_info and body proportions; of depth and camera_info.",
        choices=POSITIONS,
    )
    position_frame: str = setting("", "Frame of the positions, by TF; empty: the camera's.")
    position_stature_m: float = setting(1.7, "Expected height of people [m], for positions without depth.", 0.5, 2.5)
    position_rectified: bool = setting(False, "The pictures are rectified: P of camera_info holds, and no distortion.")
    depth_slop_s: float = setting(0.02, "By how much stamps of picture and depth may differ [s].", 0.0, 1.0)


def position_input(node: ManagedNode[Any], values: PositionSettings) -> PositionInput | None:
    """What finds people in space, while a node is active; None where that is not asked for. Raises as it."""
    if values.position == "none":
        return None
    from co_perception.nodes.position_inputs import PositionInput

    return PositionInput(node, values)
