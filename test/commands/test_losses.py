"""Each stage from messages to judged frames loses all, a fifth or a hundredth: commands name it, and --strict fails.

What a command has to say: the stage, how many of how many, the reason and the remedy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.bag_writer import SECOND, Frame, Person, compressed, image, store, write_bag, write_messages
from helpers.drawn_people import RATE_HZ, T0, Figure
from helpers.random_models import skeleton_model
from helpers.small_video_networks import write_small_network
from helpers.video_packets import packets

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.engine.stage_counts import MUCH, Stage

Capture = pytest.CaptureFixture[str]
COUNT = 200  # frames, of which a loss takes all, every fifth or every hundredth
EVERY = {"all": 1, "fifth": 5, "hundredth": 100}
END_NS = T0 + round(COUNT / RATE_HZ * SECOND)


@dataclass(frozen=True)
class Loss:
    """Frames, and what is done to some of them."""

    stage: Stage
    reason: str
    change: Callable[[Frame], Frame]


def nobody(frame: Frame) -> Frame:
    return replace(frame, people=[])


def each_person(**changes: Any) -> Callable[[Frame], Frame]:
    return lambda frame: replace(frame, people=[replace(person, **changes) for person in frame.people])


def beside(person: Person) -> Person:
    """Another one who does the same."""
    return replace(person, id="body_2", joints=person.joints + np.array([90, 0, 0, 0], np.float32))


def without_scores(frame: Frame) -> Frame:
    return each_person(joints=np.zeros((17, 4), np.float32))(frame)


LOSSES = {
    "nobody": Loss(Stage.PEOPLE, "frames in which nobody was found", nobody),
    "no scores": Loss(Stage.POSES, "no joint found", without_scores),
    "frame of the robot": Loss(
        Stage.POSES, "unknown axes", lambda frame: replace(frame, coordinates=1, frame_id="gripper")
    ),
}


def performed(count: int = COUNT, rate_hz: float = RATE_HZ, change_s: float = 2.0) -> list[Frame]:
    """One person who waves and squats in turns."""
    figures = (Figure("wave", 1), Figure("squat", 1))
    instants = [n / rate_hz for n in range(count)]
    shown = [figures[int(at_s // change_s) % 2].frame(at_s) for at_s in instants]
    return [
        Frame(T0 + round(at_s * SECOND), [Person("body_1", joints)])
        for at_s, joints in zip(instants, shown, strict=True)
    ]


def turns(count: int = COUNT, change_s: float = 2.0, share: float = 1.0) -> list[Interval]:
    """The annotations of `performed`, each shortened to a share."""
    starts = np.arange(0, count / RATE_HZ, change_s)
    return [
        Interval(T0 + round(at_s * SECOND), T0 + round((at_s + change_s * share) * SECOND), ("wave", "squat")[n % 2])
        for n, at_s in enumerate(starts.tolist())
    ]


def recorded(folder: Path, frames: Sequence[Frame], annotations: Sequence[Interval]) -> Path:
    write_bag(folder, {"/skeletons": frames})
    write_annotations(folder / "annotations.csv", annotations)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return skeleton_model(tmp_path_factory.mktemp("model") / "model", ("squat", "wave"))


@dataclass(frozen=True)
class Command:
    """A command on a recording, as a user calls it."""

    name: str
    options: Sequence[str]
    folder: Path

    def __call__(self, bag: Path, *options: str) -> int:
        out = self.folder / f"out{len(list(self.folder.glob('out*')))}"
        return cli.main([self.name, str(bag), "--out", str(out), *self.options, *options])

    def plain_and_strict(self, bag: Path) -> tuple[int, int]:
        return self(bag), self(bag, "--strict")


@pytest.fixture(params=["evaluate", "train"])
def command(request: pytest.FixtureRequest, model: Path, tmp_path: Path) -> Command:
    options = {"evaluate": ["--model", str(model)], "train": ["--epochs", "1", "--step", "30"]}
    return Command(request.param, options[request.param], tmp_path)


def said(error: str, stage: Stage) -> list[str]:
    """The sentences about one stage, each with a remedy."""
    found = [line[line.index(f"{stage.title}: ") :] for line in error.splitlines() if f"{stage.title}: " in line]
    assert all(f"Remedy: {stage.remedy}." in line for line in found)
    return found


@pytest.mark.parametrize("share", EVERY)
@pytest.mark.parametrize("name", LOSSES)
def test_a_stage_that_loses_is_named_with_count_reason_and_remedy(
    command: Command, name: str, share: str, tmp_path: Path, capsys: Capture
) -> None:
    loss, every = LOSSES[name], EVERY[share]
    frames = [loss.change(frame) if n % every == every // 2 else frame for n, frame in enumerate(performed())]
    bag = recorded(tmp_path / "bag", frames, turns())
    # People whom nobody can read are a fault of the recording, whatever their share.
    wrong = name == "frame of the robot" and command.name == "evaluate"
    statuses = {"all": (1, 1), "fifth": (int(wrong), 1), "hundredth": (int(wrong), int(wrong))}
    assert command.plain_and_strict(bag) == statuses[share]
    found = said(capsys.readouterr().err, loss.stage)
    if share == "hundredth":
        assert found == []
    else:
        assert len(found) == 2
        assert found[0].startswith(f"{loss.stage.title}: {COUNT // every} of {COUNT} {loss.stage.unit} are lost (")
        assert f"{COUNT // every} x {loss.reason}" in found[0]


@pytest.mark.parametrize(("covered", "status"), [(0.0, (1, 1)), (0.8, (0, 1)), (0.99, (0, 0))])
def test_annotated_frames(
    command: Command, covered: float, status: tuple[int, int], tmp_path: Path, capsys: Capture
) -> None:
    far = [Interval(each.start_ns + 10**12, each.end_ns + 10**12, each.label) for each in turns()]
    bag = recorded(tmp_path / "bag", performed(), turns(share=covered) if covered else far)
    assert command.plain_and_strict(bag) == status
    found = said(capsys.readouterr().err, Stage.ANNOTATED)
    assert len(found) == 2 * (covered < 1 - MUCH)
    assert all("x frames that no annotation covers" in line for line in found)


def test_annotated_seconds_without_a_person_are_told(command: Command, tmp_path: Path, capsys: Capture) -> None:
    """The fault: they were told only of annotations with nobody for their whole time. 46 frames are 3.1 s of 13.3 s."""
    frames = [replace(frame, people=[]) if 70 <= n < 116 else frame for n, frame in enumerate(performed())]
    whole = Interval(T0, END_NS, "wave")
    halves = [replace(whole, end_ns=T0 + 8 * SECOND), replace(whole, start_ns=T0 + 8 * SECOND, label="squat")]
    command(recorded(tmp_path / "bag", frames, halves))
    (line,) = said(capsys.readouterr().err, Stage.SEEN)
    assert "3 of 13 seconds are lost" in line and "the longest time without: 3.1 s of 'wave'" in line


@pytest.mark.parametrize("wrong", ["recording", "subject", "label"])
def test_annotations_that_do_not_fit_are_told(command: Command, wrong: str, tmp_path: Path, capsys: Capture) -> None:
    """Of another recording; of one person where two are in sight; everything is called none."""
    frames = [replace(frame, people=[*frame.people, beside(frame.people[0])]) for frame in performed()]
    changed: dict[str, Any] = {
        "recording": {"recording": "other"},
        "subject": {"subject": "anna"},
        "label": {"label": "none"},
    }[wrong]
    bag = recorded(tmp_path / "bag", frames, [replace(each, **changed) for each in turns()])
    status = command(bag)
    error = capsys.readouterr().err
    if wrong == "label":
        assert "none" in error
    else:
        assert said(error, Stage.ANNOTATED)[0].startswith(
            f"annotated frames: {2 * COUNT} of {2 * COUNT} frames are lost"
        )
        assert status == 1


def test_windows_that_are_all_too_short(command: Command, tmp_path: Path, capsys: Capture) -> None:
    bag = recorded(tmp_path / "bag", performed(8), turns(8, 0.5))
    assert command(bag) == 1
    lost = {
        "evaluate": "8 of 8 are lost (all): 8 x warm-up of a stream",
        "train": "1 of 1 are lost (all): 1 x annotated",
    }
    assert said(capsys.readouterr().err, Stage.WINDOWS)[0].startswith(f"windows: {lost[command.name]}")


@pytest.mark.parametrize("short", [1, 5])
def test_one_activity_of_five_is_too_short(command: Command, short: int, tmp_path: Path, capsys: Capture) -> None:
    """Each is followed by more than a gap: the network warms up once more after each."""
    annotations = list[Interval]()
    for n in range(20):
        begin_ns, seconds = T0 + 4 * n * SECOND, 0.5 if n % 5 < short else 2.0
        annotations.append(Interval(begin_ns, begin_ns + round(seconds * SECOND), ("wave", "squat")[n % 2]))
    shown = performed(round(20 * 4 * RATE_HZ), change_s=4.0)
    frames = [frame for frame in shown if any(a.start_ns <= frame.stamp_ns < a.end_ns for a in annotations)]
    bag = recorded(tmp_path / "bag", frames, annotations)
    assert command.plain_and_strict(bag) == {1: (0, 1), 5: (1, 1)}[short]
    found = said(capsys.readouterr().err, Stage.WINDOWS)
    assert len(found) == 2
    if command.name == "train":
        assert f"windows: {4 * short} of 20 are lost" in found[0]
    elif short == 1:
        assert "x warm-up once more, after a gap of more than 1 s" in found[0]


def test_only_the_warm_up_is_annotated(model: Path, tmp_path: Path, capsys: Capture) -> None:
    command = Command("evaluate", ["--model", str(model)], tmp_path)
    bag = recorded(tmp_path / "bag", performed(), [Interval(T0, T0 + SECOND // 3, "wave")])
    assert command(bag) == 1
    assert "judged frames: 5 of 5 frames are lost (all): 5 x warm-up of a stream" in capsys.readouterr().err


ENCODINGS: dict[str, Callable[[Any, int], Any]] = {
    "encoding 16UC1": lambda types, ns: image(types, ns, np.zeros((48, 64, 2), np.uint8), "16UC1"),
    "encoding mono16": lambda types, ns: image(types, ns, np.zeros((48, 64, 2), np.uint8), "mono16"),
    "encoding yuv422": lambda types, ns: image(types, ns, np.zeros((48, 63, 2), np.uint8), "yuv422"),
    "encoding (none)": lambda types, ns: image(types, ns, np.zeros((48, 64, 3), np.uint8), ""),
    "encoding rgb8": lambda types, ns: replace(image(types, ns, np.zeros((48, 64, 3), np.uint8)), height=49),
    "compressed format 'jpeg'": lambda types, ns: compressed(types, ns, b"garbage"),
    "video codec 'h264'": lambda types, ns: compressed(types, ns, packets(count=2)[1][0], "h264"),
    "compressed format 'png'": lambda types, ns: compressed(types, ns, b"\x89PNG\r\n\x1a\n", "png"),
}


@pytest.fixture(scope="module")
def video_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_network(tmp_path_factory.mktemp("video_model"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pictures_that_cannot_be_read(encoding: str, video_model: Path, tmp_path: Path, capsys: Capture) -> None:
    types, command = store(), Command("evaluate", ["--recognizer", "video", "--model", str(video_model)], tmp_path)
    stamps = [T0 + n * SECOND // 25 for n in range(20)]
    bag = write_messages(
        tmp_path / "bag", {"/eye": [(ns, ENCODINGS[encoding](types, ns)) for ns in stamps]}, types=types
    )
    write_annotations(bag / "annotations.csv", [Interval(T0, T0 + SECOND, "run")])
    assert command(bag) == 1
    error = capsys.readouterr().err
    assert f"20 pictures of /eye cannot be read: {encoding} (" in error
    assert said(error, Stage.DECODED)[0].startswith(
        f"decodable messages: 20 of 20 messages are lost (all): 20 x {encoding}"
    )
    found = json.loads((tmp_path / "out0" / "summary.json").read_text())["stages"]
    assert found["decodable messages"] == {"passed": 0, "lost": {encoding: 20}, "not_needed": {}}


def test_the_report_has_every_stage(model: Path, tmp_path: Path) -> None:
    command = Command("evaluate", ["--model", str(model)], tmp_path)
    frames = [nobody(frame) if n % 5 == 0 else frame for n, frame in enumerate(performed())]
    assert command(recorded(tmp_path / "bag", frames, turns())) == 0
    report = (tmp_path / "out0" / "report.html").read_text()
    assert "people found: 40 of 200 frames are lost (20.0%): 40 x frames in which nobody was found." in report
    assert all(stage.title in report for stage in Stage)


@pytest.mark.parametrize(("camera_hz", "named"), [(5.0, True), (10.0, True), (14.9, False), (45.0, False)])
def test_a_camera_slower_than_the_network_is_told_and_a_faster_one_not(
    command: Command, camera_hz: float, named: bool, tmp_path: Path, capsys: Capture
) -> None:
    bag = recorded(tmp_path / "bag", performed(round(COUNT * camera_hz / RATE_HZ), camera_hz), turns())
    never_valid = named and command.name == "evaluate"  # ticks without a frame are no progress
    assert command.plain_and_strict(bag) == (never_valid, named)
    assert bool(said(capsys.readouterr().err, Stage.CLOCK)) == named


PERIOD_NS = round(SECOND / RATE_HZ)
STAMPS: dict[str, Callable[[Frame], Frame]] = {
    "with the stamp of the one before": lambda frame: replace(
        frame, stamp_ns=frame.stamp_ns - PERIOD_NS, log_ns=frame.stamp_ns
    ),
    "a newer one": lambda frame: replace(frame, log_ns=frame.stamp_ns + 3 * PERIOD_NS),
}


@pytest.mark.parametrize("every", [5, 100])
@pytest.mark.parametrize("reason", STAMPS)
def test_stamps_that_repeat_or_come_late(
    command: Command, reason: str, every: int, tmp_path: Path, capsys: Capture
) -> None:
    frames = [replace(frame, stamp_ns=T0 + n * PERIOD_NS) for n, frame in enumerate(performed())]
    frames = [STAMPS[reason](frame) if n % every == every // 2 else frame for n, frame in enumerate(frames)]
    bag = recorded(tmp_path / "bag", frames, turns())
    assert command.plain_and_strict(bag) == (0, int(every == 5))
    found = said(capsys.readouterr().err, Stage.CLOCK)
    assert len(found) == 2 * (every == 5)
    assert all(f"{COUNT // every} x " in line and reason in line for line in found)


def test_stamps_that_stand_still(command: Command, tmp_path: Path, capsys: Capture) -> None:
    frames = [replace(frame, log_ns=frame.stamp_ns, stamp_ns=T0) for frame in performed()]
    bag = recorded(tmp_path / "bag", frames, [Interval(T0 - 1, END_NS, "wave")])
    command(bag)
    assert f"clock: {COUNT - 1} of {COUNT} frames are lost" in said(capsys.readouterr().err, Stage.CLOCK)[0]


def test_a_recording_without_the_topic(command: Command, tmp_path: Path, capsys: Capture) -> None:
    types = store()
    picture = image(types, T0, np.zeros((8, 8, 3), np.uint8))
    bag = write_messages(tmp_path / "bag", {"/image_raw": [(T0, picture)]}, types=types)
    write_annotations(bag / "annotations.csv", turns())
    assert command(bag) == 1
    assert "no topic of co_perception/msg/SkeletonArray" in capsys.readouterr().err
