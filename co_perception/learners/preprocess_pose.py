"""Preprocessing of poses for skeleton networks, the same for training, clips and streams.

Another layout is mapped by joint name, joints are normalized, and a person with too few visible joints is absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.confidences import found, rescaled
from co_perception.engine.coordinates import KINECT, PIXELS, change_axes, default_coordinates, to_picture
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose
from co_perception.engine.time import frames_at_rate
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.skeletons.body import whole
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert
from co_perception.skeletons.normalize import normalize, placed

MIN_JOINTS = 0.25  # share of the network's joints below which a person counts as absent: a face alone does nothing


class PoseInput(NamedTuple):
    """Input of a skeleton network without its batch axis."""

    values: NDArray[np.float32]  # (C, T, V, M); absent persons are zeros
    present: NDArray[np.bool_]  # (T, M) whether the person is present
    whole: NDArray[np.bool_]  # (T, M) whether enough of the body was found for a label, `skeletons.body.whole`


def to_input(
    people: NDArray[np.float32], source: str, variant: SkeletonVariant, coordinates: str | None = None
) -> PoseInput:
    """Network input from joints. Frames are independent of each other, so that streams and clips are prepared alike.

    Args:
        people: (T, M, V, 3 or 4), the score last.
        source: name of their layout.
        coordinates: unit and axes; None: as of a `Pose` that does not name them.

    Raises:
        ValueError: for joints of another layout, or without the depth that the network's normalization needs.
    """
    target = layout(variant.layout)
    given = coordinates or default_coordinates(people.shape[-1], source)
    people = _with_found(people, given)
    joints = convert(_as_seen(people, given, variant), layout(source), target)
    if variant.normalization == "placed":
        values = placed(joints, target)
    else:
        values = normalize(joints, target, variant.normalization, persons=1)
    visible = joints[..., -1] > 0
    present = (visible.sum(-1) >= MIN_JOINTS * joints.shape[-2]) & values.any((-1, -2))
    masked = np.where(present[..., None, None], values, np.float32(0))
    complete = present & whole(visible, target, variant.needs)
    return PoseInput(np.ascontiguousarray(masked.transpose(3, 0, 2, 1)), present, complete)


def _with_found(people: NDArray[np.float32], coordinates: str) -> NDArray[np.float32]:
    """Joints that were found with score 1, zeros for others: the scale of confidences is the estimator's."""
    visible = found(people, coordinates)
    values = np.where(visible[..., None], people, np.float32(0))
    values[..., -1] = visible
    return values


def _as_seen(
    joints: NDArray[np.float32], given: str, variant: SkeletonVariant, aspect: float | None = None
) -> NDArray[np.float32]:
    """Joints along the Kinect's axes, for which networks in metres were published, or in a picture."""
    if variant.normalization == "spine":
        return change_axes(joints, given, KINECT, aspect=aspect)
    return to_picture(joints, given, aspect=aspect)


def frame_input(poses: Sequence[Pose], variant: SkeletonVariant, slots: PersonSlots) -> PoseInput:
    """The poses of one camera frame, as a network of one or of several persons takes them.

    Args:
        poses: of one layout and shape; at least one for a network of one person.
        slots: places of a network of several persons; updated.

    Returns:
        For a network of one person T is the number of poses: people who have nothing to do with each other are prepared
        as if they were frames. For a network of several persons T is 1.

    Raises:
        ValueError: for poses of different layouts or coordinates or with a wrong number of joints; slots are as before
            then.
    """
    if not poses:
        empty = np.zeros((3, 1, len(layout(variant.layout)), variant.persons), np.float32)
        nobody = np.zeros((1, variant.persons), bool)
        return PoseInput(empty, nobody, nobody)
    kinds = {pose.kind for pose in poses}
    if len(kinds) > 1:
        raise ValueError(
            f"the poses of a frame have one layout, one shape and the same coordinates, got {sorted(kinds)}: map them "
            "first"
        )
    source, count, coordinates = poses[0].layout, len(layout(poses[0].layout)), poses[0].coordinates
    if len(poses[0]) != count:
        raise ValueError(f"a {source} pose has {count} joints, got shape {poses[0].data.shape}")
    values = np.stack([pose.data for pose in poses])
    if variant.persons == 1:
        return to_input(values[:, None], source, variant, coordinates)
    places = slots.assign([pose.id for pose in poses])
    people = np.zeros((1, variant.persons, *values.shape[1:]), np.float32)
    for pose, joints in zip(poses, values, strict=True):
        if pose.id in places:
            people[0, places[pose.id]] = joints
    return to_input(people, source, variant, coordinates)


