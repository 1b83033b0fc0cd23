"""Who is asked to play, and on which topics they speak."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
for needed in ("av", "mcap"):
    pytest.importorskip(needed)

from co_perception.nodes.casting import Plan, asked_hz_of, assemble, rate_of  # noqa: E402
from co_perception.nodes.recorder import Recorder  # noqa: E402


@pytest.fixture
def cast(tmp_path: Path, fake: Any, make_video: Callable[..., Path]) -> Iterator[Callable[..., Any]]:
    rclpy.init()
    made = []
    with Recorder(tmp_path / "activity.mcap") as recorder:

        def make(video: bool, people: bool) -> Any:
            plan = Plan(str(make_video()), 0, video=fake if video else None, people={} if people else None)
            made.append(assemble(plan, recorder, tmp_path / "film.mp4"))
            return made[-1]

        yield make
        for each in made:
            each.end()
    rclpy.try_shutdown()


def spoken(cast: Any) -> dict[str, set[str]]:
    """Topics of activity by the node that would publish them, as far as its remappings say."""
    nodes = {name: worker.node for name, worker in cast.workers.items()}
    return {
        name: {node.resolve_topic_name("activity"), node.resolve_topic_name("~/label_info")}
        for name, node in nodes.items()
        if name != "pose"
    }


@pytest.mark.parametrize("name", ["video", "skeleton"])
def test_one_recogniser_speaks_on_activity_itself(cast: Callable[..., Any], name: str) -> None:
    players = cast(video=name == "video", people=name == "skeleton")
    assert players.fusion is None
    assert spoken(players) == {name: {"/activity", f"/{name}_activity/label_info"}}
    assert players.workers[name].node.settings["events"]


def test_two_recognisers_leave_activity_and_its_events_to_fusion(cast: Callable[..., Any]) -> None:
    players = cast(video=True, people=True)
    assert spoken(players) == {name: {f"/activity_{name}", f"/label_info_{name}"} for name in ("video", "skeleton")}
    assert not any(players.workers[name].node.settings["events"] for name in ("video", "skeleton"))
    assert players.fusion.resolve_topic_name("activity") == "/activity"


def test_the_camera_waits_for_all_who_look_at_its_pictures(cast: Callable[..., Any]) -> None:
    assert cast(video=True, people=True).camera.settings["wait_for_subscribers"] == 3
    assert cast(video=True, people=False).camera.settings["wait_for_subscribers"] == 2


def test_those_who_listen_come_up_before_those_they_listen_to(cast: Callable[..., Any]) -> None:
    names = [node.get_name() for node in cast(video=True, people=True).managed()]
    assert names == ["fusion", "skeleton_activity", "pose", "video_activity", "camera"]


def test_what_is_asked_for_is_the_slower_of_source_and_model(make_video: Callable[..., Path]) -> None:
    assert asked_hz_of(60.0, 0.0) == 60.0
    assert asked_hz_of(60.0, 25.0) == 25.0
    assert asked_hz_of(10.0, 25.0) == 10.0
    assert rate_of(str(make_video(rate_hz=50))) == 50.0
