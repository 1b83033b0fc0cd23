"""A whole evaluation: perfect, silent and by hand; what is left out; what does not depend on the order."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from co_perception.data.annotations.intervals import Interval
from co_perception.engine.target import Status
from co_perception.evaluation.ground_truth import Protocol, Replayed
from co_perception.evaluation.records import FrameRecord
from co_perception.evaluation.summary import FIGURES, Bootstrap, Requirement, Summary, summarize
from co_perception.online.events import Rules

CLASSES = ("walk", "wave", "sit", "fall", "jump", "point", "bow")
S = 1_000_000_000
LETTERS = {"k": "walk", "v": "wave", "s": "sit"}
PROMPT = Protocol("none", rules=Rules(min_on_s=0, min_off_s=0))
FEW = Bootstrap(draws=20)


def frame(at: int, letter: str, subject: str) -> FrameRecord:
    """One a second. A letter says its class, a dot nothing, ~ warms up, _ is stale, x was dropped."""
    status = {".": Status.UNCERTAIN, "~": Status.WARMING_UP, "_": Status.STALE, "x": None}.get(letter, Status.VALID)
    scores = np.full(len(CLASSES), 0.02, np.float32)
    scores[CLASSES.index(LETTERS.get(letter, "bow"))] = 0.88
    return FrameRecord(at * S, subject, status, probabilities=None if letter in "~x" else scores)


def recording(truth: str, predicted: str, name: str = "a", subject: str = "p") -> Replayed:
    """One letter a second; dots in the truth are not annotated."""
    frames = ((n, letter) for n, letter in enumerate(truth) if letter != ".")
    intervals = [Interval(n * S, (n + 1) * S, LETTERS[letter], subject) for n, letter in frames]
    joined: list[Interval] = []
    for each in intervals:
        if joined and joined[-1].label == each.label and joined[-1].end_ns == each.start_ns:
            joined[-1] = replace(joined[-1], end_ns=each.end_ns)
        else:
            joined.append(each)
    return Replayed(name, [frame(n, letter, subject) for n, letter in enumerate(predicted)], joined)


def figures(truth: str, predicted: str, protocol: Protocol = PROMPT) -> dict[str, float]:
    return summarize([recording(truth, predicted)], CLASSES, protocol, FEW).overall


def test_who_is_always_right_gets_full_marks() -> None:
    found = figures("..kkkk..vvv.kk", "..kkkk..vvv.kk")
    shares = ("top1", "top1_of_all", "top5", "balanced_accuracy", "macro_f1", "map", "mcap", "detected")
    assert [found[name] for name in shares] == [1.0] * len(shares)
    assert [found[name] for name in found if "f1_" in name] == [1.0] * 6
    assert [found[name] for name in ("onset_error_s", "offset_error_s", "delay_s", "flicker_per_minute")] == [0.0] * 4
    assert found["ece"] == pytest.approx(0.12)  # always right, 0.88 sure


def test_one_recording_by_hand() -> None:
    found = figures("..kkkk..vv", "~~.kkk.kvv")
    # Judged: all ten. Silent: two. Answered: "." none at a walk, then k k k, "." at none, k at none, v v.
    assert found["top1"] == pytest.approx(6 / 8)
    assert found["top1_of_all"] == pytest.approx(6 / 10)
    assert found["balanced_accuracy"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert found["macro_f1"] == pytest.approx((6 / 8 + 1 + 2 / 4) / 3)
    # Said segments: walk 3..6 (IoU 3/4), walk 7..8 (false), wave 8..10 (hit).
    assert found["segment_f1_50"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 0))
    assert found["onset_error_s"] == pytest.approx((1 + 0) / 2)
    assert found["delay_s"] == pytest.approx((1 + 0) / 2)
    assert found["delay_share"] == pytest.approx((1 / 4 + 0) / 2)
    # Changes within one truth: none to walk (late), none to walk (false); 8 s of answers.
    assert found["flicker_per_minute"] == pytest.approx(2 / (8 / 60))


def test_without_a_background_time_without_annotation_is_not_judged() -> None:
    known = figures("..kkkk..vv", "ss.kkkssvv", Protocol(rules=PROMPT.rules))
    assert known["top1"] == pytest.approx(5 / 6)
    assert known["segment_f1_10"] == 1.0
    assert figures("..kkkk..vv", "ss.kkkssvv")["segment_f1_10"] == pytest.approx(2 * 2 / (2 * 2 + 2))


def test_a_label_that_lags_into_the_next_activity_is_one_segment() -> None:
    found = figures("kkkkvvvv", "kkkkkvvv", Protocol(rules=PROMPT.rules))
    assert found["segment_f1_50"] == 1.0
    assert found["offset_error_s"] == pytest.approx((1 + 0) / 2)


def test_stale_and_dropped_frames() -> None:
    replayed = recording("kkkkkk", "kk_xkk")
    found = summarize([replayed], CLASSES, PROMPT, FEW)
    assert found.overall["top1"] == 1.0
    assert found.overall["top1_of_all"] == pytest.approx(4 / 5)  # the dropped one; the stale one was nobody's to answer
    assert (found.counts["stale"], found.counts["dropped"], found.timing.missed) == (1, 1, 1)
    # What is stale is nothing to act on, so the event is told in two pieces; a dropped frame alone would not do that.
    assert found.overall["segment_f1_10"] == pytest.approx(2 / 3)
    assert figures("kkkkkk", "kkxxkk")["segment_f1_10"] == 1.0


def test_the_background_may_be_a_class_of_the_recognizer() -> None:
    classes = ("walk", "none")
    scores = [np.array(row, np.float32) for row in ((0.9, 0.1), (0.2, 0.8), (0.4, 0.6))]
    records = [FrameRecord(n * S, "p", probabilities=row) for n, row in enumerate(scores)]
    found = summarize([Replayed("a", records, [Interval(0, S, "walk", "p")])], classes, PROMPT, FEW)
    assert found.classes == classes
    assert found.overall["top1"] == found.overall["map"] == found.overall["event_f1_50"] == 1.0
    assert np.isnan(found.per_class["none"]["ap"])


def test_several_recordings_and_subjects_add_up() -> None:
    parts = [recording("kkkk", "kkkk"), recording("vvvv", "vvkk", "b"), recording("ss..", "ss..", "b", "q")]
    both = Replayed("b", [*parts[1].records, *parts[2].records], [*parts[1].annotations, *parts[2].annotations])
    found = summarize([parts[0], both], CLASSES, PROMPT, FEW)
    assert list(found.per_subject) == ["a/p", "b/p", "b/q"]
    assert [row["top1"] for row in found.per_subject.values()] == [1.0, 0.5, 1.0]
    assert found.overall["top1"] == pytest.approx(10 / 12)
    assert found.counts["events"] == 3
    low, high = found.intervals["top1"]
    assert low < 6 / 8 and high > 0.98  # the bootstrap alone has 6 / 8 and 1
    assert found.per_class["wave"]["recall"] == 0.5 and found.per_class["wave"]["events"] == 1
    assert found.confusion[CLASSES.index("wave"), CLASSES.index("walk")] == 2


def test_evaluate_twice_no_interval_of_few_recordings_has_width_0() -> None:
    parts = [recording("kkvvss..", "kkvvss..", name) for name in "ab"]
    found = summarize(parts, CLASSES, PROMPT, FEW)
    assert found.overall["top1"] == found.overall["map"] == 1.0
    assert all(low < high for low, high in found.intervals.values())
    assert found.intervals["top1"] == pytest.approx((0.3424, 1.0), abs=1e-4)  # Wilson's, for 2 of 2
    assert "delay_s" not in found.intervals  # the same in both


def test_people_of_one_recording_are_no_independent_takes() -> None:
    parts = [recording("kkvv", "kkvk", "a", subject) for subject in ("p", "q")]
    both = Replayed("a", [*parts[0].records, *parts[1].records], [*parts[0].annotations, *parts[1].annotations])
    found = summarize([both], CLASSES, PROMPT, FEW)
    assert not found.intervals and found.judged.units == 1 and found.judged.interval is None
    assert "measured on 1 recordings: no interval" in found.judged.words()


def test_accuracies_stand_beside_what_an_answer_that_never_changes_gets() -> None:
    found = summarize([recording("kkkkkkvvss", "~kkkkkkkkk", "a")], CLASSES, Protocol(), FEW)
    assert found.chance["top1"] == found.overall["top1"] == pytest.approx(5 / 9)
    assert found.chance["top1_of_all"] == 6 / 10 and found.chance["balanced_accuracy"] == pytest.approx(1 / 3)
    assert not found.judged.above_chance and "No better than chance" in found.judged.words()
    long = summarize([recording("kkvvss" * 10, "kkvvss" * 10, "a")], CLASSES, Protocol(), FEW)
    assert long.judged.above_chance and found.as_dict()["judged"]["chance"] == pytest.approx(5 / 9, abs=1e-6)


def test_figures_of_a_subject_are_those_of_it_alone() -> None:
    parts = [recording("kkvv..", "kkkv..", "a"), recording("ss.vv.", "ssvv..", "b")]
    whole = summarize(parts, CLASSES, PROMPT, FEW)
    for part, row in zip(parts, whole.per_subject.values(), strict=True):
        alone = summarize([part], CLASSES, PROMPT, FEW).overall
        assert {name: row[name] for name in alone} == pytest.approx(alone, nan_ok=True)


def test_the_order_of_records_and_recordings_means_nothing() -> None:
    parts = [recording("kkvv..kk", "kkkv..k.", "a"), recording("ss.vv.", "ssvv..", "b")]
    shuffled = [replace(part, records=list(reversed(part.records))) for part in reversed(parts)]
    one, other = (summarize(each, CLASSES, PROMPT, FEW).overall for each in (parts, shuffled))
    assert one == pytest.approx(other, nan_ok=True)


def test_frames_are_judged_now_or_at_what_they_describe() -> None:
    late = recording("kkkkvvvv", "kkkkkkvv")
    records = [replace(record, delay_ns=2 * S) for record in late.records]
    found = [
        summarize([replace(late, records=records)], CLASSES, Protocol(described=described), FEW).overall["top1"]
        for described in (False, True)
    ]
    assert found == [6 / 8, 1.0]


def test_the_result_is_plain_json_and_the_same_again() -> None:
    def text(summary: Summary) -> str:
        return json.dumps(summary.as_dict(), allow_nan=False, sort_keys=True)

    parts = [recording("kkvv..", "kkkv..", "a"), recording("ss.vv.", "~sxv..", "b")]
    first = summarize(parts, CLASSES, PROMPT, FEW)
    assert text(first) == text(summarize(parts, CLASSES, PROMPT, FEW))
    plain = json.loads(text(first))
    assert plain["overall"]["top1"] == round(first.overall["top1"], 6)
    assert plain["per_class"]["bow"]["f1"] is None
    assert len(plain["reliability"]["frames"]) == 15 and plain["protocol"]["background"] == "none"


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"'waev' \(meant: 'wave'\?\)"):
        summarize([Replayed("a", [], [Interval(0, S, "waev")])], CLASSES)
    with pytest.raises(ValueError, match="no frame can be judged"):
        summarize([replace(recording("kk", "kk"), annotations=[Interval(50 * S, 60 * S, "walk")])], CLASSES)
    twice = recording("kk", "kk")
    with pytest.raises(ValueError, match="two records of 'p' at 0 ns"):
        summarize([replace(twice, records=[*twice.records, *twice.records])], CLASSES)


def failures(requirements: list[Requirement], figures: dict[str, float]) -> list[str]:
    return [failure for each in requirements if (failure := each.failure(figures))]


REQUIRED = {"map": 0.8, "ece": 0.1, "delay_s": float("nan")}


def test_great_figures_are_wanted_great_and_errors_small() -> None:
    met = [Requirement("map", 0.8), Requirement("map", 0.1), Requirement("ece", 0.1), Requirement("ece", 0.5)]
    assert failures(met, REQUIRED) == []
    assert failures([Requirement("map", 0.81), Requirement("ece", 0.05)], REQUIRED) == [
        "map is 0.8, and at least 0.81 is required",
        "ece is 0.1, and at most 0.05 is required",
    ]


def test_a_figure_without_a_value_meets_nothing() -> None:
    assert failures([Requirement("delay_s", 100.0)], REQUIRED) == ["delay_s is nan, and at most 100 is required"]


def test_names_and_numbers_are_checked() -> None:
    assert Requirement.parse("map = 0.8") == Requirement("map", 0.8)
    for wrong in ("map", "map=high", "map>0.8"):
        with pytest.raises(ValueError, match="such as map=0.8"):
            Requirement.parse(wrong)
    with pytest.raises(ValueError, match=r"no figure 'mpa' \(meant: 'map'\?\); there are: balanced_accuracy, "):
        Requirement.parse("mpa=0.8")
    for impossible in ("map=7", "map=-1", "map=nan", "map=inf", "ece=2", "delay_s=-1", "delay_s=nan", "delay_s=inf"):
        with pytest.raises(ValueError, match="can never be"):
            Requirement.parse(impossible)


def test_every_figure_can_be_required() -> None:
    assert set(summarize([recording("kk", "kk")], CLASSES).overall) == set(FIGURES)