def clip_input(sequence: SkeletonSequence, variant: SkeletonVariant) -> PoseInput:
    """A whole clip, as `network_clip` cuts it."""
    return cut_clip_input(network_clip(sequence, variant), sequence.layout, variant)


def cut_clip_input(values: NDArray[np.float32], source: str, variant: SkeletonVariant) -> PoseInput:
    """What `network_clip` gave, augmented or not, as input."""
    coordinates = PIXELS if len(values) == 3 else KINECT
    return to_input(values.transpose(1, 3, 2, 0), source, variant, coordinates)


def network_clip(sequence: SkeletonSequence, variant: SkeletonVariant) -> NDArray[np.float32]:
    """A sequence at the network's rate, with its axes and its number of persons, not normalized yet.

    For a network of pictures metres are projected here, so that augmentation does the same to them as to pixels.

    Of another rate: the frames nearest in time; ValueError for an unknown one. Of more persons than the network takes:
    those with the highest sum of joint scores. Shorter than the clips the network was trained on: repeated from the
    start, as ST-GCN's data (Yan et al., AAAI 2018, arXiv:1801.07455).

    Returns:
        (C, T, V, persons) with T at least `variant.clip`; absent persons are zeros.
    """
    values = sequence.data[:, frames_at_rate(sequence.data.shape[1], sequence.rate_hz, variant.rate_hz)]
    joints = rescaled(values.transpose(1, 3, 2, 0), sequence.coordinates)
    values = _as_seen(joints, sequence.coordinates, variant, sequence.aspect).transpose(3, 0, 2, 1)
    surplus = values.shape[-1] - variant.persons
    if surplus <= 0:
        values = np.pad(values, [(0, 0)] * 3 + [(0, -surplus)])
    else:
        scores = values[-1].sum((0, 1))
        values = values[..., np.sort(np.argsort(-scores, kind="stable")[: variant.persons])]
    frames = values.shape[1]
    return values if frames >= variant.clip else values[:, np.arange(variant.clip) % frames]


class PersonSlots:
    """Places of persons in the frame of a network that takes several persons at once.

    A person keeps its place while absent. Where no place is free, a newcomer takes that of the person who has been
    absent for longest.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._places: dict[str, int] = {}  # in the order of last presence, the latest at the end

    @property
    def places(self) -> dict[str, int]:
        return dict(self._places)

    def assign(self, present: Sequence[str]) -> dict[str, int]:
        """Places of the persons present; newcomers get theirs in the order given, those without a place are left out.

        >>> slots = PersonSlots(2)
        >>> slots.assign(["a", "b"])
        {'a': 0, 'b': 1}
        >>> slots.assign(["c", "b"])
        {'c': 0, 'b': 1}
        """
        for name in present:
            if name in self._places:
                continue
            free = sorted(set(range(self.count)) - set(self._places.values()))
            absent = next((other for other in self._places if other not in present), None)
            if free:
                self._places[name] = free[0]
            elif absent is not None:
                self._places[name] = self._places.pop(absent)
        assigned = {name: self._places[name] for name in present if name in self._places}
        self._places = {**{name: place for name, place in self._places.items() if name not in assigned}, **assigned}
        return assigned

    def release(self, name: str) -> None:
        self._places.pop(name, None)

    def clear(self) -> None:
        self._places = {}

    def restore(self, places: Mapping[str, int]) -> None:
        self._places = dict(places)
