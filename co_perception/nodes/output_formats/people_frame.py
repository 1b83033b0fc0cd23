"""PeopleFrame: what one frame's `skeletons` and `activity` say together, as every output format takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from std_msgs.msg import Header

from co_perception.data.messages.people import Box, DetectedPeople, from_skeletons
from co_perception.data.messages.people_positions import position_of
from co_perception.engine.camera_model import CameraModel
from co_perception.engine.coordinates import PIXELS
from co_perception.engine.label_groups import joined_caption
from co_perception.engine.person_position import PersonPosition
from co_perception.engine.picture_turn import UPRIGHT, PictureTurn
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO, nanoseconds
from co_perception.msg import Activity, ActivityArray, SkeletonArray
from co_perception.nodes.core.draw import state_text

HOLD_S = 0.5  # how long a label is shown after its frame: a recognizer with a slow clock answers some frames only


@dataclass(frozen=True)
class VisiblePerson:
    """One person in sight.

    Args:
        id: of the tracker.
        pose: joints in pixels of the source picture, or in metres; None: nobody publishes the person's joints.
        box: in the source picture; without a size: not known.
        score: that this is a person, 0..1.
        activities: one for each group; empty: no recognizer has answered.
        position: in space, its frame filled in; None: not known.
    """

    id: str
    pose: Pose | None = None
    box: Box = Box()
    score: float = 1.0
    activities: tuple[Activity, ...] = ()
    position: PersonPosition | None = None

    @property
    def caption(self) -> str:
        """What the person does, or why that is not known; empty where nobody has said anything."""
        answers = [(each.label, each.group, _text(each)) for each in self.activities]
        return joined_caption(answers) if answers else ""

    @property
    def lines(self) -> list[str]:
        """The lines of text at a person: id and distance, then what the person does."""
        return [line for line in (" ".join(filter(None, (self.id, self.place))), self.caption) if line]

    @property
    def place(self) -> str:
        """How far away the person is; empty where that is not known."""
        return f"{self.position.distance:.1f} m" if self.position else ""

    @property
    def in_picture(self) -> bool:
        """Whether joints are known, in pixels."""
        return self.pose is not None and self.pose.coordinates == PIXELS


@dataclass(frozen=True)
class PeopleFrame:
    """One frame.

    Args:
        header: of the source picture or of the skeletons.
        people: everybody in sight.
        scene: activities of the whole scene.
        size: width and height of the source picture [pixels]; (0, 0): not known.
        turn: how that picture becomes an upright one.
        activity: the message that answers this very frame; None: none has come.
        camera: of the source picture, scaled to its size; None: not known.
    """

    header: Header
    people: tuple[VisiblePerson, ...]
    scene: tuple[Activity, ...] = ()
    size: tuple[int, int] = (0, 0)
    turn: PictureTurn = UPRIGHT
    activity: ActivityArray | None = None
    camera: CameraModel | None = None


@dataclass
class FrameReader:
    """Makes frames of messages. Labels stay for `HOLD_S` where a recognizer answers some frames only."""

    _held: Mapping[str, tuple[Activity, ...]] = field(default_factory=dict)
    _held_ns: int = 0

    def read(self, skeletons: SkeletonArray | None, activity: ActivityArray | None) -> PeopleFrame:
        """The frame of messages of one stamp, at least one of them.

        Raises:
            ValueError: for skeletons that cannot be read.
        """
        header = (skeletons if skeletons is not None else activity).header  # type: ignore[union-attr]
        stamp_ns = nanoseconds(header.stamp)
        if activity is not None:
            self._held, self._held_ns = _by_subject(activity.activities), stamp_ns
        elif not 0 <= stamp_ns - self._held_ns <= HOLD_S * NANO:
            self._held = {}
        found = from_skeletons(skeletons) if skeletons is not None else DetectedPeople([], {}, [])
        people = [self._person(pose, found) for pose in found.source_poses]
        known = {person.id for person in people}
        if activity is not None:
            people += [_without_joints(id, own) for id, own in self._held.items() if id not in known | {""}]
        return PeopleFrame(
            header,
            tuple(_placed(person, header.frame_id) for person in people),
            tuple(self._held.get("", ())),
            found.size,
            found.turn,
            activity,
        )

    def _person(self, pose: Pose, found: DetectedPeople) -> VisiblePerson:
        activities = self._held.get(pose.id, ()) if pose.id else ()
        position = found.positions.get(pose.id)
        return VisiblePerson(
            pose.id,
            pose,
            found.regions.get(pose.id, Box()),
            float(np.clip(pose.confidence, 0.0, 1.0)),
            activities,
            position or next((p for p in (position_of(each.position) for each in activities) if p), None),
        )


def _by_subject(activities: Sequence[Activity]) -> dict[str, tuple[Activity, ...]]:
    """Activities by subject, without those of people who are out of sight."""
    found: dict[str, list[Activity]] = {}
    for each in activities:
        if each.status != Activity.STATUS_STALE:
            found.setdefault(each.subject_id, []).append(each)
    return {subject: tuple(own) for subject, own in found.items()}


def _without_joints(id: str, activities: tuple[Activity, ...]) -> VisiblePerson:
    roi = activities[0].roi
    box = Box(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
    return VisiblePerson(id, None, box, 1.0, activities, position_of(activities[0].position))


def _placed(person: VisiblePerson, frame_id: str) -> VisiblePerson:
    position = person.position
    if position is None or position.frame_id:
        return person
    return replace(person, position=replace(position, frame_id=frame_id))


def _text(activity: Activity) -> str:
    score = f" {activity.score:.2f}" if activity.label else ""
    return state_text(activity.label, activity.status, activity.progress) + score
