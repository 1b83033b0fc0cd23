"""The node `video_activity` on real middleware, with a small learner in place of the network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from helpers.node_stream import (  # noqa: E402
    RecognizerStream,
    SceneStream,
    diagnostic_values,
    header,
    overrides_of,
    picture,
)
from helpers.small_movinets import drawn, port_weights, small_movinet  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from co_perception.engine.time import nanoseconds  # noqa: E402
from co_perception.learners.video import ContinualVideoLearner  # noqa: E402
from co_perception.msg import Activity, ActivityEvent  # noqa: E402
from co_perception.nodes.core.run_node import bring_up  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402
from co_perception.srv import ResetState  # noqa: E402


@pytest.fixture
def stream(bench: Any, fake: Any) -> SceneStream:
    return SceneStream(bench, fake)


def test_nothing_is_labeled_before_min_progress_and_since_marks_the_onset(stream: SceneStream) -> None:
    stream.send(*[i / 25 for i in range(1, 8)])
    stream.send(*[i / 25 for i in range(8, 11)], color=(10, 10, 200))
    activities = [message.activities[0] for message in stream.answered(10)]
    assert [activity.label for activity in activities] == [""] * 5 + ["red"] * 2 + ["blue"] * 3
    assert [activity.status for activity in activities[:5]] == [Activity.STATUS_WARMING_UP] * 5
    assert [activity.class_id for activity in activities[4:7]] == [-1, 0, 0]
    assert [nanoseconds(activity.since) for activity in activities[4:]] == [0, *[240_000_000] * 2, *[320_000_000] * 3]
    assert activities[0].hypotheses == []
    assert activities[0].score == 0.0
    best = activities[9]
    assert [guess.label for guess in best.hypotheses] == ["blue", "red", "green"]
    assert best.hypotheses[0].score == pytest.approx(best.score)
    assert activities[3].progress == pytest.approx(0.5)


def test_movinet_runs_by_its_name_and_labels_the_sixth_frame(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-p network:=movinet_a0_stream -p model_path:=...`, of a small network with weights of its own."""
    small = small_movinet(labels="", weights=None)
    monkeypatch.setattr("co_perception.networks.variants.VIDEO_VARIANTS", {"movinet_a0_stream": small})
    learner = ContinualVideoLearner("movinet_a0_stream", classes=("walk", "run", "jump", "sit", "wave"))
    torch.save(port_weights(drawn(small)), tmp_path / "modelA0")
    learner.load(tmp_path / "modelA0")
    learner.save(tmp_path / "model")
    least = math.ceil(0.2 * learner.receptive_field)
    given = {"network": "movinet_a0_stream", "model_path": str(tmp_path / "model"), "optimize": False}
    lossless = {"queue_depth": 100, "image_reliability": "reliable"}
    node = VideoActivityNode(parameter_overrides=overrides_of(given | lossless))
    stream = RecognizerStream(bench, node, {"image_raw": Image})
    for number in range(least + 1):
        stream.publish({"image_raw": picture((number + 1) / 5, np.full((30, 40, 3), 20 * number, np.uint8))})
    statuses = [message.activities[0].status for message in stream.answered(least + 1)]
    assert statuses == [Activity.STATUS_WARMING_UP] * (least - 1) + [Activity.STATUS_VALID] * 2


def test_onset_and_offset_are_told_once(bench: Any, fake: Any) -> None:
    stream = SceneStream(bench, fake, event_min_on_s=0.04, event_min_off_s=0.04)
    told = bench.listen(ActivityEvent, "activity_events")
    bench.until(lambda: bench.node.count_publishers("activity_events"))
    stream.send(*[i / 25 for i in range(1, 11)])
    stream.send(*[i / 25 for i in range(11, 15)], color=(10, 10, 200))
    stream.answered(14)
    bench.until(lambda: len(told) >= 3, "events")
    assert [(event.kind, event.label) for event in told] == [
        (ActivityEvent.ONSET, "red"),
        (ActivityEvent.OFFSET, "red"),
        (ActivityEvent.ONSET, "blue"),
    ]
    assert nanoseconds(told[0].began) == 240_000_000  # with the first valid label, not when it was certain
    assert nanoseconds(told[0].header.stamp) == 280_000_000
    assert {(event.recognizer, event.subject_id) for event in told} == {("fake/colors", "")}


def test_nobody_publishes_events_where_another_node_does(bench: Any, fake: Any) -> None:
    stream = SceneStream(bench, fake, events=False)
    stream.send(1.0)
    stream.answered(1)
    assert bench.node.count_publishers("activity_events") == 0


def test_thresholds_that_make_no_sense_fail_configuration(bench: Any, fake: Any) -> None:
    overrides = [Parameter("event_on", value=0.3), Parameter("event_off", value=0.6)]
    node = bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_observation_delay_is_told_in_stamps_not_in_frames(stream: SceneStream) -> None:
    stream.send(1.0, 1.04, 1.09, 1.13)
    delays = [nanoseconds(message.observation_delay) for message in stream.answered(4)]
    assert delays == [0, 0, 90_000_000, 90_000_000]


