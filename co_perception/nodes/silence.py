"""Why a subscriber hears nothing: the question every user of a camera asks once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Publisher:
    """Somebody who publishes on the topic: node name, message type ("sensor_msgs/msg/Image"), and reliability."""

    node: str
    type: str
    reliable: bool


def explain(
    topic: str,
    type: str,
    seconds: float,
    publishers: Sequence[Publisher],
    *,
    want_reliable: bool,
    others: Sequence[str] = (),
    clock_stands: bool = False,
) -> str:
    """One sentence on the fact, one on its likely cause and remedy.

    Args:
        topic: the silent topic, fully resolved.
        type: message type subscribed to.
        seconds: how long nothing came.
        publishers: who publishes there now.
        want_reliable: whether the subscriber insists on reliable delivery.
        others: topics that carry `type` at the moment.
        clock_stands: simulated time is asked for and has not begun.
    """
    fact = f"No image on {topic} for {seconds:.0f} s: {len(publishers)} publisher(s)."
    return f"{fact} {_cause(type, publishers, want_reliable, others, clock_stands)}"


def _cause(
    type: str, publishers: Sequence[Publisher], want_reliable: bool, others: Sequence[str], clock_stands: bool
) -> str:
    if not publishers:
        known = f" Image topics now: {', '.join(sorted(others))}." if others else " No image topic exists at all."
        return f"Is the camera running, and is this its topic? Remap with image_raw:=<topic>.{known}"
    strangers = [p for p in publishers if p.type != type]
    if len(strangers) == len(publishers):
        return f"They publish {strangers[0].type}, not {type}: set image_transport to match."
    best_effort = [p.node for p in publishers if p.type == type and not p.reliable]
    if want_reliable and best_effort:
        return (
            f"{', '.join(best_effort)} publishes best effort, which a reliable subscriber never receives: "
            "set image_reliability to best_effort or best_available."
        )
    if clock_stands:
        return "use_sim_time is true and nobody publishes /clock: start the simulator, or ros2 bag play with --clock."
    loss = (
        ""
        if want_reliable
        else (
            " Raw frames above about 0.5 MB can vanish over best effort: set image_reliability to reliable, "
            "image_transport to compressed, or let the driver publish smaller frames."
        )
    )
    return f"They match but send nothing that arrives: is the driver paused or waiting for the device?{loss}"
