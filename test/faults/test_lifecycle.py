"""A thousand lifecycle transitions in every order: each says what it did, and nothing is left behind."""

from __future__ import annotations

import gc
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from helpers.fake_learners import FakeLearner, FakePeopleLearner, NoEstimator  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402

from co_perception.nodes.core.managed_node import ManagedNode  # noqa: E402
from co_perception.nodes.fusion import FusionNode  # noqa: E402
from co_perception.nodes.pose import PoseNode  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.nodes.soak.processes import usage  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

TRANSITIONS = 1000
NEXT = {  # state, transition: the state it leads to; others are refused
    ("unconfigured", "configure"): "inactive",
    ("inactive", "activate"): "active",
    ("inactive", "cleanup"): "unconfigured",
    ("active", "deactivate"): "inactive",
}
KINDS = ("configure", "activate", "deactivate", "cleanup")
SUCCESS, ERROR = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.ERROR

NO_MODEL = [Parameter("model", value="")]
MAKERS: dict[str, Callable[[], ManagedNode]] = {
    "video_activity": lambda: VideoActivityNode(lambda values: FakeLearner()),
    "skeleton_activity": lambda: SkeletonActivityNode(lambda v: FakePeopleLearner(), parameter_overrides=NO_MODEL),
    "pose": lambda: PoseNode(lambda values: NoEstimator()),
    "fusion": FusionNode,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_a_thousand_transitions_in_any_order_leave_nothing_behind(bench: Any, name: str) -> None:
    node = bench.add(MAKERS[name](), up=False)
    walk = Walk(node, random.Random(name))
    walk.go(TRANSITIONS // 4)
    gc.collect()
    before, threads = usage(os.getpid()), threading.active_count()
    walk.go(TRANSITIONS)
    gc.collect()
    after = usage(os.getpid())
    assert threading.active_count() == threads
    assert (after.threads, after.descriptors) == (before.threads, before.descriptors)
    assert after.memory_mb - before.memory_mb < 5.0


class Walk:
    """Transitions by chance, each held against the table."""

    def __init__(self, node: ManagedNode, chance: random.Random) -> None:
        self.node, self.chance, self.state = node, chance, "unconfigured"

    def go(self, steps: int) -> None:
        """As many transitions, then back to the first state."""
        for _ in range(steps):
            self.take(self.chance.choice(KINDS))
        for kind in ("deactivate", "cleanup"):
            if (self.state, kind) in NEXT:
                self.take(kind)

    def take(self, kind: str) -> None:
        said = getattr(self.node, f"trigger_{kind}")()
        target = NEXT.get((self.state, kind))
        assert said == (SUCCESS if target else ERROR), (self.state, kind)
        self.state = target or self.state
        assert self.node._state_machine.current_state[1] == self.state


def test_an_error_while_activating_leaves_an_unconfigured_node_that_can_be_brought_up(bench: Any, capfd: Any) -> None:
    node = bench.add(MAKERS["video_activity"](), up=False)
    assert node.trigger_configure() == SUCCESS
    subscribe, node.subscribe = node.subscribe, None
    assert node.trigger_activate() == ERROR
    assert "NoneType" in capfd.readouterr().err
    assert node._state_machine.current_state[1] == "unconfigured"
    assert not node.settings.configured
    assert [thread.name for thread in threading.enumerate() if thread.name == "video_activity"] == []
    node.subscribe = subscribe
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
