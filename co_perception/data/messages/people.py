"""Messages with people as poses: SkeletonArray, hri_msgs/Skeleton2D and yolo_msgs/DetectionArray.

What is wrong with one person leaves the others alone, and is reported. Messages are known by their fields alone,
whether rclpy or rosbags decoded them, so this file needs no ROS. Formats: REP-155,
https://www.ros.org/reps/rep-0155.html; https://github.com/mgonzs13/yolo_ros.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.people_fields import FARTHEST, METRES, NORMALIZED, PIXELS, SkeletonArrayMessage
from co_perception.data.messages.people_motion import NO_MOTIONS, Motion, motions_of, without_motion
from co_perception.data.messages.people_positions import positions_of
from co_perception.engine import confidences
from co_perception.engine.coordinates import PIXELS as PIXELS_AXES
from co_perception.engine.coordinates import REP103, SHARES, of_frame, wrong_unit
from co_perception.engine.data import Image
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Pose
from co_perception.engine.time import nanoseconds
from co_perception.skeletons.layouts import LAYOUTS
from co_perception.skeletons.one_body import bodies, joined
from co_perception.skeletons.separate_people import SeparatePeople

SENSELESS = ("unknown layout", "wrong joints", "unknown axes", "wrong unit")  # kinds of refusals of whole people
TWICE = "one person twice"


class Box(NamedTuple):
    """Region of a person [pixels], with the names of sensor_msgs/RegionOfInterest; not known without a size."""

    x_offset: int = 0
    y_offset: int = 0
    width: int = 0
    height: int = 0


class PoseCandidate(NamedTuple):
    """A pose as it was read, its region, and how many joints the message claims to have found."""

    pose: Pose
    region: Box
    claimed: int


class Refusal(NamedTuple):
    """Why a person, or a part of one, was left out: a short kind to count by, and a sentence to warn with."""

    kind: str
    why: str
    whole: bool = True  # whether nothing of the person is used


@dataclass(frozen=True)
class DetectedPeople:
    """The people of one message: poses with different ids, their regions by id, and what could not be used.

    `size` is width and height of the picture [pixels]; (0, 0) where the message does not tell. `positions` are those
    that are known, by id. `turn` is how the picture becomes an upright one: joints in pixels are those of the upright
    picture, which is what networks are trained on; regions and size are those of the source picture. `motions` are by
    how much the camera's own motion has moved a person in the source picture, by id [pixels]; who has none stood still.
    """

    poses: list[Pose]
    regions: Mapping[str, Box]
    refused: list[Refusal]
    size: tuple[int, int] = (0, 0)
    positions: Mapping[str, PersonPosition] = field(default_factory=dict)
    turn: PictureTurn = UPRIGHT
    motions: Mapping[str, Motion] = field(default_factory=dict)

    @property
    def still_poses(self) -> list[Pose]:
        """The poses as a camera that stands still would see them: without its motion, for what tells motions."""
        return [without_motion(pose, self.motions.get(pose.id), self.turn) for pose in self.poses]

    @property
    def source_poses(self) -> list[Pose]:
        """The poses with joints in pixels of the source picture."""
        return [self.turn.pose_in_source(pose, self.size) for pose in self.poses]

    def check(self) -> None:
        """Raises ValueError where the message has people, and the joints of none could be understood."""
        senseless = [refusal for refusal in self.refused if refusal.kind in SENSELESS]
        if senseless and not self.poses:
            raise ValueError(f"none of its people can be read: {senseless[0].why}")


@dataclass(frozen=True)
class ImageWithPeople:
    """An image, and the people that were found in it."""

    image: Image
    people: DetectedPeople


def poses_of(message: SkeletonArrayMessage, still: bool = False) -> list[Pose]:
    """The people of one `co_perception/msg/SkeletonArray`, in its order, joints in the layout of the message.

    `still`: without the camera's own motion, see `DetectedPeople.still_poses`.

    A pose has x, y, score in pixels; x, y, z, score in metres where all its found joints have a z. A joint that was not
    found is zeros, see `engine.confidences`; scores become shares of 1 whatever their scale is. Its coordinates are
    pixels, or metres with the axes of the message's frame: see `unknown_axes`.
    """
    motions = motions_of(message) if still else {}
    return [without_motion(pose, motions.get(pose.id)) for pose, _ in _read_poses(message)]


def _read_poses(message: SkeletonArrayMessage) -> Iterator[tuple[Pose, int]]:
    """Each person's pose, and how many joints the message claims to have found."""
    in_picture = int(message.coordinates) != METRES
    axes = PIXELS_AXES if in_picture else of_frame(message.header.frame_id) or ""
    for skeleton in message.skeletons:
        places = [(joint.x, joint.y, joint.z, joint.score) for joint in skeleton.keypoints]
        joints = np.array(places, np.float32).reshape(-1, 4)
        if in_picture or (axes != REP103 and np.isnan(joints[confidences.claimed(joints, axes), 2]).any()):
            joints = joints[:, [0, 1, 3]]
        joints, claims = confidences.rescaled_and_claimed(joints, axes)
        if int(message.coordinates) == NORMALIZED:
            joints[:, :2] *= (message.image_width, message.image_height)
        score, id = _share(skeleton.score), skeleton.subject_id
        yield Pose(joints, skeleton.layout, confidence=score, id=id, coordinates=axes), int(claims.sum())


