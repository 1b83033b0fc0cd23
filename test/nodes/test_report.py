"""What a run came to, from a run made by hand: ten frames, of which the skeletons' clock took five."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from co_perception.evaluation.moments import Moment
from co_perception.evaluation.run import Heard
from co_perception.nodes.cast import Run
from co_perception.nodes.casting import Plan
from co_perception.nodes.report import draw, say, summarise

START_NS, STEP_NS = 5_000_000_000, 100_000_000


def moment(index: int, label: str, warm: bool) -> Moment:
    return Moment(index / 10, label if warm else "", 1.0, ((label, 0.5),) if warm else (), warm)


def heard(index: int) -> Heard:
    """The scene in every frame; p1 in every second one, first to last; p2 in frames 4 and 6 only, never warm."""
    moments = {"": moment(index, "park", index >= 8)}
    if index % 2 == 0:
        moments["p1"] = moment(index, "walk", index >= 4)
    if index in (4, 6):
        moments["p2"] = moment(index, "", warm=False)
    sent_ns = index * STEP_NS
    return Heard(moments, START_NS + index * STEP_NS, sent_ns + 20_000_000)


@pytest.fixture
def run() -> Run:
    return Run(
        heard=[heard(index) for index in range(10)],
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
def plan(fake: Any) -> Plan:
    return Plan("park.mp4", 480, video=fake, people={})


def test_the_numbers_are_those_of_the_run(run: Run, plan: Plan) -> None:
    summary = summarise(run, plan, rate_hz=10.0)
    assert summary["clip"] == {"sources": ["park-0123456789ab.mp4", "lake.mp4"], "rate_hz": 10.0, "short_side": 480}
    assert (summary["frames_published"], summary["frames_processed"], summary["frames_dropped"]) == (10, 10, 0)
    assert (summary["warm_up_frames"], summary["receptive_field_frames"]) == (8, 8)
    assert (summary["media_s"], summary["wall_s"], summary["real_time_factor"]) == (1.0, 4.0, 0.25)
    assert summary["step_ms"]["p50"] == 30.0 and summary["end_to_end_ms"]["p95"] == 20.0
    assert summary["paths"]["skeleton"]["dropped_because"] == {"early": 5}
    assert [said["label"] for said in summary["labels"]] == ["park"]
    assert {name: person["warm_up_share"] for name, person in summary["people"].items()} == {"p1": 0.4, "p2": 1.0}


def test_without_video_the_counts_are_those_of_the_skeletons(run: Run) -> None:
    del run.counts["video"]
    summary = summarise(run, Plan("park.mp4", 480, people={}), rate_hz=10.0)
    assert (summary["frames_processed"], summary["dropped_because"]) == (5, {"early": 5})
    assert (summary["warm_up_frames"], summary["step_ms"]["p50"]) == (None, 4.0)


def test_it_is_told_in_words(run: Run, plan: Plan, capsys: Any) -> None:
    say(summarise(run, plan, rate_hz=10.0))
    told = capsys.readouterr().out
    assert "video: 10 of 10 frames answered, 0 dropped. A step takes 30.0 ms" in told
    assert "skeleton: 5 of 10 frames answered, 0 dropped, 5 between two ticks of its clock." in told
    assert "scene: warm after 8 frames." in told
    assert "p1: in sight from 0.00 to 0.80 s, 40% of it warm-up.\n    0.40 to   0.80 s  walk (0.50)" in told
    assert "p2: in sight from 0.40 to 0.60 s, 100% of it warm-up." in told


def test_drops_are_told_with_their_cause(run: Run, plan: Plan, capsys: Any) -> None:
    run.counts["pose"] = {"processed": 7, "displaced": 2, "unreadable": 1}
    say(summarise(run, plan, rate_hz=10.0))
    assert "pose: 7 of 10 frames answered, 3 dropped (2 displaced, 1 unreadable)." in capsys.readouterr().out


def test_the_picture_has_rows_for_those_who_stayed_and_plain_names(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    draw(run, tmp_path / "timeline.svg")
    drawn = (tmp_path / "timeline.svg").read_text()
    assert all(f"<!-- {text} -->" in drawn for text in ("scene", "p1", "park", "lake", "walk"))
    assert "<!-- p2 -->" not in drawn and "0123456789ab" not in drawn
