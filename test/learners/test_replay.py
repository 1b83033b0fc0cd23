"""Recorded frames through a recognizer, one record for each answer; and a recording as a task, here or elsewhere."""

from __future__ import annotations

import dataclasses
import os
import pickle
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, image, store, write_messages
from helpers.drawn_people import T0, recording
from helpers.fake_learners import FakeLearner, FakePeopleLearner
from helpers.random_models import skeleton_model
from helpers.stick_figures import person

from co_perception.data.bags.bag_file import Bag
from co_perception.data.bags.bag_frames import Fault, RecordedFrame, image_frames
from co_perception.data.content_sketch import ContentSketch
from co_perception.data.messages.people import DetectedPeople, from_poses
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.stage_counts import Stage
from co_perception.engine.target import Pose, Status
from co_perception.evaluation.records import FrameRecord, first_of_each, read_records
from co_perception.evaluation.result_folder import FRAMES
from co_perception.learners.recognizers import KINDS, skeleton_recognizer, video_recognizer
from co_perception.learners.replay import (
    EvaluationTask,
    LearnerCache,
    posed,
    replay,
    run_task,
    run_task_remotely,
    store_result,
)
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.pose.finder import Finder, PoseSettings

START_NS = 10**12
TICK_NS = 100_000_000  # of FakePeopleLearner


def seen(*ids: str, x: float = 40.0) -> DetectedPeople:
    """People side by side: those in one place would be one person found twice."""
    joints = np.column_stack([np.full(17, x), np.arange(17), np.ones(17)]).astype(np.float32)
    apart = np.array([60, 0, 0], np.float32)
    return from_poses([Pose(joints + number * apart, id=id) for number, id in enumerate(ids)], (300, 200))


def refuse() -> Any:
    raise ValueError("cannot be read")


def people(frames: list[tuple[int, Any]], **settings: Any) -> tuple[list[FrameRecord], FakePeopleLearner]:
    """Records of frames, each a tick and who is seen or a function that gives it."""
    learner = FakePeopleLearner()
    recognizer = skeleton_recognizer(learner, values_of(KINDS["skeleton"].settings, settings))
    stamped = [(START_NS + tick * TICK_NS, what) for tick, what in frames]
    given = [RecordedFrame(ns, ns, what if callable(what) else lambda what=what: what) for ns, what in stamped]  # type: ignore[misc]
    return list(replay(recognizer, given, "kitchen")), learner


def test_everybody_has_a_record_for_each_frame() -> None:
    records, learner = people([(tick, seen("a", "b")) for tick in range(6)])
    assert [record.key for record in records[:2]] == [("kitchen", START_NS, "a"), ("kitchen", START_NS, "b")]
    assert len(records) == 12
    assert [record.label(learner.labels) for record in records[::2]] == ["", "", "", "left", "left", "left"]
    assert {record.missing for record in records} == {0}
    assert all(record.latency_s is not None for record in records)


def test_frames_that_cannot_be_read_are_told_and_ticks_without_one_are_none_that_was_lost() -> None:
    records, learner = people([(0, seen("a")), (1, refuse), (2, seen("a")), (5, seen("a"))])
    assert [record.status for record in records] == [Status.WARMING_UP, None, *[Status.WARMING_UP] * 2]
    assert [round(8 * record.progress) for record in records] == [1, 0, 2, 3]  # what is filled is no real input
    assert [record.missing for record in records] == [0, 0, 0, 0]
    assert len(learner.shown["a"]) == 6  # the ticks without a frame are filled, as in the node


def test_frames_that_a_fault_loses_are_missing_from_the_next_record_as_dropped_frames_are() -> None:
    """The fault: ticks without a frame were counted in a replay, and lost frames in a recorded run."""
    learner = FakePeopleLearner()
    recognizer = skeleton_recognizer(learner, values_of(KINDS["skeleton"].settings, {}))
    stamps_ns = [START_NS + tick * TICK_NS for tick in range(40)]
    source = [RecordedFrame(ns, ns, lambda n=n: seen(*"a" * (n % 5 > 0))) for n, ns in enumerate(stamps_ns)]  # type: ignore[misc]
    arrived = list(Fault(drop=0.5, seed=1).apply(iter(source)))
    assert 5 < len(arrived) < 35
    records = list(replay(recognizer, arrived, "kitchen"))
    last = stamps_ns.index(arrived[-1].stamp_ns)
    assert sum({record.stamp_ns: record.missing for record in records}.values()) == last + 1 - len(arrived)


