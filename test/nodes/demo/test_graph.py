"""Which nodes are made, and on which topics they publish; playback follows the machine; when a run is over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
for needed in ("av", "mcap"):
    pytest.importorskip(needed)

from co_perception.nodes.core.diagnostics import Counters  # noqa: E402
from co_perception.nodes.demo.graph import (  # noqa: E402
    ROUND,
    WAITING,
    DemoConfig,
    DemoResult,
    NodeGraph,
    WorkerHandle,
    build_graph,
    required_rate_hz,
    source_rate_hz,
    sustainable_speed,
)
from co_perception.nodes.recording.recorder import Recorder  # noqa: E402

MakeGraph = Callable[..., NodeGraph]


@pytest.fixture
def make_graph(tmp_path: Path, fake: Any, make_video: Callable[..., Path]) -> Iterator[MakeGraph]:
    rclpy.init()
    made = []
    with Recorder(tmp_path / "activity.mcap") as recorder:

        def make(video: bool, people: bool) -> NodeGraph:
            config = DemoConfig(str(make_video()), 0, video=fake if video else None, people={} if people else None)
            made.append(build_graph(config, recorder, tmp_path / "film.mp4"))
            return made[-1]

        yield make
        for each in made:
            each.close()
    rclpy.try_shutdown()


def published(graph: NodeGraph) -> dict[str, set[str]]:
    """Topics of activity by the node that would publish them, as far as its remappings say."""
    nodes = {name: worker.node for name, worker in graph.workers.items()}
    return {
        name: {node.resolve_topic_name("activity"), node.resolve_topic_name("~/label_info")}
        for name, node in nodes.items()
        if name != "pose"
    }


@pytest.mark.parametrize("name", ["video", "skeleton"])
def test_one_recognizer_publishes_on_activity_itself(make_graph: MakeGraph, name: str) -> None:
    graph = make_graph(video=name == "video", people=name == "skeleton")
    assert graph.fusion is None
    assert published(graph) == {name: {"/activity", f"/{name}_activity/label_info"}}
    assert graph.workers[name].node.settings.current.events


def test_two_recognizers_leave_activity_and_its_events_to_fusion(make_graph: MakeGraph) -> None:
    graph = make_graph(video=True, people=True)
    assert published(graph) == {name: {f"/activity_{name}", f"/label_info_{name}"} for name in ("video", "skeleton")}
    assert not any(graph.workers[name].node.settings.current.events for name in ("video", "skeleton"))
    assert graph.fusion is not None
    assert graph.fusion.resolve_topic_name("activity") == "/activity"


def test_a_file_that_is_played_slower_than_it_is_is_no_fault_of_clocks(make_graph: MakeGraph) -> None:
    workers = make_graph(video=True, people=True).workers
    assert len(workers) == 3 and not any(worker.node.compares_clocks for worker in workers.values())


def test_the_camera_waits_for_all_subscribers_of_its_pictures(make_graph: MakeGraph) -> None:
    assert make_graph(video=True, people=True).camera.settings.current.wait_for_subscribers == 3
    assert make_graph(video=True, people=False).camera.settings.current.wait_for_subscribers == 2


def test_subscribers_come_up_before_their_publishers(make_graph: MakeGraph) -> None:
    names = [node.get_name() for node in make_graph(video=True, people=True).managed()]
    assert names == ["fusion", "skeleton_activity", "pose", "video_activity", "camera"]


def test_what_is_asked_for_is_the_slower_of_source_and_model(make_video: Callable[..., Path]) -> None:
    assert required_rate_hz(60.0, 0.0) == 60.0
    assert required_rate_hz(60.0, 25.0) == 25.0
    assert required_rate_hz(10.0, 25.0) == 10.0
    assert source_rate_hz(str(make_video(rate_hz=50))) == 50.0


class Camera:
    """As much of a camera node as the pace needs."""

    finished = True

    def __init__(self, published: int) -> None:
        self.published = published
        self.rates: list[float] = []

    def set_parameters(self, changes: list[Any]) -> None:
        self.rates += [change.value for change in changes]


def node(step_s: float = 0.0, **counts: int) -> Any:
    counters = Counters()
    for event, times in counts.items():
        counters.count(event.replace("_", " "), times)
    for _ in range(ROUND if step_s else 0):
        counters.time("step", step_s)
    return SimpleNamespace(counters=counters)


def graph_of(published: int, video: Any, **others: Any) -> Any:
    """Camera and video, all filmed; with `pose` and `skeleton` too, or with `fusion`."""
    camera = Camera(published)
    workers = {"video": WorkerHandle(video, lambda: camera.published, 50.0)}
    if "skeleton" in others:
        pose = workers["pose"] = WorkerHandle(others["pose"], lambda: camera.published, 50.0)
        workers["skeleton"] = WorkerHandle(others["skeleton"], pose.processed, 50.0)
    fusion, answers = others.get("fusion"), others.get("answers", workers["video"].processed())
    listener = SimpleNamespace(answers=[None] * answers)
    film = SimpleNamespace(pictures=published, answers=answers)
    return NodeGraph(camera, workers, fusion, listener, film, DemoResult(speed=0.5))  # type: ignore[arg-type]


def both(answers: int = 10, **fates: int) -> Any:
    """Ten frames, all of which video answered, and five of which the clock of the skeletons had no tick for."""
    return graph_of(
        10,
        node(processed=10),
        pose=node(processed=10),
        skeleton=node(processed=5, early=5),
        fusion=node(**{"received_from_video": 10, "received_from_skeleton": 5, "joined": 5, "alone": 5} | fates),
        answers=answers,
    )


@pytest.mark.parametrize(
    ("published", "counts", "limits", "rates"),
    [
        (WAITING + 11, {"processed": 10}, [1.0, None], [0.485, 0.5 * 0.97**2]),  # frames pile up
        (10, {"processed": 8, "early": 1}, [0.52] * 3, [0.515, 0.52]),  # faster, but not beyond the limit
        (14, {"processed": 10}, [1.0], []),  # a few frames wait
    ],
)
def test_the_playback_follows_what_waits(
    published: int, counts: dict[str, int], limits: list[float | None], rates: list[float]
) -> None:
    graph = graph_of(published, node(**counts))
    for limit in limits:
        graph.adjust_speed(limit)
    assert graph.camera.rates == pytest.approx(rates)


def test_the_limit_has_to_be_known() -> None:
    graph = graph_of(10, node(processed=10))
    graph.adjust_speed(graph.sustainable_speed())
    assert graph.camera.rates == []


def test_the_slowest_counts_for_the_pace_and_for_what_waits() -> None:
    graph = graph_of(20, node(0.02, processed=20), pose=node(0.08, processed=18), skeleton=node(0.001, processed=7))
    assert graph.waiting() == 11  # at the skeletons, which were sent what came of 18 pictures
    assert graph.sustainable_speed() == pytest.approx(0.5 / (0.08 * 50))
    graph.film.pictures = 3
    assert graph.waiting() == 17


def test_all_is_answered_once_every_frame_met_its_fate_and_was_filmed() -> None:
    graph = graph_of(12, node(processed=8, early=2, unreadable=1, displaced=1))
    assert graph.all_answered()
    graph.film.answers = 7
    assert not graph.all_answered()
    graph.film.answers, graph.camera.published = 8, 13
    assert not graph.all_answered()


def test_with_two_recognizers_all_is_answered_once_fusion_has_published_all_it_got() -> None:
    assert both().all_answered()
    assert not both(alone=4).all_answered()  # one frame waits for the other recognizer
    assert not both(received_from_skeleton=4).all_answered()  # one answer is on its way
    assert both(answers=9, alone=4, late=1).all_answered()  # one came too late, and nothing is published about it
    assert not both(answers=9).all_answered()


def test_a_new_file_begins_a_chapter() -> None:
    result = DemoResult()
    for stamp_ns, origin in [(1, "a"), (2, "a"), (3, "b"), (4, "a")]:
        result.on_published(stamp_ns, origin)
    assert result.chapters == [(1, "a"), (3, "b"), (4, "a")]
    assert set(result.sent_ns) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("step_s", "source_hz", "speed"), [(0.04, 60.0, 0.5 / 2.4), (0.001, 25.0, 1.0), (0.02, 25.0, 1.0)]
)
def test_the_speed_leaves_half_of_the_time_to_everything_else(step_s: float, source_hz: float, speed: float) -> None:
    assert sustainable_speed(step_s, source_hz) == pytest.approx(speed)


def test_a_speed_needs_a_time_and_a_rate() -> None:
    with pytest.raises(ValueError, match="takes time"):
        sustainable_speed(0.0, 25.0)
