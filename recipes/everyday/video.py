"""The whole chain on real video: pose estimator, tracker and recognizer as their nodes have them, by second.

GMDCSA-24 (Alam et al., Data in Brief 2024): clips of falls and daily life with intervals in seconds. UT-Interaction
(Ryoo and Aggarwal, 2010): clips in which one of two people kicks, points at, punches or pushes the other.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.messages.people import from_poses
from co_perception.data.video import VideoReader
from co_perception.engine.data import Image
from co_perception.engine.target import Category, Pose, Status
from co_perception.engine.time import NANO
from co_perception.learners.recognizers import SkeletonSettings, skeleton_recognizer
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.online.pacing import Verdict
from co_perception.pose.finder import Finder, PoseSettings, build
from recipes.everyday.labels import NONE_NAMES
from recipes.everyday.measure import TOLD

SHORT_SIDE = 480  # pixels
FOUR = {2: "kicking", 3: "pointing", 4: "punching", 5: "pushing"}
SPAN = r"(\w+)\s*(?:\(\w+\))?\s*\[\s*([\d.]+) to ([\d.]+)\s*\]"  # "Falling (BW)[0.4 to 4]"
IDLE = ("Sitting", "Standing", "Reading")
Span = tuple[str, float, float]  # what, from, to, seconds
SETTLED_S = 0.5  # after an interval begins and before it ends, in which answers do not count


@dataclass(frozen=True)
class Frame:
    """The people of one picture.

    Args:
        stamp_ns: its time.
        poses: with ids.
        size: width and height.
    """

    stamp_ns: int
    poses: tuple[Pose, ...]
    size: tuple[int, int]


def people(path: Path) -> list[Frame]:
    """Everybody in every picture of a clip, by the pose node's own code."""
    values = PoseSettings(threads=1)
    estimator = build(values)
    finder, frames = Finder(estimator, values), []
    with VideoReader(str(path), SHORT_SIDE) as reader:
        for picture in reader:
            image = Image(picture.pixels, round(picture.time_s * NANO))
            height, width = image.data.shape[:2]
            frames.append(Frame(image.stamp_ns or 0, finder.find(image).poses, (width, height)))
    estimator.close()
    return frames


def answered(learner: ContinualSkeletonLearner, frames: Sequence[Frame]) -> Iterator[tuple[float, str, Category]]:
    """(seconds, id, answer) of everybody, by the recognizer of the node; of each group by itself."""
    recognizer = skeleton_recognizer(learner, SkeletonSettings())
    for frame in frames:
        admission = recognizer.admit(frame.stamp_ns)
        if admission.verdict != Verdict.TAKE:
            continue
        found = recognizer.answer(from_poses(frame.poses, frame.size), frame.stamp_ns, admission)
        for answer in found.answers if found else ():
            yield frame.stamp_ns / NANO, answer.subject, answer.category


def intervals(folder: Path) -> dict[str, list[Span]]:
    """(what, from, to in seconds) of each clip of GMDCSA-24, by its path; of clips that are not there too."""
    found = {}
    for table in sorted(folder.rglob("*.csv")):
        for row in csv.reader(table.read_text("utf-8").splitlines()[1:]):
            spans = re.findall(SPAN, ",".join(row[5:]))
            path = str(table.with_suffix("") / row[0])
            found[path] = [(name, float(begin), float(end)) for name, begin, end in spans]
    return found


def daily_life(
    learner: ContinualSkeletonLearner, spans: Mapping[str, Sequence[Span]], clips: Mapping[str, Sequence[Frame]]
) -> Counter[tuple[str, str, str]]:
    """Answers within the intervals of GMDCSA-24: how many of (group, what is annotated, what is answered)."""
    counts = Counter[tuple[str, str, str]]()
    for path in spans.keys() & clips.keys():
        for seconds, _, each in answered(learner, clips[path]):
            for name, begin, end in spans[path]:
                if begin + SETTLED_S <= seconds <= end - SETTLED_S / 2:
                    counts[each.group, name, told(each)] += 1
    return counts


