"""Messages of the graph as a page shows them: what JSON can say, small and bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from co_perception.data.messages.people import poses_of, unknown_axes
from co_perception.engine.coordinates import PIXELS, to_picture
from co_perception.engine.target import Pose, Status
from co_perception.engine.time import NANO, nanoseconds
from co_perception.nodes.core.draw import lines_of
from co_perception.skeletons.layouts import LAYOUTS

MOST_PEOPLE, MOST_STATUSES, MOST_LETTERS = 32, 24, 400
STATUSES: dict[int, str] = {
    Status.WARMING_UP: "warming up", Status.VALID: "valid", Status.UNCERTAIN: "uncertain", Status.STALE: "stale",
}  # fmt: skip


def people_of(message: Any) -> dict[str, Any]:
    """A SkeletonArray: joints of each person as x, y and whether they were found, and pairs of them to be joined.

    Places are pixels of the picture, of `size`; of joints in metres without a unit, with `size` [0, 0].
    """
    found = []
    if unknown_axes(message) is None:
        known = [
            pose for pose in poses_of(message) if pose.layout in LAYOUTS and len(pose) == len(LAYOUTS[pose.layout])
        ]
        found = [_person(pose) for pose in known[:MOST_PEOPLE]]
    in_pixels = all(each.pop("pixels") for each in found)
    size = [int(message.image_width), int(message.image_height)] if in_pixels else [0, 0]
    return {"stamp": str(nanoseconds(message.header.stamp)), "size": size, "people": found}


def _person(pose: Pose) -> dict[str, Any]:
    joints = to_picture(pose.data[None], pose.coordinates)[0]
    values = np.concatenate([np.round(joints[:, :2], 3), pose.found[:, None]], -1)
    return {
        "id": pose.id[:MOST_LETTERS],
        "joints": np.where(pose.found[:, None], values, 0).ravel().tolist(),
        "links": [list(link) for link in lines_of(pose)],
        "pixels": pose.coordinates == PIXELS,
    }


def answers_of(message: Any) -> dict[str, Any]:
    """An ActivityArray: of each subject and group status, label, score, progress and the best classes."""
    return {
        "stamp": str(nanoseconds(message.header.stamp)),
        "recognizer": message.recognizer[:MOST_LETTERS],
        "delay": nanoseconds(message.observation_delay) / NANO,
        "latency": nanoseconds(message.processing_latency) / NANO,
        "dropped": int(message.dropped_frames),
        "epoch": int(message.state_epoch),
        "activities": [_activity(each) for each in message.activities[: 4 * MOST_PEOPLE]],
    }


def _activity(activity: Any) -> dict[str, Any]:
    return {
        "subject": activity.subject_id[:MOST_LETTERS],
        "group": activity.group[:MOST_LETTERS],
        "status": STATUSES.get(activity.status, ""),
        "label": activity.label[:MOST_LETTERS],
        "score": finite(activity.score, 3),
        "progress": finite(activity.progress, 3),
        "best": [[each.label[:MOST_LETTERS], finite(each.score, 3)] for each in activity.hypotheses[:5]],
        "roi": [activity.roi.x_offset, activity.roi.y_offset, activity.roi.width, activity.roi.height],
        "distance": finite(activity.position.distance, 2, None) if activity.position.source else None,
    }


def finite(value: float, digits: int, otherwise: float | None = 0.0) -> float | None:
    """A number of a message, rounded; `otherwise` for one that JSON cannot say: NaN and the infinite ones."""
    return round(float(value), digits) if isfinite(value) else otherwise


def labels_of_recognizer(message: Any) -> dict[str, Any]:
    """A LabelInfo: what the recognizer's numbers mean."""
    return {
        "recognizer": message.recognizer[:MOST_LETTERS],
        "labels": [label[:MOST_LETTERS] for label in message.labels[:1000]],
        "threshold": finite(message.threshold, 4),
        "min_progress": finite(message.min_progress, 4),
        "field_s": finite(message.receptive_field / message.rate_hz, 2) if message.rate_hz > 0 else None,
    }


def health_of(message: Any) -> list[dict[str, Any]]:
    """A DiagnosticArray: of each status its name, level 0..3, message, and what its numbers say in words."""
    found = []
    for status in message.status[:MOST_STATUSES]:
        level = status.level[0] if isinstance(status.level, bytes) else int(status.level)
        values = {pair.key: pair.value for pair in status.values}
        found.append(
            {
                "name": status.name[:MOST_LETTERS],
                "level": min(level, 3),
                "message": status.message[:MOST_LETTERS],
                "words": number_words(values)[:MOST_LETTERS],
            }
        )
    return found


def number_words(values: dict[str, str]) -> str:
    """What the counts and durations of a node's diagnostics say, in a sentence; empty where there are none."""
    parts: list[str] = []
    if "frames received" in values:
        parts.append(f"{values.get('frames processed', '0')} of {values['frames received']} frames answered")
    if _number(values, "frames dropped"):
        parts.append(f"{values['frames dropped']} dropped")
    for key, words in (
        ("rate of the input (Hz)", "input {:.1f} Hz"), ("rate of the model (Hz)", "the network takes {:.1f} Hz"),
        ("step p50 (ms)", "a step takes {:.0f} ms"), ("latency p95 (ms)", "an answer takes up to {:.0f} ms"),
    ):  # fmt: skip
        if (number := _number(values, key)) is not None:
            parts.append(words.format(number))
    return ", ".join(parts)


def _number(values: dict[str, str], key: str) -> float | None:
    try:
        return float(values[key])
    except (KeyError, ValueError):
        return None


def silence_words(
    item: str, topic: str, seconds: float, publishers: Sequence[str], reports: Mapping[str, str] | None = None
) -> str:
    """Why nothing comes on a topic, as far as a listener can tell.

    Args:
        reports: what publishers say of themselves in their diagnostics, by node: such as that they prepare.
    """
    if not publishers:
        return f"nobody publishes {item} on {topic} any more"
    known = [f"{node} says: {reports[node]}" for node in publishers[:3] if reports and node in reports]
    if known:
        return f"no {item} on {topic} for {seconds:.0f} s; {'; '.join(known)}"
    who = ", ".join(publishers[:3])
    return (
        f"no {item} for {seconds:.0f} s: {who} publishes on {topic} and sends nothing; does it still load, or wait for "
        "its input?"
    )
