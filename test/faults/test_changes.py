"""What is changed under a running node: parameters within a step, and the file its weights came from."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_learners import FakeLearner
from faults.people import waving

rclpy = pytest.importorskip("rclpy")

from nodes.test_video_activity import Stream  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402

from co_perception.learners.shipped import shipped  # noqa: E402
from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402

FRAMES = 40
RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


def test_parameters_that_change_within_a_step(bench: Any, fake: FakeLearner, make_image: Callable[..., Any]) -> None:
    """Live ones hold from the answer to that very step on; the others are refused, and nothing waits for the step."""
    stream = Stream(bench, fake, make_image)
    begun, go_on = threading.Event(), threading.Event()

    def block(frame: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    stream.send(*[i / 25 for i in range(1, 9)])
    stream.answered(8)
    fake.before = block
    stream.send(9 / 25)
    bench.until(begun.is_set)
    wanted = {"top_k": 1, "silence_s": 30.0, "threshold": 0.9, "network": "cox3d_m", "unheard_of": 2, "max_gap_s": 5.0}
    parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in wanted.items()]
    answer = bench.call(SetParameters, "video_activity/set_parameters", parameters=parameters)
    assert dict(zip(wanted, [result.successful for result in answer.results], strict=True)) == {
        "top_k": True, "silence_s": True, "threshold": False, "network": False, "unheard_of": False,
        "max_gap_s": False,
    }  # fmt: skip
    assert all("deactivate and clean up" in answer.results[i].reason for i in (2, 3, 5))
    assert len(stream.heard) == 8, "the step is still under way"
    go_on.set()
    heard = stream.answered(9)
    assert [len(message.activities[0].hypotheses) for message in heard[-2:]] == [3, 1]
    assert [message.activities[0].label for message in heard[-2:]] == ["red", "red"]
    assert {message.state_epoch for message in heard} == {0}
    assert stream.node.tally.dropped == 0


def scores(messages: Sequence[Any]) -> list[list[tuple[str, float]]]:
    return [[(guess.label, guess.score) for guess in message.activities[0].hypotheses] for message in messages]


@pytest.mark.parametrize("replaced", ["cut off", "overwritten", "gone"])
def test_weights_that_are_replaced_while_they_run(
    bench: Any, one_thread: None, tmp_path: Path, capfd: Any, replaced: str
) -> None:
    """What runs goes on, bit by bit; what is configured next says what is wrong with the new file."""
    folder = tmp_path / "model"
    shutil.copytree(shipped("costgcn_short_motions"), folder)
    settings = {"model_path": str(folder), "threads": 1, "reliability": "reliable", "queue_depth": 100}
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    node = bench.add(SkeletonActivityNode(parameter_overrides=overrides))
    heard = bench.listen(ActivityArray, "activity")
    publisher = bench.node.create_publisher(SkeletonArray, "skeletons", RELIABLE)

    def play(half_way: Callable[[], object] = lambda: None) -> list[Any]:
        bench.matched(publisher, "skeletons")
        bench.matched(node._activity, "activity")
        before = len(heard)
        for ticks, then in ((range(FRAMES // 2), half_way), (range(FRAMES // 2, FRAMES), lambda: None)):
            for tick in ticks:
                publisher.publish(waving((tick + 1) * 66_666_667, tick / 15, "p1"))
            bench.until(lambda end=before + ticks.stop: len(heard) == end, "answers")
            then()
        return scores(heard[before:])

    undisturbed = play()
    assert sum(map(bool, undisturbed)) > FRAMES // 2
    node.restart()
    (weights,) = folder.glob("*.safetensors")
    whole = weights.read_bytes()
    assert play(lambda: damage(weights, replaced)) == undisturbed

    for transition in ("deactivate", "cleanup"):
        assert getattr(node, f"trigger_{transition}")() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert str(weights.name) in capfd.readouterr().err
    weights.write_bytes(whole)
    assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert play() == undisturbed


def damage(weights: Path, how: str) -> None:
    """In place, as `cp` does it: whoever has the file open or mapped has it changed."""
    if how == "gone":
        weights.unlink()
    else:
        with weights.open("r+b") as file:
            if how == "cut off":
                file.truncate(1000)
            else:
                file.write(np.random.default_rng(0).bytes(weights.stat().st_size))
