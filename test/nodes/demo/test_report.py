"""Numbers, words and picture of a run made by hand: ten frames, of which the skeletons' clock took five."""

from pathlib import Path
from typing import Any

import pytest
from helpers.synthetic_recordings import scored

pytest.importorskip("rclpy")

from co_perception.engine.target import Status
from co_perception.evaluation.records import FrameRecord
from co_perception.nodes.demo.graph import DemoConfig, DemoResult
from co_perception.nodes.demo.report import (
    draw,
    labels_over_time,
    people_over_time,
    print_summary,
    records_by_subject,
    summarize,
    warm_up_frames,
)
from co_perception.nodes.demo.subscribers import ReceivedAnswer

START_NS, STEP_NS = 5_000_000_000, 100_000_000


CLASSES = ["park", "walk", "sit"]


def record(index: float, label: str = "", subject: str = "", score: float = 0.5, cold: bool = False) -> FrameRecord:
    """The record of a tenth of a second; without a label uncertain, or warming up."""
    status = Status.WARMING_UP if cold else Status.VALID if label else Status.UNCERTAIN
    return scored(START_NS + round(index * STEP_NS), {label: score} if label else {}, CLASSES, status, subject)


def answer(index: int) -> ReceivedAnswer:
    """The scene in every frame; p1 in every second one, first to last; p2 in frames 4 and 6 only, never warm."""
    records = [record(index, "park" if index >= 8 else "", cold=index < 8)]
    if index % 2 == 0:
        records.append(record(index, "walk" if index >= 4 else "", "p1", cold=index < 4))
    if index in (4, 6):
        records.append(record(index, "", "p2", cold=True))
    return ReceivedAnswer(START_NS + index * STEP_NS, index * STEP_NS + 20_000_000, tuple(records))


@pytest.fixture
def result() -> DemoResult:
    return DemoResult(
        answers=[answer(index) for index in range(10)],
        classes=CLASSES,
        sent_ns={START_NS + index * STEP_NS: index * STEP_NS for index in range(10)},
        chapters=[(START_NS, "/store/park-0123456789ab.mp4"), (START_NS + 5 * STEP_NS, "/home/me/lake.mp4")],
        counts={"video": {"processed": 10}, "pose": {"processed": 10}, "skeleton": {"processed": 5, "early": 5}},
        steps_s={"video": [0.03] * 10, "pose": [0.02] * 10, "skeleton": [0.004] * 5},
        recognizer="v + s",
        published=10,
        wall_s=4.0,
        speed=0.25,
    )


@pytest.fixture
def config(fake: Any) -> DemoConfig:
    return DemoConfig("park.mp4", 480, video=fake, people={})


def test_the_numbers_are_those_of_the_run(result: DemoResult, config: DemoConfig) -> None:
    summary = summarize(result, config, rate_hz=10.0)
    assert summary["clip"] == {"sources": ["park-0123456789ab.mp4", "lake.mp4"], "rate_hz": 10.0, "short_side": 480}
    assert (summary["frames_published"], summary["frames_processed"], summary["frames_dropped"]) == (10, 10, 0)
    assert (summary["warm_up_frames"], summary["receptive_field_frames"]) == (8, 8)
    assert (summary["media_s"], summary["wall_s"], summary["real_time_factor"]) == (1.0, 4.0, 0.25)
    assert summary["step_ms"]["p50"] == 30.0 and summary["end_to_end_ms"]["p95"] == 20.0
    assert summary["paths"]["skeleton"]["dropped_because"] == {"early": 5}
    assert [each["label"] for each in summary["labels"]] == ["park"]
    assert {name: person["warm_up_share"] for name, person in summary["people"].items()} == {"p1": 0.4, "p2": 1.0}


def test_without_video_the_counts_are_those_of_the_skeletons(result: DemoResult) -> None:
    del result.counts["video"]
    summary = summarize(result, DemoConfig("park.mp4", 480, people={}), rate_hz=10.0)
    assert (summary["frames_processed"], summary["dropped_because"]) == (5, {"early": 5})
    assert (summary["warm_up_frames"], summary["step_ms"]["p50"]) == (None, 4.0)


def test_it_is_told_in_words(result: DemoResult, config: DemoConfig, capsys: Any) -> None:
    print_summary(summarize(result, config, rate_hz=10.0))
    printed = capsys.readouterr().out
    assert "video: 10 of 10 frames answered, 0 dropped. A step takes 30.0 ms" in printed
    assert "skeleton: 5 of 10 frames answered, 0 dropped, 5 between two ticks of its clock." in printed
    assert "scene: warm after 8 frames." in printed
    assert "p1: in sight from 0.00 to 0.80 s, 40% of it warm-up.\n    0.40 to   0.80 s  walk (0.50)" in printed
    assert "p2: in sight from 0.40 to 0.60 s, 100% of it warm-up." in printed


def test_drops_are_told_with_their_cause(result: DemoResult, config: DemoConfig, capsys: Any) -> None:
    result.counts["pose"] = {"processed": 7, "displaced": 2, "unreadable": 1}
    print_summary(summarize(result, config, rate_hz=10.0))
    assert "pose: 7 of 10 frames answered, 3 dropped (2 displaced, 1 unreadable)." in capsys.readouterr().out


def test_the_picture_has_rows_for_those_who_stayed_and_plain_names(result: DemoResult, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(result, tmp_path / "timeline.svg")
    drawn = (tmp_path / "timeline.svg").read_text()
    assert all(f"<!-- {text} -->" in drawn for text in ("scene", "p1", "park", "lake", "walk"))
    assert "<!-- p2 -->" not in drawn and "0123456789ab" not in drawn and "not drawn" not in drawn


def test_the_picture_of_many_says_how_many_it_leaves_out(
    result: DemoResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("co_perception.nodes.demo.report.MOST_ROWS", 0)
    draw(result, tmp_path / "timeline.svg")
    assert "1 more row not drawn" in (tmp_path / "timeline.svg").read_text()


RUN = [record(0, cold=True), record(1, cold=True), record(2, "sit"), record(3, "sit", score=0.75), record(4)]


def test_warm_up_is_counted_in_answers() -> None:
    assert [warm_up_frames(records) for records in (RUN, RUN[:2], RUN[2:])] == [2, 2, 0]


def test_labels_over_time_leave_out_what_had_none() -> None:
    (only,) = labels_over_time(RUN, CLASSES, START_NS)
    assert only == {"label": "sit", "from_s": 0.2, "to_s": 0.3, "frames": 2, "mean_score": 0.625}


def test_records_are_those_of_each_subject_in_order_of_appearance() -> None:
    found = records_by_subject(answer(index) for index in range(5))
    assert list(found) == ["", "p1", "p2"]
    assert [len(records) for records in found.values()] == [5, 3, 1]


def test_people_have_labels_over_time_and_a_share_of_warm_up() -> None:
    returning = [*RUN[:4], record(20, "sit", score=0.875)]
    people = people_over_time({"": RUN, "p1": returning, "p2": RUN[:2]}, CLASSES, START_NS, max_gap_ns=5 * STEP_NS)
    assert people == {
        "p1": {
            "from_s": 0.0,
            "to_s": 2.0,
            "frames": 5,
            "warm_up_share": 0.4,
            "labels": [
                {"label": "sit", "from_s": 0.2, "to_s": 0.3, "frames": 2, "mean_score": 0.625},
                {"label": "sit", "from_s": 2.0, "to_s": 2.0, "frames": 1, "mean_score": 0.875},
            ],
        },
        "p2": {"from_s": 0.0, "to_s": 0.1, "frames": 2, "warm_up_share": 1.0, "labels": []},
    }
