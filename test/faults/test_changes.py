"""What is changed under a running node: parameters within a step, and the file its weights came from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults.people import waving
from helpers.fake_learners import FakeLearner

rclpy = pytest.importorskip("rclpy")

from helpers.node_stream import RELIABLE, Gate, SceneStream, overrides_of  # noqa: E402
from rcl_interfaces.srv import SetParameters  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402

from co_perception.learners.metadata import shipped  # noqa: E402
from co_perception.msg import ActivityArray, SkeletonArray  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402

FRAMES = 40


def test_parameters_that_change_within_a_step(bench: Any, fake: FakeLearner) -> None:
    """Live ones hold from the answer to that very step on; the others are refused, and nothing waits for the step."""
    stream = SceneStream(bench, fake)
    gate = Gate()
    stream.send(*[i / 25 for i in range(1, 9)])
    stream.answered(8)
    fake.before = gate
    stream.send(9 / 25)
    bench.until(gate.entered.is_set)
    wanted = {"top_k": 1, "silence_s": 30.0, "threshold": 0.9, "network": "cox3d_m", "unheard_of": 2, "max_gap_s": 5.0}
    parameters = [parameter.to_parameter_msg() for parameter in overrides_of(wanted)]
    answer = bench.call(SetParameters, "video_activity/set_parameters", parameters=parameters)
    assert dict(zip(wanted, [result.successful for result in answer.results], strict=True)) == {
        "top_k": True, "silence_s": True, "threshold": False, "network": False, "unheard_of": False,
        "max_gap_s": False,
    }  # fmt: skip
    assert all("deactivate and clean up" in answer.results[i].reason for i in (3, 5))
    assert "cannot be changed" in answer.results[2].reason, "this stand-in of a learner has no other threshold"
    assert len(stream.answers) == 8, "the step is still under way"
    gate.open()
    heard = stream.answered(9)
    assert [len(message.activities[0].hypotheses) for message in heard[-2:]] == [3, 1]
    assert [message.activities[0].label for message in heard[-2:]] == ["red", "red"]
    assert {message.state_epoch for message in heard} == {0}
    assert stream.node.counters.dropped == 0


@pytest.mark.slow
def test_weights_that_are_replaced_while_they_run(bench: Any, tmp_path: Path, capfd: Any) -> None:
    """What runs goes on, bit by bit; what is configured next says what is wrong with the new file."""
    folder = tmp_path / "model"
    shutil.copytree(shipped("costgcn_short_motions"), folder, ignore=shutil.ignore_patterns("bundle"))
    settings = {"model_path": str(folder), "threads": 1, "reliability": "reliable", "queue_depth": 100}
    node = bench.add(SkeletonActivityNode(parameter_overrides=overrides_of(settings)))
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
        activities = [message.activities[0] for message in heard[before:]]
        return [[(guess.label, guess.score) for guess in activity.hypotheses] for activity in activities]

    undisturbed = play()
    assert sum(map(bool, undisturbed)) > FRAMES // 2
    (weights,) = folder.glob("*.safetensors")
    whole = weights.read_bytes()
    for name, damage in DAMAGES.items():
        node._recognizer.pacer.restart()
        assert play(partial(damage, weights)) == undisturbed, name

        for transition in ("deactivate", "cleanup"):
            assert getattr(node, f"trigger_{transition}")() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE, name
        assert str(weights.name) in capfd.readouterr().err, name
        weights.write_bytes(whole)
        assert node.trigger_configure() == node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        assert play() == undisturbed, name


def overwrite(weights: Path) -> None:
    with weights.open("r+b") as file:
        file.write(np.random.default_rng(0).bytes(weights.stat().st_size))


# In place, as `cp` does it: what has the file open or mapped has it changed.
DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut off": lambda weights: os.truncate(weights, 1000),
    "overwritten": overwrite,
    "gone": Path.unlink,
}
