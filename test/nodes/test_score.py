"""The node `score` beside a recognizer that a recording is played to: the figures of the direct replay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")
pytest.importorskip("rosbags")

from helpers.activity_messages import activity  # noqa: E402
from helpers.bag_writer import SECOND, activities, labels, store, write_messages  # noqa: E402
from helpers.drawn_people import T0, recording  # noqa: E402
from helpers.node_stream import RELIABLE, RecognizerStream, overrides_of  # noqa: E402
from helpers.random_models import skeleton_model  # noqa: E402
from rclpy.serialization import deserialize_message  # noqa: E402
from rosbags.highlevel import AnyReader  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from co_perception import cli  # noqa: E402
from co_perception.data.annotations.intervals import Interval, write_annotations  # noqa: E402
from co_perception.evaluation.records import read_records  # noqa: E402
from co_perception.msg import Activity, ActivityArray, ActivityHypothesis, LabelInfo, SkeletonArray  # noqa: E402
from co_perception.nodes.core.messages import to_time  # noqa: E402
from co_perception.nodes.core.qos import latched_qos  # noqa: E402
from co_perception.nodes.score import ScoreNode  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402

CLASSES = ("squat", "wave")
FIGURES = ("top1", "top1_of_all", "macro_f1", "map", "event_f1_50", "ece", "flicker_per_minute")


def overrides(**settings: Any) -> dict[str, Any]:
    return {"parameter_overrides": overrides_of(settings)}


@pytest.mark.slow
def test_a_recording_played_to_the_node_has_the_figures_of_its_replay(bench: Any, tmp_path: Path) -> None:
    bag, model = recording(tmp_path / "bag", 0, rounds=1), skeleton_model(tmp_path / "model", CLASSES)
    direct, live = tmp_path / "direct", tmp_path / "live"
    assert cli.main(["evaluate", str(bag), "--model", str(model), "--out", str(direct)]) == 0

    settings = {"model": "", "model_path": str(model), "threads": 1, "queue_depth": 1000, "reliability": "reliable"}
    stream = RecognizerStream(bench, SkeletonActivityNode(**overrides(**settings)), {"skeletons": SkeletonArray})
    remapped = ["--ros-args", "-r", "label_info:=skeleton_activity/label_info"]
    given = {"annotations": str(bag / "annotations.csv"), "bag": str(bag), "out": str(live)}
    score = bench.add(ScoreNode(cli_args=remapped, **overrides(**given)))
    bench.until(lambda: stream.node._activity.get_subscription_count() == 2, "the score beside the bench")
    with AnyReader([bag]) as reader:
        for _, _, data in reader.messages():
            stream.publishers["skeletons"].publish(deserialize_message(bytes(data), SkeletonArray))
    bench.until(lambda: score.counters.counts().get("received") == 90, "answers")
    answer = bench.call(Trigger, "score/report")
    assert answer.success, answer.message

    found, wanted = (json.loads((folder / "summary.json").read_text())["figures"] for folder in (live, direct))
    assert json.loads(answer.message)["top1"] == found["overall"]["top1"]
    assert [found["overall"][name] for name in FIGURES] == pytest.approx([wanted["overall"][name] for name in FIGURES])
    assert found["confusion"] == wanted["confusion"]
    assert (live / "report.html").exists()
    for one, other in zip(read_records(live), read_records(direct), strict=True):
        assert (one.key, one.status, one.truth) == (other.key, other.status, other.truth)


def test_score_and_evaluate_give_the_same_bytes_for_the_same_recorded_run(bench: Any, tmp_path: Path) -> None:
    """Answers of every status about two people, about nobody, with frames lost, and ties of the best two classes."""
    types, answers = store(), []
    for n in range(60):
        right = "squat" if n < 30 else "wave"
        scores = {right: 0.5 + n / 300, CLASSES[right == "squat"]: 0.5 - n / 300}
        status = (0, 1, 2, 3)[1 if n % 11 else n % 4]
        said = {"a": (status, scores if status else {})} | ({"b": (1, scores)} if n % 3 else {})
        answers.append(activities(types, T0 + n * SECOND // 10, said if n % 17 else {}, CLASSES, n * 10**6, n % 5))
    stamped = [(T0 + n * SECOND // 10, answer) for n, answer in enumerate(answers)]
    topics = {"/activity": stamped, "/label_info": [(T0, labels(types, T0, CLASSES))]}
    bag = write_messages(tmp_path / "bag", topics, types=types)
    spans = [Interval(T0 + n * 3 * SECOND, T0 + (n + 1) * 3 * SECOND, label) for n, label in enumerate(CLASSES)]
    write_annotations(bag / "annotations.csv", spans)
    direct, live = tmp_path / "direct", tmp_path / "live"
    assert cli.main(["evaluate", str(bag), "--recognizer", "activity", "--out", str(direct)]) in (0, 1)

    play = Play(bench, annotations=str(bag / "annotations.csv"), bag=str(bag), out=str(live))
    play.labels.publish(LabelInfo(labels=list(CLASSES)))
    bench.until(lambda: play.node._classes, "labels")
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            if connection.topic == "/activity":
                play.activity.publish(deserialize_message(bytes(data), ActivityArray))
    bench.until(lambda: play.node.counters.counts().get("received") == len(answers), "answers")
    assert bench.call(Trigger, "score/report").success
    for name in ("frames.jsonl", "latencies.jsonl"):
        assert (live / name).read_bytes() == (direct / name).read_bytes()
    found, wanted = (json.loads((folder / "summary.json").read_text())["figures"] for folder in (live, direct))
    assert found == wanted
    assert found["timing"]["missed"] > 60 and found["counts"]["judged"] > 60


class Play:
    """A score node and whoever says what to it."""

    def __init__(self, bench: Any, **settings: Any) -> None:
        self.bench = bench
        self.node = bench.add(ScoreNode(**overrides(**settings)))
        self.activity = bench.node.create_publisher(ActivityArray, "activity", RELIABLE)
        self.labels = bench.node.create_publisher(LabelInfo, "label_info", latched_qos())
        bench.matched(self.activity, "activity")

    def label(self) -> None:
        """Publishes the labels, and waits until the node has them."""
        self.labels.publish(LabelInfo(labels=["walk", "wave"]))
        self.bench.until(lambda: self.node._classes, "labels")

    def say(self, seconds: float, *activities: Activity) -> None:
        received = self.node.counters.counts().get("received", 0) + 1
        stamp = to_time(T0 + round(seconds * 1e9))
        self.activity.publish(ActivityArray(header=Header(stamp=stamp), activities=list(activities)))
        self.bench.until(lambda: self.node.counters.counts().get("received") == received, "received")


def told(label: str, number: int) -> Activity:
    message = activity("a")
    message.hypotheses = [ActivityHypothesis(label=label, class_id=number, score=0.9)]
    return message


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Annotations in stamps: two seconds of walking, two of waving."""
    begins = [(T0, "walk"), (T0 + 2 * SECOND, "wave")]
    said = [Interval(start_ns, start_ns + 2 * SECOND, label) for start_ns, label in begins]
    write_annotations(tmp_path / "a.csv", said)
    return {"annotations": str(tmp_path / "a.csv"), "out": str(tmp_path / "out")}


