"""A run from its plan to what it leaves behind, with small learners and a short video."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
for needed in ("av", "cv2", "mcap"):
    pytest.importorskip(needed)

from fake_learners import FakePeopleLearner  # noqa: E402
from two_people import TwoPeople  # noqa: E402

from co_perception.data.video import VideoReader  # noqa: E402
from co_perception.nodes.casting import Plan  # noqa: E402
from co_perception.nodes.stage import play  # noqa: E402


@pytest.fixture
def plan(fake: Any, make_video: Callable[..., Path]) -> Plan:
    return Plan(
        source=str(make_video(frames=30, size=(320, 240))),
        short_side=120,
        video=fake,
        people={"model": ""},
        make_people=lambda settings: FakePeopleLearner(),
        make_estimator=lambda settings: TwoPeople(),
    )


def test_both_paths_answer_every_frame_of_theirs_and_all_is_filmed(plan: Plan, tmp_path: Path, fake: Any) -> None:
    run = play(plan, tmp_path)
    assert run.published == 30
    assert {name: counts["processed"] for name, counts in run.counts.items()} == {
        "video": 30, "pose": 30, "skeleton": 13,  # ticks at 10 Hz up to 1.16 s, the nearest ones
    }  # fmt: skip
    assert len(run.heard) == 30
    assert [len(shown) for shown in fake.shown] == [30]
    assert run.recognizer == "fake/colours + fake/places"
    assert set(run.heard[-1].moments) | set(run.heard[-2].moments) | set(run.heard[-3].moments) == {"", "p1", "p2"}
    with VideoReader(str(tmp_path / "annotated.mp4")) as film:
        pictures = [frame.pixels for frame in film]
    assert len(pictures) == 30
    assert pictures[0].shape[0] > 120 and pictures[0].shape[1] == 160  # the scene's label is underneath


def test_the_estimator_gets_the_picture_as_large_as_it_was_asked_for(plan: Plan, tmp_path: Path) -> None:
    estimator = TwoPeople()
    object.__setattr__(plan, "make_estimator", lambda settings: estimator)
    play(plan, tmp_path)
    assert set(estimator.shapes) == {(120, 160, 3)}


def test_a_node_that_does_not_come_up_ends_it(plan: Plan, tmp_path: Path) -> None:
    def missing(settings: Any) -> Any:
        raise FileNotFoundError("no model here")

    object.__setattr__(plan, "make_estimator", missing)
    with pytest.raises(RuntimeError, match="did not come up"):
        play(plan, tmp_path)
