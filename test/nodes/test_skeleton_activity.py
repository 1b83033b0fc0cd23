"""The node `skeleton_activity` on real middleware, with a small learner in place of the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from fake_learners import FakePeopleLearner  # noqa: E402
from poses import body  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, ReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import RegionOfInterest  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from co_perception.msg import Activity, ActivityArray, Keypoint, LabelInfo, Skeleton, SkeletonArray  # noqa: E402
from co_perception.nodes.messages import nanoseconds, to_time  # noqa: E402
from co_perception.nodes.qos import latched_qos  # noqa: E402
from co_perception.nodes.running import bring_up  # noqa: E402
from co_perception.nodes.skeleton_activity import SkeletonActivityNode  # noqa: E402
from co_perception.nodes.skeletons import skeleton_array  # noqa: E402
from co_perception.srv import ResetState, Restore, Snapshot  # noqa: E402

LOSSLESS = {"reliability": "reliable", "queue_depth": 100}
NO_MODEL = Parameter("model", value="")  # the learners here have no weights
SEC = 1_000_000_000


def skeleton(id: str, x: float = 40.0, joints: int = 17, **fields: Any) -> Skeleton:
    keypoints = [Keypoint(x=float(x), y=10.0, z=float("nan"), score=0.9)] * joints
    return Skeleton(**{"subject_id": id, "layout": "coco17", "score": 1.0, "keypoints": keypoints, **fields})


class Stream:
    """A node under test, a pose estimator that publishes what the test says, and what came out."""

    def __init__(self, bench: Any, learner: Any, **settings: Any) -> None:
        overrides = [Parameter(name, value=value) for name, value in {**LOSSLESS, **settings}.items()] + [NO_MODEL]
        self.bench, self.learner = bench, learner
        self.node = bench.add(SkeletonActivityNode(lambda settings: learner, parameter_overrides=overrides))
        self.heard: list[Any] = bench.listen(ActivityArray, "activity")
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.estimator = bench.node.create_publisher(SkeletonArray, "skeletons", qos)
        bench.matched(self.estimator, "skeletons")
        bench.matched(self.node._activity, "activity")

    def send(self, seconds: float, *people: Skeleton | str, **fields: Any) -> None:
        """Publishes one frame and waits until the node has received it; a name is somebody standing left."""
        count = self.counts("received") + 1
        message = SkeletonArray(skeletons=[skeleton(p) if isinstance(p, str) else p for p in people], **fields)
        message.header.stamp, message.header.frame_id = to_time(round(seconds * SEC)), "eye"
        self.estimator.publish(message)
        self.bench.until(lambda: self.counts("received") == count, "received")

    def answered(self, count: int) -> list[Any]:
        self.bench.until(lambda: len(self.heard) >= count, f"{count} answers")
        return self.heard

    def counts(self, event: str) -> int:
        return int(self.node.tally.counts().get(event, 0))

    def refused(self, kind: str) -> int:
        return int(self.node._refused[kind])


@pytest.fixture
def learner() -> FakePeopleLearner:
    return FakePeopleLearner()


@pytest.fixture
def stream(bench: Any, learner: FakePeopleLearner, tmp_path: Path) -> Stream:
    return Stream(bench, learner, snapshot_folder=str(tmp_path))


def said(message: Any) -> list[tuple[str, int, str]]:
    return [(activity.subject_id, activity.status, activity.label) for activity in message.activities]


WARMING, VALID, STALE = Activity.STATUS_WARMING_UP, Activity.STATUS_VALID, Activity.STATUS_STALE


def test_each_frame_is_answered_once_with_an_activity_for_everybody(stream: Stream) -> None:
    stamps = [5 + i / 10 for i in range(6)]
    for stamp in stamps:
        stream.send(stamp, skeleton("anna", 40), skeleton("bert", 260))
    heard = stream.answered(6)
    assert [nanoseconds(message.header.stamp) for message in heard] == [round(stamp * SEC) for stamp in stamps]
    assert {(m.header.frame_id, m.recognizer, m.label_set) for m in heard} == {("eye", "fake/places", "places")}
    assert said(heard[0]) == [("anna", WARMING, ""), ("bert", WARMING, "")]
    assert said(heard[5]) == [("anna", VALID, "left"), ("bert", VALID, "right")]
    assert heard[5].activities[0].progress == pytest.approx(6 / 8)
    assert nanoseconds(heard[5].activities[0].since) == round(5.3 * SEC)
    assert sum(message.dropped_frames for message in heard) == 0
    assert stream.learner.batches == [2] * 6


def test_regions_are_passed_on_or_drawn_around_the_joints(stream: Stream) -> None:
    given = RegionOfInterest(x_offset=1, y_offset=2, width=30, height=40)
    stream.send(1.0, skeleton("a", roi=given), skeleton("b", 20.0), image_width=640, image_height=480)
    first, second = stream.answered(1)[0].activities
    assert first.roi == given
    assert second.roi.x_offset == 20


def test_frames_faster_than_the_model_are_skipped_and_jitter_is_not_noticed(stream: Stream) -> None:
    wobble = [0, 0.01, -0.012, 0.004, -0.009, 0.013, 0.0, 0.011]
    for i, off in enumerate(wobble):
        stream.send(1 + i / 20 + off, "a")  # 20 Hz, the network has 10
    stream.answered(4)
    stream.bench.until(lambda: stream.counts("processed") + stream.counts("early") == 8)
    assert 4 <= stream.counts("processed") <= 5
    assert stream.counts("missing") == 0


def test_missed_detections_are_filled_and_told(stream: Stream) -> None:
    for tick, people in enumerate([("a", "b"), ("b",), ("b",), ("a", "b")]):
        stream.send(1 + tick / 10, *people)
    heard = stream.answered(4)
    assert [said(message) for message in heard[1:3]] == [[("b", WARMING, ""), ("a", STALE, "")]] * 2
    assert [len(stream.learner.shown[id]) for id in "ab"] == [4, 4]
    assert [activity.progress for activity in heard[3].activities] == [0.5, 0.5]
    assert heard[3].state_epoch == 0
    assert stream.counts("missing") == 2


def test_lost_frames_are_filled_for_everybody(stream: Stream) -> None:
    stream.send(1.0, "a", "b")
    stream.send(1.4, "a", "b")
    stream.answered(2)
    assert [len(stream.learner.shown[id]) for id in "ab"] == [5, 5]


def test_nobody_in_sight_is_answered_too_and_those_away_expire(bench: Any, learner: FakePeopleLearner) -> None:
    stream = Stream(bench, learner, expire_s=0.25)
    stream.send(1.0, "a")
    for tick in (1, 2, 3):
        stream.send(1 + tick / 10)
    assert [len(message.activities) for message in stream.answered(4)] == [1, 1, 1, 0]
    assert learner.shown == {}


def test_a_long_absence_costs_one_person_the_state_and_is_an_epoch(bench: Any, learner: FakePeopleLearner) -> None:
    stream = Stream(bench, learner, max_gap_s=0.25)
    for tick in range(4):
        stream.send(1 + tick / 10, "b", *(["a"] if tick == 0 else []))
    stream.send(1.4, "a", "b")
    heard = stream.answered(5)
    assert [message.state_epoch for message in heard] == [0, 0, 0, 0, 1]
    assert {a.subject_id: a.progress for a in heard[4].activities} == {"a": 1 / 8, "b": 5 / 8}


@pytest.mark.parametrize("jump_s", [-3.0, 10.0])
def test_a_bag_that_loops_or_jumps_resets_everybody(stream: Stream, jump_s: float) -> None:
    for stamp in (20.0, 20.1, 20.1 + jump_s, 20.2 + jump_s):
        stream.send(stamp, "a")
    heard = stream.answered(4)
    assert [message.state_epoch for message in heard] == [0, 0, 1, 1]
    assert [message.activities[0].progress for message in heard] == [1 / 8, 2 / 8, 1 / 8, 2 / 8]


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (skeleton("b", layout="octopus8"), "unknown layout"),
        (skeleton("b", joints=3), "wrong joints"),
        (skeleton("a"), "repeated id"),
        (skeleton("b", x=float("nan")), "joints without a place"),
        (skeleton("b", x=float("inf")), "joints without a place"),
        (skeleton("b", x=1e30), "joints without a place"),
        (skeleton("b", keypoints=[Keypoint()] * 17), "no joint found"),
    ],
)
def test_one_bad_person_is_counted_and_the_others_are_answered(stream: Stream, bad: Skeleton, kind: str) -> None:
    stream.send(1.0, "a", bad)
    stream.send(1.1, "a")
    heard = stream.answered(2)
    assert [said(message) for message in heard] == [[("a", WARMING, "")]] * 2
    assert stream.refused(kind) == 1


def test_a_frame_that_cannot_be_read_at_all_is_a_counted_drop(stream: Stream, capfd: Any) -> None:
    stream.send(1.0, "a")
    stream.send(1.1, skeleton("a", layout="octopus8"))
    stream.send(1.2, "a")
    heard = stream.answered(2)
    assert [message.dropped_frames for message in heard] == [0, 1]
    assert stream.counts("unreadable") == 1
    assert "octopus8" in capfd.readouterr().err
    assert len(stream.learner.shown["a"]) == 3


def test_five_hundred_people_are_bounded(bench: Any, learner: FakePeopleLearner) -> None:
    stream = Stream(bench, learner, max_people=20)
    stream.send(1.0, *[f"p{i}" for i in range(500)])
    stream.send(1.1, *[f"q{i}" for i in range(500)])
    assert [len(message.activities) for message in stream.answered(2)] == [20, 20]
    assert len(learner.shown) == 20
    assert stream.refused("too many people") == 960


def test_a_failing_learner_loses_one_frame(stream: Stream) -> None:
    def fail_once(poses: Any) -> None:
        stream.learner.before = lambda poses: None
        raise RuntimeError("out of luck")

    stream.learner.before = fail_once
    stream.send(1.0, "a")
    stream.send(1.1, "a")
    assert stream.answered(1)[0].dropped_frames == 1
    assert stream.counts("failed") == 1


def test_a_burst_into_a_slow_learner_keeps_the_newest_and_its_tick(bench: Any, learner: FakePeopleLearner) -> None:
    stream = Stream(bench, learner, queue_depth=1)
    begun, go_on = Event(), Event()

    def block(poses: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    learner.before = block
    stream.send(1.0, "a")
    bench.until(begun.is_set)
    for stamp in (1.1, 1.2, 1.3):
        stream.send(stamp, skeleton("a", 100.0))
    go_on.set()
    heard = stream.answered(2)
    assert (nanoseconds(heard[1].header.stamp), heard[0].dropped_frames + heard[1].dropped_frames) == (1_300_000_000, 2)
    assert learner.shown["a"] == [40.0, 40.0, 40.0, 100.0]


def test_one_subject_or_all_are_reset(stream: Stream) -> None:
    def ask(*ids: str) -> Any:
        return stream.bench.call(ResetState, "skeleton_activity/reset", subject_ids=ids)

    def progress() -> list[float]:
        return [activity.progress * 8 for activity in stream.answered(stream.counts("received"))[-1].activities]

    for tick in range(3):
        stream.send(1 + tick / 10, "a", "b")
    assert progress() == [3, 3]
    assert ask("a").success
    stream.send(1.3, "a", "b")
    assert progress() == [1, 4]
    answer = ask("a", "nobody")
    assert (answer.success, answer.message) == (False, "forgotten: 'a'; not known here: 'nobody'")
    assert ask().success
    stream.send(1.4, "a", "b")
    assert progress() == [1, 1]
    assert [message.state_epoch for message in stream.heard] == [0, 0, 0, 1, 3]


def test_snapshot_and_restore_across_two_nodes(stream: Stream, bench: Any, tmp_path: Path) -> None:
    for tick in range(5):
        stream.send(1 + tick / 10, "a", "b")
    stream.answered(5)
    answer = bench.call(Snapshot, "skeleton_activity/snapshot", path="sub/people", subject_ids=["a"])
    assert (answer.success, answer.message, list(answer.subject_ids)) == (True, f"{tmp_path}/sub/people", ["a"])
    bench.call(ResetState, "skeleton_activity/reset")
    answer = bench.call(Restore, "skeleton_activity/restore", path="sub/people")
    assert (answer.success, list(answer.subject_ids)) == (True, ["a"])
    stream.send(77.0, "a", "b")
    (last,) = stream.answered(6)[5:]
    assert {a.subject_id: a.progress * 8 for a in last.activities} == {"a": 6, "b": 1}
    assert last.state_epoch > 0


@pytest.mark.parametrize(
    ("kind", "fields", "teaches"),
    [
        (Snapshot, {"path": "../x"}, "below"),
        (Snapshot, {"path": "x", "subject_ids": ["nobody"]}, "nothing is known of"),
        (Restore, {"path": "/etc/passwd"}, "below"),
        (Restore, {"path": "absent"}, "absent"),
        (Restore, {"path": "half"}, "Expecting value"),
    ],
)
def test_a_service_that_cannot_be_done_says_why_and_changes_nothing(
    stream: Stream, tmp_path: Path, kind: Any, fields: dict[str, Any], teaches: str
) -> None:
    (tmp_path / "half").write_text("")
    stream.send(1.0, "a")
    stream.answered(1)
    answer = stream.bench.call(kind, f"skeleton_activity/{kind.__name__.lower()}", **fields)
    assert not answer.success
    assert teaches in answer.message
    stream.send(1.1, "a")
    (_, last) = stream.answered(2)
    assert (last.activities[0].progress, last.state_epoch) == (2 / 8, 0)


def test_frames_that_waited_while_a_state_was_restored_are_outdated(bench: Any, tmp_path: Path) -> None:
    """What is in the mailbox belongs to the stream before: it must not undo what was restored."""
    learner = FakePeopleLearner()
    stream = Stream(bench, learner, snapshot_folder=str(tmp_path))
    (tmp_path / "file").write_text('{"a": [40, 40, 40]}')
    begun, go_on = Event(), Event()

    def block(poses: Any) -> None:
        begun.set()
        assert go_on.wait(20)

    learner.before = block
    stream.send(1.0, "b")
    bench.until(begun.is_set)
    stream.send(1.1, "b")
    client = bench.node.create_client(Restore, "skeleton_activity/restore")
    bench.until(client.service_is_ready)
    future = client.call_async(Restore.Request(path="file"))
    _release_once_asked(stream.node, go_on)
    bench.until(future.done)
    assert future.result().success
    stream.send(9.0, "a")
    heard = stream.answered(2)
    assert heard[1].activities[0].progress == 4 / 8
    assert stream.counts("outdated") == 1


def _release_once_asked(node: Any, go_on: Event) -> None:
    """Lets the learner go on when the service waits for the worker, from a thread: the executor itself is waiting."""
    from threading import Thread
    from time import sleep

    def watch() -> None:
        while not node._worker.mailbox._urgent:
            sleep(0.001)
        go_on.set()

    Thread(target=watch, daemon=True).start()


def test_only_an_active_node_listens_and_activation_begins_an_epoch(stream: Stream) -> None:
    stream.send(1.0, "a")
    stream.answered(1)
    assert stream.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    stream.bench.until(lambda: stream.estimator.get_subscription_count() == 0)
    assert stream.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    stream.bench.until(lambda: stream.estimator.get_subscription_count() == 1)
    stream.send(1.1, "a")
    assert [message.state_epoch for message in stream.answered(2)] == [0, 1]


def test_a_whole_life_twice_and_shutdown_repeated(bench: Any, learner: FakePeopleLearner) -> None:
    node = bench.add(SkeletonActivityNode(lambda settings: learner, parameter_overrides=[NO_MODEL]), up=False)
    for _ in range(2):
        assert bring_up(node)
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert bring_up(node)
    assert node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    node.on_shutdown(None)
    assert learner.optimized == 3


def test_labels_are_latched_and_diagnostics_tell_whom_it_follows(stream: Stream) -> None:
    late = stream.bench.listen(LabelInfo, "skeleton_activity/label_info", latched_qos())
    told = stream.bench.listen(DiagnosticArray, "/diagnostics")
    stream.bench.until(lambda: late)
    assert list(late[0].labels) == ["left", "middle", "right"]
    for tick in range(4):
        stream.send(1 + tick / 10, "a", skeleton("b", layout="octopus8"))
    stream.answered(4)
    stream.bench.until(lambda: told and _values(told[-1]).get("people refused, unknown layout") == "4")
    values, status = _values(told[-1]), told[-1].status[0]
    assert (values["network"], values["people followed"], values["rate of the model (Hz)"]) == (
        "fake/places",
        "1",
        "10.000",
    )
    assert (status.name, status.message) == ("skeleton_activity: stream", "1 in sight (left: 1)")


def test_silence_is_explained_in_words_for_skeletons(bench: Any, learner: FakePeopleLearner) -> None:
    overrides = [Parameter("silence_s", value=0.5), NO_MODEL]
    bench.add(SkeletonActivityNode(lambda settings: learner, parameter_overrides=overrides))
    told = bench.listen(DiagnosticArray, "/diagnostics")
    bench.until(lambda: any(array.status[0].level == DiagnosticStatus.WARN for array in told))
    message = next(array.status[0].message for array in told if array.status[0].level == DiagnosticStatus.WARN)
    assert "No skeleton on /skeletons" in message
    assert "pose estimator" in message


@pytest.mark.parametrize(("kind", "package"), [("hri", "hri_msgs"), ("yolo", "yolo_msgs")])
def test_an_input_whose_messages_are_not_installed_fails_configuration_and_says_so(
    bench: Any, learner: FakePeopleLearner, capfd: Any, monkeypatch: pytest.MonkeyPatch, kind: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, f"{package}.msg", None)
    monkeypatch.setitem(sys.modules, package, None)
    node = bench.add(
        SkeletonActivityNode(lambda settings: learner, parameter_overrides=[Parameter("input", value=kind)]), up=False
    )
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert f"input '{kind}' needs {package}" in capfd.readouterr().err


def test_the_settings_name_the_weights(bench: Any, learner: FakePeopleLearner) -> None:
    asked: list[Any] = []

    def factory(settings: Any) -> Any:
        asked.append(settings)
        return learner

    overrides: Sequence[Parameter] = [Parameter("model_path", value="/models/mine"), Parameter("max_people", value=7)]
    node = bench.add(SkeletonActivityNode(factory, parameter_overrides=overrides))
    assert (asked[0].max_people, learner.loaded_from) == (7, "/models/mine")
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    node.set_parameters([Parameter("model_path", value=""), Parameter("model", value="")])
    assert bring_up(node)
    assert learner.loaded_from is None


def test_a_saved_model_runs_by_its_folder_alone(bench: Any, tmp_path: Path) -> None:
    """From poses on the wire to labels of the saved classes: network, layout, rate and classes come with the folder."""
    from co_perception.learners.skeleton import ContinualSkeletonLearner

    saved = ContinualSkeletonLearner("costgcn_short", classes=("sit", "stand"), min_progress=0.25, threads=1)
    saved._loaded = True
    saved.save(tmp_path / "model")
    chosen = {**LOSSLESS, "model_path": str(tmp_path / "model"), "threads": 1, "optimize": False}
    node = bench.add(SkeletonActivityNode(parameter_overrides=[Parameter(n, value=v) for n, v in chosen.items()]))
    heard = bench.listen(ActivityArray, "activity")
    estimator = bench.node.create_publisher(SkeletonArray, "skeletons", QoSProfile(depth=100))
    bench.matched(estimator, "skeletons")
    bench.matched(node._activity, "activity")
    frames = 16
    for tick in range(frames):
        poses = [body(person, tick, f"p{person}") for person in (1, 2)]
        header = Header(stamp=to_time(SEC + tick * SEC // 15), frame_id="eye")
        estimator.publish(skeleton_array(header, poses, "test", (640, 480)))
        bench.until(lambda tick=tick: len(heard) > tick)
    for person, activity in zip((1, 2), heard[-1].activities, strict=True):
        saved.reset()
        for tick in range(frames):
            (expected,) = saved.infer([body(person, tick)])
        assert (activity.label, activity.progress) == (expected.description, 1.0)
        assert activity.score == pytest.approx(expected.confidence, abs=1e-5)
    assert heard[-1].recognizer.startswith("costgcn_short/")


def test_humans_of_ros4hri_are_heard_body_by_body(
    bench: Any, learner: FakePeopleLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hri_msgs is not everywhere: its messages are stood in for, and so is the middleware that would bring them."""
    messages = SimpleNamespace(IdsList="IdsList", Skeleton2D="Skeleton2D")
    monkeypatch.setitem(sys.modules, "hri_msgs", SimpleNamespace(msg=messages))
    monkeypatch.setitem(sys.modules, "hri_msgs.msg", messages)
    node = SkeletonActivityNode(lambda s: learner, parameter_overrides=[Parameter("input", value="hri"), NO_MODEL])
    topics: dict[str, Any] = {}

    def subscribe(kind: str, topic: str, callback: Any, qos: Any) -> Any:
        topics[topic] = callback
        return SimpleNamespace(topic_name=topic, kind=kind)

    monkeypatch.setattr(node, "create_subscription", subscribe)
    monkeypatch.setattr(node, "destroy_subscription", lambda subscription: topics.pop(subscription.topic_name))
    bench.add(node)
    heard = bench.listen(ActivityArray, "activity")
    bench.matched(node._activity, "activity")

    def header(tick: int) -> Header:
        return Header(stamp=to_time(SEC + tick * SEC // 10), frame_id="eye")

    def show(id: str, tick: int, x: float) -> None:
        points = [SimpleNamespace(x=x, y=0.5, c=0.9)] * 18
        topics[f"/humans/bodies/{id}/skeleton2d"](SimpleNamespace(header=header(tick), skeleton=points))

    def track(tick: int, *ids: str) -> None:
        topics["/humans/bodies/tracked"](SimpleNamespace(header=header(tick), ids=list(ids)))

    track(0, "ab1", "cd2")
    for tick in range(4):
        show("cd2", tick, 0.4)
        show("ab1", tick, 0.05)
        bench.until(lambda tick=tick: len(heard) > tick)
    assert {(a.subject_id, a.label) for a in heard[3].activities} == {("ab1", "left"), ("cd2", "right")}
    assert learner.shown["cd2"] == [pytest.approx(256.0)] * 4  # 0.4 of 640 pixels
    track(4, "ab1")
    assert set(topics) == {"/humans/bodies/tracked", "/humans/bodies/ab1/skeleton2d"}
    show("ab1", 4, 0.05)
    bench.until(lambda: len(heard) == 5)
    assert said(heard[4]) == [("ab1", VALID, "left"), ("cd2", STALE, "")]
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert topics == {}


def _values(array: Any) -> dict[str, str]:
    return {value.key: value.value for value in array.status[0].values}
