"""Who of several people in a video does what it shows: by a rule that is named, or as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from co_perception.engine.time import NANO
from co_perception.learners.posed_video import PosedVideo, Track

RULES = {
    "most": "who moves most",
    "two": "the two who move most",
    "all": "everybody in sight",
    "left": "who is on the left",
    "right": "who is on the right",
    "largest": "who is largest",
}
STEP_NS = NANO // 5  # over which a motion is measured: between two frames a still person's joints tremble as much
LEAST_SHARE = 0.25  # of the time; who is in sight for less than that of the longest is a passer-by or a mistake


@dataclass(frozen=True)
class ClipPerson:
    """One person during a clip.

    Args:
        id: of the tracker.
        seen_s: time in sight.
        motion: path of the joints, in heights of the body.
        x: middle of the body, as a share of the picture's width.
        height: of the body, as a share of the picture's height.
    """

    id: str
    seen_s: float
    motion: float
    x: float
    height: float


def people_in_clip(posed: PosedVideo, start_ns: int, end_ns: int) -> list[ClipPerson]:
    """Everybody who is in sight in a part of a video [ns], except for passers-by."""
    found = [each for track in posed.tracks if (each := _person(posed, track, start_ns, end_ns)) is not None]
    longest = max((each.seen_s for each in found), default=0.0)
    return [each for each in found if each.seen_s >= LEAST_SHARE * longest]


def chosen(people: Sequence[ClipPerson], who: str) -> list[ClipPerson]:
    """Those of whom the label is, by one of `RULES` or the tracker's id.

    Raises:
        ValueError: for another word, and an id that nobody has.
    """
    if who == "all" or not people and who in RULES:
        return list(people)
    if who in ("most", "two"):
        return sorted(people, key=lambda each: -each.motion)[: 1 if who == "most" else 2]
    if who == "left":
        return [min(people, key=lambda each: each.x)]
    if who == "right":
        return [max(people, key=lambda each: each.x)]
    if who == "largest":
        return [max(people, key=lambda each: each.height)]
    named = [each for each in people if each.id == who]
    if not named:
        there = ", ".join(each.id for each in people) or "nobody"
        raise ValueError(f"who acts is {', '.join(RULES)}, or an id of who is in sight ({there}), got {who!r}.")
    return named


def _person(posed: PosedVideo, track: Track, start_ns: int, end_ns: int) -> ClipPerson | None:
    stamps_ns = posed.stamps_ns[track.frames]
    inside = (stamps_ns >= start_ns) & (stamps_ns < end_ns)
    if inside.sum() < 2:
        return None
    stamps_ns, joints = stamps_ns[inside], track.joints[inside]
    visible = joints[..., 2] > 0
    heights = [np.ptp(frame[there, 1]) for frame, there in zip(joints, visible, strict=True) if there.sum() > 1]
    height = float(np.median(heights)) if heights else 0.0
    if height <= 0:
        return None
    middle = float(np.median(joints[..., 0][visible]))
    seen_s = float(stamps_ns[-1] - stamps_ns[0]) / NANO
    return ClipPerson(
        track.id, seen_s, _path(stamps_ns, joints, visible) / height, middle / posed.size[0], height / posed.size[1]
    )


def _path(stamps_ns: NDArray[np.int64], joints: NDArray[np.float32], visible: NDArray[np.bool_]) -> float:
    """How far the joints move in all, on average [pixels], measured from step to step of `STEP_NS`."""
    marks = np.arange(stamps_ns[0], stamps_ns[-1] + 1, STEP_NS)
    rows = np.unique(np.minimum(np.searchsorted(stamps_ns, marks), len(stamps_ns) - 1))
    length = 0.0
    for one, other in zip(rows, rows[1:], strict=False):
        both = visible[one] & visible[other]
        if both.any():
            length += float(np.linalg.norm(joints[other, both, :2] - joints[one, both, :2], axis=-1).mean())
    return length