def test_somebody_away_is_stale_and_an_empty_room_has_no_record() -> None:
    records, _ = people([(0, seen("a")), (1, seen()), (2, seen()), (9, seen())], expire_s=0.5)
    assert [(record.subject, record.status) for record in records] == [
        ("a", Status.WARMING_UP), ("a", Status.STALE), ("a", Status.STALE),
    ]  # fmt: skip
    assert records[1].delay_ns == TICK_NS


def test_a_jump_begins_anew_and_early_frames_are_skipped() -> None:
    records, learner = people([(tick, seen("a")) for tick in (0.0, 0.3, 1.0, 2.0, 50.0, 51.0)])  # type: ignore[misc]
    assert [round(record.progress * 8) for record in records] == [1, 2, 3, 1, 2]
    assert learner.resets == 2


def test_wrong_stamps_deceive_the_recognizer_and_not_the_records() -> None:
    learner = FakeLearner()
    recognizer = video_recognizer(learner, values_of(KINDS["video"].settings, {}))
    picture = Image(np.full((4, 4, 3), (9, 200, 9), np.uint8))
    frames = [RecordedFrame(START_NS + n * 40_000_000, START_NS + n * 40_000_000, lambda: picture) for n in range(200)]
    records = list(replay(recognizer, Fault(jitter_ms=5).apply(frames)))
    assert {record.stamp_ns for record in records} <= {frame.stamp_ns for frame in frames}
    assert not set(learner.shown[-1]) & {frame.stamp_ns for frame in frames[1:]}
    delays = np.array([record.delay_ns for record in records if record.answered]) / 1e6
    assert np.median(delays) == pytest.approx(80, abs=4)  # two frames, as this learner says


def test_a_broken_learner_is_no_broken_frame() -> None:
    recognizer = video_recognizer(FakeLearner(), values_of(KINDS["video"].settings, {}))
    picture = Image(np.zeros((4, 4, 3), np.uint8))

    def fail(frame: Image) -> None:
        raise RuntimeError("out of memory")

    recognizer.learner.before = fail  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="out of memory"):
        list(replay(recognizer, [RecordedFrame(START_NS, START_NS, lambda: picture)]))


def long_film(path: Path, seconds: int) -> Path:
    """A bag with 10 pictures a second of 120 kB that do not compress."""
    types = store()
    noise = np.frombuffer(os.urandom(200 * 200 * 3), np.uint8).reshape(200, 200, 3)

    def messages() -> Iterator[tuple[int, Any]]:
        for number in range(10 * seconds):
            stamp_ns = START_NS + number * TICK_NS
            yield stamp_ns, image(types, stamp_ns, noise)

    return write_messages(path, {"/image": messages()}, types=types)


def peak_bytes(bag: Path) -> tuple[int, int]:
    """Records of a replay, and the most memory it took at a time."""
    values = values_of(KINDS["video"].settings, {"model_rate_hz": 10.0})
    with Bag(bag) as recording:
        frames = image_frames(recording)
        tracemalloc.start()
        count = sum(1 for _ in replay(video_recognizer(FakeLearner(), values), frames))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return count, peak


@pytest.mark.slow
def test_a_recording_ten_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    short_count, short = peak_bytes(long_film(tmp_path / "short", 12))
    long_count, long = peak_bytes(long_film(tmp_path / "long", 120))
    assert (short_count, long_count) == (120, 1200)
    assert (tmp_path / "long").joinpath("long.mcap").stat().st_size > 140e6
    assert long < short + 2e6


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> EvaluationTask:
    root = tmp_path_factory.mktemp("scoring")
    bag, model = recording(root / "bag", 0, rounds=1), skeleton_model(root / "model", ("squat", "wave"))
    settings = (("model", ""), ("model_path", str(model)), ("threads", 1))
    return EvaluationTask(str(bag), "kitchen", "skeleton", str(root / "out"), settings)


