"""Falls on real video: how many are told and how late, false alarms, ids, and answers while people lie.

    python -m recipes.everyday.fall_figures --data DATA --model FOLDER

Runs pose estimator, tracker, recognizer and fall detector, as the nodes have them, over the clips of DATA/video, in
which one person falls, or nobody does. When somebody lies still is measured in their joints and not in the answers: the
first moment of the annotated fall from which the torso, being lower than before, stays where it is for half a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from co_perception.engine.target import Category, Status
from co_perception.engine.time import NANO
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.online.events import Event, EventKind, LabelScores
from co_perception.online.falls import POSTURE, FallDetector
from recipes.everyday.drawing import RATE_HZ
from recipes.everyday.video import Frame, answered, intervals, people

TORSO = [5, 6, 11, 12]  # shoulders and hips of COCO-17
STILL_S, STILL, DROP = 0.5, 0.25, 0.5  # time; the way within it that is none, and the way down, in lengths of the torso
IN_TIME_S = 1.0  # after the person lies still


@dataclass(frozen=True)
class FallRow:
    """What was measured of one clip with a fall.

    Args:
        clip: its path.
        still_s: when the person lies still.
        reported_s: when the fall was told, or None.
        ids: how many the person has from the beginning of the fall to the end.
        valid: share of the time from `still_s` to the end in which their posture is VALID.
    """

    clip: str
    still_s: float
    reported_s: float | None
    ids: int
    valid: float

    @property
    def in_time(self) -> bool:
        """Whether the fall was told within `IN_TIME_S` of lying still."""
        return self.reported_s is not None and self.reported_s - self.still_s <= IN_TIME_S


def falls_in(answers: Sequence[tuple[float, str, Category]], labels: Sequence[str]) -> list[Event]:
    """Onsets of falls in the answers (seconds, id, answer of one group) of a clip."""
    detector, found = FallDetector(), list[Event]()
    for seconds, together in groupby(answers, lambda answer: answer[0]):
        scores = {(subject, each.group): _scores(each, labels) for _, subject, each in together}
        found += detector.update(round(seconds * NANO), scores)
    return [event for event in found if event.kind == EventKind.ONSET]


def _scores(answer: Category, labels: Sequence[str]) -> LabelScores:
    best = answer.top(len(labels)) if answer.data >= 0 else []
    return LabelScores.of(answer.status, {labels[place]: score for place, score in best})


def fall_row(
    clip: str,
    frames: Sequence[Frame],
    began_s: float,
    answers: Sequence[tuple[float, str, Category]],
    labels: Sequence[str],
) -> FallRow:
    """The figures of a clip in which one person falls from `began_s` on."""
    reported = [event.decided_ns / NANO for event in falls_in(answers, labels)]
    still_s, end_s = lies_still_at(frames, began_s), frames[-1].stamp_ns / NANO
    ids = {pose.id for frame in frames if frame.stamp_ns / NANO >= began_s for pose in frame.poses}
    valid = sum(
        each.group == POSTURE and each.status == Status.VALID and seconds >= still_s for seconds, _, each in answers
    )
    share = valid / max(round((end_s - still_s) * RATE_HZ), 1)
    return FallRow(clip, still_s, reported[0] if reported else None, len(ids), min(share, 1.0))


def lies_still_at(frames: Sequence[Frame], began_s: float) -> float:
    """Seconds at which the person of a clip lies still; the end where they never do."""
    rows = [(frame.stamp_ns / NANO, frame.poses[0].data[TORSO, :2]) for frame in frames if frame.poses]
    seconds, torsos = np.array([row[0] for row in rows]), np.stack([row[1] for row in rows])
    middle = torsos.mean(1)
    length = np.median(np.linalg.norm(torsos[:, :2].mean(1) - torsos[:, 2:].mean(1), axis=-1))
    before = middle[seconds <= began_s]
    start = np.median(before[-5:], 0)[1] if len(before) else middle[0, 1]
    for now in np.flatnonzero((seconds >= began_s) & (middle[:, 1] > start + DROP * length)):
        soon = middle[(seconds >= seconds[now]) & (seconds <= seconds[now] + STILL_S)]
        if np.linalg.norm(np.ptp(soon, axis=0)) < STILL * length:
            return float(seconds[now])
    return float(seconds[-1])


def measured(learner: ContinualSkeletonLearner, video: Path) -> tuple[list[FallRow], dict[str, tuple[int, float]]]:
    """Figures of the clips with a fall; and of each folder of other clips the number of falls told, and minutes."""
    spans, labels = intervals(video / "gmdcsa24"), learner.labels
    rows, others = list[FallRow](), dict[str, tuple[int, float]]()
    for path in _clips(video):
        frames = people(path)
        answers = list(answered(learner, frames))
        began = [begin for name, begin, _ in spans.get(str(path), []) if name == "Falling"]
        if began:
            rows.append(fall_row(str(path.relative_to(video)), frames, began[0], answers, labels))
            continue
        kind = path.relative_to(video).parts[0]
        told, minutes = others.get(kind, (0, 0.0))
        seconds = (frames[-1].stamp_ns - frames[0].stamp_ns) / NANO if frames else 0.0
        others[kind] = told + len(falls_in(answers, labels)), minutes + seconds / 60
    return rows, others


def _clips(video: Path) -> Iterator[Path]:
    for kind in ("*.mp4", "*.avi"):
        yield from sorted(video.rglob(kind))


def lines(rows: Sequence[FallRow], others: dict[str, tuple[int, float]]) -> Iterator[str]:
    """The figures as text."""
    for row in rows:
        told = "not told" if row.reported_s is None else f"told {row.reported_s - row.still_s:+.2f} s from there"
        yield f"{row.clip}: lies still at {row.still_s:.2f} s, {told}, {row.ids} id(s), VALID {row.valid:.2f}"
    yield f"Falls told within {IN_TIME_S:.0f} s of lying still: {sum(row.in_time for row in rows)} of {len(rows)}"
    yield f"Ids: one to the end in {sum(row.ids == 1 for row in rows)} of {len(rows)}"
    yield f"VALID while lying: {np.mean([row.valid for row in rows]):.2f} of the time"
    for kind, (count, minutes) in others.items():
        yield f"Other clips, {kind}: {count} falls told in {minutes:.1f} minutes"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with video/")
    parser.add_argument("--model", type=Path, required=True, help="folder of a model with groups")
    chosen = parser.parse_args()
    learner = ContinualSkeletonLearner("cotcn")
    learner.load(chosen.model)
    print("\n".join(lines(*measured(learner, chosen.data / "video"))))


if __name__ == "__main__":
    main()
