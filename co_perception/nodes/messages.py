"""What a learner says, as messages."""

from __future__ import annotations

from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header

from co_perception.engine.target import Status
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo
from co_perception.nodes.pacing import NANO
from co_perception.nodes.recognition import Answer, StreamingLearner

MOST_HYPOTHESES = 5  # long arrays of messages are slow over DDS, and nobody acts on the sixth guess


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


def activity_array(
    header: Header,
    answer: Answer,
    learner: StreamingLearner,
    *,
    top_k: int,
    latency_ns: int,
    dropped: int,
) -> ActivityArray:
    """The message for one processed frame.

    Args:
        header: the frame's own, copied as it is.
        answer: what stands after that frame.
        learner: whose names and labels are used.
        top_k: hypotheses wanted, at most 5.
        latency_ns: from arrival of the frame to now.
        dropped: frames dropped since the last message.
    """
    return ActivityArray(
        header=header,
        recognizer=learner.name,
        label_set=learner.label_set,
        observation_delay=to_duration(nanoseconds(header.stamp) - answer.described_ns),
        processing_latency=to_duration(latency_ns),
        dropped_frames=dropped,
        state_epoch=answer.epoch,
        activities=[_activity(answer, learner, top_k)],
    )


def _activity(answer: Answer, learner: StreamingLearner, top_k: int) -> Activity:
    category = answer.category
    best = category.top(min(top_k, MOST_HYPOTHESES)) if category.data >= 0 else []
    return Activity(
        status=int(category.status),
        label=answer.label,
        class_id=int(category.data) if category.status == Status.VALID else -1,
        score=float(category.confidence or 0.0) if category.data >= 0 else 0.0,
        hypotheses=[ActivityHypothesis(label=learner.labels[i], class_id=i, score=score) for i, score in best],
        since=Time() if answer.since_ns is None else to_time(answer.since_ns),
        progress=float(category.progress),
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
