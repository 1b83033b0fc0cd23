"""Advice after an examination: lines that start the recognizer on what was found, and the delay to expect."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import numpy as np

from co_perception.doctor.findings import Check, Finding, Severity
from co_perception.doctor.graph_checks import check_budget, check_delivery, check_recording, check_topics
from co_perception.doctor.observation import StreamObservation, TopicObservation
from co_perception.doctor.people_checks import check_people
from co_perception.doctor.picture_checks import check_pictures
from co_perception.doctor.stamp_checks import NEEDS, check_stamps
from co_perception.engine.node_command import has_command, node_command
from co_perception.engine.time import FAR_S, NANO

CHECKS: tuple[Check, ...] = (
    check_topics, check_recording, check_delivery, check_stamps, check_pictures, check_people, check_budget,
)  # fmt: skip
"""All checks; one more is a function of an `StreamObservation` that yields a `Finding` for each fault."""
TRANSPORTS = {  # by the message's type: ending of the topic, and name of the transport
    "sensor_msgs/msg/CompressedImage": ("/compressed", "compressed"),
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket": ("/ffmpeg", "ffmpeg"),
    "foxglove_msgs/msg/CompressedVideo": ("/foxglove", "foxglove"),
}
LAUNCH = "ros2 launch co_perception activity.launch.py"


def examine(observation: StreamObservation) -> list[Finding]:
    """All faults, the grave ones first."""
    found = [finding for check in CHECKS for finding in check(observation)]
    return sorted(found, key=lambda finding: finding.severity is not Severity.ERROR)


def start_lines(observation: StreamObservation, findings: Sequence[Finding]) -> list[str]:
    """The lines, each for a terminal of its own, that recognize activities on what was found.

    None where there is nothing to recognize them in. Where there is no `ros2` command, a line for each node.
    """
    chosen: dict[str, str] = {}
    topics = observation.skeletons or observation.images
    if not topics:
        return []
    best = max(topics, key=lambda topic: len(topic.stamps_ns))
    if observation.skeletons:
        chosen |= {"recognizer": "skeleton", "pose": "none", "skeleton_topic": best.topic}
    else:
        ending, transport = TRANSPORTS.get(best.kind, ("", ""))
        chosen |= {"recognizer": "skeleton", "image_topic": best.topic.removesuffix(ending)}
        chosen |= {"image_transport": transport} if transport else {}
    if not observation.live:
        chosen["use_sim_time"] = "true"
    for finding in findings:
        chosen |= dict(finding.settings) if finding.topic == best.topic else {}
    if has_command():
        return [" ".join([LAUNCH, *(shlex.quote(f"{name}:={value}") for name, value in chosen.items())])]
    return _node_lines(chosen)


def _node_lines(chosen: Mapping[str, str]) -> list[str]:
    """The nodes that the launch file would start with these arguments."""
    always = {name: value for name, value in chosen.items() if name == "use_sim_time"}
    if "image_topic" not in chosen:
        return [node_command("skeleton_activity_node", {"skeletons": chosen["skeleton_topic"]}, **always)]
    own = {name: value for name, value in chosen.items() if name in ("image_transport", "image_reliability")}
    ending = {"": "", "raw": ""}.get(transport := own.get("image_transport", ""), f"/{transport}")
    pictures = {f"image_raw{ending}": f"{chosen['image_topic']}{ending}"}
    return [node_command("pose_node", pictures, **own, **always), node_command("skeleton_activity_node", **always)]


def delay_words(observation: StreamObservation) -> str:
    """When the first label of a person is to be expected, and how late later ones are; empty without a stream."""
    topics = observation.skeletons or observation.images
    if not topics:
        return ""
    best = max(topics, key=lambda topic: len(topic.stamps_ns))
    warm_s = NEEDS.min_progress * NEEDS.field / NEEDS.rate_hz
    work_s = sum(observation.costs_ms.values()) / 1e3
    late_s = max(lag_s(best), 0.0) + work_s
    parts = [f"{max(lag_s(best), 0.0):.2f} s on the way"]
    if observation.costs_ms:
        parts.append(f"{work_s:.2f} s of work here")
    return (
        f"Label delay to expect: the first label {warm_s + late_s:.1f} s after a person comes into sight; later ones "
        f"{late_s:.2f} s after the frame ({', '.join(parts)})."
    )


def lag_s(topic: TopicObservation) -> float:
    """Usual time from stamp to arrival; 0 where the two are of different clocks."""
    if not len(topic.stamps_ns):
        return 0.0
    middle = float(np.median(topic.arrivals_ns - topic.stamps_ns)) / NANO
    return middle if abs(middle) < FAR_S else 0.0


def summary_rows(observation: StreamObservation) -> list[tuple[str, ...]]:
    """A table of the streams: topic, type, messages, seconds, rate, lag, and what is in them."""
    rows: list[tuple[str, ...]] = [("topic", "type", "messages", "seconds", "Hz", "lag s", "content")]
    for topic in observation.topics:
        if topic.people is not None:
            content = f"{topic.people.people / max(topic.people.messages, 1):.1f} people"
        else:
            readable = [each for each in topic.pictures if not each.problem]
            content = "{} x {}, {}".format(*readable[0].size, readable[0].coding) if readable else "unreadable"
        rows.append((topic.topic, topic.kind.rpartition("/")[2], str(len(topic.stamps_ns)), f"{topic.seconds:.1f}",
                     f"{topic.rate_hz:.1f}", f"{lag_s(topic):.2f}", content))  # fmt: skip
    return rows
