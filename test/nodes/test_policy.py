"""security/sros2_policy.xml allows each node what it really uses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy")

from fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable
from rclpy.parameter import Parameter

from co_perception.nodes.camera import CameraNode
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.pose import PoseNode
from co_perception.nodes.score import ScoreNode
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode

POLICY = Path(__file__).parents[2] / "security/sros2_policy.xml"
Granted = tuple[str, str]
"""What is done, and the name: ("publish", "/activity")."""


class NoEstimator:
    """Sees nobody."""

    name = "none"
    layout = "coco17"

    def estimate(self, image: Any) -> list[Any]:
        return []

    def reset(self) -> None:
        return

    def close(self) -> None:
        return


def setups(source: Path, told: Path) -> dict[str, list[Callable[..., Any]]]:
    """Each node in each way of setting it that changes what it talks to."""

    def with_(kind: Callable[..., Any], *first: Any, **values: Any) -> Callable[..., Any]:
        return partial(kind, *first, parameter_overrides=[Parameter(key, value=value) for key, value in values.items()])

    return {
        "camera": [
            with_(CameraNode, source=str(source), image_transport=transport, use_sim_time=simulated)
            for transport in ("raw", "compressed")
            for simulated in (False, True)
        ],
        "pose": [
            with_(PoseNode, lambda values: NoEstimator(), image_transport=transport, use_sim_time=simulated)
            for transport in ("raw", "compressed")
            for simulated in (False, True)
        ],
        "video_activity": [
            with_(VideoActivityNode, lambda values: FakeLearner(), image_transport="raw", use_sim_time=True),
            with_(VideoActivityNode, lambda values: FakeLearner(), image_transport="compressed"),
            with_(VideoActivityNode, lambda values: FakeRestorable(), subject="person"),
        ],
        "skeleton_activity": [
            with_(SkeletonActivityNode, lambda values: FakePeopleLearner(), model="", use_sim_time=simulated)
            for simulated in (False, True)
        ],
        "fusion": [with_(FusionNode, use_sim_time=simulated) for simulated in (False, True)],
        "score": [
            with_(ScoreNode, annotations=str(told), out=str(told.parent), use_sim_time=simulated)
            for simulated in (False, True)
        ],
    }


def uses(node: Any) -> Iterator[Granted]:
    """Everything the middleware knows of the node, as if it were in no namespace."""
    asked = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    for act, ask in asked.items():
        for full, _ in ask(node.get_name(), node.get_namespace()):
            yield act, full.removeprefix(node.get_namespace())


def granted(name: str) -> set[Granted]:
    """What the policy allows one node."""
    found: set[Granted] = set()
    profiles = (
        ElementTree.parse(POLICY).getroot().findall(f"./enclaves/enclave[@path='/co_perception/{name}']//profile")
    )
    for group in (group for profile in profiles if profile.get("node") == name for group in profile):
        for act, word in group.attrib.items():
            assert word == "ALLOW"
            found |= {(act, _full(entry.text or "", name)) for entry in group}
    return found


def _full(name: str, node: str) -> str:
    if name.startswith("~/"):
        return f"/{node}/{name[2:]}"
    return name if name.startswith("/") else f"/{name}"


@pytest.mark.parametrize("name", ["camera", "pose", "video_activity", "skeleton_activity", "fusion", "score"])
def test_a_node_is_allowed_exactly_what_it_uses(
    name: str, bench: Any, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    told = tmp_path / "annotations.csv"
    told.write_text("start_ns,end_ns,label\n1,2,a\n")
    used: set[Granted] = set()
    for number, make in enumerate(setups(make_video(), told)[name]):
        node = bench.add(make(namespace=f"/way{number}"))  # each in its own: of two namesakes the graph shows one
        bench.until(lambda node=node: ("reply", f"/{name}/get_state") in set(uses(node)))
        while not set(uses(node)) <= used:  # the graph tells of what a node has one by one
            used |= set(uses(node))
            bench.spin(0.5)
    assert used == granted(name)


def test_every_executable_has_an_enclave() -> None:
    paths = {enclave.get("path") for enclave in ElementTree.parse(POLICY).getroot().findall("./enclaves/enclave")}
    scripts = {file.stem.removesuffix("_node") for file in (POLICY.parents[1] / "scripts").glob("*_node")}
    assert paths == {f"/co_perception/{name}" for name in scripts}
    assert ElementTree.parse(POLICY).getroot().get("version") == "0.2.0"
