"""Recordings made before our messages got all of their fields: groups, scores, ids of events, positions."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any, Literal

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import (
    SECOND,
    STALE,
    T0,
    VALID,
    activities,
    frames,
    header,
    labels,
    ours,
    store,
    write_bag,
    write_messages,
)

from co_perception.data.annotations.sources import topic_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.message_types import message_files, without_added
from co_perception.data.messages.people import poses_of
from co_perception.evaluation.activity_topic import recorded

CLASSES = ("walk", "wave", "sit")
PAST = {
    "Activity": """string subject_id
uint8 status
string label
int32 class_id -1
float32 score
ActivityHypothesis[] hypotheses
builtin_interfaces/Time since
float32 progress
sensor_msgs/RegionOfInterest roi
""",
    "ActivityEvent": """std_msgs/Header header
string recognizer
string label_set
string subject_id
uint8 kind
string label
float32 score
builtin_interfaces/Time began
builtin_interfaces/Time at
""",
    "LabelInfo": """std_msgs/Header header
string recognizer
string label_set
string[] labels
float32 threshold
float32 min_progress
uint32 receptive_field
float32 rate_hz
""",
}


def event(types: Any, kind: int, at_s: int) -> Any:
    at, began = (header(types, T0 + seconds * SECOND) for seconds in (at_s, 1))
    return ours(
        types, "ActivityEvent", header=at, recognizer="net/own", label_set="own", subject_id="p", group="", kind=kind,
        label="walk", score=0.5, began=began.stamp, at=at.stamp,
    )  # fmt: skip


def spoken(types: Any, count: int = 40) -> list[Any]:
    """Messages with none to three subjects, of any label, score and status."""
    rng = random.Random(3)
    found = []
    for number in range(count):
        subjects = {}
        for name in ("", "p", "somebody")[: number % 4]:
            scores = {label: round(rng.random(), 3) for label in rng.sample(CLASSES, rng.randrange(4))}
            subjects[name] = (rng.choice([VALID, STALE]) if scores else STALE, scores)
        found.append(activities(types, T0 + number * SECOND // 10, subjects, CLASSES, dropped=number % 2))
    return found


WITHOUT_POSITION = {
    "Activity": """string subject_id
string group
uint8 status
string label
int32 class_id -1
float32 score
ActivityHypothesis[] hypotheses
float32[] scores
builtin_interfaces/Time since
float32 progress
sensor_msgs/RegionOfInterest roi
""",
    "Skeleton": """string subject_id
string layout
float32 score
Keypoint[] keypoints
sensor_msgs/RegionOfInterest roi
""",
    "SkeletonArray": """std_msgs/Header header
string estimator
uint8 coordinates
uint32 image_width
uint32 image_height
Skeleton[] skeletons
builtin_interfaces/Duration processing_latency
uint32 dropped_frames
""",
}
WITH_GROUP = PAST["ActivityEvent"].replace("string subject_id\n", "string subject_id\nstring group\n")
WITHOUT_MOTION = {
    "Skeleton": """string subject_id
string layout
float32 score
Keypoint[] keypoints
sensor_msgs/RegionOfInterest roi
PersonPosition position
""",
}
VERSIONS: dict[str, dict[str, str] | None] = {
    "past": {**WITHOUT_POSITION, **PAST},
    "between": {**WITHOUT_POSITION, "ActivityEvent": WITH_GROUP},
    "without positions": WITHOUT_POSITION,
    "without motions": WITHOUT_MOTION,
    "today": None,
}


@pytest.mark.parametrize("version", sorted(VERSIONS.keys() - {"without motions"}))
@pytest.mark.parametrize("carried", ["mcap", "sqlite3", "no definitions"])
def test_recordings_of_today_and_of_the_past_are_read_alike(tmp_path: Path, version: str, carried: str) -> None:
    """As ROS 2 Humble and older leave it, a database has no definitions."""
    types = store(VERSIONS[version])
    storage: Literal["mcap", "sqlite3"] = "mcap" if carried == "mcap" else "sqlite3"
    topics = {
        "/activity": [(T0 + n, message) for n, message in enumerate(spoken(types))],
        "/label_info": [(T0, labels(types, T0, CLASSES))],
        "/truth": [(T0 + SECOND, event(types, 0, 1)), (T0 + 3 * SECOND, event(types, 1, 3))],
    }
    path = write_messages(tmp_path / "b", topics, storage, types)
    if carried == "no definitions":
        with sqlite3.connect(next(path.glob("*.db3"))) as database:
            database.execute("DELETE FROM message_definitions")
    with Bag(path) as bag:
        answers = recorded(bag, "/activity")
        found = [(each.stamp_ns, each.subject, each.status, each.missing, each.top(3)) for each in answers.records]
        assert [(each.label, each.start_ns - T0, each.end_ns - T0) for each in topic_annotations(bag, "/truth")] == [
            ("walk", SECOND, 3 * SECOND)
        ]
        assert (answers.recognizer, answers.classes, bag.damage) == ("net/own", CLASSES, [])
    expected = []
    missing = 0
    for message in spoken(store()):
        missing += message.dropped_frames
        stamp_ns = message.header.stamp.sec * SECOND + message.header.stamp.nanosec
        for each in message.activities:
            best = {h.class_id: pytest.approx(h.score) for h in each.hypotheses}
            ranked = [*best.items(), *((k, 0.0) for k in range(3) if k not in best)]
            shown = sorted(ranked, key=lambda item: (-getattr(item[1], "expected", 0.0), item[0])) if best else []
            expected.append((stamp_ns, each.subject_id, each.status, missing, shown))
        missing = 0 if message.activities else missing
    assert found == expected


@pytest.mark.parametrize(
    ("changes", "name", "definition"),
    [
        *((0, *each) for each in PAST.items()),
        *((2, *each) for each in WITHOUT_POSITION.items()),
        *((3, *each) for each in WITHOUT_MOTION.items()),
    ],
)
def test_definitions_of_the_past(changes: int, name: str, definition: str) -> None:
    (text,) = (file.read_text() for file in message_files() if file.stem == name)
    lines = without_added(name, text, changes).splitlines()
    kinds = [line.split()[:2] for line in lines if line and not line.startswith("#")]
    assert [kind for kind in kinds if "=" not in kind[1]] == [line.split()[:2] for line in definition.splitlines()]


@pytest.mark.parametrize("version", ["without positions", "without motions", "today"])
@pytest.mark.parametrize("carried", ["mcap", "no definitions"])
def test_skeletons_of_today_and_of_the_past_are_read_alike(tmp_path: Path, version: str, carried: str) -> None:
    storage: Literal["mcap", "sqlite3"] = "mcap" if carried == "mcap" else "sqlite3"
    path = write_bag(tmp_path / "b", {"/skeletons": frames(5, 2)}, storage, store(VERSIONS[version]))
    if carried == "no definitions":
        with sqlite3.connect(next(path.glob("*.db3"))) as database:
            database.execute("DELETE FROM message_definitions")
    with Bag(path) as bag:
        people = [poses_of(found.message) for found in bag.messages("/skeletons")]
    assert [[(pose.id, pose.data[1, 0], pose.data[1, 1]) for pose in each] for each in people] == [
        [("p0", i, 10), ("p1", i, 10)] for i in range(5)
    ]
