"""Why no message arrives on a topic: no publisher, another message type, or incompatible QoS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from co_perception.engine.time import FAR_S, NANO
from co_perception.nodes.core.graph_conflicts import full_name

FAR_NS = round(FAR_S * NANO)


@dataclass(frozen=True)
class Publisher:
    """A publisher on the topic: node name, message type ("sensor_msgs/msg/Image"), and reliability."""

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


def other_clock(stamp_ns: int, now_ns: int, simulated: bool) -> str:
    """Why the stamp of a message that just came is not by the node's clock, in words; empty where it is or has none.

    Args:
        stamp_ns: 0: it has none.
        now_ns: by the node's clock; 0: it does not run.
        simulated: whether that is the clock on /clock.
    """
    if not stamp_ns or abs(stamp_ns - now_ns) <= FAR_NS:
        return ""
    works = "Recognition goes by the stamps alone and is not disturbed"
    if simulated and not now_ns:
        return (
            f"use_sim_time is true and nothing comes on /clock. {works}; silence is measured by this machine's clock. "
            "Start the simulation's clock (ros2 bag play --clock), or set use_sim_time to false."
        )
    seconds, side = abs(stamp_ns - now_ns) / NANO, "behind" if stamp_ns < now_ns else "ahead of"
    return (
        f"Stamps are {seconds:.0f} s {side} this node's clock{' on /clock' if simulated else ''}: of a recording, of "
        f"the time since a camera or computer was switched on, or use_sim_time is not the same here and at the sender. "
        f"{works}; tf2, message_filters and rviz2 go by the clock too."
    )


def why_silent(node: Node, subscription: Subscription, source: Source, seconds: float) -> str:
    """The explanation, with what the ROS graph says now of `subscription`, on which `source` is missing."""
    topic, kind = subscription.topic_name, subscription.msg_type
    type_name = f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"
    simulated = node.get_parameter("use_sim_time").value

    def is_reliable(profile: QoSProfile) -> bool:
        return bool(profile.reliability == ReliabilityPolicy.RELIABLE)

    publishers = [
        Publisher(full_name(info), info.topic_type, is_reliable(info.qos_profile))
        for info in node.get_publishers_info_by_topic(topic)
    ]
    return explain(
        source,
        topic,
        type_name,
        seconds,
        publishers,
        want_reliable=is_reliable(subscription.qos_profile),
        others=[name for name, types in node.get_topic_names_and_types() if type_name in types and name != topic],
        clock_stands=bool(simulated) and node.get_clock().now().nanoseconds == 0,
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
    """One sentence on the fact, that nothing came on `topic` for `seconds`; one on its likely cause and remedy.

    Args:
        source: words for what should come.
        topic: fully resolved.
        type: message type subscribed to.
        seconds: without a message.
        publishers: those of the topic now.
        want_reliable: whether the subscriber insists on reliable delivery.
        others: topics that carry `type` at the moment.
        clock_stands: simulated time is asked for and has not begun.
    """
    fact = f"No {source.item} on {topic} for {seconds:.0f} s: {len(publishers)} publisher(s)."
    if not publishers:
        known = f"No {source.item} topic exists at all."
        if others:
            known = f"{source.item.capitalize()} topics now: {', '.join(sorted(others))}."
        question = f"Is the {source.sender} running, and is this its topic?"
        return f"{fact} {question} Remap with {source.topic}:=<topic>. {known}"
    strangers = [p for p in publishers if p.type != type]
    if len(strangers) == len(publishers):
        return f"{fact} They publish {strangers[0].type}, not {type}: set {source.type_setting} to match."
    best_effort = [p.node for p in publishers if p.type == type and not p.reliable]
    if want_reliable and best_effort:
        return (
            f"{fact} {', '.join(best_effort)} publishes best effort, which a reliable subscriber never receives: "
            f"set {source.reliability} to best_effort or best_available."
        )
    if clock_stands:
        remedy = "start the simulator, or ros2 bag play with --clock."
        return f"{fact} use_sim_time is true and nothing publishes /clock: {remedy}"
    loss = "" if want_reliable or not source.lossy else f" {source.lossy}"
    hint = f"is the {source.sender} still loading, paused or waiting for its input?{loss}"
    return f"{fact} They match but send nothing that arrives: {hint}"
