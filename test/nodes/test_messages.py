"""Answers as messages, stamps as numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Duration, Time
from std_msgs.msg import Header

from co_perception.engine.target import Category, Status
from co_perception.learners.recognition import Answer
from co_perception.msg import Activity
from co_perception.nodes.diagnostics import OK, diagnostic_array, tally_values
from co_perception.nodes.messages import activity_array, label_info, nanoseconds, to_duration, to_time
from co_perception.nodes.tally import Tally

SCORES = np.array([0.2, 0.5, 0.3], np.float32)
SURE = Category(1, description="green", confidence=0.5, probabilities=SCORES, progress=0.9, delay=3)


def message(fake: Any, category: Category, since_ns: int | None = None, top_k: int = 5) -> Any:
    answer = Answer(category, 7, 1_900_000_000, since_ns)
    header = Header(stamp=Time(sec=2, nanosec=5), frame_id="eye")
    return activity_array(header, [answer], fake, epoch=7, top_k=top_k, latency_ns=12_000_000, dropped=4)


def test_a_valid_answer(fake: Any) -> None:
    array = message(fake, SURE, since_ns=1_500_000_000)
    assert (array.header.frame_id, array.header.stamp) == ("eye", Time(sec=2, nanosec=5))
    assert (array.recognizer, array.label_set) == ("fake/colours", "colours")
    assert array.observation_delay == Duration(sec=0, nanosec=100_000_005)
    assert array.processing_latency == Duration(sec=0, nanosec=12_000_000)
    assert (array.dropped_frames, array.state_epoch) == (4, 7)
    (activity,) = array.activities
    assert (activity.subject_id, activity.status) == ("", Activity.STATUS_VALID)
    assert (activity.label, activity.class_id) == ("green", 1)
    assert activity.score == pytest.approx(0.5)
    assert activity.progress == pytest.approx(0.9)
    assert activity.since == Time(sec=1, nanosec=500_000_000)
    assert [(guess.label, guess.class_id) for guess in activity.hypotheses] == [("green", 1), ("blue", 2), ("red", 0)]
    assert (activity.roi.width, activity.roi.height) == (0, 0)


@pytest.mark.parametrize("status", [Status.WARMING_UP, Status.UNCERTAIN, Status.STALE])
def test_scores_without_a_label_that_counts(fake: Any, status: Status) -> None:
    (activity,) = message(fake, replace(SURE, status=status), top_k=2).activities
    assert (activity.status, activity.label, activity.class_id) == (int(status), "", -1)
    assert activity.score == pytest.approx(0.5)
    assert len(activity.hypotheses) == 2
    assert activity.since == Time()


def test_no_score_yet(fake: Any) -> None:
    (activity,) = message(fake, Category(-1, status=Status.WARMING_UP, progress=0.1)).activities
    assert (activity.label, activity.class_id, activity.score, activity.hypotheses) == ("", -1, 0.0, [])


def test_the_numbers_of_the_status_are_those_of_the_message() -> None:
    for status in Status:
        assert getattr(Activity, f"STATUS_{status.name}") == status.value


def test_label_info(fake: Any) -> None:
    info = label_info(fake, Time(sec=3))
    assert (info.recognizer, info.label_set, list(info.labels)) == ("fake/colours", "colours", ["red", "green", "blue"])
    assert (info.threshold, info.min_progress, info.receptive_field, info.rate_hz) == (0.0, 0.75, 8, 25.0)
    assert info.header.stamp.sec == 3


@pytest.mark.parametrize("ns", [0, 1, 999_999_999, 1_000_000_000, 1_795_437_902_563_100_245])
def test_stamps_there_and_back(ns: int) -> None:
    assert nanoseconds(to_time(ns)) == ns


@pytest.mark.parametrize("ns", [-1, 2**31 * 1_000_000_000])
def test_a_stamp_that_cannot_be_sent_is_refused(ns: int) -> None:
    with pytest.raises(ValueError, match="clock"):
        to_time(ns)


def test_a_negative_duration_keeps_its_value() -> None:
    assert nanoseconds(to_duration(-1_500_000_000)) == -1_500_000_000
    assert to_duration(-1_500_000_000).nanosec == 500_000_000


def test_diagnostics_are_text_in_order() -> None:
    tally = Tally()
    tally.count("received", 3)
    tally.time("step", 0.02)
    values = {"device": "cpu", **tally_values(tally, ("step", "latency"))}
    (status,) = diagnostic_array(Time(sec=1), "node: stream", OK, "fine", values, "cpu").status
    assert (status.name, status.level, status.message, status.hardware_id) == ("node: stream", OK, "fine", "cpu")
    assert [(value.key, value.value) for value in status.values] == [
        ("device", "cpu"),
        ("frames received", "3"),
        ("step p50 (ms)", "20.000"),
        ("step p95 (ms)", "20.000"),
        ("latency p50 (ms)", "no data yet"),
        ("latency p95 (ms)", "no data yet"),
    ]
