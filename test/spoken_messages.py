"""What a recogniser says, as messages of rosbags: for bags that were recorded live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bag_writing import SECOND, header

WARMING_UP, VALID, UNCERTAIN, STALE = range(4)


def activities(
    types: Any,
    stamp_ns: int,
    said: Mapping[str, tuple[int, Mapping[str, float]]],
    classes: Sequence[str],
    delay_ns: int = 0,
    dropped: int = 0,
) -> Any:
    """An ActivityArray: of each subject the status and the scores by label, best first."""
    kinds = types.types
    duration = kinds["builtin_interfaces/msg/Duration"]
    return kinds["co_perception/msg/ActivityArray"](
        header=header(types, stamp_ns), recognizer="net/own", label_set="own",
        observation_delay=duration(sec=delay_ns // SECOND, nanosec=delay_ns % SECOND),
        processing_latency=duration(sec=0, nanosec=20_000_000), dropped_frames=dropped, state_epoch=0,
        activities=[_activity(kinds, name, status, scores, classes) for name, (status, scores) in said.items()],
    )  # fmt: skip


def labels(types: Any, stamp_ns: int, classes: Sequence[str], label_set: str = "own") -> Any:
    """A LabelInfo."""
    return types.types["co_perception/msg/LabelInfo"](
        header=header(types, stamp_ns), recognizer="net/own", label_set=label_set, labels=list(classes),
        threshold=0.0, min_progress=0.75, receptive_field=16, rate_hz=15.0,
    )  # fmt: skip


def _activity(kinds: Any, name: str, status: int, scores: Mapping[str, float], classes: Sequence[str]) -> Any:
    hypothesis = kinds["co_perception/msg/ActivityHypothesis"]
    valid = status == VALID
    best = next(iter(scores), "")
    return kinds["co_perception/msg/Activity"](
        subject_id=name, status=status, label=best if valid else "", class_id=classes.index(best) if valid else -1,
        score=scores.get(best, 0.0),
        hypotheses=[hypothesis(label=label, class_id=classes.index(label), score=s) for label, s in scores.items()],
        since=kinds["builtin_interfaces/msg/Time"](sec=0, nanosec=0), progress=0.5,
        roi=kinds["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )  # fmt: skip
