"""One recording as a task: here, elsewhere, with poses found on the way, and with errors that are results."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from bag_writing import SECOND, image, store, write_messages
from drawn_recordings import T0, recording
from random_models import skeleton_model
from stick_figures import person

from co_perception.data.bag_frames import Frame
from co_perception.data.faults import Fault
from co_perception.engine.data import Image
from co_perception.engine.settings import values_of
from co_perception.engine.target import Pose
from co_perception.evaluation.records import FRAMES, read_records
from co_perception.learners.scoring import Task, brought_home, perform, perform_away, posed
from co_perception.pose.finder import FINDING, Finder


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    root = tmp_path_factory.mktemp("scoring")
    bag, model = recording(root / "bag", 0, rounds=1), skeleton_model(root / "model", ("squat", "wave"))
    settings = (("model", ""), ("model_path", str(model)), ("threads", 1))
    return Task(str(bag), "kitchen", "skeleton", str(root / "out"), settings)


def test_a_task_says_what_it_saw_and_how_far_it_is(task: Task) -> None:
    told: list[float] = []
    done = perform(task, told.append)
    assert (done.classes, done.recogniser, done.records) == (("squat", "wave"), "costgcn_short/own", 90)
    assert (done.origin_ns, done.span_ns and done.span_ns[0], done.damage, done.error) == (T0, T0, (), "")
    assert told == sorted(told)
    assert (len(told), told[0]) == (90, 0.0)
    assert told[-1] == pytest.approx(89 / 90)
    assert {record.recording for record in read_records(task.folder)} == {"kitchen"}


def test_done_elsewhere_it_leaves_the_same_files_here(task: Task, tmp_path: Path) -> None:
    perform(task)
    wanted = (Path(task.folder) / FRAMES).read_bytes()
    away = dataclasses.replace(task, folder=str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "old").touch()
    done = brought_home(pickle.loads(pickle.dumps(perform_away(pickle.loads(pickle.dumps(away))))))
    assert done.task == away
    assert (tmp_path / "home" / FRAMES).read_bytes() == wanted
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [FRAMES, "latencies.jsonl"]


def test_two_bags_in_one_process_do_not_know_of_each_other(task: Task, tmp_path: Path) -> None:
    perform(task)
    first = (Path(task.folder) / FRAMES).read_bytes()
    perform(dataclasses.replace(task, fault=Fault(drop=0.5), folder=str(tmp_path)))
    perform(task)
    assert (Path(task.folder) / FRAMES).read_bytes() == first


def test_what_goes_wrong_is_told_with_what_was_reached(task: Task, tmp_path: Path) -> None:
    lost = perform(dataclasses.replace(task, bag=str(tmp_path / "none"), folder=str(tmp_path / "1")))
    assert (lost.records, lost.classes) == (0, ())
    assert "no recording" in lost.error
    other = perform(dataclasses.replace(task, topic="/other", folder=str(tmp_path / "2")))
    assert "no topic /other" in other.error
    settings = (*task.settings, ("max_people", 0))
    assert "max_people lies between" in perform(dataclasses.replace(task, settings=settings)).error


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

    def refuse() -> Any:
        raise ValueError("no picture")

    reads = [lambda: bright, lambda: bright, refuse, lambda: dark, lambda: bright]
    frames = [Frame(T0 + n, T0 + n * SECOND // 10, read) for n, read in enumerate(reads)]
    estimator = OneInTheMiddle()
    found = list(posed(iter(frames), Finder(estimator, values_of(FINDING, {}))))
    assert [frame.stamp_ns for frame in found] == [frame.stamp_ns for frame in frames]
    assert estimator.looked == 4
    with pytest.raises(ValueError, match="no picture"):
        found[2].read()
    ids = [[pose.id for pose in frame.read().poses] for n, frame in enumerate(found) if n != 2]
    assert ids[0] == ids[2] == []  # nobody is believed at once
    assert ids[1] == ids[3] != []
    assert found[1].read().regions[ids[1][0]].width > 0


def test_video_takes_pictures_and_people_take_skeletons(task: Task, tmp_path: Path) -> None:
    types = store()
    messages = [(T0, image(types, T0, np.zeros((4, 4, 3), np.uint8)))]
    bag = write_messages(tmp_path / "b", {"/camera": messages}, types=types)
    assert "no topic of co_perception/msg/SkeletonArray" in perform(dataclasses.replace(task, bag=str(bag))).error
    video = dataclasses.replace(task, recogniser="video", settings=())
    assert "no topic of sensor_msgs/msg/Image" in perform(video).error
