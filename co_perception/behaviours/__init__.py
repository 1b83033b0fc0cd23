"""Leaves of py_trees for what people do: conditions over what stands, onsets, and an action that waits.

`pip install 'co_perception[behaviours]'`, or your distribution's py_trees. docs/behaviors.md has an example.
"""

try:
    import py_trees as _py_trees
except ImportError as error:
    raise ImportError(
        "co_perception.behaviours needs py_trees: pip install 'co_perception[behaviours]', or apt install "
        "ros-$ROS_DISTRO-py-trees"
    ) from error

from co_perception.behaviours.leaves import ActivityStands, OnActivity, PersonIsDoing
from co_perception.behaviours.monitor import ActivityMonitor
from co_perception.behaviours.wait_leaf import WaitForActivity
from co_perception.online.held_activities import ActivityQuery, HeldActivity

__all__ = [
    "ActivityMonitor",
    "ActivityQuery",
    "ActivityStands",
    "HeldActivity",
    "OnActivity",
    "PersonIsDoing",
    "WaitForActivity",
]
del _py_trees
