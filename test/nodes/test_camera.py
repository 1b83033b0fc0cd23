"""The node `camera` on real middleware, playing real files, alone and into `video_activity`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402

from co_perception.data.image_messages import to_rgb  # noqa: E402
from co_perception.msg import ActivityArray  # noqa: E402
from co_perception.nodes.camera import CameraNode  # noqa: E402
from co_perception.nodes.messages import nanoseconds  # noqa: E402
from co_perception.nodes.qos import image_qos  # noqa: E402
from co_perception.nodes.video_activity import VideoActivityNode  # noqa: E402

RELIABLE = image_qos("reliable", 100)
MakeVideo = Callable[..., Path]


def camera(source: object, **settings: Any) -> CameraNode:
    """A camera that loses nothing and waits for the test to listen."""
    chosen = {"source": str(source), "queue_depth": 100, "wait_for_subscribers": 1, "rate": 20.0, **settings}
    return CameraNode(parameter_overrides=[Parameter(name, value=value) for name, value in chosen.items()])


def stamps(heard: list[Any]) -> list[int]:
    return [nanoseconds(message.header.stamp) for message in heard]


def test_every_frame_of_a_file_comes_in_order_with_its_media_time(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=10, rate_hz=25), start_stamp_s=100.0, frame_id="door"))
    told: list[tuple[int, str]] = []
    node.on_published = lambda stamp_ns, origin: told.append((stamp_ns, Path(origin).name))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: len(heard) == 10 and node.finished)
    assert stamps(heard) == [100_000_000_000 + i * 40_000_000 for i in range(10)]
    assert {(message.encoding, message.header.frame_id) for message in heard} == {("rgb8", "door")}
    assert told == [(stamp, "clip.mp4") for stamp in stamps(heard)]
    brightness = [to_rgb(message).mean() for message in heard]
    assert np.abs(np.array(brightness) - np.arange(20, 120, 10)).max() < 7, brightness  # the codec is lossy
    assert node.published == 10


def test_without_a_start_stamp_the_file_begins_now(bench: Any, make_video: MakeVideo) -> None:
    before = bench.node.get_clock().now().nanoseconds
    bench.add(camera(make_video(frames=3)))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: len(heard) == 3)
    assert before <= stamps(heard)[0] <= bench.node.get_clock().now().nanoseconds
    assert set(np.diff(stamps(heard))) == {40_000_000}


def test_simulated_time_that_stands_still_does_not_spoil_the_stamps(bench: Any, make_video: MakeVideo) -> None:
    bench.add(camera(make_video(frames=3), use_sim_time=True))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: len(heard) == 3)
    assert stamps(heard) == [0, 40_000_000, 80_000_000]


def test_pace_and_stamps_are_two_things(bench: Any, make_video: MakeVideo) -> None:
    slow = bench.add(camera(make_video(frames=4, rate_hz=25), rate=0.5))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: heard)
    begun = time.monotonic()
    bench.until(lambda: len(heard) == 4)
    assert time.monotonic() - begun > 0.15  # three frames of 80 ms; sleeping is never shorter than asked for
    assert set(np.diff(stamps(heard))) == {40_000_000}
    assert slow.set_parameters([Parameter("rate", value=2.0)])[0].successful


def test_a_row_of_files_is_one_video_or_has_gaps(bench: Any, make_video: MakeVideo) -> None:
    path = make_video("cam1.mp4", frames=3)
    make_video("cam2.mp4", frames=2)
    bench.add(camera(path.parent / "cam*.mp4", start_stamp_s=1.0, gap_s=2.0))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: len(heard) == 5)
    assert [stamp // 1_000_000 for stamp in stamps(heard)] == [1000, 1040, 1080, 3120, 3160]


def test_a_loop_goes_on_in_time(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=3), start_stamp_s=1.0, loop=True))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: len(heard) >= 7)
    assert set(np.diff(stamps(heard))) == {40_000_000}
    assert int(str(node.values()["rounds"])) >= 2
    assert not node.finished


def test_large_frames_are_shrunk_before_they_travel(bench: Any, make_video: MakeVideo) -> None:
    bench.add(camera(make_video(frames=1, size=(160, 120)), short_side=60))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: heard)
    assert (heard[0].width, heard[0].height, heard[0].step) == (80, 60, 240)


def test_compressed_frames(bench: Any, make_video: MakeVideo) -> None:
    pytest.importorskip("cv2")
    bench.add(camera(make_video(frames=2), image_transport="compressed"))
    heard = bench.listen(CompressedImage, "image_raw/compressed", RELIABLE)
    bench.until(lambda: len(heard) == 2)
    assert to_rgb(heard[0]).shape == (48, 64, 3)
    assert abs(to_rgb(heard[1]).mean() - 30) < 5


@pytest.mark.parametrize(
    ("source", "teaches"),
    [
        pytest.param("", "no source given", id="nothing"),
        pytest.param("/nowhere/clip.mp4", "clip.mp4", id="no such file"),
        pytest.param("cut", "cut off", id="file without its index"),
    ],
)
def test_a_source_that_cannot_play_fails_configuration(
    bench: Any, make_video: MakeVideo, capfd: Any, source: str, teaches: str
) -> None:
    if source == "cut":
        path = make_video()
        path.write_bytes(path.read_bytes().partition(b"moov")[0])
        source = str(path)
    node = bench.add(camera(source), up=False)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert teaches in capfd.readouterr().err
    node.set_parameters([Parameter("source", value=str(make_video("whole.mp4")))])
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def test_a_file_that_ends_too_early_is_said_and_the_node_lives_on(bench: Any, make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=30)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    node = bench.add(camera(path))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: node.finished)
    bench.until(lambda: any(array.status[0].level == DiagnosticStatus.ERROR for array in told))
    message = next(array.status[0].message for array in told if array.status[0].level == DiagnosticStatus.ERROR)
    assert "clip.avi" in message
    bench.until(lambda: len(heard) == node.published)
    assert 0 < len(heard) < 30
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS


def test_stopping_in_the_middle_and_twice(bench: Any, make_video: MakeVideo) -> None:
    node = bench.add(camera(make_video(frames=10), loop=True, rate=1.0))
    heard = bench.listen(Image, "image_raw", RELIABLE)
    bench.until(lambda: heard)
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    count = node.published
    bench.spin(0.2)
    assert node.published == count
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    node.on_shutdown(None)


def test_camera_into_recogniser_without_loss(bench: Any, fake: Any, make_video: MakeVideo) -> None:
    wanted = {"image_reliability": "reliable", "queue_depth": 100, "model_rate_hz": 0.0}
    overrides = [Parameter(name, value=value) for name, value in wanted.items()]
    recogniser = bench.add(VideoActivityNode(lambda settings: fake, parameter_overrides=overrides))
    heard = bench.listen(ActivityArray, "activity", RELIABLE)
    bench.matched(recogniser._activity, "activity")
    node = bench.add(camera(make_video(frames=20), start_stamp_s=50.0))
    bench.until(lambda: len(heard) == 20)
    assert node.published == 20
    assert stamps(heard) == [50_000_000_000 + i * 40_000_000 for i in range(20)]
    assert fake.shown == [tuple(stamps(heard))]
    assert recogniser.tally.dropped == 0
    assert [message.activities[0].label for message in heard[:5]] == [""] * 5
    assert heard[-1].activities[0].label != ""
