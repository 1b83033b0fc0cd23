"""Why a subscription is silent, asked of the ROS graph."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from co_perception.nodes.silence import Publisher, Source, explain


def why_silent(node: Node, subscription: Subscription, source: Source, seconds: float) -> str:
    """What `silence.explain` says of `subscription`, which carries `source` and has been silent for `seconds`."""
    topic, type_name = subscription.topic_name, _type_name(subscription.msg_type)
    publishers = [
        Publisher(_full_name(info.node_namespace, info.node_name), info.topic_type, _is_reliable(info.qos_profile))
        for info in node.get_publishers_info_by_topic(topic)
    ]
    simulated = node.get_parameter("use_sim_time").value
    return explain(
        source,
        topic,
        type_name,
        seconds,
        publishers,
        want_reliable=_is_reliable(subscription.qos_profile),
        others=[name for name, types in node.get_topic_names_and_types() if type_name in types and name != topic],
        clock_stands=bool(simulated) and node.get_clock().now().nanoseconds == 0,
    )


def _type_name(kind: type) -> str:
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def _full_name(namespace: str, name: str) -> str:
    return f"{namespace.rstrip('/')}/{name}"


def _is_reliable(profile: QoSProfile) -> bool:
    return bool(profile.reliability == ReliabilityPolicy.RELIABLE)
