"""The graph behind the live page: it is looked at, nodes are asked, recordings are made and marked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mcap")
pytest.importorskip("rosbags")
cv2 = pytest.importorskip("cv2")

from helpers.live_robot import Robot  # noqa: E402
from helpers.node_stream import RELIABLE, picture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from co_perception.data.annotations.intervals import read_annotations  # noqa: E402
from co_perception.data.bags.bag_file import Bag  # noqa: E402
from co_perception.msg import ActivityArray  # noqa: E402
from co_perception.nodes.live import listener  # noqa: E402
from co_perception.nodes.live.live_graph import LiveGraph  # noqa: E402
from co_perception.nodes.live.page_messages import people_of  # noqa: E402

NODE = "/skeleton_activity"


@pytest.fixture
def robot(bench: Any) -> Iterator[Robot]:
    with Robot(bench) as made:
        yield made


@pytest.fixture
def graph(robot: Robot, tmp_path: Path) -> Iterator[LiveGraph]:
    made = LiveGraph(folder=tmp_path)
    yield made
    made.close()


class Told:
    """Everything that is told."""

    def __init__(self) -> None:
        self.events: dict[str, list[Any]] = {}
        self._changed = threading.Condition()

    def __call__(self, event: str, text: str) -> None:
        with self._changed:
            self.events.setdefault(event, []).append(json.loads(text))
            self._changed.notify_all()

    def wait(self, event: str, fits: Any = lambda content: True) -> Any:
        """The first content of an event that fits."""
        with self._changed:
            found = self._changed.wait_for(lambda: next(filter(fits, self.events.get(event, [])), None), 20)
        assert found, (event, self.events.get(event, [])[-3:])
        return found


def active(content: Any) -> bool:
    return any(each["status"] == "valid" for each in content["activities"])


def test_it_is_seen_what_a_recognizer_says(graph: LiveGraph, robot: Robot) -> None:
    told = Told()
    end = graph.watch(told, {})
    assert active(told.wait("activity", active))
    topic = told.wait("picture")["topic"]
    found = graph.picture(topic)
    assert found is not None
    assert abs(cv2.imdecode(np.frombuffer(found[1], np.uint8), cv2.IMREAD_COLOR).mean() - 90) < 3
    assert graph.picture("/none") is None
    end()
    deadline = time.monotonic() + 20
    while robot.pictures.get_subscription_count():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    told.events.clear()
    time.sleep(0.5)
    assert "activity" not in told.events and "picture" not in told.events


def test_a_picture_without_a_stamp_is_the_newest(graph: LiveGraph, robot: Robot, bench: Any) -> None:
    unstamped, told = bench.node.create_publisher(Image, "unstamped", RELIABLE), Told()
    graph.watch(told, {"pictures": "/unstamped"})
    for brightness in (40, 200):
        deadline, seen = time.monotonic() + 20, 0.0
        while abs(seen - brightness) > 3:
            assert time.monotonic() < deadline, (brightness, seen)
            unstamped.publish(picture(0.0, np.full((24, 32, 3), brightness, np.uint8)))
            time.sleep(0.05)
            if found := graph.picture("/unstamped"):
                seen = float(cv2.imdecode(np.frombuffer(found[1], np.uint8), cv2.IMREAD_COLOR).mean())
    assert told.wait("picture", lambda content: content["stamp"] == "0")


def test_a_topic_of_another_type_is_not_shown(graph: LiveGraph, robot: Robot) -> None:
    told, other = Told(), Told()
    graph.watch(other, {})
    other.wait("activity", active)
    graph.watch(told, {"people": "/image_raw", "pictures": "/skeletons"})
    told.wait("activity", active)
    assert told.wait("graph", lambda content: content["shown"] == {"activity": "/activity"})
    assert "people" not in told.events and "picture" not in told.events


def test_what_goes_wrong_with_a_message_is_told_and_the_others_are_shown(
    graph: LiveGraph, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(message: Any) -> Any:
        raise LookupError("no such joint")

    monkeypatch.setattr(listener, "people_of", fail)
    told = Told()
    graph.watch(told, {})
    told.wait("health", lambda content: any("no such joint" in each["message"] for each in content["nodes"]))
    told.wait("activity", active)
    assert "people" not in told.events and told.wait("picture")
    graph.record("one", ["/skeletons"], [], None)
    told.wait("recording", lambda content: content and content["messages"] > 3)
    assert graph.stop()["messages"] > 3


def test_a_threshold_applies_at_once_and_the_state_is_forgotten(graph: LiveGraph, robot: Robot) -> None:
    told = Told()
    graph.watch(told, {})
    told.wait("activity", active)
    assert graph.settings(NODE) == {"threshold": -1.0, "task": "", "tasks": ""}
    assert graph.change(NODE, "threshold", 0.75) == ""
    assert robot.learner.threshold == 0.75 and graph.settings(NODE)["threshold"] == 0.75
    assert told.wait("labels", lambda content: content["threshold"] == 0.75)
    assert graph.change(NODE, "threshold", -1) == "" and robot.learner.threshold == 0.0
    assert "range" in graph.change(NODE, "threshold", 7.0)
    assert "no task 'x'" in graph.change(NODE, "task", "x")
    before = robot.learner.resets
    assert "forgotten" in graph.reset(NODE, [])
    told.wait("activity", lambda content: content["epoch"] > 0)
    assert robot.learner.resets > before
    assert "not known here: 'nobody'" in graph.reset(NODE, ["nobody"])


def test_of_a_node_without_tasks_the_threshold_is_known(graph: LiveGraph, bench: Any, robot: Robot) -> None:
    """As of `video_activity`, of a fusion, and of recognizers by others."""
    bench.node.declare_parameter("threshold", 0.25)
    bench.node.create_publisher(ActivityArray, "other/activity", 10)
    told = Told()
    graph.watch(told, {})
    told.wait("graph", lambda content: "/other/activity" in content["topics"]["activity"])
    assert graph.settings("/bench") == {"threshold": 0.25, "task": None, "tasks": None}


def test_a_fusion_forgets_everybody(graph: LiveGraph, bench: Any, robot: Robot) -> None:
    def forget(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, "all is forgotten"
        return response

    bench.node.create_service(Trigger, "~/reset", forget)
    bench.node.create_publisher(ActivityArray, "other/activity", 10)
    told = Told()
    graph.watch(told, {})
    told.wait("graph", lambda content: "/other/activity" in content["topics"]["activity"])
    assert graph.reset("/bench", []) == "all is forgotten"


def test_a_task_that_fails_does_not_hold_up_those_behind_it(
    graph: LiveGraph, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, done, told = threading.Event(), threading.Event(), threading.Event(), Told()

    def hold(message: Any) -> Any:
        begun.set()
        go_on.wait(20)
        return people_of(message)

    def fail() -> None:
        raise LookupError("no such task")

    monkeypatch.setattr(listener, "people_of", hold)
    graph.watch(told, {})
    assert begun.wait(20)
    graph._later(fail)  # both come while a message is taken, so that ROS is woken once for both
    graph._later(done.set)
    go_on.set()
    assert done.wait(5)
    told.wait("health", lambda content: any("no such task" in each["message"] for each in content["nodes"]))


def test_only_recognizers_are_asked_and_only_what_is_meant_to_be_changed(graph: LiveGraph, robot: Robot) -> None:
    graph.watch(Told(), {})
    for node in ("/bench", "/none", "", "/skeleton_activity/../bench"):
        with pytest.raises(ValueError, match="no recognizer that runs"):
            graph.settings(node)
    for name, value in (("model_path", "/etc"), ("threshold", "high"), ("threshold", True), ("task", 5)):
        with pytest.raises(ValueError, match="changed from here|cannot be"):
            graph.change(NODE, name, value)


def test_a_recording_is_marked_by_buttons(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    told = Told()
    graph.watch(told, {})
    graph.record("one", ["/skeletons"], ["wave", "squat"], None)
    told.wait("recording", lambda content: content and content["messages"] > 3)
    with pytest.raises(ValueError, match="runs already"):
        graph.record("two", ["/skeletons"], [], None)
    graph.mark("wave")
    told.wait("recording", lambda content: content and content["label"] == "wave")
    time.sleep(0.3)
    graph.mark("squat")
    told.wait("recording", lambda content: content and content["label"] == "squat")
    time.sleep(0.2)
    graph.mark("")
    told.wait("recording", lambda content: content and content["label"] == "" and content["seconds"] > 0.5)
    with pytest.raises(ValueError, match="none of this recording's labels"):
        graph.mark("jump")
    summary = graph.stop()
    assert graph.summary == summary == told.wait("recorded")
    assert summary["marked"] == 2 and summary["lacking"] == [] and not summary["problem"]
    wave, squat = read_annotations(tmp_path / "one" / "annotations.csv")
    assert (wave.label, squat.label, wave.end_ns) == ("wave", "squat", squat.start_ns)
    with Bag(tmp_path / "one") as bag:
        stamps = [each.stamp_ns for each in bag.messages("/skeletons")]
        assert len(stamps) == summary["messages"] and bag.damage == []
    assert sum(wave.start_ns <= stamp < wave.end_ns for stamp in stamps) >= 3
    with pytest.raises(ValueError, match="nothing is recorded"):
        graph.stop()
    with pytest.raises(FileExistsError, match="another folder"):
        graph.record("one", ["/skeletons"], [], None)


def test_a_rate_that_is_too_low_is_told_while_it_is_recorded(graph: LiveGraph, robot: Robot) -> None:
    robot.period_s = 2.0
    told = Told()
    graph.watch(told, {})
    graph.record("one", ["/skeletons"], [], None)
    state = told.wait("recording", lambda content: content and any("too slow" in each for each in content["warnings"]))
    assert "at least 4.5 Hz" in state["warnings"][0]
    robot.period_s = 0.02
    told.events.clear()
    told.wait("recording", lambda content: content and not content["warnings"])
    graph.stop()


def test_whoever_comes_back_is_told_what_was_recorded(graph: LiveGraph, robot: Robot) -> None:
    first, second, third = Told(), Told(), Told()
    end = graph.watch(first, {})
    graph.record("one", ["/skeletons"], ["wave"], {"repeats": 1, "act_s": 0.5, "rest_s": 0.5})
    first.wait("recording", lambda content: content and content["messages"])
    assert "recorded" not in first.events
    end()  # the only page is killed
    graph.watch(second, {})
    state = second.wait("recording")
    assert state["name"] == "one" and state["performance"]["whole_s"] == 0.5
    summary = second.wait("recorded")
    assert (summary["name"], summary["marked"]) == ("one", 1)
    graph.watch(third, {})
    assert third.wait("recorded") == summary


def test_a_mark_is_where_it_was_pressed_however_late_it_comes(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    """As of a phone whose network was away for a moment."""
    told = Told()
    graph.watch(told, {})
    graph.record("one", ["/skeletons"], ["wave"], None)
    at = told.wait("recording", lambda content: content and content["seconds"] > 1.5)
    graph.mark("wave", 0.5)
    graph.mark("wave", 1.25)
    graph.mark("wave", 1e6)  # what is yet to come is now
    told.wait("recording", lambda content: content and content["label"] == "wave")
    graph.stop()
    wave, last = read_annotations(tmp_path / "one" / "annotations.csv")
    assert (wave.end_ns - wave.start_ns) / 1e9 == pytest.approx(0.75, abs=1e-3)
    assert (last.start_ns - wave.start_ns) / 1e9 > at["seconds"] - 0.6


def test_a_countdown_marks_what_it_tells_and_ends_the_recording(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    told = Told()
    graph.watch(told, {})
    graph.record("plan", ["/skeletons"], ["wave", "squat"], {"repeats": 2, "act_s": 0.6, "rest_s": 0.5})
    first = told.wait("recording", lambda content: content and content["performance"]["label"] == "wave")
    assert first["performance"]["following"] == "squat" and first["performance"]["count"] == 4
    summary = told.wait("recorded")
    assert summary["marked"] == 4
    rows = read_annotations(tmp_path / "plan" / "annotations.csv")
    assert [row.label for row in rows] == ["wave", "squat", "wave", "squat"]
    for one, other in zip(rows, rows[1:], strict=False):
        assert (other.start_ns - one.start_ns) / 1e9 == pytest.approx(1.1, abs=1e-3)
        assert (one.end_ns - one.start_ns) / 1e9 == pytest.approx(0.6, abs=1e-3)


def test_a_label_that_was_pressed_early_is_marked_as_it_is_told(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    told = Told()
    graph.watch(told, {})
    graph.record("plan", ["/skeletons"], ["wave"], {"repeats": 1, "act_s": 1.0, "rest_s": 0.8})
    told.wait("recording", lambda content: content and content["messages"] > 3)
    graph.mark("wave")  # in the rest before it
    told.wait("recording", lambda content: content and content["performance"]["label"] == "wave")
    told.wait("recorded")
    early, wave = read_annotations(tmp_path / "plan" / "annotations.csv")
    assert early.end_ns == wave.start_ns and (wave.end_ns - wave.start_ns) / 1e9 == pytest.approx(1.0, abs=1e-3)


def test_a_topic_is_recorded_once_and_one_that_cannot_be_is_refused(
    graph: LiveGraph, robot: Robot, tmp_path: Path
) -> None:
    told = Told()
    graph.watch(told, {})
    told.wait("people")
    for topics in (["no topic!"], [""], ["/skeletons", "a b"]):
        with pytest.raises(ValueError, match="topics are"):
            graph.record("one", topics, [], None)
    graph.record("one", ["/skeletons", "skeletons", "/skeletons"], [], None)
    told.wait("recording", lambda content: content and content["messages"] > 5)
    summary = graph.stop()
    with Bag(tmp_path / "one") as bag:
        stamps = [each.stamp_ns for each in bag.messages("/skeletons")]
    assert len(set(stamps)) == len(stamps) == summary["messages"] and summary["lacking"] == []


def test_a_recording_that_cannot_be_made_leaves_nothing(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    told = Told()
    graph.watch(told, {})
    told.wait("people")
    (tmp_path / "file").write_text("")
    graph.folder = tmp_path / "file"
    with pytest.raises(OSError):
        graph.record("one", ["/skeletons"], [], None)
    assert graph._node is not None and "record" not in graph._node.get_node_names()
    graph.folder = tmp_path
    kept = tmp_path / "two" / "annotations.csv"
    kept.parent.mkdir()
    kept.write_text("somebody's work")
    with pytest.raises(FileExistsError, match=r"annotations\.csv is there already"):
        graph.record("two", ["/skeletons"], ["wave"], None)
    assert kept.read_text() == "somebody's work"


def test_nothing_is_written_beside_the_folder(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    for name in ("", "..", "../x", "a/b", "/etc/x", ".hidden", "a" * 100, "a\0b"):
        with pytest.raises(ValueError, match="named by letters"):
            graph.record(name, ["/skeletons"], [], None)
    for topics, labels, plan in (
        ([], [], None), (["/s"], ["a", "a"], None), (["/s"], [" a"], None), (["/s"], ["a"], {"repeats": 1e9}),
        (["/s"], ["a"], {"repeats": 1, "act_s": float("nan"), "rest_s": 1}),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="topics are|labels are|a plan|take"):
            graph.record("fine", topics, labels, plan)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="--record DIR"):
        LiveGraph().record("x", ["/s"], [], None)


def test_closing_ends_a_recording_whole(robot: Robot, bench: Any, tmp_path: Path) -> None:
    graph = LiveGraph(folder=tmp_path)
    graph.record("cut", ["/skeletons"], ["wave"], None)
    graph.mark("wave")
    time.sleep(0.6)
    graph.close()
    graph.close()
    [wave] = read_annotations(tmp_path / "cut" / "annotations.csv")
    with Bag(tmp_path / "cut") as bag:
        assert bag.damage == [] and bag.count("/skeletons") > 3
    assert wave.label == "wave"


def test_a_service_that_is_not_there_is_told_in_time(
    graph: LiveGraph, bench: Any, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from co_perception.nodes.live import service_calls

    monkeypatch.setattr(service_calls, "PATIENCE_S", 0.5)
    bench.node.create_publisher(ActivityArray, "other/activity", 10)
    told = Told()
    graph.watch(told, {})
    told.wait("graph", lambda content: "/other/activity" in content["topics"]["activity"])
    with pytest.raises(TimeoutError, match="/bench/reset is not there"):
        graph.reset("/bench", [])
    assert graph._node is not None
    assert graph._node.get_client_names_and_types_by_node("studio", "/") == []


def test_a_recognizer_that_runs_takes_another_model(graph: LiveGraph, robot: Robot, tmp_path: Path) -> None:
    told = Told()
    end = graph.watch(told, {})
    told.wait("activity")
    assert graph.recognizers() == [NODE]
    graph.use_model(NODE, str(tmp_path))
    assert robot.node.active and robot.node.settings.current.model_path == str(tmp_path)
    graph.use_model(NODE, "")
    assert robot.node.active and robot.node.settings.current.model_path == ""
    with pytest.raises(ValueError, match="no recognizer of skeletons"):
        graph.use_model("/camera", str(tmp_path))
    end()
