"""A recording that was cut, and a disk that is full: what is there is shown, and what was written stays."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rosbags")
pytest.importorskip("starlette", reason="the extra [studio] is not installed: the studio is not tested")

from helpers.asgi_browser import Browser
from helpers.bag_writer import SECOND, T0, Frame, Person, write_bag
from helpers.drawn_people import Figure
from helpers.file_limits import files_limited_to

from co_perception.data.annotations.intervals import read_annotations
from co_perception.studio.application import application
from co_perception.studio.recording_annotations import AnnotatedRecording

FRAMES = 3000


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    frames = [Frame(T0 + n * SECOND // 15, [Person("p0", Figure("wave", 3).frame(n / 15))]) for n in range(FRAMES)]
    return write_bag(tmp_path / "monday", {"/skeletons": frames})


@pytest.mark.parametrize("share", [0.6, 0.95])
def test_a_recording_that_was_cut_is_shown_as_far_as_it_goes(bag: Path, share: float) -> None:
    [file] = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    (bag / "metadata.yaml").unlink()  # as of a recorder that was killed
    recording = AnnotatedRecording(bag)
    browser = Browser(application([recording]))
    overview = browser.ask("/api/recordings/0").json
    assert overview["damage"] and 0.2 * share < overview["duration"] / (FRAMES / 15 * SECOND) < 1
    interval = {"start": 0, "end": SECOND, "label": "wave", "subject": "p0"}
    assert browser.put("", [interval]).status == 200
    assert [row.label for row in AnnotatedRecording(bag).intervals()] == ["wave"]


def test_a_sound_recording_has_no_damage(bag: Path) -> None:
    assert AnnotatedRecording(bag).overview()["damage"] == []


def test_a_full_disk_leaves_the_annotations_that_there_were(bag: Path) -> None:
    browser = Browser(application([AnnotatedRecording(bag)]))
    one = {"start": 0, "end": SECOND, "label": "wave", "subject": "p0"}
    version = browser.put("", [one]).json["version"]
    many = [{**one, "start": n * 1000, "end": n * 1000 + 500} for n in range(2000)]
    with files_limited_to(500):
        answer = browser.put(version, many)
    assert answer.status == 507 and "too large" in answer.json["error"]
    assert [row.label for row in read_annotations(bag / "annotations.csv")] == ["wave"]
    assert browser.put(version, many).status == 200  # as the page tries again