def overall(files: dict[str, str]) -> Any:
    return json.loads((Path(files["out"]) / "summary.json").read_text())["figures"]


def say_all(play: Play, labels: Sequence[str]) -> None:
    for number, label in enumerate(labels):
        play.say(number / 10, told(label, ("walk", "wave").index(label)))


def test_what_was_heard_before_the_labels_counts_too_and_is_written_when_the_node_stops(
    bench: Any, files: dict[str, str]
) -> None:
    play = Play(bench, **files)
    play.say(0.0, told("walk", 0))
    play.label()
    for number in range(1, 40):
        play.say(number / 10, told("walk", 0))
    play.node.trigger_deactivate()
    figures = overall(files)
    assert (figures["counts"]["judged"], figures["overall"]["top1"]) == (40, 0.5)
    assert figures["confusion"] == [[20, 0], [20, 0]]


def test_without_labels_the_classes_are_those_that_were_named(bench: Any, files: dict[str, str]) -> None:
    play = Play(bench, **files)
    say_all(play, ["walk"] * 20 + ["wave"] * 20)
    assert bench.call(Trigger, "score/report").success
    assert overall(files)["overall"]["top1"] == 1.0


def test_of_a_recording_that_loops_the_first_time_counts(bench: Any, files: dict[str, str]) -> None:
    play = Play(bench, **files)
    play.label()
    say_all(play, ["walk"] * 10)
    say_all(play, ["wave"] * 10)
    assert bench.call(Trigger, "score/report").success
    assert (overall(files)["counts"]["judged"], overall(files)["overall"]["top1"]) == (10, 1.0)
    assert play.node.counters.counts()["repeated"] == 10


def test_nothing_that_can_be_judged_is_told(bench: Any, files: dict[str, str], capfd: Any) -> None:
    play = Play(bench, **files)
    play.label()
    play.say(100.0, told("walk", 0))
    answer = bench.call(Trigger, "score/report")
    assert not answer.success
    assert "no frame can be judged" in answer.message
    play.node.trigger_deactivate()
    assert "outside the recording" in capfd.readouterr().err


def test_seconds_need_the_recording_they_count_from(bench: Any, tmp_path: Path, capfd: Any) -> None:
    write_annotations(tmp_path / "a.csv", [Interval(0, 10**9, "walk", relative=True)])
    node = bench.add(ScoreNode(**overrides(annotations=str(tmp_path / "a.csv"), out=str(tmp_path))), up=False)
    node.trigger_configure()
    assert "set bag to the recording" in capfd.readouterr().err
    other = bench.add(ScoreNode("score2", **overrides(out=str(tmp_path))), up=False)
    other.trigger_configure()
    assert "must be set" in capfd.readouterr().err
