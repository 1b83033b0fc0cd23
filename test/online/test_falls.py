"""The rule for falls: what is told, when, and what is not, from scores of posture and motion."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from co_perception.engine.time import NANO
from co_perception.online.events import NO_SCORES, Event, EventKind, LabelScores
from co_perception.online.falls import FallDetector, FallRules

HZ = 10
Frame = tuple[float, float] | None  # scores of lying and of falling; None: the person is not found

STANDING: Frame = (0.05, 0.02)
FELL: Frame = (0.3, 0.9)
LIES: Frame = (0.95, 0.05)


def events(frames: Iterable[Frame], rules: FallRules | None = None, valid: bool = True) -> list[Event]:
    """What is told of one person, frame by frame at 10 Hz from 1 s on."""
    detector, found = FallDetector(rules), list[Event]()
    for number, frame in enumerate(frames):
        found += detector.update(NANO + number * NANO // HZ, scores(frame, valid))
    return found


def scores(frame: Frame, valid: bool = True, name: str = "a") -> dict[tuple[str, str], LabelScores]:
    if frame is None:
        return {}
    lying, falling = frame
    return {
        (name, "posture"): LabelScores({"standing": 1 - lying, "sitting": 0.0, "lying": lying}, valid),
        (name, "motion"): LabelScores({"no_motion": 1 - falling, "falling": falling}),
    }


def times(found: Iterable[Event]) -> list[tuple[str, float, float]]:
    return [(event.kind.name, (event.at_ns - NANO) / NANO, (event.decided_ns - NANO) / NANO) for event in found]


def test_a_fall_is_told_half_a_second_after_the_person_lies_and_ends_when_they_are_up() -> None:
    found = events([STANDING] * 10 + [FELL] * 5 + [LIES] * 20 + [STANDING] * 12)
    assert times(found) == [("ONSET", 1.5, 2.0), ("OFFSET", 3.5, 4.5)]
    assert {(event.label, event.group, event.subject, event.began_ns) for event in found} == {
        ("fall", "fall", "a", NANO + 15 * NANO // HZ)
    }
    assert [event.score for event in found] == [0.95, 0.95]


@pytest.mark.parametrize(
    "frames",
    [
        [STANDING] * 10 + [(0.4, 0.08)] * 15 + [LIES] * 20,  # lies down slowly
        [STANDING] * 10 + [FELL] + [LIES] * 20,  # one frame is a doubt
        [STANDING] * 10 + [FELL] * 5 + [LIES] * 4 + [STANDING] * 10,  # bends, kneels or does a push-up
        [STANDING] * 10 + [FELL] * 5 + [(0.6, 0.1)] * 30,  # who lies is not sure
        [STANDING] * 10 + [FELL] * 5 + [STANDING] * 20 + [LIES] * 20,  # stumbled, and lay down later
        [LIES] * 10 + [(0.9, 0.9)] * 5 + [LIES] * 20,  # lay from the beginning
        [FELL] * 1 + [LIES] * 20,  # nobody saw them upright
        [STANDING] * 10 + [(0.3, 0.08)] * 5 + [LIES] * 10 + [(0.9, 0.9)] * 5 + [LIES] * 10,  # moves while lying
    ],
)
def test_no_fall_is_told_of_somebody_who_did_not_fall(frames: list[Frame]) -> None:
    assert events(frames) == []


def test_a_wobble_of_lying_does_not_tell_a_fall_twice() -> None:
    found = events([STANDING] * 10 + [FELL] * 5 + [LIES] * 10 + [(0.4, 0.9)] * 4 + [LIES] * 20)
    assert [event.kind for event in found] == [EventKind.ONSET]


def test_who_falls_twice_is_told_twice() -> None:
    once = [STANDING] * 10 + [FELL] * 5 + [LIES] * 10
    assert [event.kind.name for event in events(once + [STANDING] * 15 + once)] == ["ONSET", "OFFSET", "ONSET"]


def test_who_is_lost_while_falling_is_told_when_found_again_soon_and_ends_when_lost_for_good() -> None:
    found = events([STANDING] * 10 + [FELL] * 4 + [None] * 3 + [LIES] * 10 + [None] * 15)
    assert times(found) == [("ONSET", 1.7, 2.2), ("OFFSET", 2.7, 3.7)]


def test_nobody_who_is_out_of_sight_is_told_to_have_fallen() -> None:
    assert events([STANDING] * 10 + [FELL] * 5 + [LIES] + [None] * 9) == []
    (told,) = events([STANDING] * 10 + [FELL] * 5 + [LIES] + [None] * 6 + [LIES] * 2)
    assert (told.score, times([told])) == (0.95, [("ONSET", 1.5, 2.2)])


def test_scores_that_must_not_be_believed_tell_nothing() -> None:
    frames: list[Frame] = [STANDING] * 10 + [FELL] * 5 + [LIES] * 20
    assert events(frames, valid=False) == []
    detector = FallDetector()
    for number in range(30):
        stamp_ns = NANO + number * NANO // HZ
        assert detector.update(stamp_ns, {("a", "posture"): NO_SCORES, ("a", "arms"): NO_SCORES}) == []


def test_a_gap_a_step_back_and_the_end_end_a_fall() -> None:
    for stamp_ns in (20 * NANO, NANO):
        detector, found = FallDetector(), list[Event]()
        for number, frame in enumerate([STANDING] * 10 + [FELL] * 5 + [LIES] * 10):
            found += detector.update(NANO + number * NANO // HZ, scores(frame))
        (end,) = detector.update(stamp_ns, scores(LIES))
        assert end.kind == EventKind.OFFSET and end.at_ns == NANO + 24 * NANO // HZ
        assert detector.end() == []


def test_people_are_apart_and_no_more_are_remembered_than_allowed() -> None:
    detector, found = FallDetector(FallRules(most_subjects=2)), list[Event]()
    for number, frame in enumerate([STANDING] * 10 + [FELL] * 5 + [LIES] * 10):
        crowd = {key: value for name in "bcd" for key, value in scores(STANDING, name=name).items()}
        found += detector.update(NANO + number * NANO // HZ, scores(frame) | (crowd if number > 22 else {}))
    assert [(event.subject, event.kind.name) for event in found] == [("a", "ONSET")]
    assert [event.subject for event in detector.end(["b", "c", "d"])] == []
    assert [event.subject for event in detector.end()] == ["a"]


def test_a_label_set_without_lying_or_falling_has_no_falls() -> None:
    groups = ("posture", "posture", "motion", "motion")
    assert FallDetector.applies_to(("standing", "lying", "no_motion", "falling"), groups)
    assert not FallDetector.applies_to(("standing", "lying", "no_motion", "walking"), groups)
    assert not FallDetector.applies_to(("standing", "lying", "no_motion", "falling"), ())


@pytest.mark.parametrize("wrong", [{"upright": 0.9}, {"lying": 1.1}, {"lying_s": -1.0}, {"most_subjects": 0}])
def test_rules_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"expected 0 <=|are 0 or more|at least 1"):
        FallRules(**wrong)  # type: ignore[arg-type]
