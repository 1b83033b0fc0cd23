"""Readers of what pose estimators write as JSON: OpenPose's file for each frame, and COCO's lists of keypoints.

Neither has labels, so a data set is a folder with a folder for each class, as of videos:

    wave/clip1_000000000000_keypoints.json ...   OpenPose: the files of one name, numbered by frame, are one clip
    wave/clip2.json                              COCO: a file of results or annotations is one clip

OpenPose: https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md. COCO: https://cocodataset.org,
#format-data and #format-results.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.datasets.kinetics_skeleton import people_by_frame
from co_perception.data.parsing import Skipped, parse_errors, read_json
from co_perception.data.samples import Sample, Samples
from co_perception.engine.confidences import rescaled
from co_perception.engine.coordinates import PIXELS, wrong_unit_of_clip
from co_perception.engine.data import SkeletonSequence
from co_perception.skeletons.layouts import LAYOUTS

PERSONS = 2
_NUMBERED = re.compile(r"(.*?)[_-]?(\d+)_keypoints")
_LAYOUT_OF = {3 * len(LAYOUTS[name]): name for name in ("body25", "openpose18")}
_COCO = len(LAYOUTS["coco17"])


def openpose_samples(
    folder: Path | str, rate_hz: float | None = None, persons: int = PERSONS
) -> tuple[Samples, Skipped]:
    """The clips of a folder with a folder for each class, whose files OpenPose wrote (`--write_json`).

    Files of one folder whose names differ in the frame's number alone are one clip. `rate_hz` is that of the video,
    which the files do not tell; `persons` as in `read_openpose_clip`.

    Raises FileNotFoundError without the folder, and ValueError without a rate or where no sample can be read.
    """
    skipped, clips = Skipped(), defaultdict[Path, dict[int, Path]](dict)
    for path in _files(folder, rate_hz):
        if numbered := _NUMBERED.fullmatch(path.stem):
            clips[path.with_name(numbered[1] or path.parent.name)][int(numbered[2])] = path
        else:
            skipped.add(path, "its name is not that of a frame: CLIP_NUMBER_keypoints.json")
    read: dict[Path, Callable[[], SkeletonSequence]] = {
        clip: partial(read_openpose_clip, files, rate_hz, persons) for clip, files in clips.items()
    }
    return _samples(Path(folder), read, skipped), skipped


def coco_samples(
    folder: Path | str, rate_hz: float | None = None, persons: int = PERSONS, images: Path | str | None = None
) -> tuple[Samples, Skipped]:
    """The clips of a folder with a folder for each class, each a file of COCO's keypoint results or annotations.

    Arguments and errors as `openpose_samples`; `images` as in `read_coco_clip`.
    """
    skipped = Skipped()
    listed = None if images is None else Path(images)
    read: dict[Path, Callable[[], SkeletonSequence]] = {
        path: partial(read_coco_clip, path, rate_hz, persons, listed) for path in _files(folder, rate_hz)
    }
    return _samples(Path(folder), read, skipped), skipped


def read_openpose_clip(
    files: Mapping[int, Path], rate_hz: float | None = None, persons: int = PERSONS
) -> SkeletonSequence:
    """One clip: (3, T, V, persons) of x, y [pixels], score, in `body25` or `openpose18` by the number of joints.

    Args:
        files: the file of each frame, by its number. A number that is missing is a frame without anybody.
        rate_hz: frames per second.
        persons: how many of each frame, those with the greatest sum of scores first. They are not tracked.

    Raises ValueError for a file that is damaged, a clip without a person, and joints that are no pixels.
    """
    frames, layouts = dict[int, list[NDArray[np.float32]]](), set[str]()
    for number, path in sorted(files.items()):
        with parse_errors(path, "the JSON that OpenPose writes for a frame"):
            found = [person.get("pose_keypoints_2d", person.get("pose_keypoints")) for person in _people(path)]
            layouts |= {_layout(values) for values in found}
            frames[number] = [_joints(values) for values in found]
    with parse_errors(next(iter(files.values()), ""), "a clip of OpenPose"):
        if len(layouts) > 1:
            raise ValueError(f"its people are of several layouts: {', '.join(sorted(layouts))}.")
        return _sequence(frames, next(iter(layouts), "body25"), rate_hz, persons)


def read_coco_clip(
    path: Path | str, rate_hz: float | None = None, persons: int = PERSONS, images: Path | None = None
) -> SkeletonSequence:
    """One clip: (3, T, 17, persons) of x, y [pixels], score, from COCO's keypoint results or annotations.

    Frames are the images of the file or of `images`, in the order of their ids, those without anybody too. In a list of
    results alone the image ids are numbers of frames (names such as "12.jpg" have one), and a missing one is a frame
    without anybody. Joints that are labeled and not visible (v = 1) count as found. Raises as `read_openpose_clip`.
    """
    path = Path(path)
    with parse_errors(path, "a list of COCO's keypoint results, or its annotations"):
        content, listed = read_json(path), None if images is None else read_json(images)["images"]
        entries = content if isinstance(content, list) else content["annotations"]
        if isinstance(content, dict):
            listed = content.get("images", listed)
            _check_joints(content.get("categories") or (), {entry.get("category_id") for entry in entries})
        frames = defaultdict[int, list[NDArray[np.float32]]](list)
        places = None if listed is None else {id: n for n, id in enumerate(sorted(_number(i["id"]) for i in listed))}
        for number in places.values() if places else ():
            frames[number] = []
        for entry in entries:
            number = _number(entry["image_id"])
            if places is not None and number not in places:
                raise ValueError(f"image_id {number} is none of its images.")
            if len(entry["keypoints"]) != 3 * _COCO:
                raise ValueError(f"a person has {3 * _COCO} numbers, not {len(entry['keypoints'])}.")
            if any(entry["keypoints"]):
                joints = _joints(entry["keypoints"], 1.0 if isinstance(content, list) else 2.0)
                frames[number if places is None else places[number]].append(joints)
        return _sequence(frames, "coco17", rate_hz, persons)


def _check_joints(categories: Iterable[Mapping[str, Any]], used: Container[object]) -> None:
    """Raises ValueError where a category that is used names other joints than COCO's people have: animals, say."""
    coco = list(LAYOUTS["coco17"].joints)
    for category in categories:
        names = [re.sub(r"\W+", "_", str(name).strip().lower()) for name in category.get("keypoints") or ()]
        if category.get("id") in used and names and names != coco:
            differing = [f"{name} where COCO has {due}" for name, due in zip(names, coco, strict=False) if name != due]
            other = differing[0] if differing else f"{len(names)} of them"
            raise ValueError(
                f"the keypoints of its category {category.get('name')!r} are not those of COCO's people: {other}."
            )


