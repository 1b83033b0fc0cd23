"""Nodes under a lifecycle manager of another process: transitions are answered before models are loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from threading import Event
from types import ModuleType
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

import numpy as np  # noqa: E402
from faults.diagnosed import Diagnosed  # noqa: E402
from helpers.fake_learners import FakeLearner, FakePeopleLearner, NoEstimator  # noqa: E402
from helpers.node_stream import RELIABLE, overrides_of, picture, skeleton, skeletons  # noqa: E402
from lifecycle_msgs.msg import TransitionEvent  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from co_perception.msg import ActivityArray, LabelInfo, SkeletonArray  # noqa: E402
from co_perception.nodes.core.managed_node import ManagedNode  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402
from co_perception.nodes.core.run_node import run  # noqa: E402
from co_perception.nodes.pose import PoseNode  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402
from co_perception.srv import ResetState, Restore, Snapshot  # noqa: E402

RED = np.full((12, 16, 3), (200, 10, 10), np.uint8)
MANAGED = {"autostart": False, "queue_depth": 100}


class Slow:
    """Makes learners that take as long to load as the test wants; `error`: what loading ends with."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make, self._go, self.begun = make, Event(), Event()
        self.error: Exception | None = None
        self.made: list[Any] = []

    def __call__(self, values: Any) -> Any:
        self.begun.set()
        assert self._go.wait(60)
        if self.error is not None:
            raise self.error
        self.made.append(self._make())
        return self.made[-1]

    def go(self) -> None:
        self._go.set()

    def hold(self) -> None:
        self._go.clear()


class ClosedEstimator(NoEstimator):
    closed = False

    def close(self) -> None:
        self.closed = True


class Manager:
    """A lifecycle manager's view of one node."""

    def __init__(self, bench: Any, node: ManagedNode[Any]) -> None:
        self.bench, self.node, self.name = bench, bench.add(node, up=False), node.get_name()

    def ask(self, label: str) -> bool:
        request: Any = ChangeState.Request()
        request.transition.label = label
        return bool(self.bench.call(ChangeState, f"{self.name}/change_state", transition=request.transition).success)

    @property
    def state(self) -> str:
        return str(self.bench.call(GetState, f"{self.name}/get_state").current_state.label)


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow(FakeLearner)
    yield made
    made.go()


def video(slow: Slow, **settings: Any) -> VideoActivityNode:
    return VideoActivityNode(
        slow, parameter_overrides=overrides_of({**MANAGED, "image_reliability": "reliable", **settings})
    )


def test_configure_is_answered_before_the_model_is_loaded(bench: Any, slow: Slow) -> None:
    """Active at once, "preparing" meanwhile, and answers from when it is ready; what came before is counted."""
    manager, told = Manager(bench, video(slow)), Diagnosed(bench, "video_activity")
    assert manager.ask("configure") and slow.begun.wait(20)
    assert (manager.state, manager.node.ready, slow.made) == ("inactive", False, [])
    answers = bench.listen(ActivityArray, "activity")
    camera = bench.node.create_publisher(Image, "image_raw", RELIABLE)
    assert manager.ask("activate") and manager.state == "active"
    bench.matched(camera, "image_raw")
    for number in range(3):
        camera.publish(picture(1.0 + number / 25, RED))
    told.until_count("while preparing", 3)
    told.until_warned("preparing for ")
    assert answers == []
    slow.go()
    bench.until(lambda: manager.node.ready, "the learner")
    camera.publish(picture(2.0, RED))
    bench.until(lambda: answers, "an answer")
    assert answers[0].dropped_frames == 3
    told.until_well()


def test_services_say_that_the_node_is_not_ready_yet(bench: Any, tmp_path: Any) -> None:
    slow = Slow(FakePeopleLearner)
    settings = {**MANAGED, "model": "", "reliability": "reliable", "snapshot_folder": str(tmp_path)}
    manager = Manager(bench, SkeletonActivityNode(slow, parameter_overrides=overrides_of(settings)))
    assert manager.ask("configure") and manager.ask("activate")
    for kind, name, fields in (
        (ResetState, "reset", {}),
        (Snapshot, "snapshot", {"path": "a"}),
        (Restore, "restore", {"path": "a"}),
    ):
        said = bench.call(kind, f"skeleton_activity/{name}", **fields)
        assert not said.success and "not ready yet: preparing for" in said.message
    slow.go()
    labels = bench.listen(LabelInfo, "skeleton_activity/label_info", latched_qos())
    bench.until(lambda: labels, "labels of the model")
    people = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)
    answers = bench.listen(ActivityArray, "activity")
    bench.matched(people, "skeletons")
    people.publish(skeletons(1.0, skeleton("anna")))
    bench.until(lambda: answers, "an answer")
    assert bench.call(ResetState, "skeleton_activity/reset").success


