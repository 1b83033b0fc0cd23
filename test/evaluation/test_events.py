"""Scripted scores, with the events they must give worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from co_perception.evaluation.events import NANO, Event, EventDetector, Kind, Rules, Seen

STEP = NANO // 10
RULES = Rules(on=0.6, off=0.4, min_on_s=0.3, min_off_s=0.2)


def run(frames: list[dict[str, float]], rules: Rules = RULES) -> list[tuple[str, str, int, int]]:
    """(kind, label, at, decided) in frames, of one subject seen ten times a second."""
    detector = EventDetector(rules)
    events = [event for i, scores in enumerate(frames) for event in detector.update(i * STEP, {"1": Seen(scores)})]
    return [(e.kind.name.lower(), e.label, e.at_ns // STEP, e.decided_ns // STEP) for e in events]


def scores(walk: float, wave: float = 0.0) -> dict[str, float]:
    return {"walk": walk, "wave": wave}


def test_an_onset_takes_its_time_and_names_when_it_began() -> None:
    assert run([scores(0.2)] * 2 + [scores(0.7)] * 3) == []
    assert run([scores(0.2)] * 2 + [scores(0.7)] * 4) == [("onset", "walk", 2, 5)]


def test_a_flicker_starts_the_time_anew() -> None:
    frames = [scores(0.7)] * 2 + [scores(0.5)] + [scores(0.7)] * 4
    assert run(frames) == [("onset", "walk", 3, 6)]


def test_between_off_and_on_a_label_holds() -> None:
    assert run([scores(0.7)] * 4 + [scores(0.45)] * 20) == [("onset", "walk", 0, 3)]


def test_an_offset_names_when_the_score_fell() -> None:
    frames = [scores(0.7)] * 5 + [scores(0.1)] + [scores(0.5)] + [scores(0.1)] * 3
    assert run(frames)[1:] == [("offset", "walk", 7, 9)]


def test_another_label_takes_over_from_its_first_frame() -> None:
    frames = [scores(0.7)] * 5 + [scores(0.4, 0.6)] * 4
    assert run(frames)[1:] == [("offset", "walk", 5, 8), ("onset", "wave", 5, 8)]


def test_scores_that_are_not_to_be_believed_begin_nothing_and_end_nothing() -> None:
    detector = EventDetector(RULES)
    frames = [Seen(scores(0.9), valid=i >= 5) for i in range(9)] + [Seen(scores(0.9), valid=False)] * 9
    events = [event for i, seen in enumerate(frames) for event in detector.update(i * STEP, {"1": seen})]
    assert [(e.kind, e.at_ns // STEP) for e in events] == [(Kind.ONSET, 5)]


def test_who_disappears_has_stopped_and_is_forgotten() -> None:
    detector = EventDetector(RULES)
    for i in range(5):
        detector.update(i * STEP, {"1": Seen(scores(0.9))})
    assert detector.holding("1") == "walk"
    assert detector.update(5 * STEP, {}) == []
    (gone,) = detector.update(7 * STEP, {})
    assert gone == Event(Kind.OFFSET, "1", "walk", 5 * STEP, 0, 7 * STEP, 0.9)
    detector.update(8 * STEP, {})
    assert detector._subjects == {}


def test_a_jump_back_ends_what_held_where_it_was_last_seen() -> None:
    detector = EventDetector(RULES)
    for i in range(100, 105):
        detector.update(i * STEP, {"1": Seen(scores(0.9)), "2": Seen(scores(0.0, 0.9))})
    events = detector.update(0, {"1": Seen(scores(0.9))})
    assert {(e.subject, e.label, e.at_ns // STEP) for e in events} == {("1", "walk", 104), ("2", "wave", 104)}


def test_a_gap_ends_what_held_where_it_was_last_seen() -> None:
    """However soon the same begins again after it."""
    detector = EventDetector(RULES)
    for i in range(5):
        assert detector.update(i * STEP, {"1": Seen(scores(0.9))}) == [] or i == 3
    longest = round(RULES.max_gap_s * NANO)
    assert detector.update(4 * STEP + longest, {"1": Seen(scores(0.9))}) == []
    (ended,) = detector.update(5 * STEP + 2 * longest, {"1": Seen(scores(0.9))})
    assert (ended.kind, ended.at_ns, ended.began_ns) == (Kind.OFFSET, 4 * STEP + longest, 0)


@pytest.mark.parametrize("wrong", [{"on": 0.3, "off": 0.5}, {"min_on_s": -1.0}, {"most_subjects": 0}])
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="off|dwell|most"):
        Rules(**wrong)  # type: ignore[arg-type]


frame = st.dictionaries(st.sampled_from("abc"), st.dictionaries(st.sampled_from(["x", "y"]), st.floats(0, 1)))


@given(st.lists(st.tuples(st.integers(-3, 9), frame), max_size=60))
def test_onsets_and_offsets_take_turns_and_memory_is_bounded(frames: list[tuple[int, dict]]) -> None:
    rules = Rules(min_on_s=0.2, min_off_s=0.1, most_subjects=2)
    held: dict[str, str] = {}
    detector, now = EventDetector(rules), 0
    for step, seen in frames:
        now += step * STEP
        for event in detector.update(now, {name: Seen(by_label) for name, by_label in seen.items()}):
            if event.kind == Kind.OFFSET:
                assert held.pop(event.subject) == event.label
            else:
                assert event.subject not in held
                held[event.subject] = event.label
            assert event.began_ns <= event.at_ns <= event.decided_ns
        assert len(detector._subjects) <= 2