def _files(folder: Path | str, rate_hz: float | None) -> Iterator[Path]:
    """The JSON files below each class's folder."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    if rate_hz is None or not 0 < rate_hz < np.inf:
        raise ValueError(
            f"{folder}: the files do not tell the rate of their frames, and rate_hz is {rate_hz}. Give the video's "
            "frames per second; to a command as --rate 30."
        )
    yield from sorted(Path(folder).glob("*/**/*.json"))


def _samples(folder: Path, read: Mapping[Path, Callable[[], SkeletonSequence]], skipped: Skipped) -> Samples:
    """A sample for each clip; its class is the folder below `folder` that it lies in."""
    skipped.require(list(read), folder, "It is a folder with a folder for each class, which has the clips.")
    named = {clip: clip.relative_to(folder).parts[0] for clip in read}
    classes = sorted(set(named.values()))
    items = (
        Sample(read[clip], classes.index(label), group=str(clip), source=str(clip)) for clip, label in named.items()
    )
    return Samples(items, classes)


def _people(path: Path) -> Sequence[Mapping[str, Any]]:
    people: Sequence[Mapping[str, Any]] = read_json(path)["people"]
    return people


def _layout(values: Sequence[float] | None) -> str:
    found = _LAYOUT_OF.get(len(values)) if values is not None else None
    if found is None:
        count = "no pose_keypoints_2d" if values is None else f"{len(values)} numbers"
        raise ValueError(f"a person has {count}; BODY_25 has 75 and COCO 54 (OpenPose's --model_pose).")
    return found


def _joints(values: Sequence[float], best: float = 1.0) -> NDArray[np.float32]:
    """(3, V) of one person in one frame; `best` is what a joint has that is certain: 2 (visible) in annotations."""
    with np.errstate(over="ignore"):
        joints = np.array(values, np.float32).reshape(-1, 3)
    joints[:, 2] /= best
    return rescaled(joints, PIXELS).T


def _sequence(
    frames: Mapping[int, Sequence[NDArray[np.float32]]], layout: str, rate_hz: float | None, persons: int
) -> SkeletonSequence:
    found = people_by_frame(frames, persons)
    if why := wrong_unit_of_clip(found, PIXELS):
        raise ValueError(f"{why}: write the joints in pixels (OpenPose: --keypoint_scale 0).")
    return SkeletonSequence(found, layout, rate_hz, PIXELS)


def _number(id: object) -> int:
    """The number of an image: itself, or the last one in a name such as "frame_12.jpg"."""
    if isinstance(id, int) and not isinstance(id, bool):
        return id
    digits = re.findall(r"\d+", Path(str(id)).stem) if isinstance(id, str) else []
    if not digits:
        raise ValueError(f"image_id {id!r} has no number.")
    return int(digits[-1])
