"""Checks of people as joints: nobody, joints that mean something else, ids, size, and a camera that is turned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from co_perception.doctor.findings import Finding, Severity
from co_perception.doctor.observation import PeopleCounts, StreamObservation, TopicObservation
from co_perception.engine.time import NANO

FEW = 0.05  # share of the people that may be refused without a word
LEAST_POSES = 20
TURNED = 0.8  # share of the torsos that have to agree
SMALL = 60.0  # pixels from the highest to the lowest joint, under which MoveNet finds people only now and then
SHORT_S = 1.5
HALF = 0.5
MESSAGES_OF_NOBODY = 20

REFUSALS = {
    "unknown layout": "Let the pose estimator name one of the layouts that docs/skeletons.md lists.",
    "wrong joints": "Let the pose estimator send all joints of its layout, in its order; lost ones with score 0.",
    "unknown axes": "Set SkeletonArray.coordinates, and frame_id to a frame whose axes are known (docs/skeletons.md).",
    "wrong unit": "Set SkeletonArray.coordinates to what the joints are: pixels, metres, or shares of the picture.",
    "repeated id": "Switch the tracker on: each person needs an id of their own.",
    "unreadable": "Send a SkeletonArray as its definition in msg/ says.",
}
"""Remedy by kind of `data.messages.people.Refusal`; other kinds are no fault of the sender."""


def check_people(observation: StreamObservation) -> Iterator[Finding]:
    """All checks of people, of each topic of skeletons."""
    for topic in observation.skeletons:
        people = topic.people
        if people is None or not people.messages:
            continue
        if people.nobody == people.messages:
            if people.messages >= MESSAGES_OF_NOBODY:
                yield _nobody(topic, people)
            continue
        yield from _refused(topic, people)
        yield from _ids(topic, people)
        yield from _bodies(topic, people)


def _nobody(topic: TopicObservation, people: PeopleCounts) -> Finding:
    return Finding(
        "people/nobody",
        topic.topic,
        f"Nobody is in any of {people.messages} messages.",
        "Step before the camera as a whole person, and see whether the pose estimator gets pictures that show you.",
    )


def _refused(topic: TopicObservation, people: PeopleCounts) -> Iterator[Finding]:
    for kind, count in people.refused.items():
        nameless = kind == "repeated id" and people.nameless  # which has a fault of its own
        if kind in REFUSALS and not nameless and count > FEW * people.people:
            yield Finding(
                f"people/{kind}",
                topic.topic,
                f"{count} of {people.people} people cannot be used: {people.reasons[kind]}.",
                REFUSALS[kind],
            )


def _ids(topic: TopicObservation, people: PeopleCounts) -> Iterator[Finding]:
    if people.nameless > FEW * people.people:
        yield Finding(
            "people/no ids",
            topic.topic,
            "People carry no ids, so two people cannot be told apart, and one who comes back is somebody else.",
            "Switch the tracker of the pose estimator on.",
        )
    lengths_s = [(last - first) / NANO for first, last in people.tracks.values()]
    if len(lengths_s) >= 5 and np.median(lengths_s) < SHORT_S and topic.seconds > 2 * SHORT_S:
        yield Finding(
            "people/ids change",
            topic.topic,
            f"Ids last {np.median(lengths_s):.1f} s ({len(lengths_s)} of them in {topic.seconds:.0f} s): each new one "
            "begins anew, without what was seen before.",
            "Raise the rate of the pictures, or let the tracker wait longer for who is lost (max_missed_s).",
        )


def _bodies(topic: TopicObservation, people: PeopleCounts) -> Iterator[Finding]:
    """Turned cameras, small people and half bodies."""
    torsos = sum(people.quarters.values())
    if torsos >= LEAST_POSES:
        quarters, count = people.quarters.most_common(1)[0]
        if quarters and count > TURNED * torsos:
            rotate = (people.rotate + 90 * quarters) % 360
            yield Finding(
                "people/turned camera",
                topic.topic,
                f"{count} of {torsos} torsos {'hang upside down' if quarters == 2 else 'lie across the picture'}.",
                f"If the camera is mounted so, set rotate to {rotate} in the pose node (it is {people.rotate}).",
            )
    if len(people.heights) >= LEAST_POSES and (height := float(np.median(people.heights))) < SMALL:
        yield Finding(
            "people/small",
            topic.topic,
            f"People are {height:.0f} pixels high: below {SMALL:.0f} pixels joints are found only now and then.",
            "Come nearer, zoom in, send larger pictures, or set input_size to 512 or tiles to 2 in the pose node.",
        )
    if people.poses >= LEAST_POSES and people.whole < HALF * people.poses:
        yield Finding(
            "people/half",
            topic.topic,
            f"{1 - people.whole / people.poses:.0%} of the poses lack a part that labels need (shoulders, elbows, "
            "hips, knees): their status is UNCERTAIN.",
            "Place the camera so that people are in the picture from head to knees.",
            Severity.WARNING,
        )
