"""What a run over a stream came to, in numbers: collected while it goes on, summed up at its end. NumPy only."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from math import inf
from typing import Any

import numpy as np

from co_perception.evaluation.moments import Moment, spells

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True)
class Heard:
    """One answer as it reached a subscriber.

    Args:
        moments: what it said of each subject that was seen, by id; the scene's id is empty.
        stamp_ns: stamp of its frame.
        received_ns: when it arrived, on this process's own clock.
    """

    moments: Mapping[str, Moment]
    stamp_ns: int
    received_ns: int


def percentiles_ms(seconds: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99 in milliseconds; None where there is nothing to measure."""
    values = list(seconds)
    return {f"p{p}": round(float(np.percentile(values, p)) * 1e3, 2) if values else None for p in PERCENTILES}


def end_to_end_s(heard: Sequence[Heard], sent_ns: Mapping[int, int]) -> list[float]:
    """Seconds from the moment a frame was sent (by stamp) to the moment its answer was received."""
    return [(h.received_ns - sent_ns[h.stamp_ns]) / 1e9 for h in heard if h.stamp_ns in sent_ns]


def warm_up_frames(moments: Sequence[Moment]) -> int:
    """Answered frames before the first one that was warm; all of them where none was."""
    return next((index for index, moment in enumerate(moments) if moment.warm), len(moments))


def tracks(heard: Iterable[Heard]) -> dict[str, list[Moment]]:
    """Everything that was said of each subject, by id, in order of appearance; the scene's id is empty."""
    found: dict[str, list[Moment]] = {}
    for answer in heard:
        for subject, moment in answer.moments.items():
            found.setdefault(subject, []).append(moment)
    return found


def labels_over_time(moments: Sequence[Moment], bridge_s: float = inf) -> list[dict[str, Any]]:
    """Each spell of one label: from which frame's time to which [s], and its mean score. Without a label: nothing.

    bridge_s: a subject that was not seen for longer begins another spell.
    """
    return [
        {
            "label": spell.label,
            "from_s": round(spell.begin_s, 3),
            "to_s": round(spell.end_s, 3),
            "frames": spell.frames,
            "mean_score": round(spell.mean_score, 3),
        }
        for spell in spells(moments, bridge_s)
        if spell.label
    ]


def people_over_time(tracks: Mapping[str, Sequence[Moment]], bridge_s: float) -> dict[str, dict[str, Any]]:
    """Each person's time in sight [s], share of answers that were warm-up, and labels. The scene is left out."""
    return {
        subject: {
            "from_s": round(moments[0].time_s, 3),
            "to_s": round(moments[-1].time_s, 3),
            "frames": len(moments),
            "warm_up_share": round(sum(not moment.warm for moment in moments) / len(moments), 3),
            "labels": labels_over_time(moments, bridge_s),
        }
        for subject, moments in tracks.items()
        if subject
    }


def pace(step_s: float, source_hz: float, share: float = 0.5) -> float:
    """Playback speed, at most 1, at which a learner taking `step_s` a frame keeps up with `source_hz` frames a second.

    `share` of the time goes to the learner; the rest is for reading, sending and drawing on the same few cores.
    """
    if step_s <= 0 or source_hz <= 0:
        raise ValueError(f"a step takes time and a source has a rate, got {step_s} s and {source_hz} Hz.")
    return min(1.0, share / (step_s * source_hz))


def versions(packages: Iterable[str] = ("numpy", "torch", "av", "ros-rclpy", "rclpy")) -> dict[str, str]:
    """Python, and those of `packages` that are installed."""
    return {"python": platform.python_version()} | {name: found for name in packages if (found := _version(name))}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def machine() -> str:
    """The processor in words, as far as the system tells."""
    if sys.platform == "linux":
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        if names:
            return f"{names[0]}, {len(names)} threads"
    return platform.processor() or platform.machine()