def unknown_axes(message: SkeletonArrayMessage) -> Refusal | None:
    """Why no person of a message can be read: nothing tells the unit or the axes of its joints; None if not so."""
    unit = int(message.coordinates)
    if unit not in (PIXELS, METRES, NORMALIZED):
        why = f"coordinates is {unit}, and SkeletonArray knows {PIXELS} pixels, {METRES} metres and {NORMALIZED} shares"
        return Refusal("unknown axes", why)
    if unit == NORMALIZED and not (message.image_width and message.image_height):
        why = "joints are shares of a picture whose image_width and image_height are 0: publish its size with them"
        return Refusal("unknown axes", why)
    if unit != METRES or of_frame(message.header.frame_id):
        return None
    return Refusal(
        "unknown axes",
        f"joints are metres in the frame {message.header.frame_id!r}, and nothing tells which of its axes points "
        "upwards: publish them in a camera's optical frame (a name that ends in _optical_frame: x right, y down, z "
        "forward), or in base_link, base_footprint, odom, map or camera_link (x forward, y left, z up)",
    )


def unit_refusal(pose: Pose) -> Refusal | None:
    """Why the joints of a pose cannot be in its coordinates; None where they can."""
    why = wrong_unit(pose.data[pose.found, :-1], pose.coordinates)
    remedy = "normalized joints are published as COORDINATES_NORMALIZED with the picture's size, metres as such"
    return Refusal("wrong unit", f"{pose.id!r}: {why}: {remedy}") if why else None


