"""A recording in the studio: who is in sight when, joints by stamp, and annotations that are written whole or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure

from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.studio.recording_annotations import AnnotatedRecording, ConflictError

STEP = SECOND // 15
FIGURES = {"p0": Figure("wave", 3), "p1": Figure("squat", 11)}


def bag(path: Path, count: int = 90) -> Path:
    """Two people, of whom the second is away between two and four seconds."""
    frames = [
        Frame(T0 + n * STEP, [
            Person(id, figure.frame(n / 15)) for id, figure in FIGURES.items() if id == "p0" or not 30 <= n < 60
        ]) for n in range(count)
    ]  # fmt: skip
    return write_bag(path, {"/skeletons": frames})


@pytest.fixture
def recording(tmp_path: Path) -> AnnotatedRecording:
    return AnnotatedRecording(bag(tmp_path / "monday"))


def interval(start: int, end: int, label: str = "wave", subject: str = "p0", **more: object) -> dict[str, object]:
    return {"start": start, "end": end, "label": label, "subject": subject, **more}


def test_the_overview_says_who_is_in_sight_when(recording: AnnotatedRecording) -> None:
    found = recording.overview()
    assert found["begin_ns"] == str(T0) and found["duration"] == 89 * STEP + 1 and found["intervals"] == []
    assert found["people"] == [
        {"id": "p0", "spans": [[0, 89 * STEP]]},
        {"id": "p1", "spans": [[0, 29 * STEP], [60 * STEP, 89 * STEP]]},
    ]


def test_joints_are_those_of_the_stamps_in_one_scale(recording: AnnotatedRecording) -> None:
    one, other = recording.frames(10 * STEP, 13 * STEP)
    assert one["stamps"] == [10 * STEP, 11 * STEP, 12 * STEP] and (one["id"], other["id"]) == ("p0", "p1")
    assert [each["id"] for each in recording.frames(35 * STEP, 40 * STEP)] == ["p0"]
    shown = np.array(one["joints"]).reshape(3, 17, 3)[0]
    true = FIGURES["p0"].frame(10 / 15)
    found = true[:, 3] > 0
    assert (shown[:, 2] > 0).tolist() == found.tolist()
    # Differences of places have one scale in both directions.
    scale = np.ptp(shown[found, 0]) / np.ptp(true[found, 0])
    np.testing.assert_allclose(np.ptp(shown[found, 1]) / np.ptp(true[found, 1]), scale, rtol=0.01)
    assert shown[found, :2].min() > -100 and shown[found, :2].max() < 1100


def test_annotations_are_written_to_the_nanosecond_and_read_back(recording: AnnotatedRecording) -> None:
    given = [interval(STEP, 2 * STEP + 1), interval(0, 3 * STEP, "squat", "p1"), interval(5, 6, "all", "")]
    version = recording.replace_intervals(given, "")
    assert recording.overview()["version"] == version != ""
    assert read_annotations(recording.path / "annotations.csv") == [
        Interval(T0, T0 + 3 * STEP, "squat", "p1"),
        Interval(T0 + 5, T0 + 6, "all"),
        Interval(T0 + STEP, T0 + 2 * STEP + 1, "wave", "p0"),
    ]
    again = AnnotatedRecording(recording.path).overview()["intervals"]
    assert sorted(each["start"] for each in again) == [0, 5, STEP]


def test_seconds_since_the_start_become_stamps(recording: AnnotatedRecording) -> None:
    (recording.path / "annotations.csv").write_text("start,end,label,subject\n1.5,2.25,wave,p0\n")
    [found] = recording.overview()["intervals"]
    assert (found["start"], found["end"]) == (1.5 * SECOND, 2.25 * SECOND)


def test_what_was_changed_elsewhere_is_not_overwritten(recording: AnnotatedRecording) -> None:
    first = recording.replace_intervals([interval(0, 5)], "")
    with pytest.raises(ConflictError, match="changed elsewhere"):
        recording.replace_intervals([interval(0, 9)], "")
    second = recording.replace_intervals([interval(0, 7)], first)
    write_annotations(recording.file, [Interval(T0, T0 + 3, "other hands")])
    with pytest.raises(ConflictError):
        recording.replace_intervals([interval(0, 9)], second)
    assert [each.label for each in recording.intervals()] == ["other hands"]


def test_annotations_of_other_recordings_in_the_file_stay(recording: AnnotatedRecording) -> None:
    other = Interval(T0, T0 + 5, "walk", recording="tuesday")
    write_annotations(recording.file, [other, Interval(T0, T0 + 9, "old", recording="monday")])
    recording.replace_intervals([interval(2, 4, recording="monday")], recording.version)
    assert set(read_annotations(recording.file)) == {other, Interval(T0 + 2, T0 + 4, "wave", "p0", recording="monday")}
    recording.file.write_text("start,end,label,subject,recording\n1,2,walk,,tuesday\n")
    with pytest.raises(ValueError, match="a folder and an annotations.csv of its own"):
        recording.intervals()


def loose(tmp_path: Path, *begins_ns: int) -> list[AnnotatedRecording]:
    """Recordings that are files in one folder, which have one file of annotations together."""
    found = []
    for name, begin_ns in zip(("monday", "tuesday"), begins_ns, strict=True):
        frames = [Frame(begin_ns + n * STEP, [Person("p0", FIGURES["p0"].frame(n / 15))]) for n in range(30)]
        [file] = write_bag(tmp_path / f"of_{name}", {"/skeletons": frames}).glob("*.mcap")
        found.append(file.rename(tmp_path / f"{name}.mcap"))
    return [AnnotatedRecording(path) for path in found]


def test_recordings_in_one_folder_keep_their_annotations_apart(tmp_path: Path) -> None:
    """Of a simulation, each begins at the same stamp."""
    monday, tuesday = loose(tmp_path, T0, T0)
    assert monday.file == tuesday.file
    version = monday.replace_intervals([interval(0, 5)], "")
    assert tuesday.overview()["intervals"] == []
    version = tuesday.replace_intervals([interval(2, 4, "walk")], version)
    assert [each.label for each in monday.intervals()] == ["wave"]
    monday.replace_intervals([interval(0, 5), interval(7, 9)], version)  # as a page has them that was not loaded again
    assert [(each.label, each.recording) for each in read_annotations(monday.file)] == [
        ("wave", "monday"), ("wave", "monday"), ("walk", "tuesday")
    ]  # fmt: skip


def test_unnamed_stamps_in_a_folder_of_several_are_of_the_recording_of_that_time(tmp_path: Path) -> None:
    monday, tuesday = loose(tmp_path, T0, 5 * SECOND)
    rows = [Interval(5 * SECOND, 5 * SECOND + 123_456_789, "walk"), Interval(T0 + 1, T0 + 3, "wave")]
    write_annotations(monday.file, rows)
    assert [[each.label for each in one.intervals()] for one in (monday, tuesday)] == [["wave"], ["walk"]]
    monday.replace_intervals([interval(1, 3, subject="")], monday.version)  # unchanged
    assert read_annotations(monday.file) == rows
    monday.file.write_text("start,end,label\n1,2,wave\n")
    with pytest.raises(ValueError, match=r"annotations\.csv: these annotations count from .* there are 2 recordings"):
        monday.intervals()


@pytest.mark.parametrize(
    "wrong",
    [
        [interval(5, 5)], [interval(0, 9), interval(8, 12)], [interval(0, 9, "")], [interval(1.5, 9)],  # type: ignore[arg-type]
        [interval(0, 2**70)], [{"start": 0}], ["wave"], [interval(0, 9, recording="tuesday")], [interval(True, 9)],
        [interval(0, 9, "x" * 2000)],
    ],
)  # fmt: skip
def test_rubbish_is_refused_and_nothing_is_written(
    recording: AnnotatedRecording, wrong: list[dict[str, object]]
) -> None:
    version = recording.replace_intervals([interval(0, 5)], "")
    before = recording.file.read_bytes()
    with pytest.raises(ValueError):
        recording.replace_intervals(wrong, version)
    assert recording.file.read_bytes() == before


def test_recordings_that_cannot_be_annotated_are_refused_in_words(tmp_path: Path) -> None:
    empty = write_bag(tmp_path / "empty", {"/skeletons": [Frame(T0 + n, []) for n in range(3)]})
    with pytest.raises(ValueError, match="nobody is found"):
        AnnotatedRecording(empty)
    stamps = [T0 + n * STEP - (n > 15) * 100 * SECOND for n in range(30)]
    frames = [Frame(ns, [Person("p", FIGURES["p0"].frame(0))], T0 + n * STEP) for n, ns in enumerate(stamps)]
    with pytest.raises(ValueError, match="was set back"):
        AnnotatedRecording(write_bag(tmp_path / "back", {"/skeletons": frames}))
    damaged = bag(tmp_path / "damaged", 3)
    (damaged / "annotations.csv").write_text("start,end\nx,y\n")
    with pytest.raises(ValueError, match=r"annotations\.csv"):
        AnnotatedRecording(damaged)


def test_what_is_written_while_a_page_loads_is_a_conflict_later(
    recording: AnnotatedRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another editor writes between the two looks at the file."""
    read = recording.intervals

    def read_late() -> Any:
        found = read()
        recording.file.write_text(f"start,end,label,subject\n{T0},{T0 + SECOND},walk,p0\n")
        return found

    monkeypatch.setattr(recording, "intervals", read_late)
    loaded = recording.overview()
    with pytest.raises(ConflictError):
        recording.replace_intervals(loaded["intervals"], loaded["version"])
    assert "walk" in recording.file.read_text()


def test_a_hand_that_is_raised_now_and_then_is_in_view(tmp_path: Path) -> None:
    frames = [Frame(T0 + n * STEP, [Person("p0", FIGURES["p0"].frame(0.0).copy())]) for n in range(200)]
    for frame in frames[::20]:
        frame.people[0].joints[9, 1] = frame.people[0].joints[:, 1].min() - 100  # the left wrist
    found = AnnotatedRecording(write_bag(tmp_path / "monday", {"/skeletons": frames})).frames(0, 200 * STEP)
    places = np.array(found[0]["joints"]).reshape(200, -1, 3)
    assert places[..., :2].min() >= 0 and places[..., :2].max() <= 1000