def test_a_task_says_what_it_saw_and_how_far_it_is(task: EvaluationTask) -> None:
    shares: list[float] = []
    done = run_task(task, shares.append)
    assert (done.classes, done.records) == (("squat", "wave"), 90)
    assert done.recognizer.startswith("costgcn_short/own@")
    assert (done.clock.origin_ns, done.frames_ns and done.frames_ns[0], done.damage, done.error) == (T0, T0, (), "")
    assert shares == sorted(shares) and (len(shares), shares[0]) == (90, 0.0)
    assert shares[-1] == pytest.approx(89 / 90)
    assert {record.recording for record in read_records(task.folder)} == {"kitchen"}


def test_done_elsewhere_it_leaves_the_same_files_here(task: EvaluationTask, tmp_path: Path) -> None:
    run_task(task)
    wanted = (Path(task.folder) / FRAMES).read_bytes()
    away = dataclasses.replace(task, folder=str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "old").touch()
    done = store_result(pickle.loads(pickle.dumps(run_task_remotely(pickle.loads(pickle.dumps(away))))))
    assert done.task == away
    assert (tmp_path / "home" / FRAMES).read_bytes() == wanted
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [FRAMES, "latencies.jsonl"]


def test_two_bags_in_one_process_do_not_know_of_each_other(task: EvaluationTask, tmp_path: Path) -> None:
    run_task(task)
    first = (Path(task.folder) / FRAMES).read_bytes()
    run_task(dataclasses.replace(task, fault=Fault(drop=0.5), folder=str(tmp_path)))
    run_task(task)
    assert (Path(task.folder) / FRAMES).read_bytes() == first


@pytest.fixture(scope="module")
def depth_task(tmp_path_factory: pytest.TempPathFactory) -> EvaluationTask:
    """Ten good pictures among twenty that cannot be read, for people found in them."""
    root, types = tmp_path_factory.mktemp("depth"), store()
    pixels = [np.zeros((48, 64, 2), np.uint8), np.zeros((48, 64, 3), np.uint8), np.zeros((24, 64, 3), np.uint8)]
    messages = []
    for n in range(30):
        stamp_ns = START_NS + n * TICK_NS
        message = image(types, stamp_ns, pixels[n % 3], ("16UC1", "rgb8", "bgr8")[n % 3])
        message.height = 48  # the third kind holds half of its rows
        messages.append((stamp_ns, message))
    bag = write_messages(root / "bag", {"/depth": messages}, types=types)
    settings = (("model", ""), ("model_path", str(skeleton_model(root / "model", ("squat", "wave")))), ("threads", 1))
    return EvaluationTask(str(bag), "kitchen", "skeleton", str(root / "out"), settings, ())


