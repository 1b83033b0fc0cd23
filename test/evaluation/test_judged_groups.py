"""Groups of labels in an evaluation: each is judged by its own annotations, which may overlap those of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, VALID, activities, labels, store, write_messages

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.evaluation.ground_truth import Protocol
from co_perception.evaluation.judged_groups import judged_groups, with_groups
from co_perception.evaluation.records import read_records

CLASSES = ("standing", "sitting", "no_gesture", "waving")
GROUPS = ("posture", "posture", "arms", "arms")


def answers(number: int, types: Any, at_ns: int) -> Any:
    """Sits from 2 s on, which is true; waves from 4 to 6 s, while it is true from 4 to 8 s."""
    posture = {"sitting": 0.9, "standing": 0.1} if number >= 20 else {"standing": 0.8, "sitting": 0.2}
    arms = {"waving": 0.75, "no_gesture": 0.25} if 40 <= number < 60 else {"no_gesture": 0.9, "waving": 0.1}
    said = {("a", "posture"): (VALID, posture), ("a", "arms"): (VALID, arms)}
    return activities(types, at_ns, said, CLASSES, top_k=1)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    types = store()
    stamps = [(n, T0 + n * SECOND // 10) for n in range(100)]
    topics = {
        "/activity": [(at_ns, answers(n, types, at_ns)) for n, at_ns in stamps],
        "/r/label_info": [(T0, labels(types, T0, CLASSES, groups=GROUPS))],
    }
    return write_messages(tmp_path / "b", topics, types=types)


def annotated(group: bool) -> list[Interval]:
    """What is true in 0 to 10 s, of posture and arms at the same time; groups are named, or follow from the labels."""
    posture, arms = ("posture", "arms") if group else ("", "")
    rows = [
        (0, 2, "standing", posture),
        (2, 10, "sitting", posture),
        (0, 4, "no_gesture", arms),
        (4, 8, "waving", arms),
    ]
    return [Interval(a * SECOND, b * SECOND, label, "a", True, group=name) for a, b, label, name in rows]


def test_each_group_is_judged_by_its_own_intervals(bag: Path, tmp_path: Path, capsys: Any) -> None:
    write_annotations(bag / "annotations.csv", annotated(group=True))
    assert read_annotations(bag / "annotations.csv") == sorted(
        annotated(group=True), key=lambda each: (each.start_ns, each.group)
    )
    out = tmp_path / "out"
    assert cli.main(["evaluate", str(bag), "--recognizer", "activity", "--out", str(out)]) == 0
    figures = json.loads((out / "summary.json").read_text())["figures"]
    assert {name: (each["classes"], each["counts"]["judged"]) for name, each in figures.items()} == {
        "posture": (["standing", "sitting"], 100), "arms": (["no_gesture", "waving"], 80)
    }  # fmt: skip
    assert [figures[name]["overall"]["top1"] for name in ("posture", "arms")] == [1.0, 0.75]
    assert figures["arms"]["confusion"] == [[40, 0], [20, 20]]
    # That there is no gesture is no event: one true one, which is told for half of its time.
    assert (figures["arms"]["counts"]["events"], figures["arms"]["overall"]["event_f1_50"]) == (1, 1.0)
    assert figures["posture"]["counts"]["events"] == 2
    records = list(read_records(out))
    assert [(each.group, each.truth) for each in records[50:52]] == [("posture", "sitting"), ("arms", "no_gesture")]
    report = (out / "report.html").read_text()
    assert 'id="figures-posture"' in report and 'id="figures-arms"' in report
    assert "group arms" in capsys.readouterr().out
    again = tmp_path / "again"
    compared = ["evaluate", str(bag), "--recognizer", "activity", "--out", str(again), "--compare", str(out)]
    assert cli.main(compared) == 0
    assert json.loads((again / "summary.json").read_text())["comparison"]["both"] == 200


def test_files_of_one_group_each_need_no_column(bag: Path, tmp_path: Path, capsys: Any) -> None:
    """A group without annotations is told, and not judged; a requirement is one on each group that is."""
    rows = annotated(group=False)
    write_annotations(tmp_path / "posture.csv", rows[:2])
    write_annotations(tmp_path / "arms.csv", rows[2:])
    command = ["evaluate", str(bag), "--recognizer", "activity", "--annotations", str(tmp_path / "posture.csv")]
    assert cli.main([*command, "--annotations", str(tmp_path / "arms.csv"), "--require", "top1=0.9"]) == 1
    err = capsys.readouterr().err
    assert "arms: top1 is 0.75, and at least 0.9 is required" in err and "posture: top1" not in err
    assert cli.main([*command, "--require", "top1=0.9"]) == 0
    assert "arms: no annotation is of its labels, so it is not judged." in capsys.readouterr().err


def test_two_things_at_once_in_one_group_are_refused(bag: Path, tmp_path: Path, capsys: Any) -> None:
    write_annotations(tmp_path / "a.csv", [Interval(0, SECOND, "sitting", "a", True)])
    write_annotations(tmp_path / "b.csv", [Interval(0, SECOND, "standing", "a", True)])
    files = [part for name in ("a.csv", "b.csv") for part in ("--annotations", str(tmp_path / name))]
    assert cli.main(["evaluate", str(bag), "--recognizer", "activity", *files]) == 1
    assert "of posture of a overlap" in capsys.readouterr().err


def test_an_annotation_in_a_group_that_its_label_is_not_of_is_refused() -> None:
    with pytest.raises(ValueError, match="'sitting' is annotated in the group 'arms', and is of posture"):
        with_groups([Interval(0, 1, "sitting", group="arms")], CLASSES, GROUPS)


@pytest.mark.parametrize("named", [False, True])
def test_annotations_with_groups_of_a_model_without_them_are_of_one_group(
    named: bool, tmp_path: Path, capsys: Any
) -> None:
    """The fault: what overlaps in two groups was one truth, of which the later row was judged and nothing was said."""
    types = store()
    stamps = [T0 + n * SECOND // 10 for n in range(100)]
    said = {"a": (VALID, {"sitting": 0.9, "waving": 0.1})}
    topics = {
        "/activity": [(at_ns, activities(types, at_ns, said, CLASSES)) for at_ns in stamps],
        "/r/label_info": [(T0, labels(types, T0, CLASSES))],
    }
    plain = write_messages(tmp_path / "plain", topics, types=types)
    command = ["evaluate", str(plain), "--recognizer", "activity"]
    write_annotations(tmp_path / "rows.csv" if named else plain / "annotations.csv", annotated(group=True))
    assert cli.main([*command, *(["--annotations", str(tmp_path / "rows.csv")] if named else [])]) == 1
    assert "overlap. Nobody does two things at once" in capsys.readouterr().err
    assert [each.group for each in with_groups(annotated(group=True), CLASSES, ())] == [""] * 4


@pytest.mark.parametrize(
    ("wanted", "found"), [("", ["", ""]), ("no_gesture", ["", "no_gesture"]), ("idle", ["idle", "no_gesture"])]
)
def test_the_background_is_that_of_its_group(wanted: str, found: list[str]) -> None:
    """Time without annotation: of a label that is in no group, each group has its own label of none, if it has one."""
    assert [each.protocol.background for each in judged_groups(CLASSES, GROUPS, Protocol(wanted))] == found
    assert [each.protocol.background for each in judged_groups(CLASSES, (), Protocol(wanted))] == [wanted]
