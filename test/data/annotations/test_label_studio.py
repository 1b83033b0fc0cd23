"""Exports of Label Studio, in the shapes of its documentation: ranges of frames, boxes, seconds of sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import Interval
from co_perception.data.annotations.sources import read_any
from co_perception.data.parsing import Skipped

SECOND = 1_000_000_000
HZ_25 = FrameTimes(25)


def region(first: int, last: int, label: str, **more: Any) -> dict[str, Any]:
    value = {"ranges": [{"start": first, "end": last}], "timelinelabels": [label]}
    return {"id": f"r{first}", "from_name": "videoLabels", "to_name": "video", "type": "timelinelabels",
            "origin": "manual", "value": value, **more}  # fmt: skip


def task(*results: dict[str, Any], video: str = "/data/upload/1/1a2b3c4d-monday.mp4", **more: Any) -> dict[str, Any]:
    """A task as the JSON export has it: `annotations` with their results, and the data it shows."""
    annotation = {"id": 23, "completed_by": 1, "result": list(results), "was_cancelled": False, "ground_truth": False,
                  "lead_time": 12.5}  # fmt: skip
    return {"id": 24, "annotations": [annotation], "file_upload": "1a2b3c4d-monday.mp4", "predictions": [],
            "data": {"video": video}, "meta": {}, **more}  # fmt: skip


def write(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def test_ranges_count_from_one_and_have_their_last_frame(tmp_path: Path) -> None:
    path = write(tmp_path, [task(region(1, 25, "grüßen, kurz"), region(26, 26, "sit"), region(101, 125, "wave"))])
    assert read_any(path, HZ_25) == [
        Interval(0, SECOND, "grüßen, kurz", relative=True),
        Interval(SECOND, SECOND + SECOND // 25, "sit", relative=True),
        Interval(4 * SECOND, 5 * SECOND, "wave", relative=True),
    ]


def test_the_frame_of_a_change_is_of_the_later_label(tmp_path: Path) -> None:
    """Annotators draw one range up to the frame with which they begin the next."""
    found = read_any(write(tmp_path, [task(region(26, 50, "sit"), region(1, 26, "wave"))]), HZ_25)
    assert [(each.label, each.start_ns, each.end_ns) for each in found] == [
        ("wave", 0, SECOND), ("sit", SECOND, 2 * SECOND),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="overlap"):
        read_any(write(tmp_path, [task(region(26, 50, "sit"), region(1, 27, "wave"))]), HZ_25)


def test_each_task_is_a_recording(tmp_path: Path) -> None:
    local = "/data/local-files/?d=clips/day 2/friday.mp4"
    tasks = [task(region(1, 25, "wave")), {**task(region(1, 50, "sit"), video=local), "file_upload": None}]
    found = read_any(write(tmp_path, tasks), HZ_25)
    assert [(each.recording, each.label) for each in found] == [("friday", "sit"), ("monday", "wave")]
    tasks[1]["data"]["video"] = local.replace("clips/day 2/", "clips\\day 2\\")  # of a server on Windows
    assert read_any(write(tmp_path, tasks), HZ_25) == found


def test_two_tasks_of_one_name_are_not_one_recording(tmp_path: Path) -> None:
    twice = [task(region(1, 25, "wave"), file_upload="1a2b3c4d-clip.mp4", data={}, id=1),
             task(region(51, 75, "sit"), file_upload="ffffffff-clip.mp4", data={}, id=2)]  # fmt: skip
    with pytest.raises(ValueError, match="several of its tasks are of files called 'clip'"):
        read_any(write(tmp_path, twice), HZ_25)


def test_the_times_of_one_video_are_not_those_of_another(tmp_path: Path) -> None:
    two = [task(region(1, 2, "wave")), task(region(1, 2, "sit"), file_upload="ffffffff-friday.mp4", data={}, id=25)]
    assert len(read_any(write(tmp_path, two), HZ_25)) == 2
    with pytest.raises(ValueError, match="2 tasks, and the times of one video"):
        read_any(write(tmp_path, two), FrameTimes(starts_ns=(0, 50, 110, 150)))


def test_frames_of_a_video_that_come_unevenly(tmp_path: Path) -> None:
    times = FrameTimes(starts_ns=(0, 50, 110, 150))
    assert [
        (each.start_ns, each.end_ns) for each in read_any(write(tmp_path, [task(region(2, 3, "wave"))]), times)
    ] == [(50, 150)]
    assert read_any(write(tmp_path, [task(region(2, 4, "wave"))]), times)[0].end_ns == 200
    with pytest.raises(ValueError, match=r"no frame 5 in the video, of 4 frames: is it the one that was annotated"):
        read_any(write(tmp_path, [task(region(2, 5, "wave"))]), times)


def test_boxes_hold_from_key_frame_to_key_frame(tmp_path: Path) -> None:
    box = {"x": 38, "y": 38, "width": 41, "height": 22, "rotation": 0}
    sequence = [
        {"frame": 11, "enabled": True, "time": 0.4, **box}, {"frame": 20, "enabled": False, "time": 0.8, **box},
        {"frame": 51, "enabled": True, "time": 2.0, **box},
    ]  # fmt: skip
    value = {"framesCount": 75, "duration": 3.0, "sequence": sequence, "labels": ["wave"]}
    rectangle = {"id": "tJhYZLMC9G", "type": "videorectangle", "from_name": "box", "to_name": "video", "value": value}
    found = read_any(write(tmp_path, [task(rectangle)]), FrameTimes(10))
    assert [(each.start_ns, each.end_ns, each.subject) for each in found] == [
        (SECOND, 2 * SECOND, "tJhYZLMC9G"), (5 * SECOND, 7_500_000_000, "tJhYZLMC9G"),
    ]  # fmt: skip


def test_sound_has_seconds_and_needs_no_rate(tmp_path: Path) -> None:
    value = {"start": 12.778410892095105, "end": 28.5, "labels": ["Beat"], "channel": 0}
    sound = {"id": "SsGrpVgy_C", "from_name": "label", "to_name": "audio", "type": "labels", "value": value}
    choice = {"from_name": "choice", "id": "h", "to_name": "audio", "type": "choices", "value": {"choices": ["Lo-Fi"]}}
    skipped = Skipped()
    assert read_any(write(tmp_path, [task(sound, choice)]), skipped=skipped) == [
        Interval(12_778_410_892, 28_500_000_000, "Beat", relative=True)
    ]
    assert list(skipped) == [("task 24", "'choices' of choice is no interval")]


def test_the_short_form_has_a_column_for_each_control(tmp_path: Path) -> None:
    row = {"video": "/data/upload/1/1a2b3c4d-monday.mp4", "id": 24, "annotator": 1, "annotation_id": 23,
           "videoLabels": [region(1, 25, "wave")["value"]], "lead_time": 2.5}  # fmt: skip
    assert read_any(write(tmp_path, [row]), HZ_25) == [Interval(0, SECOND, "wave", relative=True)]


def test_of_several_annotators_the_ground_truth_counts(tmp_path: Path) -> None:
    first, second = task(region(1, 25, "wave")), task(region(1, 25, "sit"))
    both = {**first, "annotations": [*first["annotations"], {**second["annotations"][0], "ground_truth": True}]}
    assert [each.label for each in read_any(write(tmp_path, [both]), HZ_25)] == ["sit"]
    both["annotations"][1]["ground_truth"] = False
    with pytest.raises(ValueError, match="task 24: it has 2 annotations.*ground truth"):
        read_any(write(tmp_path, [both]), HZ_25)
    both["annotations"][0]["was_cancelled"] = True
    skipped = Skipped()
    assert [each.label for each in read_any(write(tmp_path, [both]), HZ_25, skipped=skipped)] == ["sit"]
    assert [reason for _, reason in skipped] == ["1 cancelled annotations"]
    older = {**first, "completions": task(region(1, 25, "wave"))["annotations"]}
    del older["annotations"]
    assert [each.label for each in read_any(write(tmp_path, [older]), HZ_25)] == ["wave"]


@pytest.mark.parametrize("name", ["predictions", "drafts"])
def test_what_nobody_has_submitted_is_told(tmp_path: Path, name: str) -> None:
    skipped = Skipped()
    content = [{**task(), "annotations": [], name: [{"result": [region(1, 25, "wave")]}]}]
    assert read_any(write(tmp_path, content), HZ_25, skipped=skipped) == []
    assert list(skipped) == [("task 24", "predictions or drafts, which nobody has submitted")]


def of_time_series() -> dict[str, Any]:
    value = {"start": 1592250751951.8074, "end": 1592251071946.638, "instant": False, "timeserieslabels": ["Run"]}
    return {"value": value, "id": "S1DkU7FSku", "from_name": "label", "to_name": "ts", "type": "timeserieslabels"}


def of_text() -> dict[str, Any]:
    return {
        "value": {"start": 3, "end": 9, "text": "recipe", "labels": ["Recipe"]},
        "type": "labels",
        "to_name": "text",
    }


@pytest.mark.parametrize(
    ("result", "times", "message"),
    [
        (region(1, 25, "wave"), None, r"numbers of frames.*co-perception annotations FILE .*--rate 30"),
        (region(0, 25, "wave"), HZ_25, "no frame -1"),
        (region(30, 25, "wave"), HZ_25, "not after its start"),
        (region(1, 2, " "), HZ_25, "needs a label"),
        (of_time_series(), HZ_25, "unit is that of a column"),
        (of_text(), HZ_25, "letters of a text"),
        ({"type": "t", "value": {"ranges": [{"start": 1}], "timelinelabels": ["a"]}}, HZ_25, "task 24: 'end'"),
        ({"type": "timelinelabels", "value": {"ranges": [{"start": "1", "end": 2}], "timelinelabels": ["a"]}}, HZ_25,
         "number of a frame, counted from 1, got '1'"),
        ({"type": "labels", "value": {"start": -1, "end": 2, "labels": ["a"]}}, HZ_25, "seconds since the start"),
    ],
)  # fmt: skip
def test_what_is_no_time_of_an_activity_is_refused_in_words(
    tmp_path: Path, result: dict[str, Any], times: FrameTimes | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        read_any(write(tmp_path, [task(result)]), times)
    assert "export.json" in str(raised.value)


def test_an_attribute_is_not_for_label_studio(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="attribute is CVAT's"):
        read_any(write(tmp_path, [task(region(1, 2, "wave"))]), HZ_25, "action")
