"""The whole graph as processes, real networks included: nodes die and stop, and two graphs run side by side."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faults.diagnosed import Diagnosed

rclpy = pytest.importorskip("rclpy")

from helpers.node_stream import stamps_of  # noqa: E402

from co_perception.msg import Activity, ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.fusion import FusionNode  # noqa: E402
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess  # noqa: E402
from co_perception.runtime.store import store  # noqa: E402

STOPPED_S = 3.0
DEADLINE_S = 600.0  # for a network to be loaded again, beside others on two cores
FRUGAL = {"threads": 1, "optimize": False}


def commands(namespace: str = "", video: bool = True) -> dict[str, NodeCommand]:
    """The nodes that activity.launch.py starts with recognizer:=both, or with recognizer:=skeleton."""
    source = {"source": str(store.locate("sports2d_demo")), "loop": True, "rate": 0.3}
    space = {"__ns": namespace} if namespace else {}
    apart = {
        kind: {"activity": f"activity_{kind}", "~/label_info": f"label_info_{kind}"} for kind in ("video", "skeleton")
    }
    skeleton = {**space, **(apart["skeleton"] if video else {})}
    made = {
        "skeleton_activity": NodeCommand("skeleton_activity", {**FRUGAL, "events": not video}, skeleton),
        "pose": NodeCommand("pose", {"threads": 1, "second_look": 0, "image_reliability": "reliable"}, space),
        "camera": NodeCommand("camera", source, space),
    }
    if video:
        look = {**FRUGAL, "image_reliability": "reliable", "model_rate_hz": 2.0, "events": False}
        made["video_activity"] = NodeCommand("video_activity", look, {**space, **apart["video"]})
        made["fusion"] = NodeCommand("fusion", {}, space)
    return made


def until(bench: Any, predicate: Callable[[], object], what: str, said: Callable[[], str] = str) -> None:
    """Spins until the predicate holds; at the deadline the error is `what`, and what was `said` until then."""
    end = time.monotonic() + DEADLINE_S
    while not predicate():
        assert time.monotonic() < end, f"{what}: not in {DEADLINE_S} s\n{said()}"
        bench.spin(0.2)


class Graph:
    """Running nodes by name, and what their fusion says."""

    def __init__(self, bench: Any, stack: ExitStack, folder: Path) -> None:
        self.bench, self.stack, self.folder = bench, stack, folder
        self.heard = bench.listen(ActivityArray, "activity")
        self.processes: dict[str, NodeProcess] = {}
        for name in commands():
            self.start(name)

    def start(self, name: str) -> None:
        process = NodeProcess(commands()[name], self.folder / f"{name}.log")
        self.processes[name] = self.stack.enter_context(process)

    def until_both_answer(self, what: str) -> None:
        """Waits until, from now on, the scene and a person are answered by a recognizer that receives frames."""
        begin = len(self.heard)

        def answered() -> bool:
            new = [each for message in self.heard[begin:] for each in message.activities]
            fresh = [each.subject_id for each in new if each.status != Activity.STATUS_STALE]
            return "" in fresh and any(fresh)

        def said() -> str:
            new = [each for message in self.heard[begin:] for each in message.activities]
            subjects = {(each.subject_id, each.status) for each in new}
            logs = [f"{log.name}\n{log.read_text()}" for log in sorted(self.folder.glob("*.log"))]
            return "\n".join([f"{len(new)} answers, subjects and statuses {subjects}", *logs])

        until(self.bench, answered, what, said)
        assert [name for name, one in self.processes.items() if not one.alive] == [], what


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_node_in_turn_is_stopped_and_killed(bench: Any, tmp_path: Path) -> None:
    with ExitStack() as stack:
        graph = Graph(bench, stack, tmp_path)
        graph.until_both_answer("up")
        for name in commands():
            graph.processes[name].process.send_signal(signal.SIGSTOP)
            bench.spin(STOPPED_S)
            graph.processes[name].process.send_signal(signal.SIGCONT)
            graph.until_both_answer(f"{name} after a stop")
            graph.processes[name].kill()
            bench.spin(1.0)
            graph.start(name)
            graph.until_both_answer(f"{name} after a kill")
        epochs = [message.state_epoch for message in graph.heard]
        assert max(epochs) >= 1
        assert {name: one.end() for name, one in graph.processes.items()} == dict.fromkeys(commands(), 0)
    for log in tmp_path.glob("*.log"):
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_graphs_by_namespace_side_by_side(bench: Any, tmp_path: Path) -> None:
    """Each answers its own camera, with ids of its own, under names of its own; one ends and the other goes on."""
    sides = ("left", "right")
    heard = {side: bench.listen(ActivityArray, f"/{side}/activity") for side in sides}
    poses = {side: bench.listen(SkeletonArray, f"/{side}/skeletons") for side in sides}
    diagnosed = [Diagnosed(bench, f"{side}/{name}") for side in sides for name in commands(video=False)]
    elsewhere = bench.listen(ActivityArray, "/activity")

    def ids(side: str) -> set[str]:
        return {each.subject_id for message in poses[side] for each in message.skeletons}

    with ExitStack() as stack:
        graphs = {
            side: [
                stack.enter_context(NodeProcess(each, tmp_path / f"{side}.log"))
                for each in commands(f"/{side}", video=False).values()
            ]
            for side in sides
        }
        until(bench, lambda: all(any(m.activities for m in heard[side]) for side in sides), "answers of both")
        until(bench, lambda: all(each.all for each in diagnosed), "diagnostics of every node, by its full name")
        assert ids("left") and not ids("left") & ids("right")
        for side in sides:
            assert {a.subject_id for m in heard[side] for a in m.activities} <= ids(side)
        assert [one.end() for one in graphs["left"]] == [0] * len(graphs["left"])
        bench.spin(1.0)
        counts = {side: len(heard[side]) for side in sides}
        until(bench, lambda: len(heard["right"]) > counts["right"] + 3, "the right one goes on")
        assert len(heard["left"]) == counts["left"] and not elsewhere
        assert len(set(stamps_of(heard["right"]))) == len(heard["right"])


def test_diag_names(bench: Any) -> None:
    """Two nodes by namespace shared one name on /diagnostics."""
    for side in ("left", "right"):
        bench.add(FusionNode(namespace=f"/{side}"))
    left, right = (Diagnosed(bench, f"{side}/fusion") for side in ("left", "right"))
    bench.until(lambda: left.all and right.all, "both names")
    assert {each.name for array in left.heard for each in array.status} == {
        "/left/fusion: fusion",
        "/right/fusion: fusion",
    }
