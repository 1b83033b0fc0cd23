"""What a learner says, as messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from co_perception.data.people_messages import Box
from co_perception.engine.target import Status
from co_perception.learners.pacing import NANO
from co_perception.learners.recognition import Answer, StreamingLearner
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo

MOST_HYPOTHESES = 5  # long arrays of messages are slow over DDS, and nobody acts on the sixth guess
NOWHERE: Mapping[str, Box] = MappingProxyType({})


def nanoseconds(stamp: Time) -> int:
    """A stamp or duration as one number."""
    return int(stamp.sec) * NANO + int(stamp.nanosec)


def to_time(ns: int) -> Time:
    """The reverse of `nanoseconds`. Raises ValueError for a time before 1970 or after 2038, which cannot be sent."""
    if not 0 <= ns < 2**31 * NANO:
        raise ValueError(f"a stamp is between 0 and 2^31 seconds, got {ns / NANO} s: is the source's clock set?")
    return Time(sec=ns // NANO, nanosec=ns % NANO)


def to_duration(ns: int) -> Duration:
    """A time span as a message; floor division keeps nanosec positive for negative spans too."""
    return Duration(sec=ns // NANO, nanosec=ns % NANO)


def to_roi(box: Box) -> RegionOfInterest:
    """A region as a message."""
    return RegionOfInterest(x_offset=box.x_offset, y_offset=box.y_offset, width=box.width, height=box.height)


def activity_array(
    header: Header,
    answers: Sequence[Answer],
    learner: StreamingLearner,
    *,
    epoch: int,
    top_k: int,
    latency_ns: int,
    dropped: int,
    regions: Mapping[str, Box] = NOWHERE,
) -> ActivityArray:
    """The message for one processed frame.

    Args:
        header: the frame's own, copied as it is.
        answers: what stands after that frame, one for each subject.
        learner: whose names and labels are used.
        epoch: how often state was reset.
        top_k: hypotheses wanted, at most 5.
        latency_ns: from arrival of the frame to now.
        dropped: frames dropped since the last message.
        regions: where the subjects in sight are in the source image, by subject.
    """
    # The oldest instant told; those out of sight describe the past as it was.
    described_ns = [answer.described_ns for answer in answers if answer.category.status != Status.STALE]
    stamp_ns = nanoseconds(header.stamp)
    return ActivityArray(
        header=header,
        recognizer=learner.name,
        label_set=learner.label_set,
        observation_delay=to_duration(stamp_ns - min(described_ns, default=stamp_ns)),
        processing_latency=to_duration(latency_ns),
        dropped_frames=dropped,
        state_epoch=epoch,
        activities=[_activity(answer, learner, top_k, regions.get(answer.subject)) for answer in answers],
    )


def _activity(answer: Answer, learner: StreamingLearner, top_k: int, box: Box | None) -> Activity:
    category = answer.category
    best = category.top(min(top_k, MOST_HYPOTHESES)) if category.data >= 0 else []
    return Activity(
        subject_id=answer.subject,
        status=int(category.status),
        label=answer.label,
        class_id=int(category.data) if category.status == Status.VALID else -1,
        score=float(category.confidence or 0.0) if category.data >= 0 else 0.0,
        hypotheses=[ActivityHypothesis(label=learner.labels[i], class_id=i, score=score) for i, score in best],
        since=Time() if answer.since_ns is None else to_time(answer.since_ns),
        progress=float(category.progress),
        roi=to_roi(box or Box()),
    )


def label_info(learner: StreamingLearner, stamp: Time) -> LabelInfo:
    """What the numbers of this recogniser mean, for the latched topic."""
    return LabelInfo(
        header=Header(stamp=stamp),
        recognizer=learner.name,
        label_set=learner.label_set,
        labels=list(learner.labels),
        threshold=float(learner.threshold),
        min_progress=float(learner.min_progress),
        receptive_field=int(learner.receptive_field),
        rate_hz=float(learner.rate_hz),
    )
