"""Assignment of annotations: tracks that follow each other, tracks that overlap, and the order of the rules."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from co_perception.data.annotations.assignment import Assignment, assign, in_sight
from co_perception.data.annotations.intervals import Interval

ANNA = Interval(0, 1000, "wave", "anna")


def stamps(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def times(intervals: Iterable[Interval]) -> list[tuple[int, int]]:
    return [(interval.start_ns, interval.end_ns) for interval in intervals]


def spans(found: Assignment, subject: str) -> list[tuple[int, int, str]]:
    return [(part.interval.start_ns, part.interval.end_ns, part.interval.label) for part in found.activities[subject]]


@pytest.mark.parametrize("first_of_second", [401, 450, 500, 700])
def test_a_track_that_begins_after_another_has_ended_raises_no_doubt_however_early_its_frame(
    first_of_second: int,
) -> None:
    """The usual distance of frames is 100: half-open spans, prolonged by it, would overlap for 401 and 450."""
    tracks = {"t1": stamps(0, 100, 200, 300, 400), "t2": stamps(first_of_second, 800, 900, 1000)}
    found = assign([ANNA], tracks)
    assert not found.doubtful
    assert spans(found, "t1") == [(0, 500, "wave")] and spans(found, "t2") == [(first_of_second, 1000, "wave")]


def test_named_interval_holds_though_somebody_passes_by_in_one_frame() -> None:
    alone = stamps(*range(0, 1000, 10))
    found = assign([ANNA], {"a": alone, "b": stamps(590)})
    assert not found.doubtful and not found.activities["b"]
    assert spans(found, "a") == [(0, 590, "wave"), (591, 1000, "wave")]
    assert [(part.start_ns, part.end_ns) for part in found.unknown["a"]] == [(590, 591)]


def test_two_tracks_that_share_one_frame_are_in_sight_at_once() -> None:
    found = assign([ANNA], {"t1": stamps(0, 100, 200), "t2": stamps(200, 300, 400)})
    assert found.doubtful == (0,) and not spans(found, "t1") and not spans(found, "t2")  # two people: who is Anna?
    assert times(found.unknown["t2"]) == [(200, 300), (300, 500)]
    # A frame at the end of the interval is not in it.
    found = assign([ANNA], {"t1": stamps(0, 500, 1000), "t2": stamps(1000, 1500)})
    assert not found.doubtful and spans(found, "t1") == [(0, 1000, "wave")] and not spans(found, "t2")


def test_time_of_a_named_person_does_not_go_to_somebody_who_stays_when_she_has_left() -> None:
    """The fault: anna is p1, who leaves during her annotation; p2, who was there with her, got the rest of it."""
    anna, before = Interval(3000, 10000, "wave", "anna"), Interval(0, 1000, "wave", "anna")
    p2 = stamps(*range(4000, 20000, 100))
    found = assign([anna], {"p1": stamps(*range(0, 5000, 100)), "p2": p2})
    assert found.doubtful == (0,) and not spans(found, "p1") and not spans(found, "p2")
    assert times(found.unknown["p2"])[-1] == (5000, 10000)
    # In sight together from the beginning, or before the annotation alone.
    for start in (0, 1000):
        found = assign([anna], {"p1": stamps(*range(0, 5000, 100)), "p2": stamps(*range(start, 20000, 100))})
        assert found.doubtful == (0,) and not spans(found, "p2")
    # Her other annotations tell which track is hers.
    long = Interval(-20000, 0, "wave", "anna")
    found = assign([long, before, anna], {"p1": stamps(*range(-20000, 5000, 100)), "p2": p2})
    assert spans(found, "p1") == [(-20000, 0, "wave"), (0, 1000, "wave"), (3000, 4000, "wave")]
    assert not found.doubtful and not spans(found, "p2")
    assert times(found.unknown["p2"]) == [(4000, 5000), (5000, 10000)]


def test_unknown_time_of_a_name_is_unknown_for_what_everybody_does_too() -> None:
    anna, everybody = Interval(0, 1000, "wave", "anna"), Interval(0, 2000, "walk")
    found = assign([anna, everybody], {"p1": stamps(*range(0, 600, 100)), "p2": stamps(*range(500, 2000, 100))})
    assert spans(found, "p2") == [(1000, 2000, "walk")] and not spans(found, "p1")


def test_somebody_lost_and_found_under_a_new_id_stays_the_person_beside_another() -> None:
    """p1 and p3 are never there at once; p2 is there with both of them, and alone between."""
    tracks = {
        "p1": stamps(*range(0, 4000, 100)),
        "p2": stamps(*range(3500, 5500, 100)),
        "p3": stamps(*range(5000, 9000, 100)),
    }
    found = assign([Interval(0, 9000, "wave", "anna")], tracks)
    assert spans(found, "p1") == [(0, 3500, "wave")] and spans(found, "p3") == [(5500, 9000, "wave")]
    assert not spans(found, "p2") and times(found.unknown["p2"]) == [(3500, 4000), (5000, 5500), (4000, 5000)]


def test_somebody_who_was_there_at_the_first_frame_takes_no_annotation_away() -> None:
    found = assign([ANNA], {"a": stamps(*range(0, 1000, 10)), "b": stamps(0)})
    assert spans(found, "a") == [(1, 1000, "wave")] and not found.doubtful


def test_two_who_stay_to_the_end_of_the_recording_have_not_left() -> None:
    tracks = {"p1": stamps(*range(0, 900, 100)), "p2": stamps(*range(500, 900, 100))}
    assert spans(assign([ANNA], tracks), "p1") == [(0, 500, "wave")]


def test_a_track_that_comes_back_was_there_all_the_time() -> None:
    """So the track that is in sight meanwhile is another person."""
    away = {"t1": stamps(0, 100, 200, 1200), "t2": stamps(500, 600)}
    found = assign([ANNA], away)
    assert spans(found, "t1") == [(0, 500, "wave"), (700, 1000, "wave")] and not spans(found, "t2")
    assert spans(assign([ANNA], {"t1": away["t1"][:3], "t2": away["t2"]}), "t2") == [(500, 700, "wave")]


def test_two_annotations_of_persons_at_a_time_are_doubtful_though_one_subject_is_in_sight() -> None:
    others = [Interval(900, 1100, "sit", "ben"), Interval(1100, 1200, "sit", "ben")]
    found = assign([ANNA, *others], {"t1": stamps(0, 500, 950, 1150)})
    assert not found.doubtful
    assert spans(found, "t1") == [(0, 900, "wave"), (1000, 1100, "sit"), (1100, 1200, "sit")]
    assert [(part.start_ns, part.end_ns) for part in found.unknown["t1"]] == [(900, 1000)]
    assert assign([ANNA, Interval(0, 1000, "sit", "ben")], {"t1": stamps(0, 500)}).doubtful == (0, 1)


def test_doubt_goes_before_everybodys_and_a_subjects_own_before_doubt() -> None:
    everybody, own = Interval(0, 2000, "walk"), Interval(100, 300, "sit", "t1")
    both = stamps(*range(0, 2000, 100))
    found = assign([everybody, ANNA, own], {"t1": both, "t2": both, "": both})
    assert spans(found, "t1") == [(100, 300, "sit"), (1000, 2000, "walk")]
    assert spans(found, "t2") == spans(found, "") == [(1000, 2000, "walk")]
    assert [(part.start_ns, part.end_ns) for part in found.unknown["t1"]] == [(0, 100), (300, 1000)]
    assert [part.annotation for part in found.activities["t1"]] == [2, 0]


def test_in_sight_is_from_the_first_frame_to_just_after_the_last() -> None:
    frames = stamps(200, 300, 400, 500)
    assert in_sight(Interval(0, 250, "a"), frames) == Interval(200, 250, "a")
    assert in_sight(Interval(250, 900, "a"), frames) == Interval(250, 600, "a")
    assert in_sight(Interval(310, 390, "a"), frames) is None
    assert in_sight(Interval(0, 900, "a"), stamps(7)) == Interval(7, 8, "a")


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9), st.sampled_from(["", "t1", "anna"])), max_size=4),
    st.dictionaries(
        st.sampled_from(["", "t1", "t2"]), st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True)
    ),
)
def test_a_subject_does_one_thing_at_a_time_within_the_annotation(
    rows: list[tuple[int, int, str]], frames: dict[str, list[int]]
) -> None:
    annotations = [Interval(start, start + length, f"{n}", subject) for n, (start, length, subject) in enumerate(rows)]
    assume(all(one.subject != other.subject or not _overlap(one, other) for one, other in combinations(annotations, 2)))
    found = assign(annotations, {subject: stamps(*sorted(each)) for subject, each in frames.items()})
    for subject, parts in found.activities.items():
        for interval, n in parts:
            assert annotations[n].start_ns <= interval.start_ns < interval.end_ns <= annotations[n].end_ns
            assert interval.label == annotations[n].label and n not in found.doubtful
        active = [part.interval for part in parts]
        assert not any(_overlap(one, other) for one, other in combinations(active, 2))
        assert not any(_overlap(one, other) for one, other in product(active, found.unknown[subject]))


def _overlap(one: Interval, other: Interval) -> bool:
    return one.start_ns < other.end_ns and other.start_ns < one.end_ns