def gestures(
    learner: ContinualSkeletonLearner, clips: Mapping[str, Sequence[Frame]], least: int = 1
) -> list[tuple[str, str]]:
    """(what is done, what is told longest of the four) of each clip of UT-Interaction; "" where none is told.

    An answer counts from the one on with which there are `least` alike in a row.
    """
    found = []
    for path, frames in clips.items():
        longest = Counter[str]()
        runs: dict[tuple[str, str], tuple[str, int]] = {}
        for _, subject, each in answered(learner, frames):
            name = told(each)
            before, length = runs.get((subject, each.group), ("", 0))
            length = length + 1 if name == before else 1
            runs[subject, each.group] = name, length
            if name in FOUR.values() and length >= least:
                longest[name] += 1
        found.append((acted(Path(path)), longest.most_common(1)[0][0] if longest else ""))
    return found


def acted(path: Path) -> str:
    """What is done in a clip of UT-Interaction, if it is one of the four; else ""."""
    return FOUR.get(int(path.stem.split("_")[2]), "")


def idle(
    learner: ContinualSkeletonLearner, spans: Mapping[str, Sequence[Span]], clips: Mapping[str, Sequence[Frame]]
) -> tuple[int, int]:
    """Answers of people who do nothing with their arms, and how many of them are a label of arms.

    They sit, stand or read for as long as no other act is annotated (half a second before and after it counts as it).
    """
    answers, labels = 0, 0
    for path in spans.keys() & clips.keys():
        acts = [span for span in spans[path] if span[0] not in IDLE]
        for seconds, _, each in answered(learner, clips[path]):
            if each.group != "arms" or not any(begin <= seconds <= end for _, begin, end in spans[path]):
                continue
            if each.status == Status.WARMING_UP or any(b - 0.5 <= seconds <= e + 0.5 for _, b, e in acts):
                continue
            answers += 1
            labels += each.status == Status.VALID and each.description != NONE_NAMES["arms"]
    return answers, labels


def with_scores(frames: Sequence[Frame], change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> list[Frame]:
    """The same people with other confidences of their joints; what was not found stays so."""
    found = []
    for frame in frames:
        poses = []
        for pose in frame.poses:
            joints = np.array(pose.data, np.float64)
            seen = joints[:, 2] > 0
            joints[seen, 2] = change(joints[seen, 2])
            poses.append(dataclasses.replace(pose, data=joints.astype(pose.data.dtype)))
        found.append(dataclasses.replace(frame, poses=tuple(poses)))
    return found


def unlike(
    learner: ContinualSkeletonLearner, clips: Mapping[str, Sequence[Frame]], change: Callable[[Any], Any]
) -> float:
    """Share of the answers that are others when the confidences of all joints are changed."""
    same = other = 0
    for frames in clips.values():
        before = list(answered(learner, frames))  # to its end: both runs have the learner's streams
        for one, two in zip(before, list(answered(learner, with_scores(frames, change))), strict=True):
            same, other = same + (told(one[2]) == told(two[2])), other + (told(one[2]) != told(two[2]))
    return other / max(same + other, 1)


def told(answer: Category) -> str:
    """The label, or the status where it is not valid."""
    return str(answer.description) if answer.status == Status.VALID else answer.status.name


def measured(learner: ContinualSkeletonLearner, folder: Path) -> dict[str, Any]:
    """All figures of the clips in `folder`."""
    spans = intervals(folder / "gmdcsa24")
    daily = {path: people(Path(path)) for path in spans if Path(path).exists()}
    acts = sorted(path for path in (folder / "ut_interaction").glob("*_*_*.avi") if acted(path))
    fights = {str(path): people(path) for path in acts}
    counts = daily_life(learner, spans, daily)
    answers, labels = idle(learner, spans, daily)
    return {
        "daily life": [[*key, count] for key, count in sorted(counts.items())],
        "gestures": [list(pair) for pair in gestures(learner, fights)],
        "gestures in a row": [list(pair) for pair in gestures(learner, fights, TOLD)],
        "idle": {"answers": answers, "labels": labels},
        "halved confidences": unlike(learner, daily, lambda scores: scores / 2),
        "confidences of 1": unlike(learner, daily, np.ones_like),
    }


def shares(rows: Sequence[Sequence[Any]], group: str, name: str) -> dict[str, float]:
    """Shares of the answers of a group while `name` is annotated, the commonest first."""
    found = {answer: count for own, what, answer, count in rows if (own, what) == (group, name)}
    total = sum(found.values())
    return {answer: count / total for answer, count in sorted(found.items(), key=lambda item: -item[1])}


def right_share(rows: Sequence[Sequence[Any]], group: str, name: str, label: str) -> float:
    """Share of the answers of a group that are `label` while `name` is annotated, NaN without any."""
    found = shares(rows, group, name)
    return found.get(label, 0.0) if found else float(np.nan)
