"""The demo from its command line to its four files, with small learners and short videos."""

import json
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import pytest

pytest.importorskip("rclpy")
for needed in ("av", "cv2", "matplotlib", "mcap"):
    pytest.importorskip(needed)

from helpers.fake_learners import FakePeopleLearner, TwoPeople  # noqa: E402
from mcap.reader import make_reader  # noqa: E402
from mcap_ros2.decoder import DecoderFactory  # noqa: E402

from co_perception.data.video import VideoReader  # noqa: E402
from co_perception.nodes.demo import main  # noqa: E402
from co_perception.nodes.demo.graph import ROUND  # noqa: E402

MakeVideo = Callable[..., Path]


@pytest.fixture
def two_views(make_video: MakeVideo) -> str:
    return f"{make_video('front.mp4', frames=12)},{make_video('side.mp4', frames=12)}"


def run(tmp_path: Path, fake: Any, *arguments: str, kind: str = "video") -> tuple[int, Path]:
    out = tmp_path / "out"
    makers = main.Makers(
        video=lambda network, threads: fake,
        people=lambda settings: FakePeopleLearner(),
        estimator=lambda settings: TwoPeople(right=lambda number: number < 20),
    )
    return main.main(["--out", str(out), "--recognizer", kind, "--skeleton-model", "", *arguments], makers), out


def summary_of(tmp_path: Path, fake: Any, *arguments: str, kind: str = "video") -> tuple[Any, Path]:
    """summary.json of a run that succeeds, and its folder."""
    status, out = run(tmp_path, fake, *arguments, kind=kind)
    assert status == 0
    return json.loads((out / "summary.json").read_text()), out


def bag(out: Path) -> list[Any]:
    with (out / "activity.mcap").open("rb") as file:
        return list(make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages())


def test_every_frame_is_answered_recorded_filmed_and_summed_up(
    tmp_path: Path, fake: Any, two_views: str, capsys: Any
) -> None:
    summary, out = summary_of(tmp_path, fake, "--source", two_views, "--model-rate", "0")
    assert {path.name for path in out.iterdir()} == {"activity.mcap", "annotated.mp4", "summary.json", "timeline.png"}
    assert (summary["frames_published"], summary["frames_processed"], summary["frames_dropped"]) == (24, 24, 0)
    assert summary["warm_up_frames"] == 5
    assert summary["clip"]["sources"] == ["front.mp4", "side.mp4"]
    assert summary["labels"][0]["from_s"] == pytest.approx(5 / 25)
    assert all(summary[kind][p] > 0 for kind in ("step_ms", "end_to_end_ms") for p in ("p50", "p95", "p99"))
    assert 0 < summary["real_time_factor"] <= 1.1
    assert summary["versions"]["python"]
    assert (fake.loaded_from, fake.optimized) == ("never", 0)  # it was ready before the nodes were made
    assert "24 of 24 frames answered, 0 dropped" in capsys.readouterr().out