def from_skeletons(message: SkeletonArrayMessage, separate: SeparatePeople | None = None) -> DetectedPeople:
    """The people of a co_perception/msg/SkeletonArray. `separate` knows those of the messages before, and learns.

    Raises ValueError where the picture is turned by no angle there is, or of unknown size.
    """
    metric = int(message.coordinates) == METRES
    size = (int(message.image_width), int(message.image_height))
    turn = _turn_of(message, size)

    def found() -> Iterator[PoseCandidate | Refusal]:
        if refusal := unknown_axes(message):
            yield from [refusal] * len(message.skeletons)
            return
        for skeleton, (pose, claimed) in zip(message.skeletons, _read_poses(message), strict=True):
            roi = skeleton.roi
            region = Box(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
            if not metric and not (region.width and region.height):
                region = region_of(pose, size)
            yield PoseCandidate(pose, region, claimed)

    stamp_ns = nanoseconds(message.header.stamp) if separate is not None else 0
    people = _upright(_checked(found(), size, separate, stamp_ns), turn)
    positions, motions = positions_of(message), motions_of(message)
    return replace(people, positions=positions, motions=motions) if positions or motions else people


def _turn_of(message: SkeletonArrayMessage, size: tuple[int, int]) -> PictureTurn:
    """How the picture behind a message becomes an upright one. Raises ValueError for what cannot be."""
    turn = PictureTurn(int(getattr(message, "rotate", 0)), bool(getattr(message, "mirrored", False)))
    if turn and not all(size) and int(message.coordinates) != METRES:
        raise ValueError("joints are of a picture that is turned, whose image_width and image_height are 0")
    return turn


def _upright(people: DetectedPeople, turn: PictureTurn) -> DetectedPeople:
    if not turn:
        return people
    return replace(people, poses=[turn.pose_upright(pose, people.size) for pose in people.poses], turn=turn)


def from_bodies(skeletons: Mapping[str, Any], size: tuple[int, int]) -> DetectedPeople:
    """People as hri_msgs/msg/Skeleton2D, by body id; their places are shares of an image of `size` pixels."""
    scale = np.array([*size, 1.0])

    def found() -> Iterator[PoseCandidate | Refusal]:
        for id, message in skeletons.items():
            points = [(point.x, point.y, point.c) for point in message.skeleton]
            joints = np.array(points, np.float64).reshape(-1, 3)
            if why := wrong_unit(joints[confidences.found(joints, SHARES), :2], SHARES):
                yield Refusal("wrong unit", f"{id!r}: {why}: hri_msgs has shares of the picture's width and height")
            else:
                yield _placed(joints * scale, "hri18", 1.0, id, size)

    return _checked(found())


def from_detections(message: Any) -> DetectedPeople:
    """The people of a yolo_msgs/msg/DetectionArray: those detections that have keypoints, in COCO's order.

    Its joints are numbered from 1; those with a low score are left out, or lie at (0, 0).
    """

    def found() -> Iterator[PoseCandidate | Refusal]:
        for detection in message.detections:
            points = detection.keypoints.data
            wrong = [point.id for point in points if not 1 <= point.id <= len(LAYOUTS["coco17"])]
            twice = [number for number, count in Counter(point.id for point in points).items() if count > 1]
            if wrong:
                yield Refusal("wrong joints", f"{detection.id!r} has a joint number {wrong[0]}, COCO has 1 to 17")
            elif twice:
                why = f"{detection.id!r} has joint number {twice[0]} more than once: two people in one detection?"
                yield Refusal("wrong joints", why)
            elif points:
                joints = np.zeros((len(LAYOUTS["coco17"]), 3))
                for point in points:
                    joints[point.id - 1] = point.point.x, point.point.y, point.score
                yield _placed(joints, "coco17", detection.score, detection.id, (0, 0))

    return _checked(found())


def region_of(pose: Pose, size: tuple[int, int]) -> Box:
    """The box [pixels] around the joints found, within an image of `size` (0, 0: not known); empty without joints."""
    places = pose.data[pose.found, :2]
    if not len(places):
        return Box()
    most = np.array([side or FARTHEST for side in size])
    left, top = np.clip(np.floor(places.min(axis=0)), 0, most)
    right, bottom = np.clip(np.ceil(places.max(axis=0)), 0, most)
    return Box(int(left), int(top), int(right - left), int(bottom - top))


def from_poses(
    poses: Iterable[Pose],
    size: tuple[int, int],
    separate: SeparatePeople | None = None,
    stamp_ns: int = 0,
    turn: PictureTurn = UPRIGHT,
    motions: Mapping[str, Motion] = NO_MOTIONS,
) -> DetectedPeople:
    """Poses of this process, checked as those of a message; `size` of their source picture as in `region_of`, `motions`
    as in `DetectedPeople`."""
    found = (PoseCandidate(pose, region_of(pose, size), int(pose.found.sum())) for pose in poses)
    people = _upright(_checked(found, size, separate, stamp_ns), turn)
    return replace(people, motions=motions) if motions else people


def _share(score: float) -> float:
    """A score as a share of 1; NaN is none."""
    return min(max(float(score), 0.0), 1.0) if score == score else 0.0


def _placed(joints: NDArray[np.float64], layout: str, score: float, id: str, size: tuple[int, int]) -> PoseCandidate:
    """Joints (V, 3) of x, y [pixels], score as a pose; those without finite coordinates become zeros."""
    values, claims = confidences.rescaled_and_claimed(joints, PIXELS_AXES)
    values = values.clip(-2 * FARTHEST, 2 * FARTHEST).astype(np.float32)
    pose = Pose(values, layout, confidence=_share(score), id=id)
    return PoseCandidate(pose, region_of(pose, size), int(claims.sum()))


def _checked(
    found: Iterable[PoseCandidate | Refusal],
    size: tuple[int, int] = (0, 0),
    separate: SeparatePeople | None = None,
    stamp_ns: int = 0,
) -> DetectedPeople:
    poses, regions, refused = dict[str, Pose](), dict[str, Box](), list[Refusal]()
    for candidate in found:
        fault = candidate if isinstance(candidate, Refusal) else _fault(candidate.pose, poses)
        if fault is not None:
            refused.append(fault)
        elif isinstance(candidate, PoseCandidate):
            pose = candidate.pose
            far: NDArray[np.bool_] = np.asarray(np.abs(pose.data[:, :-1]).max(axis=1) > FARTHEST)
            if far.any():
                pose = replace(pose, data=np.where(far[:, None], np.float32(0), pose.data))
            lost = candidate.claimed - int(pose.found.sum())
            if lost:
                why = f"{lost} joints of {pose.id!r} are NaN, infinite or far away"
                refused.append(Refusal("joints without a place", why, whole=not pose.found.any()))
            elif not candidate.claimed:
                why = f"{pose.id!r} has no joint with a finite place other than the origin"
                refused.append(Refusal("no joint found", why))
            if pose.found.any():
                poses[pose.id], regions[pose.id] = pose, candidate.region
    single, twice = once_each(list(poses.values()), separate, stamp_ns)
    for pose, id in twice:
        regions[id] = _around(regions[id], regions.pop(pose.id))
        refused.append(Refusal(TWICE, f"{pose.id!r} is part of {id!r}, or the same person again: they are joined"))
    return DetectedPeople(single, regions, refused, size)


def once_each(
    poses: Sequence[Pose], separate: SeparatePeople | None = None, stamp_ns: int = 0
) -> tuple[list[Pose], list[tuple[Pose, str]]]:
    """The poses of a frame with one for each body, see `skeletons.one_body`; and those joined to another, with its id.

    Of several ids of a body the lowest stays: that of the track that is known longest, as trackers count. Ids that
    `separate` knows as two people stay two; it learns from the frame.
    """
    single, twice = list[Pose](), list[tuple[Pose, str]]()
    kinds: dict[object, list[Pose]] = {}
    for pose in poses:
        kinds.setdefault(pose.kind, []).append(pose)
    for same in kinds.values():
        joints, layout = np.stack([pose.data for pose in same]), LAYOUTS[same[0].layout]
        groups = bodies(joints, layout, two=_known_as_two(same, separate, stamp_ns)) if len(same) > 1 else [[0]]
        if separate is not None and len(groups) > 1:
            heads = [group[0] for group in groups]
            separate.note([same[n].id for n in heads], joints[heads], layout, stamp_ns)
        for group in groups:
            parts = sorted((same[n] for n in group), key=lambda pose: (len(pose.id), pose.id))
            data = joined(np.stack([pose.data for pose in parts])) if len(parts) > 1 else parts[0].data
            confidence = max(pose.confidence for pose in parts)
            single.append(replace(parts[0], data=data, confidence=confidence) if len(parts) > 1 else parts[0])
            twice += [(pose, parts[0].id) for pose in parts[1:]]
    order = {pose.id: place for place, pose in enumerate(poses)}
    return sorted(single, key=lambda pose: order[pose.id]), twice


def _known_as_two(
    poses: Sequence[Pose], separate: SeparatePeople | None, stamp_ns: int
) -> Callable[[int, int], bool] | None:
    """Whether two of the poses, by their numbers, are of people who were seen apart."""
    if separate is None:
        return None
    return lambda one, other: separate.two(poses[one].id, poses[other].id, stamp_ns)


def _around(one: Box, other: Box) -> Box:
    """The box around two; the one that is known where the other is not."""
    if not (one.width and other.width):
        return one if one.width else other
    left, top = min(one.x_offset, other.x_offset), min(one.y_offset, other.y_offset)
    right = max(one.x_offset + one.width, other.x_offset + other.width)
    bottom = max(one.y_offset + one.height, other.y_offset + other.height)
    return Box(left, top, right - left, bottom - top)


def _fault(pose: Pose, known: Mapping[str, Pose]) -> Refusal | None:
    layout = LAYOUTS.get(pose.layout)
    if layout is None:
        return Refusal("unknown layout", f"layout {pose.layout!r} is none of {', '.join(sorted(LAYOUTS))}")
    if len(pose) != len(layout):
        return Refusal("wrong joints", f"{pose.id!r} has {len(pose)} joints, {layout.name} has {len(layout)}")
    if refusal := unit_refusal(pose):
        return refusal
    if pose.id in known:
        hint = "" if pose.id else ": people without an id cannot be told apart, switch the tracker on"
        return Refusal("repeated id", f"subject_id {pose.id!r} occurs twice in one message{hint}")
    return None
