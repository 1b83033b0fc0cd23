"""security/sros2_policy.xml allows each node what it really uses, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy")

from helpers.fake_learners import FakeLearner, FakePeopleLearner, FakeRestorable, NoEstimator
from helpers.node_stream import overrides_of
from sensor_msgs.msg import Image

from co_perception.nodes.camera import CameraNode
from co_perception.nodes.core.handover import Handover
from co_perception.nodes.fusion import FusionNode
from co_perception.nodes.outputs import OutputsNode
from co_perception.nodes.people_activity import HandedSkeletonActivityNode, HandingCameraNode, HandingPoseNode
from co_perception.nodes.pose import PoseNode
from co_perception.nodes.score import ScoreNode
from co_perception.nodes.skeleton_activity import SkeletonActivityNode
from co_perception.nodes.video_activity import VideoActivityNode

POLICY = Path(__file__).parents[2] / "security/sros2_policy.xml"
Granted = tuple[str, str]
"""What is done, and the name: ("publish", "/activity")."""


def setups(source: Path, told: Path) -> dict[str, list[Callable[..., Any]]]:
    """Each node in each way of setting it that changes what it talks to."""

    def with_(kind: Callable[..., Any], *first: Any, **values: Any) -> Callable[..., Any]:
        return partial(kind, *first, parameter_overrides=overrides_of(values))

    images = [
        {"image_transport": transport, "use_sim_time": simulated}
        for transport in ("raw", "compressed")
        for simulated in (False, True)
    ]
    pictures: Any = Handover("pictures")
    people: Any = Handover("people")
    alone = {
        "camera": lambda simulated: with_(
            partial(HandingCameraNode, pictures, publishes=False), source=str(source), use_sim_time=simulated
        ),
        "pose": lambda simulated: with_(
            partial(HandingPoseNode, people, pictures, reads=False, estimator_factory=lambda values: NoEstimator()),
            use_sim_time=simulated,
        ),
        "skeleton_activity": lambda simulated: with_(
            partial(HandedSkeletonActivityNode, people, learner_factory=lambda values: FakePeopleLearner()),
            model="",
            use_sim_time=simulated,
        ),
    }
    return {
        **{f"people_activity/{name}": [make(False), make(True)] for name, make in alone.items()},
        "camera": [with_(CameraNode, source=str(source), **values) for values in images],
        "pose": [with_(PoseNode, lambda values: NoEstimator(), **values) for values in images],
        "video_activity": [
            with_(VideoActivityNode, lambda values: FakeLearner(), image_transport="raw", use_sim_time=True),
            with_(VideoActivityNode, lambda values: FakeLearner(), image_transport="compressed"),
            with_(VideoActivityNode, lambda values: FakeRestorable(), subject="person"),
        ],
        "skeleton_activity": [
            with_(SkeletonActivityNode, lambda values: FakePeopleLearner(), model="", use_sim_time=simulated)
            for simulated in (False, True)
        ],
        "outputs": [with_(OutputsNode, outputs="annotated,markers", **values) for values in images],
        "fusion": [with_(FusionNode, use_sim_time=simulated) for simulated in (False, True)],
        "score": [
            with_(ScoreNode, annotations=str(told), out=str(told.parent), use_sim_time=simulated)
            for simulated in (False, True)
        ],
    }


def uses(node: Any) -> Iterator[Granted]:
    """Everything the middleware knows of the node, as if it were in no namespace; of an action only its name."""
    asked = {
        "publish": node.get_publisher_names_and_types_by_node,
        "subscribe": node.get_subscriber_names_and_types_by_node,
        "reply": node.get_service_names_and_types_by_node,
        "request": node.get_client_names_and_types_by_node,
    }
    for act, ask in asked.items():
        for full, _ in ask(node.get_name(), node.get_namespace()):
            name, action, _ = full.removeprefix(node.get_namespace()).partition("/_action/")
            yield ("execute" if action else act), name


def granted(name: str) -> set[Granted]:
    """What the policy allows one node."""
    found: set[Granted] = set()
    enclave, _, inner = name.partition("/")
    name = inner or enclave
    path = f"./enclaves/enclave[@path='/co_perception/{enclave}']//profile[@node='{name}']/*"
    for group in ElementTree.parse(POLICY).getroot().findall(path):
        for act, word in group.attrib.items():
            assert word == "ALLOW"
            topics = [(entry.text or "").replace("~/", f"/{name}/") for entry in group]
            found |= {(act, topic if topic.startswith("/") else f"/{topic}") for topic in topics}
    return found


@pytest.mark.parametrize(
    "name",
    [
        *("camera", "pose", "video_activity", "skeleton_activity", "fusion", "outputs", "score"),
        *("people_activity/camera", "people_activity/pose", "people_activity/skeleton_activity"),
    ],
)
def test_a_node_is_allowed_exactly_what_it_uses(
    name: str, bench: Any, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    told = tmp_path / "annotations.csv"
    told.write_text("start_ns,end_ns,label\n1,2,a\n")
    used, own = set[Granted](), name.rpartition("/")[2]
    for number, make in enumerate(setups(make_video(), told)[name]):
        node = bench.add(make(namespace=f"/way{number}"))  # each in its own: of two namesakes the graph shows one
        bench.until(lambda node=node: ("reply", f"/{own}/get_state") in set(uses(node)))
        if name == "outputs":  # which subscribes to pictures while somebody looks
            bench.listen(Image, f"/way{number}/annotated")
            bench.until(lambda node=node: any("image_raw" in topic for _, topic in uses(node)))
        while not set(uses(node)) <= used:  # the graph tells of what a node has one by one
            used |= set(uses(node))
            bench.spin(0.5)
    assert used == granted(name)


def test_every_executable_has_an_enclave() -> None:
    paths = {enclave.get("path") for enclave in ElementTree.parse(POLICY).getroot().findall("./enclaves/enclave")}
    scripts = {file.stem.removesuffix("_node") for file in (POLICY.parents[1] / "scripts").glob("*_node")}
    assert paths == {f"/co_perception/{name}" for name in scripts}
    assert ElementTree.parse(POLICY).getroot().get("version") == "0.2.0"
