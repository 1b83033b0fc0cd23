"""Answers of learners and poses as ROS messages. `data.messages` reads them back without ROS."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Vector3
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from co_perception.data.messages.people import Box, region_of
from co_perception.data.messages.people_motion import NO_MOTIONS, Motion
from co_perception.engine.label_groups import places_of
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Category, Pose, Status
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import (
    Activity,
    ActivityArray,
    ActivityHypothesis,
    CurrentActivity,
    Keypoint,
    LabelInfo,
    Skeleton,
    SkeletonArray,
)
from co_perception.msg import PersonPosition as PositionMessage
from co_perception.online.held_activities import NO_POSITIONS, HeldActivity
from co_perception.online.recognizer import Answer, StreamingLearner, label_groups

MOST_HYPOTHESES = 5  # long arrays of messages are slow over DDS, and the sixth guess is of little use
AT_REST: Motion = (0.0, 0.0)
NOWHERE: Mapping[str, Box] = MappingProxyType({})


def to_time(ns: int) -> Time:
    """The stamp of a time [ns]. Raises ValueError before 1970 and after 2038, which a stamp cannot hold."""
    if not 0 <= ns < 2**31 * NANO:
        raise ValueError(f"a stamp is between 0 and 2^31 seconds, got {ns / NANO} s: is the source's clock set?")
    return Time(sec=ns // NANO, nanosec=ns % NANO)


def to_duration(ns: int) -> Duration:
    """A time span as a message; floor division keeps nanosec positive for negative spans too."""
    return Duration(sec=ns // NANO, nanosec=ns % NANO)


def to_roi(box: Box) -> RegionOfInterest:
    """A box as a `RegionOfInterest`."""
    return RegionOfInterest(x_offset=box.x_offset, y_offset=box.y_offset, width=box.width, height=box.height)


def to_position(position: PersonPosition | None, frame_id: str) -> PositionMessage:
    """A position as a message; of one that is not known, SOURCE_NONE.

    Args:
        position: of the person.
        frame_id: of the message that it belongs to, where the position has no frame of its own.
    """
    if position is None:
        return PositionMessage()
    (x, y, z), (vx, vy, vz) = position.point.tolist(), position.velocity.tolist()
    return PositionMessage(
        source=int(position.source),
        frame_id=position.frame_id or frame_id,
        point=Point(x=x, y=y, z=z),
        covariance=position.covariance.reshape(9),
        distance=position.distance,
        distance_deviation=position.distance_deviation,
        bearing=position.bearing,
        facing=position.facing,
        velocity=Vector3(x=vx, y=vy, z=vz),
        velocity_deviation=position.velocity_deviation,
    )


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
    positions: Mapping[str, PersonPosition] = NO_POSITIONS,
) -> ActivityArray:
    """The message for one processed frame.

    Args:
        header: the frame's own, copied as it is.
        answers: the answers after that frame, one for each subject.
        epoch: how often state was reset.
        top_k: hypotheses in each activity, at most 5.
        latency_ns: from arrival of the frame to now.
        dropped: frames dropped since the last message.
        regions: where the subjects in sight are in the source image, by subject.
        positions: where they are in space, by subject.
    """
    # The oldest instant described; stale subjects are left out.
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
        activities=[
            _activity(
                answer,
                learner,
                top_k,
                regions.get(answer.subject, Box()),
                to_position(positions.get(answer.subject), header.frame_id),
            )
            for answer in answers
        ],
    )


def _activity(answer: Answer, learner: StreamingLearner, top_k: int, box: Box, position: PositionMessage) -> Activity:
    category, groups = answer.category, label_groups(learner)
    best = _best(category, groups, min(top_k, MOST_HYPOTHESES)) if category.data >= 0 else []
    return Activity(
        subject_id=answer.subject,
        group=category.group,
        status=int(category.status),
        label=answer.label,
        class_id=int(category.data) if category.status == Status.VALID else -1,
        score=float(category.confidence or 0.0) if category.data >= 0 else 0.0,
        hypotheses=[ActivityHypothesis(label=learner.labels[i], class_id=i, score=score) for i, score in best],
        scores=_scores(category, groups),
        since=Time() if answer.since_ns is None else to_time(answer.since_ns),
        progress=float(category.progress),
        roi=to_roi(box),
        position=position,
    )


def _best(category: Category, groups: Sequence[str], most: int) -> list[tuple[int, float]]:
    """The best classes of its group, see `Category.top`."""
    if not category.group:
        return category.top(most)
    own = [each for each in category.top(max(len(groups), 1)) if groups[each[0]] == category.group]
    return own[:most]


def _scores(category: Category, groups: Sequence[str]) -> array[float]:
    """The probabilities of the labels of its group; none where no score stands."""
    if category.data < 0 or category.probabilities is None:
        return array("f")
    values = category.probabilities
    return array("f", (values[places_of(category.group, groups, len(values))] if category.group else values).tobytes())


def current_activity(held: HeldActivity, frame_id: str) -> CurrentActivity:
    """An activity that stands; `frame_id` is that of the message, see `to_position`."""
    return CurrentActivity(
        event_id=held.event_id,
        subject_id=held.subject,
        group=held.group,
        label=held.label,
        score=held.score,
        began=to_time(held.began_ns),
        roi=to_roi(held.box),
        position=to_position(held.position, frame_id),
    )


def label_info(learner: StreamingLearner, stamp: Time) -> LabelInfo:
    """Labels and figures of a recognizer, for the latched topic."""
    return LabelInfo(
        header=Header(stamp=stamp),
        recognizer=learner.name,
        label_set=learner.label_set,
        labels=list(learner.labels),
        groups=list(label_groups(learner)),
        threshold=float(learner.threshold),
        min_progress=float(learner.min_progress),
        receptive_field=int(learner.receptive_field),
        rate_hz=float(learner.rate_hz),
    )


def skeleton_array(
    header: Header,
    poses: Iterable[Pose],
    estimator: str,
    size: tuple[int, int],
    *,
    latency_ns: int = 0,
    dropped: int = 0,
    positions: Mapping[str, PersonPosition] = NO_POSITIONS,
    turn: PictureTurn = UPRIGHT,
    motions: Mapping[str, Motion] = NO_MOTIONS,
) -> SkeletonArray:
    """The message for the people of one frame.

    Args:
        header: that of the source frame, copied as it is.
        poses: (V, 3) in pixels of that frame, or all (V, 4) in metres.
        estimator: name of the pose estimator.
        size: width and height of the source image; (0, 0) where no image was involved.
        latency_ns: from arrival of the frame to now.
        dropped: frames dropped since the last message.
        positions: where the people are in space, by id.
        turn: how the source image becomes an upright one.
        motions: by how much the camera's own motion has moved people in the source image, by id [pixels].
    """
    people = list(poses)
    metric = bool(people) and people[0].data.shape[1] == 4
    skeletons = [
        Skeleton(
            subject_id=pose.id,
            layout=pose.layout,
            score=float(pose.confidence),
            keypoints=[
                Keypoint(x=row[0], y=row[1], z=row[2] if len(row) == 4 else float("nan"), score=row[-1])
                for row in pose.data.tolist()
            ],
            roi=to_roi(Box() if metric else region_of(pose, size)),
            position=to_position(positions.get(pose.id), header.frame_id),
            camera_motion_x=motions.get(pose.id, AT_REST)[0],
            camera_motion_y=motions.get(pose.id, AT_REST)[1],
        )
        for pose in people
    ]
    return SkeletonArray(
        header=header,
        estimator=estimator,
        coordinates=SkeletonArray.COORDINATES_METRES if metric else SkeletonArray.COORDINATES_PIXELS,
        image_width=size[0],
        image_height=size[1],
        skeletons=skeletons,
        processing_latency=to_duration(latency_ns),
        dropped_frames=dropped,
        rotate=turn.rotate,
        mirrored=turn.mirrored,
    )