def test_the_scene_and_each_person_have_labels_over_time(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    clip = str(make_video(frames=40, size=(320, 240)))
    summary, _ = summary_of(tmp_path, fake, "--source", clip, "--model-rate", "0", kind="both")
    assert {name: path["frames_processed"] for name, path in summary["paths"].items()} == {
        "video": 40, "pose": 40, "skeleton": 17,
    }  # fmt: skip
    assert (summary["frames_dropped"], summary["warm_up_frames"]) == (0, 5)
    left, right = (summary["people"][name] for name in ("p1", "p2"))
    assert [predicted["label"] for predicted in left["labels"]] == ["left"]
    assert [predicted["label"] for predicted in right["labels"]] == ["right"]
    # Ticks at 10 Hz (frames 2, 4, 7, 9), and warm with the fourth: of those with an id, which the second frame brings.
    # In between the answer stands: frames 2 to 8 are warming up.
    assert left["warm_up_share"] == pytest.approx(7 / left["frames"], abs=1e-3)
    assert left["frames"] == 38
    # Frames 20 and later show one person only; the answer of frame 19 stands until the next tick, frame 22.
    assert left["to_s"] > 1.4 and right["to_s"] == pytest.approx(21 / 25)
    printed = capsys.readouterr().out
    assert "skeleton: 17 of 40 frames answered, 0 dropped, 23 between two ticks of its clock" in printed
    assert "p2: in sight from" in printed


def test_both_paths_are_recorded_in_one_bag(tmp_path: Path, fake: Any, make_video: MakeVideo) -> None:
    clip = str(make_video(frames=40, size=(320, 240)))
    _, out = run(tmp_path, fake, "--source", clip, "--model-rate", "0", kind="both")
    recorded = bag(out)
    activity, skeletons = (
        [entry.decoded_message for entry in recorded if entry.channel.topic == topic]
        for topic in ("/activity", "/skeletons")
    )
    assert (len(activity), len(skeletons)) == (40, 40)
    assert {entry.channel.topic for entry in recorded} <= {"/activity", "/skeletons", "/activity_events"}
    assert {predicted.subject_id for message in activity for predicted in message.activities} == {"", "p1", "p2"}
    assert [one.subject_id for one in skeletons[10].skeletons] == ["p1", "p2"]


@pytest.mark.slow
def test_people_alone_need_no_video_network(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = str(make_video(frames=30, size=(320, 240)))
    summary, out = summary_of(tmp_path, None, "--source", clip, kind="skeleton")
    assert (summary["recognizer"], summary["labels"], set(summary["people"])) == ("fake/places", [], {"p1", "p2"})
    assert summary["frames_processed"] == 13 and summary["dropped_because"] == {"early": 17}
    with VideoReader(str(out / "annotated.mp4")) as film:
        assert [frame.pixels.shape for frame in film] == [(240, 320, 3)] * 30


def test_a_clip_shorter_than_the_warm_up_is_said_to_be_so(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    clip = str(make_video("short.mp4", frames=4))
    assert summary_of(tmp_path, fake, "--source", clip, "--model-rate", "0")[0]["labels"] == []
    assert "never warm: 4 frames are too few" in capsys.readouterr().out


def test_the_bag_has_one_answer_per_frame_and_no_images(tmp_path: Path, fake: Any, two_views: str) -> None:
    _, out = run(tmp_path, fake, "--source", two_views, "--model-rate", "0")
    recorded = [entry for entry in bag(out) if entry.channel.topic != "/activity_events"]
    assert {entry.channel.topic for entry in recorded} == {"/activity"}
    stamps = [entry.decoded_message.header.stamp for entry in recorded]
    times = [stamp.sec * 1_000_000_000 + stamp.nanosec for stamp in stamps]
    assert [time - times[0] for time in times] == [i * 40_000_000 for i in range(24)]
    labels = [entry.decoded_message.activities[0].label for entry in recorded]
    assert labels[:5] == [""] * 5
    assert all(labels[5:])
    with VideoReader(str(out / "annotated.mp4")) as film:
        assert len(list(film)) == 24


@pytest.mark.parametrize(("possible", "chosen"), [(True, "both"), (False, "skeleton")])
def test_without_torch_people_are_recognized_alone_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: Any, possible: bool, chosen: str
) -> None:
    monkeypatch.setattr(main, "runs_here", lambda values: possible and values.network == "coi3d_inception")
    assert main.default_recognizer("coi3d_inception") == chosen
    assert ("make env" in capsys.readouterr().out) == (not possible)
    assert main.make_parser().parse_args([]).recognizer == ""


@pytest.mark.slow
def test_on_the_sample_clip_the_woman_who_walks_past_walks(tmp_path: Path) -> None:
    assert main.main(["--recognizer", "skeleton", "--out", str(tmp_path)]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["paths"]["pose"]["frames_processed"] == summary["frames_published"] == 230
    # She comes into view at 1.3 s and is gone at 6.6 s, as one looks at the clip; a man is there before and after.
    motions = {name: person for name, person in summary["people"].items() if name.endswith("/motion")}
    seen_s = {name: person["to_s"] - person["from_s"] for name, person in motions.items()}
    woman = motions[max(seen_s, key=lambda name: seen_s[name])]
    assert (woman["from_s"], woman["to_s"]) == (pytest.approx(1.3, abs=0.3), pytest.approx(6.6, abs=0.3))
    walked_s = sum(each["to_s"] - each["from_s"] for each in woman["labels"] if each["label"] == "walking")
    assert walked_s > 0.7 * (woman["to_s"] - woman["from_s"])
    assert sum(seconds > 1.0 for seconds in seen_s.values()) >= 2


def test_a_stage_that_loses_is_named_and_a_failed_run_leaves_the_earlier_one(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    arguments = ["--source", str(make_video(frames=20)), "--model-rate", "0"]
    summary, out = summary_of(tmp_path, fake, *arguments, "--strict")
    assert summary["paths"]["video"]["stages"]["decodable messages"]["passed"] == 20
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def unreadable(frame: Any) -> None:
        if frame.stamp_ns > 1000:  # not while its speed is measured
            raise ValueError("it cannot be used")

    fake.before = unreadable
    assert run(tmp_path, fake, *arguments)[0] == 1
    error = capsys.readouterr().err
    assert (
        "no frame was answered. video: windows: 20 of 20 are lost (all): 20 x frames that the network cannot" in error
    )
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_the_model_rate_leaves_out_is_said(tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any) -> None:
    summary, _ = summary_of(tmp_path, fake, "--source", str(make_video(frames=20, rate_hz=50)))
    assert summary["frames_published"] == 20
    assert summary["frames_dropped"] == summary["dropped_because"]["early"] == 20 - summary["frames_processed"]
    assert "between two ticks of its clock" in capsys.readouterr().out


def test_a_learner_too_slow_for_the_source_slows_the_playback(
    tmp_path: Path, fake: Any, make_video: MakeVideo, capsys: Any
) -> None:
    fake.before = lambda frame: sleep(0.03)
    clip = str(make_video(frames=20, rate_hz=50))
    summary, _ = summary_of(tmp_path, fake, "--source", clip, "--model-rate", "0")
    assert summary["frames_processed"] == 20
    assert summary["playback_speed"] < 0.5
    assert "of its speed, so that none is lost" in capsys.readouterr().out


def test_missing_weights_end_it_with_the_command_to_run(tmp_path: Path, make_video: MakeVideo, capsys: Any) -> None:
    def missing(network: str, threads: int | None) -> Any:
        raise FileNotFoundError("no weights: co-perception weights fetch i3d_kinetics400")

    arguments = ["--source", str(make_video()), "--out", str(tmp_path / "out")]
    assert main.main(arguments, main.Makers(video=missing)) == 1
    assert "co-perception weights fetch" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_sample_clips_end_it_with_the_command_to_run(
    tmp_path: Path, fake: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("CO_PERCEPTION_CACHE", str(tmp_path / "empty"))
    assert run(tmp_path, fake)[0] == 1
    assert main.CLIPS[0] in capsys.readouterr().err


def test_a_source_that_is_no_video_ends_it(tmp_path: Path, fake: Any, capsys: Any) -> None:
    (tmp_path / "letter.mp4").write_text("dear robot")
    assert run(tmp_path, fake, "--source", str(tmp_path / "letter.mp4"))[0] == 1
    assert "not a video" in capsys.readouterr().err


def test_a_truncated_video_is_played_as_far_as_it_goes(tmp_path: Path, fake: Any, make_video: MakeVideo) -> None:
    path = make_video("clip.avi", frames=30)
    whole = path.read_bytes()
    path.write_bytes(whole[: (whole.index(b"movi") + len(whole)) // 2])
    summary, _ = summary_of(tmp_path, fake, "--source", str(path), "--model-rate", "0")
    assert 0 < summary["frames_processed"] == summary["frames_published"] < 30


def test_the_quickest_round_counts_and_the_first_does_not() -> None:
    seconds = [*[9.0] * ROUND, *[0.04] * ROUND, *[0.02] * ROUND, *[0.5] * ROUND]
    assert main.quickest_round_s(seconds, after=ROUND) == pytest.approx(0.02)
    assert main.quickest_round_s(seconds, after=2 * ROUND + 4) == pytest.approx((4 * 0.02 + 4 * 0.5) / 8)


def test_a_source_of_one_frame_has_a_round_too() -> None:
    assert main.quickest_round_s([0.3], after=0) == pytest.approx(0.3)