@pytest.mark.parametrize("active", [False, True])
def test_a_failed_preparation_ends_unconfigured_with_its_reason(
    bench: Any, slow: Slow, capfd: Any, active: bool
) -> None:
    """As after a transition with an error; what was wrong can be mended, and the node brought up."""
    manager, told = Manager(bench, video(slow)), Diagnosed(bench, "video_activity")
    events = bench.listen(TransitionEvent, "video_activity/transition_event")
    assert manager.ask("configure")
    assert not active or manager.ask("activate")
    slow.error = OSError("the disk is gone")
    slow.go()
    bench.until(lambda: manager.state == "unconfigured", "the error")
    bench.until(lambda: events and events[-1].goal_state.label == "unconfigured", "its event")
    assert "errorprocessing" in {event.goal_state.label for event in events}
    bench.until(lambda: any(one.level == one.ERROR and "the disk is gone" in one.message for one in told.all), "ERROR")
    assert "the disk is gone" in capfd.readouterr().err
    slow.error = None
    assert manager.ask("configure") and manager.ask("activate")
    bench.until(lambda: manager.node.ready)
    told.until_well()


def test_what_is_loaded_for_nobody_is_freed_and_the_next_one_waits_for_it(bench: Any) -> None:
    slow = Slow(ClosedEstimator)
    manager = Manager(bench, PoseNode(slow, parameter_overrides=overrides_of(MANAGED)))
    assert manager.ask("configure") and slow.begun.wait(20)
    assert manager.ask("cleanup") and manager.state == "unconfigured"
    slow.begun.clear()
    assert manager.ask("configure")
    said = bench.call(Trigger, "pose/reset")
    assert not said.success and "not ready yet" in said.message
    assert not slow.begun.is_set(), "two models at once"
    slow.go()
    bench.until(lambda: manager.node.ready)
    assert [one.closed for one in slow.made] == [True, False]
    assert manager.ask("cleanup")
    assert [one.closed for one in slow.made] == [True, True]


@pytest.mark.parametrize(
    "wrong", [{"model_path": "/nowhere/model"}, {"network": "coi3d_incepton"}, {"event_on": 0.1, "event_off": 0.9}]
)
def test_what_can_be_seen_at_once_fails_the_transition(bench: Any, wrong: dict[str, Any]) -> None:
    manager = Manager(bench, VideoActivityNode(parameter_overrides=overrides_of({**MANAGED, **wrong})))
    assert not manager.ask("configure")
    assert manager.state == "unconfigured" and str(next(iter(wrong.values()))) in manager.node.failure


def test_a_manager_that_wants_to_wait_does(bench: Any, slow: Slow) -> None:
    slow.go()
    manager = Manager(bench, video(slow, prepare_in_background=False))
    assert manager.ask("configure") and manager.node.ready
    slow.error = OSError("the disk is gone")
    assert manager.ask("cleanup") and not manager.ask("configure")
    assert manager.state == "unconfigured"


def test_a_node_that_starts_by_itself_ends_with_status_one_where_loading_fails(slow: Slow) -> None:
    slow.error = OSError("the disk is gone")
    slow.go()
    assert run(lambda: VideoActivityNode(slow)) == 1


class StandInBond:
    """Remembers. Names and order of its arguments are those of bondpy 4, the first for ROS 2; bondcpp has another."""

    made: list[StandInBond] = []

    def __init__(self, node: Any, topic: str, bond_id: str, on_broken: Any = None, on_formed: Any = None) -> None:
        self.named, self.done = (topic, bond_id), list[str]()
        self.pub = node.create_publisher(String, topic, 1)
        self.sub = node.create_subscription(String, topic, lambda message: None, 1)
        StandInBond.made.append(self)

    def start(self) -> None:
        self.done.append("start")

    def shutdown(self) -> None:
        self.done.append("shutdown")
        self.sub.destroy()
        self.pub.destroy()


@pytest.mark.parametrize("autostart", [False, True])
def test_an_active_node_has_a_bond_where_bondpy_is_there(
    bench: Any, slow: Slow, monkeypatch: pytest.MonkeyPatch, autostart: bool
) -> None:
    package, module = ModuleType("bondpy"), ModuleType("bondpy.bondpy")
    module.Bond = StandInBond  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bondpy", package)
    monkeypatch.setitem(sys.modules, "bondpy.bondpy", module)
    monkeypatch.setattr(StandInBond, "made", [])
    manager = Manager(bench, video(slow, autostart=autostart))
    assert manager.ask("configure") and StandInBond.made == []
    there = [*manager.node.publishers, *manager.node.subscriptions]
    assert manager.ask("activate")
    assert [(bond.named, bond.done) for bond in StandInBond.made] == (
        [] if autostart else [(("bond", "video_activity"), ["start"])]
    )
    assert manager.ask("deactivate")
    assert all(bond.done == ["start", "shutdown"] for bond in StandInBond.made)
    assert [*manager.node.publishers, *manager.node.subscriptions] == there
