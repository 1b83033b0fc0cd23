"""`co-perception tune` as a user calls it, on recordings with answers in them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, VALID, activities, labels, store, write_messages

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.online.events import label_rules

CLASSES = ("wave", "rest")
HZ = 3
Capture = pytest.CaptureFixture[str]


def recording(path: Path, minutes: int, annotated: bool = True) -> Path:
    """Somebody waves for 4 s in each minute, at .9; for 1 s in each minute the recognizer takes rest for waving, at
    .6."""
    types = store()
    messages = []
    for tick in range(minutes * 60 * HZ):
        second = tick / HZ % 60
        score = 0.9 if 10 <= second < 14 and annotated else 0.6 if 40 <= second < 41 else 0.1
        scores = {"p": (VALID, {"wave": score, "rest": 1 - score})}
        messages.append(activities(types, T0 + tick * SECOND // HZ, scores, CLASSES))
    stamps = [T0 + tick * SECOND // HZ for tick in range(len(messages))]
    topics = {"/activity": list(zip(stamps, messages, strict=True)), "/label_info": [(T0, labels(types, T0, CLASSES))]}
    bag = write_messages(path, topics, "mcap", types)
    if annotated:
        waves = [(minute * 60 + 10, minute * 60 + 14) for minute in range(minutes)]
        write_annotations(
            bag / "annotations.csv",
            [Interval(T0 + a * SECOND, T0 + b * SECOND, "wave", "p") for a, b in waves],
        )
    return bag


def tune(*words: object) -> int:
    return cli.main(["tune", *map(str, words), "--recognizer", "activity"])


@pytest.mark.slow
def test_rules_and_picture_are_written(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("matplotlib")
    bags = [recording(tmp_path / "a", 15), recording(tmp_path / "b", 5, annotated=False)]
    assert tune(*bags, "--nothing", "--false-alarms-per-hour", 40, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "0 false alarms in 0.17 h" in printed and "Without an example" in printed and "rest" in printed
    text = (tmp_path / "out/event_rules.yaml").read_text()
    yaml = pytest.importorskip("yaml")
    rules = label_rules(yaml.safe_load(text)["/**"]["ros__parameters"]["event_rules"])
    assert 0.6 < rules["wave"].on <= 0.9 or rules["wave"].min_on_s >= 1.0
    assert (tmp_path / "out/trade.png").stat().st_size > 5000


def test_too_little_data_is_refused(tmp_path: Path, capsys: Capture) -> None:
    bag = recording(tmp_path / "a", 4)
    assert tune(bag, "--false-alarms-per-hour", 1) == 1
    assert "too little data: of 4 min" in capsys.readouterr().err


@pytest.mark.slow
def test_a_recording_without_annotations_is_refused_unless_nothing_happens_in_it(
    tmp_path: Path, capsys: Capture
) -> None:
    bag = recording(tmp_path / "a", 10, annotated=False)
    assert tune(bag, "--false-alarms-per-hour", 500) == 1
    assert "--nothing" in capsys.readouterr().err
    assert tune(bag, "--false-alarms-per-hour", 500, "--nothing") == 0
