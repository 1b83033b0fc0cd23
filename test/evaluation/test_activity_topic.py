"""What was said while a recording was made becomes records, with the classes that were told or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, STALE, UNCERTAIN, VALID, WARMING_UP, activities, labels, store, write_messages

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.recorded_file import BagError
from co_perception.engine.target import Status
from co_perception.evaluation.activity_topic import ActivityReader, named_classes, recorded
from co_perception.evaluation.records import read_records

CLASSES = ("walk", "wave", "sit")
T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def types() -> Any:
    return store()


def test_a_message_is_a_record_for_each_subject(types: Any) -> None:
    predicted = {
        "a": (VALID, {"wave": 0.75, "walk": 0.25}),
        "b": (WARMING_UP, {}),
        "c": (UNCERTAIN, {"sit": 0.5, "walk": 0.25, "wave": 0.25}),
        "": (STALE, {"sit": 1.0}),
    }
    message = activities(types, T0, predicted, CLASSES, delay_ns=300_000_000, dropped=2)
    a, b, c, scene = ActivityReader(CLASSES, "kitchen").read(message)
    assert a.key == ("kitchen", T0, "a")
    assert (a.status, a.label(CLASSES), a.progress) == (Status.VALID, "wave", 0.5)
    assert (a.delay_ns, a.missing) == (300_000_000, 2)
    assert a.latency_s == pytest.approx(0.02)
    assert a.probabilities is not None
    assert a.probabilities.tolist() == [0.25, 0.75, 0.0]
    assert (b.status, b.probabilities) == (Status.WARMING_UP, None)
    assert (c.status, c.best, c.label(CLASSES)) == (Status.UNCERTAIN, 2, "")
    assert (scene.subject, scene.status) == ("", Status.STALE)


def test_frames_lost_before_a_message_about_nobody_are_missing_from_the_next_record(types: Any) -> None:
    reader = ActivityReader(CLASSES)
    messages = [
        activities(types, T0 + n, {"a": (VALID, {"sit": 1.0})} if n != 1 else {}, CLASSES, dropped=n) for n in range(4)
    ]
    assert [record.missing for message in messages for record in reader.read(message)] == [0, 3, 3]


def test_classes_that_contradict_the_message_are_refused(types: Any) -> None:
    message = activities(types, T0, {"a": (VALID, {"sit": 1.0})}, CLASSES)
    for classes in (("walk", "wave"), ("walk", "sit", "wave")):
        with pytest.raises(ValueError, match="'sit'.*several recognizers"):
            ActivityReader(classes).read(message)


def test_messages_of_another_model_are_refused(types: Any) -> None:
    reader = ActivityReader(CLASSES)
    message = activities(types, T0, {"a": (VALID, {"sit": 1.0})}, CLASSES)
    for name in ("net/own@1", "net/own@1 + look/own@2", "look/own@2"):  # a fusion, the second of which comes later
        message.recognizer = name
        assert len(reader.read(message)) == 1
    message.recognizer = "net/own@3"
    with pytest.raises(ValueError, match=r"net/own@3 among those of net/own@1 \+ look/own@2: another model"):
        reader.read(message)


def test_a_class_whose_number_is_not_known_yet_is_found_by_its_label(types: Any) -> None:
    message = activities(types, T0, {"a": (VALID, {"sit": 0.75})}, CLASSES)
    message.activities[0].hypotheses[0].class_id = -1
    [record] = ActivityReader(CLASSES).read(message)
    assert record.label(CLASSES) == "sit"


def test_without_given_classes_they_are_numbered_as_they_are_named(types: Any) -> None:
    reader = ActivityReader()
    [first] = reader.read(activities(types, T0, {"a": (VALID, {"wave": 0.75, "sit": 0.25})}, CLASSES))
    [second] = reader.read(activities(types, T0 + 1, {"a": (VALID, {"walk": 0.5, "sit": 0.25})}, CLASSES))
    assert reader.classes == ["wave", "sit", "walk"]
    assert (first.label(reader.classes), second.label(reader.classes)) == ("wave", "walk")
    assert [record.top(3) for record in (first, second)] == [[(0, 0.75), (1, 0.25)], [(2, 0.5), (1, 0.25), (0, 0.0)]]


def test_classes_are_those_told_or_else_those_named(types: Any, tmp_path: Path) -> None:
    named = enumerate(("walk", "sit"))
    predicted = [activities(types, T0 + n, {"a": (VALID, {label: 0.9})}, CLASSES) for n, label in named]
    topics = {"/activity": [(T0 + n, message) for n, message in enumerate(predicted)]}
    with Bag(write_messages(tmp_path / "named", topics, types=types)) as bag:
        found = recorded(bag)
        assert (found.recognizer, found.classes, found.groups) == ("net/own", ("walk", "class 1", "sit"), ())
        assert [record.label(found.classes) for record in found.records] == ["walk", "sit"]
    assert named_classes([]) == ((), ())
    others = [(T0, labels(types, T0, ["x"], "another")), (T0 + 1, labels(types, T0, CLASSES))]
    with Bag(write_messages(tmp_path / "told", {**topics, "/r/label_info": others}, types=types)) as bag:
        assert recorded(bag).classes == CLASSES
        with pytest.raises(BagError, match="no topic /other"):
            recorded(bag, "/other")


def test_a_bag_recorded_live_is_scored(types: Any, tmp_path: Path) -> None:
    """Ten seconds at 10 Hz: walking is said all the time, and true for six seconds."""
    predicted = [
        (T0 + n * SECOND // 10, activities(types, T0 + n * SECOND // 10, {"a": (VALID, {"walk": 0.8})}, CLASSES))
        for n in range(100)
    ]
    topics = {"/activity": predicted, "/r/label_info": [(T0, labels(types, T0, CLASSES))]}
    bag = write_messages(tmp_path / "b", topics, types=types)
    true = [Interval(0, 6 * SECOND, "walk", relative=True), Interval(6 * SECOND, 10 * SECOND, "wave", relative=True)]
    write_annotations(bag / "annotations.csv", true)
    out = tmp_path / "out"
    assert cli.main(["evaluate", str(bag), "--recognizer", "activity", "--out", str(out)]) == 0
    found = json.loads((out / "summary.json").read_text())
    assert found["recognizer"] == "net/own"
    assert found["figures"]["overall"]["top1"] == 0.6
    assert np.array_equal(found["figures"]["confusion"], [[60, 0, 0], [40, 0, 0], [0, 0, 0]])
    assert found["figures"]["timing"]["latency_ms"]["p50"] == 20.0
    assert {record.truth for record in read_records(out)} == {"walk", "wave"}


@pytest.mark.parametrize("top_k", [1, 2])
def test_topk_events(types: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], top_k: int) -> None:
    """What one listed hypothesis leaves out may have held an activity on; beside two it cannot: 1 - 0.48 - 0.42."""
    said = [{"walk": 0.9, "wave": 0.06, "sit": 0.04}] * 10 + [{"wave": 0.48, "walk": 0.42, "sit": 0.1}] * 10
    messages = [
        (T0 + n * SECOND // 10, activities(types, T0 + n * SECOND // 10, {"a": (VALID, listed)}, CLASSES))
        for n, listed in enumerate(dict([*scores.items()][:top_k]) for scores in said)
    ]
    topics = {"/activity": messages, "/r/label_info": [(T0, labels(types, T0, CLASSES))]}
    bag = write_messages(tmp_path / "b", topics, types=types)
    write_annotations(bag / "annotations.csv", [Interval(0, 2 * SECOND, "walk", relative=True)])
    command = ["evaluate", str(bag), "--recognizer", "activity"]
    status, err = cli.main(command), capsys.readouterr().err
    told = "list so few hypotheses that a class may have scored 0.48 unlisted, and event_off is 0.35" in err
    assert (status, told) == ((1, True) if top_k == 1 else (0, False))
    assert cli.main([*command, "--set", "event_on=0.6", "--set", "event_off=0.5"]) == 0


def test_events_have_the_settings_of_the_node(types: Any, tmp_path: Path) -> None:
    """One second of walking at 0.8 is an event by default, and none where an event needs 0.9 or two seconds."""
    messages = [
        (T0 + n * SECOND // 10, activities(types, T0 + n * SECOND // 10, {"a": (VALID, {"walk": 0.8})}, CLASSES))
        for n in range(10)
    ]
    topics = {"/activity": messages, "/r/label_info": [(T0, labels(types, T0, CLASSES))]}
    bag = write_messages(tmp_path / "b", topics, types=types)
    write_annotations(bag / "annotations.csv", [Interval(0, SECOND, "walk", relative=True)])
    found = []
    for number, given in enumerate(([], ["event_on=0.9"], ["event_min_on_s=2"])):
        out = tmp_path / str(number)
        options = [part for text in given for part in ("--set", text)]
        assert cli.main(["evaluate", str(bag), "--recognizer", "activity", "--out", str(out), *options]) == 0
        summary = json.loads((out / "summary.json").read_text())
        found.append((summary["figures"]["overall"]["event_f1_50"], summary["configuration"]["event_on"]))
    assert found == [(1.0, 0.5), (0.0, 0.9), (0.0, 0.5)]


def test_evaluation_does_not_depend_on_topk_where_messages_have_all_scores(types: Any, tmp_path: Path) -> None:
    """The same answers with one hypothesis and with all: the same bytes, whether the labels were recorded or not."""
    said = [{"walk": 0.9, "wave": 0.06, "sit": 0.04}] * 10 + [{"wave": 0.48, "walk": 0.42, "sit": 0.1}] * 10
    written, figures = [], []
    for top_k in (1, 3):
        messages = [
            (T0 + n * SECOND // 10, activities(types, T0 + n * SECOND // 10, {"a": (VALID, s)}, CLASSES, top_k=top_k))
            for n, s in enumerate(said)
        ]
        topics = {"/activity": messages, "/r/label_info": [(T0, labels(types, T0, CLASSES))]}
        bag = write_messages(tmp_path / f"top {top_k}" / "b", topics, types=types)
        write_annotations(bag / "annotations.csv", [Interval(0, 2 * SECOND, "walk", relative=True)])
        out = tmp_path / f"out {top_k}"
        assert cli.main(["evaluate", str(bag), "--recognizer", "activity", "--out", str(out)]) == 0
        written.append((out / "frames.jsonl").read_bytes())
        figures.append(json.loads((out / "summary.json").read_text())["figures"])
        figures[-1].pop("timing")
    assert written[0] == written[1] and figures[0] == figures[1]
    assert figures[0]["overall"]["event_f1_50"] == 1.0  # the second best held the event
    [record] = ActivityReader(CLASSES).read(messages[0][1])
    assert record.top(3)[2] == pytest.approx((2, 0.04))


def test_all_scores_are_read_without_recorded_labels(types: Any) -> None:
    """Classes that no hypothesis names have a number only; more of them may have been scored."""
    message = activities(types, T0, {"a": (VALID, {"walk": 0.5, "wave": 0.3, "sit": 0.2})}, CLASSES, top_k=1)
    classes, groups = named_classes([message])
    assert (classes, groups) == (("walk", "class 1", "class 2"), ())
    [record] = ActivityReader(classes).read(message)
    assert record.probabilities is not None and record.probabilities.tolist() == pytest.approx([0.5, 0.3, 0.2])
    [numbered] = ActivityReader().read(message)  # by name, as the demo does
    assert numbered.top(3) == [(0, 0.5)]
