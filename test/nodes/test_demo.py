"""The demo from its command line to its four files, with a small learner and a short video."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
for needed in ("av", "cv2", "matplotlib", "mcap"):
    pytest.importorskip(needed)

from mcap.reader import make_reader  # noqa: E402
from mcap_ros2.decoder import DecoderFactory  # noqa: E402

from co_perception.data.video import VideoReader  # noqa: E402
from co_perception.nodes import demo  # noqa: E402

MakeVideo = Callable[..., Path]


@pytest.fixture
def two_views(make_video: MakeVideo) -> str:
    return f"{make_video('front.mp4', frames=12)},{make_video('side.mp4', frames=12)}"


def run(tmp_path: Path, fake: Any, *arguments: str) -> tuple[int, Path]:
    out = tmp_path / "out"
    return demo.main(["--out", str(out), *arguments], lambda network: fake), out


def test_every_frame_is_answered_recorded_filmed_and_summed_up(
    tmp_path: Path, fake: Any, two_views: str, capsys: Any
) -> None:
    status, out = run(tmp_path, fake, "--source", two_views, "--model-rate", "0")
    assert status == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "activity.mcap",
        "annotated.mp4",
        "summary.json",
        "timeline.png",
    ]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["frames_published"], summary["frames_processed"], summary["frames_dropped"]) == (24, 24, 0)
    assert summary["warm_up_frames"] == 5
    assert summary["clip"]["sources"] == ["front.mp4", "side.mp4"]
    assert summary["labels"][0]["from_s"] == pytest.approx(5 / 25)
    assert all(summary[kind][p] > 0 for kind in ("step_ms", "end_to_end_ms") for p in ("p50", "p95", "p99"))
    assert 0 < summary["real_time_factor"] <= 1.1
    assert summary["versions"]["python"]
    assert "24 of 24 frames answered, 0 dropped" in capsys.readouterr().out


def test_a_clip_shorter_than_the_warm_up_is_said_to_be_so(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    status, out = run(tmp_path, fake, "--source", str(make_video("short.mp4", frames=4)), "--model-rate", "0")
    assert status == 0 and json.loads((out / "summary.json").read_text())["labels"] == []
    assert "Never warm: 4 frames are too few" in capsys.readouterr().out


def test_the_bag_has_one_answer_per_frame_and_no_images(tmp_path: Path, fake: Any, two_views: str) -> None:
    _, out = run(tmp_path, fake, "--source", two_views, "--model-rate", "0")
    with (out / "activity.mcap").open("rb") as file:
        recorded = list(make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages())
    assert {entry.channel.topic for entry in recorded} == {"/activity"}
    stamps = [entry.decoded_message.header.stamp for entry in recorded]
    times = [stamp.sec * 1_000_000_000 + stamp.nanosec for stamp in stamps]
    assert [time - times[0] for time in times] == [i * 40_000_000 for i in range(24)]
    labels = [entry.decoded_message.activities[0].label for entry in recorded]
    assert labels[:5] == [""] * 5
    assert all(labels[5:])
    with VideoReader(str(out / "annotated.mp4")) as film:
        assert len(list(film)) == 24


def test_what_the_model_rate_leaves_out_is_said(tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any) -> None:
    path = make_video(frames=20, rate_hz=50)
    status, out = run(tmp_path, fake, "--source", str(path))
    summary = json.loads((out / "summary.json").read_text())
    assert status == 0
    assert summary["frames_published"] == 20
    assert summary["frames_dropped"] == summary["dropped_because"]["early"] == 20 - summary["frames_processed"]
    assert "early" in capsys.readouterr().out


def test_a_learner_too_slow_for_the_source_slows_the_playback(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    from time import sleep

    fake.before = lambda frame: sleep(0.03)
    status, out = run(tmp_path, fake, "--source", str(make_video(frames=20, rate_hz=50)), "--model-rate", "0")
    summary = json.loads((out / "summary.json").read_text())
    assert status == 0
    assert summary["frames_processed"] == 20
    assert summary["playback_speed"] < 0.5
    assert "of its speed, so that none is lost" in capsys.readouterr().out


def test_missing_weights_end_it_with_the_command_to_run(tmp_path: Path, make_video: MakeVideo, capsys: Any) -> None:
    def missing(network: str) -> Any:
        raise FileNotFoundError("no weights: co-perception weights fetch i3d_kinetics400")

    assert demo.main(["--source", str(make_video()), "--out", str(tmp_path / "out")], missing) == 1
    assert "co-perception weights fetch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_sample_clips_end_it_with_the_command_to_run(
    tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "empty"))
    assert run(tmp_path, fake)[0] == 1
    assert "pose2sim_single_cam01" in capsys.readouterr().err


def test_a_source_that_is_no_video_ends_it(tmp_path: Path, fake: Any, capsys: Any) -> None:
    (tmp_path / "letter.mp4").write_text("dear robot")
    assert run(tmp_path, fake, "--source", str(tmp_path / "letter.mp4"))[0] == 1
    assert "not a video" in capsys.readouterr().err


def test_a_truncated_video_is_played_as_far_as_it_goes(tmp_path: Path, fake: Any, make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=30)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    status, out = run(tmp_path, fake, "--source", str(path), "--model-rate", "0")
    summary = json.loads((out / "summary.json").read_text())
    assert status == 0
    assert 0 < summary["frames_processed"] == summary["frames_published"] < 30
