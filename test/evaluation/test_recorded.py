"""What was said while a recording was made becomes records, with the classes that were told or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from bag_writing import SECOND, store, write_messages
from spoken_messages import STALE, UNCERTAIN, VALID, WARMING_UP, activities, labels

from co_perception import cli
from co_perception.data.annotations import Interval, write_annotations
from co_perception.data.bag_file import Bag, BagError
from co_perception.engine.target import Status
from co_perception.evaluation.recorded import named_classes, recorded, records_of
from co_perception.evaluation.records import read_records

CLASSES = ("walk", "wave", "sit")
T0 = 1_700_000_000 * SECOND


@pytest.fixture(scope="module")
def types() -> Any:
    return store()


def test_a_message_is_a_record_for_each_subject(types: Any) -> None:
    said = {
        "a": (VALID, {"wave": 0.75, "walk": 0.25}),
        "b": (WARMING_UP, {}),
        "c": (UNCERTAIN, {"sit": 0.5, "walk": 0.25, "wave": 0.25}),
        "": (STALE, {"sit": 1.0}),
    }
    message = activities(types, T0, said, CLASSES, delay_ns=300_000_000, dropped=2)
    a, b, c, scene = records_of(message, CLASSES, "kitchen")
    assert a.key == ("kitchen", T0, "a")
    assert (a.status, a.label(CLASSES), a.progress) == (Status.VALID, "wave", 0.5)
    assert (a.delay_ns, a.missing) == (300_000_000, 2)
    assert a.latency_s == pytest.approx(0.02)
    assert a.probabilities is not None
    assert a.probabilities.tolist() == [0.25, 0.75, 0.0]
    assert (b.status, b.probabilities) == (Status.WARMING_UP, None)
    assert (c.status, c.best, c.label(CLASSES)) == (Status.UNCERTAIN, 2, "")
    assert (scene.subject, scene.status) == ("", Status.STALE)


def test_classes_that_contradict_the_message_are_refused(types: Any) -> None:
    message = activities(types, T0, {"a": (VALID, {"sit": 1.0})}, CLASSES)
    for classes in (("walk", "wave"), ("walk", "sit", "wave")):
        with pytest.raises(ValueError, match="'sit'.*several recognisers"):
            records_of(message, classes)


def test_classes_are_those_told_or_else_those_named(types: Any, tmp_path: Path) -> None:
    said = [activities(types, T0 + n, {"a": (VALID, {label: 0.9})}, CLASSES) for n, label in enumerate(("walk", "sit"))]
    topics = {"/activity": [(T0 + n, message) for n, message in enumerate(said)]}
    with Bag(write_messages(tmp_path / "named", topics, types=types)) as bag:
        name, classes, records = recorded(bag)
        assert (name, classes) == ("net/own", ("walk", "class 1", "sit"))
        assert [record.label(classes) for record in records] == ["walk", "sit"]
    assert named_classes([]) == ()
    others = [(T0, labels(types, T0, ["x"], "another")), (T0 + 1, labels(types, T0, CLASSES))]
    with Bag(write_messages(tmp_path / "told", {**topics, "/r/label_info": others}, types=types)) as bag:
        assert recorded(bag)[1] == CLASSES
        with pytest.raises(BagError, match="no topic /other"):
            recorded(bag, "/other")


def test_a_bag_recorded_live_is_scored(types: Any, tmp_path: Path) -> None:
    """Ten seconds at 10 Hz: walking is said all the time, and true for six seconds."""
    said = [
        (T0 + n * SECOND // 10, activities(types, T0 + n * SECOND // 10, {"a": (VALID, {"walk": 0.8})}, CLASSES))
        for n in range(100)
    ]
    topics = {"/activity": said, "/r/label_info": [(T0, labels(types, T0, CLASSES))]}
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
