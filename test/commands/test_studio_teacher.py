"""Teacher of the studio: what is marked is a gallery, as `show` would make it, again after each change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.drawn_people import recording
from helpers.file_limits import files_limited_to

from co_perception import cli
from co_perception.commands.studio_teacher import GalleryTeacher
from co_perception.data.annotations.intervals import read_annotations, write_annotations
from co_perception.learners.gallery import Gallery
from co_perception.studio.recording_annotations import AnnotatedRecording

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def teacher() -> GalleryTeacher:
    return GalleryTeacher()


@pytest.fixture
def monday(tmp_path: Path) -> AnnotatedRecording:
    return AnnotatedRecording(recording(tmp_path / "monday", 1, activities=("wave", "squat", "stand")))


def mark(shown: AnnotatedRecording, *labels: str) -> None:
    """Leaves the annotations of these labels."""
    rows = read_annotations(shown.file)
    write_annotations(shown.file, [row for row in rows if row.label in labels])


def test_a_gallery_is_the_one_that_show_makes(
    teacher: GalleryTeacher, monday: AnnotatedRecording, tmp_path: Path, capsys: Capture
) -> None:
    found = teacher.teach(tmp_path / "taught", [monday], None)
    assert cli.main(["show", str(monday.path), "--gallery", str(tmp_path / "shown")]) == 0
    printed = capsys.readouterr().out
    assert found.shows == {"squat": 3, "stand": 3, "wave": 3} and found.asked == 9
    assert "\n".join(found.words) in printed
    ours, theirs = (
        {(show.label, show.source): show.vector for show in Gallery(tmp_path / name).shows}
        for name in ("taught", "shown")
    )
    assert ours.keys() == theirs.keys()
    for key, vector in ours.items():
        np.testing.assert_allclose(vector, theirs[key], atol=1e-5)
    assert json.loads((tmp_path / "taught" / "taught.json").read_text())["right"] == found.right


def test_what_is_marked_later_is_added_and_what_is_deleted_forgotten(
    teacher: GalleryTeacher, monday: AnnotatedRecording, tmp_path: Path
) -> None:
    every = read_annotations(monday.file)
    mark(monday, "wave")
    assert teacher.teach(tmp_path / "g", [monday], None).shows == {"wave": 3}
    write_annotations(monday.file, every)
    assert set(teacher.teach(tmp_path / "g", [monday], None).shows) == {"wave", "squat", "stand"}
    mark(monday, "squat", "stand")
    assert Gallery(tmp_path / "g").labels == ("squat", "stand", "wave")
    assert teacher.teach(tmp_path / "g", [monday], None).shows == {"squat": 3, "stand": 3}
    assert Gallery(tmp_path / "g").labels == ("squat", "stand")
    assert teacher.teach(tmp_path / "g", [monday], ["stand"]).shows == {"stand": 3}


def test_what_is_marked_as_other_is_an_example_of_anything_else(teacher: GalleryTeacher, tmp_path: Path) -> None:
    shown = AnnotatedRecording(recording(tmp_path / "monday", 1, activities=("wave", "other")))
    found = teacher.teach(tmp_path / "g", [shown], None)
    assert found.shows == {"wave": 3, "other": 3} and found.asked == 6
    assert Gallery(tmp_path / "g").counts == found.shows
    mark(shown, "other")
    with pytest.raises(ValueError, match="nothing was shown yet that is an activity"):
        teacher.teach(tmp_path / "g", [shown], None)
    assert Gallery(tmp_path / "g").counts == found.shows


def test_what_cannot_be_used_is_told_and_an_empty_gallery_is_refused(
    teacher: GalleryTeacher, monday: AnnotatedRecording, tmp_path: Path
) -> None:
    rows = read_annotations(monday.file)
    short = [row for row in rows if row.label == "wave"]
    cut = type(short[0])(short[0].start_ns, short[0].start_ns + 100_000_000, "wave")
    write_annotations(monday.file, [cut, *short[1:], *(row for row in rows if row.label == "squat")])
    found = teacher.teach(tmp_path / "g", [monday], None)
    assert found.shows == {"squat": 3, "wave": 2} and "a show 0.4 s at least" in found.skipped[0]
    write_annotations(monday.file, [cut])
    with pytest.raises(ValueError, match="none of the annotations is a show that can be used: .*0.4 s at least"):
        teacher.teach(tmp_path / "g", [monday], None)
    assert Gallery(tmp_path / "g").labels == ("squat", "wave")


def test_a_full_disk_leaves_the_gallery_that_there_was(
    teacher: GalleryTeacher, monday: AnnotatedRecording, tmp_path: Path
) -> None:
    every = read_annotations(monday.file)
    mark(monday, "wave")
    teacher.teach(tmp_path / "g", [monday], None)
    write_annotations(monday.file, every)
    with files_limited_to(10_000), pytest.raises(OSError, match="too large"):
        teacher.teach(tmp_path / "g", [monday], None)
    assert Gallery(tmp_path / "g").labels == ("wave",)
    assert not [file for file in (tmp_path / "g").iterdir() if file.name.startswith(".")]


def test_a_new_recording_needs_no_other_teacher(
    teacher: GalleryTeacher, monday: AnnotatedRecording, tmp_path: Path
) -> None:
    tuesday = AnnotatedRecording(recording(tmp_path / "tuesday", 5))
    found = teacher.teach(tmp_path / "g", [monday, tuesday], ["wave"])
    assert found.shows == {"wave": 6} and found.recordings == ("monday", "tuesday")
    assert {show.source.split()[0] for show in Gallery(tmp_path / "g").shows} == {"monday", "tuesday"}
