"""Labeled videos as annotated recordings: the poses of everybody in them, and who does what when beside them.

A recording of a video has the topic `/skeletons` of the node `pose`, with the times of the video after `ORIGIN_NS`, and
an annotations.csv. Where a table names the person who acts, that name is their id in the recording.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.annotations.intervals import Interval, checked, write_annotations
from co_perception.data.bags.bag_writer import BagWriter
from co_perception.data.messages.people import region_of
from co_perception.engine.target import Pose
from co_perception.engine.time import NANO
from co_perception.learners.actors import ClipPerson, chosen, people_in_clip
from co_perception.learners.posed_video import PosedVideo

ORIGIN_NS = 1_000_000_000 * NANO  # stamp at which each video begins; a stamp of 0 would be none
TOPIC = "/skeletons"
NAN = float("nan")


@dataclass(frozen=True)
class ClipLabel:
    """A labeled part of a video: what is done, by whom, and who of several people that is.

    Args:
        start_s, end_s: of the part; infinity is the end of the video.
        label: what is done.
        subject: name of the person; empty: not known.
        who: one of `actors.RULES`, or an id of the tracker.
    """

    start_s: float
    end_s: float
    label: str
    subject: str = ""
    who: str = "most"


@dataclass(frozen=True)
class ActorChoice:
    """Who acts in a labeled part: those in sight, those chosen, and the ids that they have in the recording."""

    clip: ClipLabel
    people: tuple[ClipPerson, ...]
    actors: tuple[ClipPerson, ...]
    ids: tuple[str, ...]


def choose_actors(posed: PosedVideo, clips: Sequence[ClipLabel]) -> list[ActorChoice]:
    """Who acts in each labeled part of a video, with the names that people get. Raises ValueError as `chosen`."""
    found = list[ActorChoice]()
    for clip in clips:
        people = people_in_clip(posed, round(clip.start_s * NANO), _end_ns(clip, posed))
        actors = chosen(people, clip.who)
        found.append(ActorChoice(clip, tuple(people), tuple(actors), ()))
    names = _names(found, {track.id for track in posed.tracks})
    return [replace(each, ids=tuple(names.get(actor.id, actor.id) for actor in each.actors)) for each in found]


def write_clip_recording(folder: Path, posed: PosedVideo, choices: Sequence[ActorChoice]) -> list[Interval]:
    """Writes the recording of a video into a folder that is not there yet. Returns its annotations.

    Raises ValueError where one person does two things at once, and as `BagWriter`.
    """
    names = {actor.id: id for each in choices for actor, id in zip(each.actors, each.ids, strict=True)}
    intervals = checked(
        Interval(
            round(each.clip.start_s * NANO) + ORIGIN_NS, _end_ns(each.clip, posed) + ORIGIN_NS, each.clip.label, id
        )
        for each in choices
        for id in each.ids
    )
    frames: list[list[Pose]] = [[] for _ in posed.stamps_ns]
    for track in posed.tracks:
        for number, joints, score in zip(track.frames, track.joints, track.scores, strict=True):
            pose = Pose(joints, posed.layout, id=names.get(track.id, track.id), confidence=float(score))
            frames[number].append(pose)
    with BagWriter(folder) as bag:
        for stamp_ns, poses in zip(posed.stamps_ns.tolist(), frames, strict=True):
            at_ns = stamp_ns + ORIGIN_NS
            bag.write(TOPIC, _message(bag, poses, at_ns, posed), at_ns)
    write_annotations(folder / "annotations.csv", intervals)
    return intervals


def recording_names(paths: Iterable[Path]) -> dict[Path, str]:
    """A name for the recording of each video: that of the file, with those of folders where two are called alike."""
    found: dict[str, list[Path]] = defaultdict(list)
    paths = sorted(set(paths))
    for depth in range(1, 1 + max((len(path.parts) for path in paths), default=0)):
        found.clear()
        for path in paths:
            found[re.sub(r"[^\w.-]+", "_", "_".join([*path.parts[-depth:-1], path.stem]))].append(path)
        if len(found) == len(paths):
            break
    return {path: f"{name}_{n}" if n else name for name, same in found.items() for n, path in enumerate(same)}


def _names(choices: Sequence[ActorChoice], ids: set[str]) -> Mapping[str, str]:
    """The name of each person by the tracker's id, where one person has one name and nobody else has it."""
    given: dict[str, set[str]] = defaultdict(set)
    for each in choices:
        if each.clip.subject and len(each.actors) == 1:
            given[each.actors[0].id].add(each.clip.subject)
    owners: dict[str, set[str]] = defaultdict(set)
    for id, names in given.items():
        for name in names:
            owners[name].add(id)
    return {
        id: name
        for id, names in given.items()
        for name in names
        if len(names) == 1 and len(owners[name]) == 1 and name not in ids
    }


def _end_ns(clip: ClipLabel, posed: PosedVideo) -> int:
    """The end of a part, at most that of the last frame."""
    stamps_ns: NDArray[np.int64] = posed.stamps_ns
    period_ns = int(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else NANO // 30
    last_ns = int(stamps_ns[-1]) + period_ns
    return last_ns if clip.end_s * NANO >= last_ns else round(clip.end_s * NANO)


def _message(bag: BagWriter, poses: Sequence[Pose], stamp_ns: int, posed: PosedVideo) -> Any:
    """A SkeletonArray as the node `pose` sends it."""
    return bag.message(
        "co_perception/msg/SkeletonArray",
        header={"stamp": {"sec": stamp_ns // NANO, "nanosec": stamp_ns % NANO}, "frame_id": ""},
        estimator=posed.estimator, coordinates=0, image_width=posed.size[0], image_height=posed.size[1],
        skeletons=[_skeleton(pose, posed.size) for pose in poses],
        processing_latency={"sec": 0, "nanosec": 0}, dropped_frames=0, rotate=0, mirrored=False,
    )  # fmt: skip


def _skeleton(pose: Pose, size: tuple[int, int]) -> dict[str, Any]:
    roi = {**region_of(pose, size)._asdict(), "do_rectify": False}
    keypoints = [{"x": x, "y": y, "z": NAN, "score": score} for x, y, score in pose.data.astype(float).tolist()]
    nowhere = {"x": 0.0, "y": 0.0, "z": 0.0}
    position = {"source": 0, "frame_id": "", "point": nowhere, "covariance": np.zeros(9), "distance": 0.0,
                "distance_deviation": 0.0, "bearing": 0.0, "facing": 0.0, "velocity": nowhere,
                "velocity_deviation": 0.0}  # fmt: skip
    return {"subject_id": pose.id, "layout": pose.layout, "score": pose.confidence, "keypoints": keypoints, "roi": roi,
            "position": position, "camera_motion_x": 0.0, "camera_motion_y": 0.0}  # fmt: skip
