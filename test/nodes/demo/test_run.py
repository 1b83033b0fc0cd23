"""A run from its configuration to its results, with small learners and a short video."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("rclpy")
for needed in ("av", "cv2", "mcap"):
    pytest.importorskip(needed)

from helpers.fake_learners import FakePeopleLearner, TwoPeople  # noqa: E402
from helpers.ros_domain import has_participants  # noqa: E402
from rclpy.exceptions import InvalidHandle  # noqa: E402

from co_perception.data.video import VideoReader  # noqa: E402
from co_perception.nodes.demo import run  # noqa: E402
from co_perception.nodes.demo.graph import DemoConfig  # noqa: E402
from co_perception.nodes.demo.run import play  # noqa: E402


@pytest.fixture
def config(fake: Any, make_video: Callable[..., Path]) -> DemoConfig:
    return DemoConfig(
        source=str(make_video(frames=30, size=(320, 240))),
        short_side=120,
        video=fake,
        people={"model": ""},
        make_people=lambda settings: FakePeopleLearner(),
        make_estimator=lambda settings: TwoPeople(),
    )


def test_both_paths_answer_every_frame_and_all_is_filmed(config: DemoConfig, tmp_path: Path, fake: Any) -> None:
    result = play(config, tmp_path)
    assert result.published == 30
    assert {name: counts["processed"] for name, counts in result.counts.items()} == {
        "video": 30, "pose": 30, "skeleton": 13,  # ticks at 10 Hz up to 1.16 s, the nearest ones
    }  # fmt: skip
    assert len(result.answers) == 30
    assert [len(shown) for shown in fake.shown] == [30]
    assert result.recognizer == "fake/colors + fake/places"
    assert {record.subject for answer in result.answers[-3:] for record in answer.records} == {"", "p1", "p2"}
    with VideoReader(str(tmp_path / "annotated.mp4")) as film:
        pictures = [frame.pixels for frame in film]
    assert len(pictures) == 30
    assert pictures[0].shape[0] > 120 and pictures[0].shape[1] == 160  # the scene's label is underneath


def test_the_estimator_gets_the_picture_as_large_as_it_was_asked_for(config: DemoConfig, tmp_path: Path) -> None:
    estimator = TwoPeople()
    object.__setattr__(config, "make_estimator", lambda settings: estimator)
    play(config, tmp_path)
    assert set(estimator.shapes) == {(120, 160, 3)}


def test_a_run_that_stalls_is_ended_and_says_so(
    config: DemoConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "STALLED_S", 0.0)
    assert play(config, tmp_path).published < 30
    assert "no answer for 0 s: the run ends here" in capsys.readouterr().out


def test_spinning_survives_a_handle_that_another_thread_has_ended() -> None:
    outcomes = iter([InvalidHandle("destruction was requested"), InvalidHandle("again"), None])

    def spin() -> None:
        if outcome := next(outcomes):
            raise outcome

    run._spin(Mock(spin=spin))
    assert next(outcomes, "all used") == "all used"


def test_a_node_that_does_not_come_up_ends_it(config: DemoConfig, tmp_path: Path) -> None:
    def missing(settings: Any) -> Any:
        raise FileNotFoundError("no model here")

    object.__setattr__(config, "make_estimator", missing)
    with pytest.raises(RuntimeError, match="did not come up"):
        play(config, tmp_path)
    assert not has_participants(int(os.environ["ROS_DOMAIN_ID"])), "nodes that came up would go on being heard"
