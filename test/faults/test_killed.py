"""Processes that are killed and started again: what /activity and /diagnostics say meanwhile, and afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.conftest import DEADLINE_S, with_helpers
from faults.diagnosed import Diagnosed
from helpers.fake_learners import FakeLearner

rclpy = pytest.importorskip("rclpy")

from faults.slow_recognizer import STEP_S  # noqa: E402
from helpers.node_stream import overrides_of, skeleton, stamps_of  # noqa: E402
from helpers.processes import running  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.core.qos import image_qos, latched_qos  # noqa: E402
from co_perception.nodes.fusion import FusionNode  # noqa: E402
from co_perception.nodes.soak.processes import NodeCommand, NodeProcess  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

RECOVERY_NS = 2_000_000_000  # in stamps: a busy machine does not decide
WARMING_UP, VALID = Activity.STATUS_WARMING_UP, Activity.STATUS_VALID


@pytest.mark.slow
def test_a_camera_that_is_killed_and_started_again(
    bench: Any, fake: FakeLearner, make_video: Callable[..., Path], tmp_path: Path
) -> None:
    overrides = overrides_of({"image_reliability": "reliable", "silence_s": 0.5})
    bench.add(VideoActivityNode(lambda values: fake, parameter_overrides=overrides))
    diagnosed, heard = Diagnosed(bench, "video_activity"), bench.listen(ActivityArray, "activity")
    pictures = bench.listen(Image, "image_raw", image_qos("reliable", 100))
    camera = NodeCommand("camera", {"source": str(make_video(frames=20)), "loop": True, "wait_for_subscribers": 2})

    with NodeProcess(camera, tmp_path / "log") as first:
        bench.until(lambda: len(heard) > 20, "answers")
        first.kill()
    bench.spin(0.3)
    before = len(heard)
    diagnosed.until_warned("No image on /image_raw")
    assert len(heard) == before, "nothing is said of frames that never came"

    with NodeProcess(camera, tmp_path / "log"):
        bench.until(lambda: len(heard) > before, "an answer")
        bench.until(lambda: heard[-1].activities[0].status == VALID, "a label")
        assert stamps_of(heard)[-1] - stamps_of(heard)[before] < RECOVERY_NS
        diagnosed.until_well()
        assert heard[before].activities[0].status == WARMING_UP
        assert {message.state_epoch for message in heard[:before]} == {0}
        assert {message.state_epoch for message in heard[before:]} == {1}
        seen = stamps_of(heard)
        assert seen == sorted(set(seen))
        bench.until(lambda: set(seen) <= set(stamps_of(pictures)), "the pictures that were answered")


class Scene:
    """The test in place of everybody but the recognizer of skeletons and `fusion`: 20 frames a second in real time,
    with one person in each and what the video recognizer says of them."""

    def __init__(self, bench: Any) -> None:
        self.bench = bench
        self.skeletons = bench.node.create_publisher(SkeletonArray, "skeletons", 10)
        self.video = bench.node.create_publisher(ActivityArray, "activity_video", 10)
        info = bench.node.create_publisher(LabelInfo, "label_info_video", latched_qos())
        info.publish(LabelInfo(recognizer="video", label_set="video", labels=["walk"]))
        self.sent: list[int] = []

    def play(self, until: Callable[[], object]) -> None:
        walk = [ActivityHypothesis(label="walk", class_id=0, score=0.9)]
        video = Activity(subject_id="p1", status=VALID, label="walk", class_id=0, score=0.9, hypotheses=walk)
        end = time.monotonic() + DEADLINE_S
        while not until():
            self.sent.append(time.time_ns())
            header = Header(stamp=to_time(self.sent[-1]), frame_id="eye")
            self.video.publish(ActivityArray(header=header, recognizer="video", label_set="video", activities=[video]))
            self.bench.spin(0.05 - STEP_S / 2)
            self.skeletons.publish(SkeletonArray(header=header, skeletons=[skeleton("p1")]))
            self.bench.spin(STEP_S / 2)  # so that the recognizer is at work when this ends
            assert time.monotonic() < end, "not in time"


def recognizer(at_work: Path) -> Any:
    apart = ["-r", "activity:=activity_skeleton", "-r", "~/label_info:=label_info_skeleton", "-p", "events:=false"]
    file = Path(__file__).parent / "slow_recognizer.py"
    return running([sys.executable, str(file), str(at_work), "--ros-args", *apart], env=with_helpers())


@pytest.mark.slow
def test_a_recognizer_that_is_killed_within_a_step_and_started_again(bench: Any, tmp_path: Path) -> None:
    bench.add(FusionNode(parameter_overrides=overrides_of({"max_wait_s": 0.2, "silence_s": 0.5})))
    diagnosed, heard = Diagnosed(bench, "fusion"), bench.listen(ActivityArray, "activity")
    own = bench.listen(ActivityArray, "activity_skeleton")
    scene, at_work = Scene(bench), tmp_path / "at work"

    with recognizer(at_work) as first:
        scene.play(lambda: own and own[-1].activities[0].status == VALID)
        scene.play(lambda: diagnosed.count("joined") > 5)
        scene.play(at_work.exists)
        first.kill()
    first_said = len(own)
    scene.play(lambda: diagnosed.warnings("nothing received on activity_skeleton"))
    bench.spin(0.5)
    assert len(own) == first_said
    assert stamps_of(heard) == scene.sent, "the other recognizer speaks on, of every frame"
    assert {a.label for message in heard[-5:] for a in message.activities} == {"walk"}

    at_work.unlink()
    with recognizer(at_work):
        scene.play(lambda: len(own) > first_said)
        joined = diagnosed.count("joined")
        scene.play(lambda: own[-1].activities[0].status == VALID)
        assert stamps_of(own)[-1] - stamps_of(own)[first_said] < RECOVERY_NS
        scene.play(lambda: diagnosed.well and diagnosed.count("joined") > joined)
    bench.spin(0.5)
    assert own[first_said].activities[0].status == WARMING_UP
    assert own[first_said].activities[0].progress == pytest.approx(1 / 8)
    assert stamps_of(heard) == scene.sent
    epochs = [message.state_epoch for message in heard]
    assert epochs == sorted(epochs)
    bench.until(lambda: diagnosed.count("joined") + diagnosed.count("alone") == len(scene.sent), "all accounted for")
    joined_or_late = diagnosed.count("joined") + diagnosed.count("late")
    assert joined_or_late == diagnosed.count("received from skeleton") == len(own)
