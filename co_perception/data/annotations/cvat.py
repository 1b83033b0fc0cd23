"""Reader of CVAT's exports: XML ("CVAT for video 1.1", "CVAT for images 1.1") and JSON (Datumaro).

    <annotations><version>1.1</version><meta>...</meta>
      <track id="0" label="wave"><box frame="30" outside="0" .../>...<box frame="61" outside="1" .../></track>
    </annotations>

A track labels the frames in which its shape is not `outside`; it is one subject, `track_0`. A tag labels one frame, and
a row of frames with the same tag is an interval of everybody. Frames count from 0, and with a frame filter
(`step=5`) each stands for as many. Where a label says who somebody is and an attribute what they do, the attribute is
named. Shapes that are of no track are left out: nobody knows who they are in the next frame.
(https://docs.cvat.ai/docs/manual/advanced/xml_format, and the formats of CVAT and Datumaro.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import Interval, checked
from co_perception.data.annotations.labeled_frames import MOST_FRAMES, LabeledFrames, intervals_of
from co_perception.data.parsing import Skipped

TRUE, FALSE = ("true",), ("false", "")  # values of a checkbox


@dataclass(frozen=True)
class CvatShape:
    """A shape of a track, or a tag, in one frame, with its attributes by name."""

    frame: int
    outside: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CvatTrack:
    """One object: its label, its shapes, and its number in the file.

    Args:
        keys_until: where it lists key frames, each of which holds until the next one: the frame before which the last
            one ends; None where it lists every frame.
    """

    label: str
    subject: str
    shapes: Sequence[CvatShape]
    keys_until: int | None = None


@dataclass
class CvatTask:
    """What an export has: tracks, tags by label, frames from one to the next, and the number of other shapes."""

    tracks: list[CvatTrack] = field(default_factory=list)
    tags: dict[str, list[CvatShape]] = field(default_factory=lambda: defaultdict(list))
    step: int = 1
    others: int = 0


def cvat_intervals(
    task: CvatTask, times: FrameTimes | None, skipped: Skipped, attribute: str | None = None
) -> list[Interval]:
    """The intervals of an export, in time since the start of the video.

    Args:
        task: as it was read.
        times: of the video's frames; None refuses all.
        skipped: gets the shapes that are of no track.
        attribute: whose values are the labels (of a checkbox: its name); None: the labels of tracks and tags are.

    Raises:
        ValueError: where nothing has the attribute, and for overlaps of one subject.
    """
    objects = [*task.tracks, *(CvatTrack(label, "", shapes) for label, shapes in task.tags.items())]
    names = sorted({name for each in objects for shape in each.shapes for name in shape.attributes})
    if attribute is not None and attribute not in names:
        raise ValueError(f"nothing in it has the attribute {attribute!r}; there are: {', '.join(names) or 'none'}.")
    if task.others:
        skipped.add("shapes", f"{task.others} are of no track, so that nobody knows who they are in the next frame")
    found = [span for each in objects for span in _spans(each, task.step, times, attribute)]
    return checked(intervals_of(found, times))


def _spans(track: CvatTrack, step: int, times: FrameTimes | None, attribute: str | None) -> Iterator[LabeledFrames]:
    """The frames of each label that a track has."""
    frames: dict[str, list[tuple[int, int]]] = defaultdict(list)
    shapes = sorted(track.shapes, key=lambda each: each.frame)
    if attribute is None and not track.label:
        raise ValueError(f"a track or tag needs a label, {track.subject or 'a tag'} has none.")
    for shape, end in zip_longest(shapes, [later.frame for later in shapes[1:]]):
        label = track.label if attribute is None else _value(attribute, shape.attributes.get(attribute, ""))
        if shape.outside or not label:
            continue
        if track.keys_until is None:
            end = shape.frame + step
        elif end is None:
            end = track.keys_until
        frames[label].append((shape.frame, _in_video(shape.frame, end, step, times)))
    for label, spans in frames.items():
        yield from (LabeledFrames(label, first, end, track.subject) for first, end in _joined(spans))


def _in_video(frame: int, end: int, step: int, times: FrameTimes | None) -> int:
    """The end without frames that the last one of a filter would stand for, and the video does not have."""
    count = times.count if times else None
    return end if count is None or frame >= count or end - count >= step else min(end, count)


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The spans, those that touch or overlap as one."""
    first = end = None
    for start, stop in sorted(spans):
        if first is None or end is None or start > end:
            if first is not None and end is not None:
                yield first, end
            first, end = start, stop
        end = max(end, stop)
    if first is not None and end is not None:
        yield first, end


def _value(name: str, value: str) -> str:
    text = value.strip()
    return name if text.lower() in TRUE else "" if text.lower() in FALSE else text


def is_cvat_json(content: Any) -> bool:
    """Whether a JSON content looks like an export of CVAT: a backup's annotations, or Datumaro's."""
    jobs = content if isinstance(content, list) else [content]
    return bool(jobs) and all(isinstance(each, dict) and ({"tracks", "tags"} <= each.keys() or _is_datumaro(each)
                              or _is_coco(each)) for each in jobs)  # fmt: skip


def is_backup(content: Any) -> bool:
    """Whether a JSON content is annotations.json of a task's backup: a list with what each job has."""
    jobs = content if isinstance(content, list) else [content]
    return not any(_is_datumaro(each) or _is_coco(each) for each in jobs)


def _is_datumaro(content: Mapping[str, Any]) -> bool:
    return "items" in content and "categories" in content


def _is_coco(content: Mapping[str, Any]) -> bool:
    return "images" in content and "categories" in content


def datumaro_task(content: Any) -> CvatTask:
    """The content of an export as Datumaro. Raises ValueError for COCO's, which has no tags and no tracks."""
    jobs, task = content if isinstance(content, list) else [content], CvatTask()
    for job in jobs:
        if _is_coco(job):
            raise ValueError(
                "this is COCO's format, which has boxes of single pictures and no times: export it as 'CVAT for video "
                "1.1', 'CVAT for images 1.1' or 'Datumaro 1.0'."
            )
        if not _is_datumaro(job):
            raise ValueError("some of it is of Datumaro's format, and some is not.")
        _add_datumaro(job, task)
    return task


def _add_datumaro(content: Mapping[str, Any], task: CvatTask) -> None:
    """Adds what an export as "Datumaro 1.0" has: each frame's shapes, those of a track with its number."""
    names = [str(each["name"]) for each in content["categories"]["label"]["labels"]]
    tracks: dict[tuple[str, int], list[CvatShape]] = defaultdict(list)
    frames = set[int]()
    for item in content["items"]:
        frame = _frame((item.get("attr") or {}).get("frame", -1))
        frames.add(frame)
        for each in item["annotations"]:
            words = {str(key): str(value) for key, value in (each.get("attributes") or {}).items()}
            number = (each.get("attributes") or {}).get("track_id")
            label = names[_frame(each["label_id"])] if each.get("label_id") is not None else ""
            if each.get("type") == "label" and label:
                task.tags[label].append(CvatShape(frame, False, words))
            elif number is not None and label:
                tracks[label, _frame(number)].append(CvatShape(frame, words.get("outside") == "True", words))
            else:
                task.others += 1
    steps = [end - start for start, end in zip(sorted(frames), sorted(frames)[1:], strict=False)]
    task.step = min(steps, default=1)
    task.tracks += [CvatTrack(label, f"track_{number}", shapes) for (label, number), shapes in tracks.items()]


def _frame(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < MOST_FRAMES:
        raise ValueError(f"expected the number of a frame, label or track, counted from 0, got {value!r:.30}.")
    return value
