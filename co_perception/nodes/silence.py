"""Why a subscriber hears nothing: the question every user of a camera asks once. No ROS in here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Publisher:
    """Somebody who publishes on the topic: node name, message type ("sensor_msgs/msg/Image"), and reliability."""

    node: str
    type: str
    reliable: bool


@dataclass(frozen=True)
class Source:
    """Words for a stream: what comes, who sends it, and the parameters of the subscriber that bear on it.

    Args:
        item: "image".
        sender: "camera".
        topic: name of the topic in the node, which is what is remapped.
        type_setting: parameter that chooses the message type.
        reliability: parameter that chooses the reliability.
        lossy: advice where best effort may be to blame; empty where there is none.
    """

    item: str
    sender: str
    topic: str
    type_setting: str
    reliability: str
    lossy: str = ""


IMAGES = Source(
    item="image",
    sender="camera",
    topic="image_raw",
    type_setting="image_transport",
    reliability="image_reliability",
    lossy="Raw frames above about 0.5 MB can vanish over best effort: set image_reliability to reliable, "
    "image_transport to compressed, or let the driver publish smaller frames.",
)


def explain(
    source: Source,
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
        source: words for what should come.
        topic: the silent topic, fully resolved.
        type: message type subscribed to.
        seconds: how long nothing came.
        publishers: who publishes there now.
        want_reliable: whether the subscriber insists on reliable delivery.
        others: topics that carry `type` at the moment.
        clock_stands: simulated time is asked for and has not begun.
    """
    fact = f"No {source.item} on {topic} for {seconds:.0f} s: {len(publishers)} publisher(s)."
    return f"{fact} {_cause(source, type, publishers, want_reliable, others, clock_stands)}"


def _cause(
    source: Source,
    type: str,
    publishers: Sequence[Publisher],
    want_reliable: bool,
    others: Sequence[str],
    clock_stands: bool,
) -> str:
    if not publishers:
        return f"Is the {source.sender} running, and is this its topic? {_elsewhere(source, others)}"
    strangers = [p for p in publishers if p.type != type]
    if len(strangers) == len(publishers):
        return f"They publish {strangers[0].type}, not {type}: set {source.type_setting} to match."
    best_effort = [p.node for p in publishers if p.type == type and not p.reliable]
    if want_reliable and best_effort:
        return (
            f"{', '.join(best_effort)} publishes best effort, which a reliable subscriber never receives: "
            f"set {source.reliability} to best_effort or best_available."
        )
    if clock_stands:
        return "use_sim_time is true and nobody publishes /clock: start the simulator, or ros2 bag play with --clock."
    loss = "" if want_reliable or not source.lossy else f" {source.lossy}"
    return f"They match but send nothing that arrives: is the {source.sender} paused or waiting for its input?{loss}"


def _elsewhere(source: Source, others: Sequence[str]) -> str:
    known = f"{source.item.capitalize()} topics now: {', '.join(sorted(others))}."
    if not others:
        known = f"No {source.item} topic exists at all."
    return f"Remap with {source.topic}:=<topic>. {known}"
