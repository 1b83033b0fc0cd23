"""Reader of the backup of a task of CVAT: annotations.json says what its jobs have, task.json which frames these are.

Frames in a backup count those that were annotated: with a frame filter (`step=5`) or another first frame they are not
those of the video, and only task.json tells. A track lists key frames. Its shape holds until the next one, or to the
end of its job; so does each attribute. (CVAT's own modules backup and annotation, of its engine and dataset manager.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from co_perception.data.annotations.cvat import CvatShape, CvatTask, CvatTrack
from co_perception.data.annotations.labeled_frames import MOST_FRAMES

TASK_FILE = "task.json"  # beside the annotations
STEP = "step="


@dataclass(frozen=True)
class BackupFrames:
    """Which frames of the video those of a backup are.

    Args:
        first: of the video that was annotated.
        step: frames of the video from one to the next.
        ends: of each job, just after its last frame, counted as in the backup.
    """

    first: int
    step: int
    ends: tuple[int, ...]

    @classmethod
    def of_task(cls, task: Any) -> BackupFrames:
        """As the content of task.json tells. Raises ValueError, or what stumbles over another content."""
        data, words = task["data"], task["data"].get("frame_filter") or f"{STEP}1"
        step = words.removeprefix(STEP)
        if not words.startswith(STEP) or not step.isdecimal() or not 0 < int(step) < MOST_FRAMES:
            raise ValueError(f"a frame filter is {STEP} and a number, got {words!r:.30}.")
        ends = tuple(_number(each["stop_frame"]) + 1 for each in task["jobs"])
        return cls(_number(data.get("start_frame", 0)), int(step), ends)

    def of_video(self, frame: int) -> int:
        """The frame of the video."""
        return self.first + frame * self.step


def backup_task(jobs: Sequence[Mapping[str, Any]], frames: BackupFrames) -> CvatTask:
    """The tracks and tags of a backup, in frames of the video.

    Raises ValueError for labels without a name, and for other jobs than those of `frames`.
    """
    if len(jobs) != len(frames.ends):
        raise ValueError(f"it has {len(jobs)} jobs, and the {TASK_FILE} beside it {len(frames.ends)}: is it another's?")
    task = CvatTask(step=frames.step)
    for job, end in zip(jobs, frames.ends, strict=True):
        for tag in job["tags"]:
            task.tags[_label(tag)].append(CvatShape(frames.of_video(_number(tag["frame"])), False, _attributes(tag)))
        for track in job["tracks"]:
            subject = f"track_{len(task.tracks)}"
            task.tracks.append(CvatTrack(_label(track), subject, _shapes(track, frames), frames.of_video(end)))
        task.others += len(job.get("shapes") or ())
    return task


def _shapes(track: Mapping[str, Any], frames: BackupFrames) -> list[CvatShape]:
    """The key frames of a track, each with all attributes that hold there."""
    held, found = _attributes(track), []
    for each in sorted(track["shapes"], key=lambda shape: _number(shape["frame"])):
        held = held | _attributes(each)
        found.append(CvatShape(frames.of_video(_number(each["frame"])), bool(each.get("outside")), held))
    return found


def _attributes(given: Mapping[str, Any]) -> dict[str, str]:
    """By name; by the number of their specification where a file has no names."""
    listed = given.get("attributes") or ()
    return {str(each.get("name", each.get("spec_id"))): str(each["value"]) for each in listed}


def _label(given: Mapping[str, Any]) -> str:
    label = given.get("label")
    if not isinstance(label, str) or not label.strip():
        raise ValueError(
            "its tracks have numbers for labels, whose names are in another file: make a backup of the task, or export "
            "'CVAT for video 1.1'."
        )
    return label.strip()


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_FRAMES:
        raise ValueError(f"expected the number of a frame, counted from 0, got {value!r:.30}.")
    return value