def test_frames_faster_than_the_model_are_skipped_by_stamp(stream: SceneStream) -> None:
    stream.send(*[i / 50 for i in range(1, 11)])
    stream.answered(5)
    stream.bench.until(lambda: stream.counts("processed") + stream.counts("early") == 10)
    assert 5 <= stream.counts("processed") <= 6
    assert stream.node.counters.dropped == 0


def test_a_missing_tick_is_filled_by_the_frame_before(stream: SceneStream, fake: Any) -> None:
    stream.send(0.04, 0.08, 0.16)
    stream.answered(3)
    assert fake.shown == [(40_000_000, 80_000_000, 80_000_000, 160_000_000)]
    assert stream.counts("missing") == 1


def test_a_frame_told_twice_is_answered_once(stream: SceneStream) -> None:
    stream.send(1.0, 1.0, 1.04)
    assert len(stream.answered(2)) == 2
    assert stream.counts("duplicate") == 1


@pytest.mark.parametrize("asked", [{}, {"subject_ids": [""]}])
def test_reset_service_begins_a_new_epoch(stream: SceneStream, fake: Any, asked: dict[str, Any]) -> None:
    stream.send(1.0, 1.04)
    stream.answered(2)
    response = stream.bench.call(ResetState, "video_activity/reset", **asked)
    assert response.success
    stream.send(1.08)
    assert [message.state_epoch for message in stream.answered(3)] == [0, 0, 1]
    assert fake.resets == 2


def test_a_subject_that_is_not_known_is_said_and_nothing_is_reset(stream: SceneStream) -> None:
    stream.send(1.0)
    response = stream.bench.call(ResetState, "video_activity/reset", subject_ids=["anna"])
    assert (response.success, response.message) == (False, "not known here: 'anna'")
    stream.send(1.04)
    assert [message.state_epoch for message in stream.answered(2)] == [0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"encoding": "mono16"}, id="16 bit"),
        pytest.param({"encoding": "holographic"}, id="unknown encoding"),
        pytest.param({"height": 0, "width": 0, "data": []}, id="zero size"),
        pytest.param({"data": [1, 2, 3]}, id="data too short"),
        pytest.param({"step": 5}, id="step too small"),
    ],
)
def test_a_bad_frame_is_a_counted_drop_and_the_node_goes_on(stream: SceneStream, wrong: dict[str, Any]) -> None:
    stream.send(1.0)
    stream.send(1.04, **wrong)
    stream.send(1.08)
    heard = stream.answered(2)
    assert [nanoseconds(message.header.stamp) for message in heard] == [1_000_000_000, 1_080_000_000]
    assert [message.dropped_frames for message in heard] == [0, 1]
    assert stream.counts("unreadable") == 1


def test_compressed_frames_are_read(bench: Any, fake: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    import numpy as np

    overrides = overrides_of({"image_transport": "compressed", "image_reliability": "reliable"})
    node = VideoActivityNode(lambda settings: fake, parameter_overrides=overrides)
    stream = RecognizerStream(bench, node, {"image_raw/compressed": CompressedImage})
    camera = stream.publishers["image_raw/compressed"]
    seen: list[Any] = []
    fake.before = seen.append
    coded = cv2.imencode(".jpg", np.full((12, 16, 3), (10, 10, 200), np.uint8))[1]
    camera.publish(CompressedImage(format="jpeg", data=coded.tobytes()))
    stream.answered(1)
    assert seen[0].data.shape == (12, 16, 3)
    assert np.abs(seen[0].data[5, 5].astype(int) - (200, 10, 10)).max() < 12
    camera.publish(CompressedImage(format="theora", data=[1, 2, 3], header=header(1.0)))
    bench.until(lambda: stream.counts("unreadable") == 1)


def test_diagnostics_tell_progress_drops_and_latency(stream: SceneStream) -> None:
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.send(1.0, 1.04, 1.08)
    stream.send(1.12, encoding="mono16")
    stream.answered(3)
    stream.bench.until(lambda: told and diagnostic_values(told[-1]).get("frames unreadable") == "1")
    values = diagnostic_values(told[-1])
    assert values["frames processed"] == "3"
    assert values["progress"] == "0.375"
    assert values["stage decodable messages"] == "3 passed, 1 lost: 1 encoding mono16"
    assert told[-1].status[0].message.startswith("decodable messages: 1 of 4 messages are lost (25.0%)")
    assert float(values["latency p95 (ms)"]) >= float(values["step p50 (ms)"]) > 0
    assert told[-1].status[0].name == "/video_activity: stream"
    assert told[-1].status[0].hardware_id == "cpu"


def test_a_best_effort_camera_beside_a_reliable_subscriber_is_named(bench: Any, fake: Any) -> None:
    overrides = [Parameter("silence_s", value=0.5), Parameter("image_reliability", value="reliable")]
    bench.node.create_publisher(Image, "image_raw", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides))
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: told and "best effort" in told[-1].status[0].message)
    assert "/bench" in told[-1].status[0].message


def test_missing_weights_fail_configuration_and_can_be_mended(bench: Any, fake: Any) -> None:
    missing = True

    def factory(settings: Any) -> Any:
        if missing:
            raise FileNotFoundError("run: co-perception weights fetch")
        return fake

    node = bench.add(VideoActivityNode(factory), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert not bring_up(node)
    missing = False
    assert bring_up(node)
