"""Checks of what stands around a stream: its topic and type, quality of service, the recording, and the computer."""

from __future__ import annotations

from collections.abc import Iterator

from co_perception.doctor.findings import Finding, Severity
from co_perception.doctor.observation import StreamObservation

RAW_BYTES = 500_000  # of a picture that may vanish over best effort
BUDGET = 0.8  # share of the time between two frames that the work may take
SIMILAR = ("image", "pose", "skeleton", "theora", "compressed", "pointcloud", "detection", "body")


def check_topics(observation: StreamObservation) -> Iterator[Finding]:
    """Whether there is anything that a recognizer could take."""
    if observation.topics:
        return
    near = {name: kind for name, kind in observation.others.items() if any(word in kind.lower() for word in SIMILAR)}
    listed = ", ".join(f"{name} ({kind})" for name, kind in sorted((near or observation.others).items())[:8])
    yield Finding(
        "topics/none",
        "",
        "There is no topic of pictures or skeletons that a recognizer can take"
        f"{f'; there are {listed}' if listed else ', and no other'}.",
        "Start the camera's driver, or record its color pictures (sensor_msgs/Image, CompressedImage) or skeletons.",
    )


def check_recording(observation: StreamObservation) -> Iterator[Finding]:
    """What of a recording is lost."""
    if observation.damage:
        yield Finding(
            "recording/damaged",
            "",
            f"The recording is not whole: {'; '.join(observation.damage[:3])}.",
            "Record again, and end the recorder with Ctrl+C; what is there is used.",
            Severity.WARNING,
        )


def check_delivery(observation: StreamObservation) -> Iterator[Finding]:
    """Several senders on one topic, and large pictures over best effort."""
    for topic in observation.topics:
        if len(topic.senders) > 1:
            nodes = sorted({sender.node or "unknown" for sender in topic.senders})
            yield Finding(
                "delivery/several senders",
                topic.topic,
                f"{len(topic.senders)} publishers send on one topic ({', '.join(nodes)}), and recognizers follow one.",
                "Stop the one that is not meant, or remap it to a topic of its own.",
            )
        elif topic.message_bytes > RAW_BYTES and any(not sender.reliable for sender in topic.senders):
            yield Finding(
                "delivery/lossy",
                topic.topic,
                f"Pictures of {topic.message_bytes / 1e6:.1f} MB are sent best effort: whole frames vanish.",
                "Let the driver offer reliable delivery, compress (image_transport:=compressed), or send fewer pixels.",
                Severity.WARNING,
                (("image_transport", "compressed"),),
            )


def check_budget(observation: StreamObservation) -> Iterator[Finding]:
    """Whether this computer is fast enough for the rate at which frames come."""
    cost_ms = sum(observation.costs_ms.values())
    for topic in (observation.images or observation.skeletons)[:1]:
        if topic.rate_hz <= 0 or not cost_ms:
            continue
        needed_hz = min(topic.rate_hz, 15.0)
        if cost_ms > BUDGET * 1e3 / needed_hz:
            parts = ", ".join(f"{name} {value:.0f}" for name, value in observation.costs_ms.items())
            yield Finding(
                "computer/slow",
                topic.topic,
                f"A frame costs {cost_ms:.0f} ms here ({parts}), and at {needed_hz:.3g} Hz there are "
                f"{1e3 / needed_hz:.0f} ms: every {cost_ms * needed_hz / 1e3 + 1:.1f}th frame would be left out.",
                "Send smaller pictures, end other programs, set second_look to 0 in the pose node, or take a faster "
                "computer.",
            )
