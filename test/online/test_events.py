"""Scripted scores, with the events they must give worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from co_perception.engine.time import NANO
from co_perception.online.events import (
    Event,
    EventDetector,
    EventKind,
    LabelScores,
    Rules,
    label_rules,
    label_rules_text,
)

STEP = NANO // 10
RULES = Rules(on=0.6, off=0.4, min_on_s=0.3, min_off_s=0.2)


def scores(walk: float, wave: float = 0.0) -> dict[str, float]:
    return {"walk": walk, "wave": wave}


@pytest.mark.parametrize(
    ("frames", "events"),
    [
        pytest.param([scores(0.2)] * 2 + [scores(0.7)] * 3, [], id="an onset takes its time"),
        pytest.param([scores(0.2)] * 2 + [scores(0.7)] * 4, [("onset", "walk", 2, 5)], id="and names when it began"),
        pytest.param(
            [scores(0.7)] * 2 + [scores(0.5)] + [scores(0.7)] * 4, [("onset", "walk", 3, 6)], id="a flicker starts anew"
        ),
        pytest.param([scores(0.7)] * 4 + [scores(0.45)] * 20, [("onset", "walk", 0, 3)], id="holds between off and on"),
        pytest.param(
            [scores(0.7)] * 5 + [scores(0.1)] + [scores(0.5)] + [scores(0.1)] * 3,
            [("onset", "walk", 0, 3), ("offset", "walk", 7, 9)],
            id="an offset names when the score fell",
        ),
        pytest.param(
            [scores(0.7)] * 5 + [scores(0.4, 0.6)] * 4,
            [("onset", "walk", 0, 3), ("offset", "walk", 5, 8), ("onset", "wave", 5, 8)],
            id="another label takes over from its first frame",
        ),
    ],
)
def test_timelines(frames: list[dict[str, float]], events: list[tuple[str, str, int, int]]) -> None:
    """(kind, label, at, decided) in frames, of one subject seen ten times a second."""
    detector = EventDetector(RULES)
    found = [e for i, frame in enumerate(frames) for e in detector.update(i * STEP, {"1": LabelScores(frame)})]
    assert [(e.kind.name.lower(), e.label, e.at_ns // STEP, e.decided_ns // STEP) for e in found] == events


def test_scores_that_are_not_to_be_believed_begin_nothing_and_end_nothing() -> None:
    detector = EventDetector(RULES)
    frames = [LabelScores(scores(0.9), valid=i >= 5) for i in range(9)] + [LabelScores(scores(0.9), valid=False)] * 9
    events = [event for i, seen in enumerate(frames) for event in detector.update(i * STEP, {"1": seen})]
    assert [(e.kind, e.at_ns // STEP) for e in events] == [(EventKind.ONSET, 5)]


def test_who_disappears_has_stopped_and_is_forgotten() -> None:
    detector = EventDetector(RULES)
    for i in range(5):
        detector.update(i * STEP, {"1": LabelScores(scores(0.9))})
    assert detector._subjects["1"].label == "walk"
    assert detector.update(5 * STEP, {}) == []
    (gone,) = detector.update(7 * STEP, {})
    assert gone == Event(EventKind.OFFSET, "1", "walk", 5 * STEP, 0, 7 * STEP, 0.9)
    detector.update(8 * STEP, {})
    assert detector._subjects == {}


def test_a_jump_back_ends_what_held_where_it_was_last_seen() -> None:
    detector = EventDetector(RULES)
    for i in range(100, 105):
        detector.update(i * STEP, {"1": LabelScores(scores(0.9)), "2": LabelScores(scores(0.0, 0.9))})
    events = detector.update(0, {"1": LabelScores(scores(0.9))})
    assert {(e.subject, e.label, e.at_ns // STEP) for e in events} == {("1", "walk", 104), ("2", "wave", 104)}


def test_a_gap_ends_what_held_where_it_was_last_seen() -> None:
    """However soon the same begins again after it."""
    detector = EventDetector(RULES)
    for i in range(5):
        assert detector.update(i * STEP, {"1": LabelScores(scores(0.9))}) == [] or i == 3
    longest = round(RULES.max_gap_s * NANO)
    assert detector.update(4 * STEP + longest, {"1": LabelScores(scores(0.9))}) == []
    (ended,) = detector.update(5 * STEP + 2 * longest, {"1": LabelScores(scores(0.9))})
    assert (ended.kind, ended.at_ns, ended.began_ns) == (EventKind.OFFSET, 4 * STEP + longest, 0)


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
        for event in detector.update(now, {name: LabelScores(by_label) for name, by_label in seen.items()}):
            if event.kind == EventKind.OFFSET:
                assert held.pop(event.subject) == event.label
            else:
                assert event.subject not in held
                held[event.subject] = event.label
            assert event.began_ns <= event.at_ns <= event.decided_ns
        assert len(detector._subjects) <= 2


def test_a_late_or_doubled_frame_ends_nothing() -> None:
    """It ended what held, and the onset was told again."""
    detector, walking = EventDetector(RULES), {"1": LabelScores(scores(0.9))}
    order = [*range(8), 7, 5, 8, 10, 9, *range(11, 20)]
    events = [event for n in order for event in detector.update(n * STEP, walking)]
    assert [(event.kind, event.at_ns) for event in events] == [(EventKind.ONSET, 0)]


def test_a_new_epoch_of_the_recognizer_ends_what_held_at_once() -> None:
    """Its clock was set back by a little: its stamps are not late."""
    detector, walking = EventDetector(RULES), {"1": LabelScores(scores(0.9))}
    frames = [(n * STEP, 3) for n in range(10)] + [(n * STEP, 4) for n in range(7, 20)]
    events = [event for ns, epoch in frames for event in detector.update(ns, walking, epoch)]
    on, off = EventKind.ONSET, EventKind.OFFSET
    assert [(e.kind, e.at_ns // STEP) for e in events] == [(on, 0), (off, 9), (on, 7)]


def test_a_label_with_rules_of_its_own_follows_them_and_the_others_do_not() -> None:
    own = Rules(on=0.8, off=0.6, min_on_s=0.0, min_off_s=0.0)
    detector = EventDetector(Rules(on=0.6, off=0.4, min_on_s=0.3, min_off_s=0.2, of_labels=(("wave", own),)))
    frames = [scores(0.1, 0.7)] * 5 + [scores(0.1, 0.8)] + [scores(0.1, 0.55)] + [scores(0.7)] * 4 + [scores(0.1)] * 3
    found = [e for i, frame in enumerate(frames) for e in detector.update(i * STEP, {"1": LabelScores(frame)})]
    assert [(e.kind.name, e.label, e.at_ns // STEP, e.decided_ns // STEP) for e in found] == [
        ("ONSET", "wave", 5, 5), ("OFFSET", "wave", 6, 6), ("ONSET", "walk", 7, 10), ("OFFSET", "walk", 11, 13),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "wave",
        "wave: 1, 2",
        "wave: 0.5, 0.6, 1, 1",
        ": 0.5, 0.4, 1, 1",
        "a: .5, .4, 1, 1; a: .5, .4, 1, 1",
        "w: x, 0, 0, 0",
    ],
)
def test_rules_of_labels_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="event_rules"):
        label_rules(text)


def test_rules_of_labels_survive_as_text() -> None:
    rules = {"throwing axe": Rules(0.9, 0.63, 0.5, 0.3), "wave": Rules(1, 0.5, 2, 1)}
    assert label_rules(label_rules_text(rules)) == rules and label_rules("") == {}
    with pytest.raises(ValueError, match="semicolon"):
        label_rules_text({"a;b": Rules()})
