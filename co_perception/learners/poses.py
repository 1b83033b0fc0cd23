"""From the poses of a camera to a skeleton network's input: the one preparation that training, clips and streams share.

Another layout is mapped by joint name, joints are normalised, and who shows too little of himself is absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Pose
from co_perception.learners.rates import places
from co_perception.networks.variants_skeleton import SkeletonVariant
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert
from co_perception.skeletons.normalise import normalise

MIN_SCORE = 0.1  # below it a joint was not found
MIN_JOINTS = 0.25  # share of the network's joints without which nobody is there: a face alone does nothing


class Joints(NamedTuple):
    """values: (3, T, V, M) float32, a network's input without its batch axis; real: (T, M) whether somebody is
    there. Absent persons are zeros."""

    values: NDArray[np.float32]
    real: NDArray[np.bool_]


def to_input(people: NDArray[Any], source: str, variant: SkeletonVariant) -> Joints:
    """people (T, M, V, 3 or 4) in the joints of the layout `source`, the score last, as the network takes them.

    Frames are independent of each other, so that a stream and a clip are prepared alike. Raises: ValueError for joints
    of another layout, or without the depth that the network's normalisation needs.
    """
    target = layout(variant.layout)
    own = convert(people, layout(source), target)
    values = normalise(own, target, variant.normalisation, MIN_SCORE, persons=1)
    found = (own[..., -1] >= MIN_SCORE).sum(-1)
    real = (found >= MIN_JOINTS * len(target)) & values.any((-1, -2))
    shown = np.where(real[..., None, None], values, np.float32(0))
    return Joints(np.ascontiguousarray(shown.transpose(3, 0, 2, 1)), real)


def stacked(poses: Sequence[Pose]) -> tuple[NDArray[np.float32], str]:
    """The poses of one frame as (N, V, 3 or 4), and their layout. ValueError where they are not alike."""
    kinds = {(pose.layout, pose.data.shape) for pose in poses}
    if len(kinds) > 1:
        raise ValueError(f"the poses of a frame have one layout and one shape, got {sorted(kinds)}: map them first")
    for pose in poses:
        if len(pose) != len(layout(pose.layout)):
            raise ValueError(f"a {pose.layout} pose has {len(layout(pose.layout))} joints, got shape {pose.data.shape}")
    return np.stack([pose.data for pose in poses]), poses[0].layout


def clip(sequence: SkeletonSequence, variant: SkeletonVariant) -> NDArray[np.float32]:
    """A sequence (C, T, V, M) at the network's rate and with its number of persons, not normalised yet.

    Of another known rate: the frames nearest in time. Of more persons than the network looks at: those of whom most
    joints were seen. Shorter than the clips the network was trained on: from the start again, as ST-GCN's data (Yan et
    al., AAAI 2018).
    """
    at_rate = sequence.data[:, places(sequence.data.shape[1], sequence.rate_hz, variant.rate_hz)]
    values = _most_seen(at_rate, variant.persons)
    frames = values.shape[1]
    return values if frames >= variant.clip else values[:, np.arange(variant.clip) % frames]


def _most_seen(values: NDArray[np.float32], persons: int) -> NDArray[np.float32]:
    """(C, T, V, persons), in the order given; absent persons are zeros."""
    there = values.shape[-1]
    if there <= persons:
        return np.pad(values, [(0, 0)] * 3 + [(0, persons - there)])
    seen = np.nan_to_num(values[-1]).clip(min=0).sum((0, 1))
    return values[..., np.sort(np.argsort(-seen, kind="stable")[:persons])]


def people(values: NDArray[Any]) -> NDArray[Any]:
    """(T, M, V, C) of a sequence's (C, T, V, M)."""
    return values.transpose(1, 3, 2, 0)
