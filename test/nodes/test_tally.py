"""Counts and durations of a stream."""

import pytest

from co_perception.nodes.tally import Tally


def test_counts_and_drops_since_last_asked() -> None:
    tally = Tally(drops=("displaced", "unreadable"))
    tally.count("received", 5)
    tally.count("displaced")
    tally.count("unreadable", 2)
    assert tally.counts() == {"received": 5, "displaced": 1, "unreadable": 2}
    assert (tally.dropped, tally.newly_dropped(), tally.newly_dropped()) == (3, 3, 0)
    tally.count("displaced")
    assert tally.newly_dropped() == 1


def test_percentiles_of_the_newest_durations() -> None:
    tally = Tally(window=3)
    assert tally.percentile_ms("step", 50) is None
    for seconds in (9.0, 0.001, 0.002, 0.003):
        tally.time("step", seconds)
    assert tally.percentile_ms("step", 50) == pytest.approx(2.0)
    assert tally.seconds("step") == [0.001, 0.002, 0.003]
    assert tally.seconds("latency") == []