def test_bag_undecodable_pictures_are_reported_by_encoding(
    depth_task: EvaluationTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody:
        def estimate(self, image: Image) -> list[Pose]:
            return []

        def close(self) -> None: ...

    monkeypatch.setattr("co_perception.learners.replay.build", lambda settings: Nobody())
    done = run_task(depth_task)
    assert (done.stages.passed(Stage.DECODED), done.stages.lost(Stage.DECODED), done.error) == (10, 20, "")
    deep, short = done.damage
    assert deep.startswith("10 pictures of /depth cannot be read: encoding 16UC1 (")
    assert "depth and raw sensor images are not pictures" in deep
    assert short.startswith("10 pictures of /depth cannot be read: encoding bgr8 (")
    assert "needs 9216" in short


def test_what_goes_wrong_is_told_with_what_was_reached(task: EvaluationTask, tmp_path: Path) -> None:
    lost = run_task(dataclasses.replace(task, bag=str(tmp_path / "none"), folder=str(tmp_path / "1")))
    assert (lost.records, lost.classes) == (0, ())
    assert "no recording" in lost.error
    other = run_task(dataclasses.replace(task, topic="/other", folder=str(tmp_path / "2")))
    assert "no topic /other" in other.error
    settings = (*task.settings, ("max_people", 0))
    assert "max_people lies between" in run_task(dataclasses.replace(task, settings=settings)).error


class OneInTheMiddle:
    """Finds somebody wherever a picture is bright."""

    name, layout = "middle", "coco17"

    def __init__(self) -> None:
        self.looked = 0

    def estimate(self, image: Image) -> list[Pose]:
        self.looked += 1
        return [person(50, 20, size=5)] if image.data.mean() > 100 else []

    def reset(self) -> None: ...

    def close(self) -> None: ...


def test_people_are_found_in_every_picture_and_keep_their_ids() -> None:
    bright, dark = (Image(np.full((80, 100, 3), value, np.uint8)) for value in (200, 0))
    reads = [lambda: bright, lambda: bright, refuse, lambda: dark, lambda: bright]
    frames = [RecordedFrame(T0 + n, T0 + n * SECOND // 10, read) for n, read in enumerate(reads)]
    estimator = OneInTheMiddle()
    found = list(posed(iter(frames), Finder(estimator, values_of(PoseSettings, {"second_look": 0}))))
    assert [frame.stamp_ns for frame in found] == [frame.stamp_ns for frame in frames]
    assert estimator.looked == 4
    with pytest.raises(ValueError, match="cannot be read"):
        found[2].read()
    ids = [[pose.id for pose in frame.read().poses] for n, frame in enumerate(found) if n != 2]
    assert ids[0] == ids[2] == []  # nobody is believed at once
    assert ids[1] == ids[3] != []
    assert found[1].read().regions[ids[1][0]].width > 0


def test_a_picture_that_was_overtaken_costs_nobody_their_id() -> None:
    """faults/reordered: one swap, and everybody got a new id."""
    bright = Image(np.full((80, 100, 3), 200, np.uint8))
    stamps = [T0 + n * SECOND // 10 for n in (0, 1, 3, 2, 4)]
    frames = [RecordedFrame(ns, ns, lambda: bright) for ns in stamps]
    counts = Counter[str]()
    found = list(posed(iter(frames), Finder(OneInTheMiddle(), values_of(PoseSettings, {})), counts=counts))
    assert [frame.stamp_ns for frame in found] == [ns for ns in stamps if ns != stamps[3]]
    assert [[pose.id for pose in frame.read().poses] for frame in found] == [[], ["p1"], ["p1"], ["p1"]]
    assert counts == {"late": 1}


def test_a_clock_that_is_set_back_repeats_stamps_which_are_judged_once(tmp_path: Path) -> None:
    records = [FrameRecord(T0 + n, subject=id, progress=0.1 * n) for n in (0, 1, 0, 2) for id in ("a", "b")]
    assert [each.key[1:] for each in first_of_each(records)] == [(T0 + n, id) for n in range(3) for id in ("a", "b")]


def test_video_takes_pictures_and_people_take_skeletons(task: EvaluationTask, tmp_path: Path) -> None:
    types = store()
    messages = [(T0, image(types, T0, np.zeros((4, 4, 3), np.uint8)))]
    bag = write_messages(tmp_path / "b", {"/camera": messages}, types=types)
    assert "no topic of co_perception/msg/SkeletonArray" in run_task(dataclasses.replace(task, bag=str(bag))).error
    video = dataclasses.replace(task, recognizer="video", settings=())
    assert "no topic of sensor_msgs/msg/Image" in run_task(video).error


def test_a_model_that_was_replaced_in_its_folder_is_loaded_again(tmp_path: Path) -> None:
    cache, settings = LearnerCache(), (("model", ""), ("model_path", str(tmp_path)), ("optimize", False))
    names = []
    for classes in (("squat", "wave"), ("squat", "wave", "jump")):
        skeleton_model(tmp_path, classes)
        learners = [cache.load("skeleton", settings)[1] for _ in range(2)]
        assert learners[0] is learners[1]
        names.append(learners[0].name)
    assert names[0] != names[1] and learners[0].labels == ("squat", "wave", "jump")


@pytest.mark.slow
def test_a_model_that_knows_its_training_reads_every_message_once(task: EvaluationTask, tmp_path: Path) -> None:
    """The fault: messages were read once to compare them and once to answer them, and counted twice."""
    learner = ContinualSkeletonLearner(threads=1)
    learner.load(str(dict(task.settings)["model_path"]))
    learner.trained_on = ContentSketch.of([b"anything"])
    learner.save(tmp_path / "knows")
    settings = tuple({**dict(task.settings), "model_path": str(tmp_path / "knows")}.items())
    plain = run_task(dataclasses.replace(task, folder=str(tmp_path / "a")))
    found = run_task(dataclasses.replace(task, settings=settings, folder=str(tmp_path / "b")))
    assert not found.error and found.stages.as_dict() == plain.stages.as_dict()
    assert found.stages.passed(Stage.DECODED) == found.counts["received"]
    assert plain.trained_on is None and found.trained_on is not None and found.trained_on[0] == 0 < found.trained_on[1]
