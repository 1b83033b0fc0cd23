"""Counts and durations of a stream, and the diagnostics made of them."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from builtin_interfaces.msg import Time

from co_perception.nodes.core.diagnostics import OK, Counters, counter_values, diagnostic_array


def test_counts_and_drops_since_last_asked() -> None:
    counters = Counters(drops=("displaced", "unreadable"))
    counters.count("received", 5)
    counters.count("displaced")
    counters.count("unreadable", 2)
    assert counters.counts() == {"received": 5, "displaced": 1, "unreadable": 2}
    assert (counters.dropped, counters.newly_dropped(), counters.newly_dropped()) == (3, 3, 0)
    counters.count("displaced")
    assert counters.newly_dropped() == 1


def test_percentiles_of_the_newest_durations() -> None:
    counters = Counters(window=3)
    assert counters.percentile_ms("step", 50) is None
    for seconds in (9.0, 0.001, 0.002, 0.003):
        counters.time("step", seconds)
    assert counters.percentile_ms("step", 50) == pytest.approx(2.0)
    assert counters.seconds("step") == [0.001, 0.002, 0.003]
    assert counters.seconds("latency") == []


def test_diagnostics_are_text_in_order() -> None:
    counters = Counters()
    counters.count("received", 3)
    counters.time("step", 0.02)
    values = {"device": "cpu", **counter_values(counters, ("step", "latency"))}
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
