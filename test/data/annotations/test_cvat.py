"""Exports of CVAT, in the shapes of its documentation and its own test files: tracks, tags, JSON, frame filters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from co_perception.data.annotations.frame_times import FrameTimes
from co_perception.data.annotations.intervals import Interval
from co_perception.data.annotations.sources import read_any
from co_perception.data.parsing import Skipped

SECOND = 1_000_000_000
HZ_10 = FrameTimes(10)
HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><name>kitchen</name><size>100</size><mode>interpolation</mode><overlap>5</overlap><bugtracker></bugtracker>
      <created>2026-01-05 10:00:00.000000+00:00</created><subset>default</subset>
      <start_frame>0</start_frame><stop_frame>99</stop_frame><frame_filter>STEP</frame_filter>
      <segments><segment><id>7</id><start>0</start><stop>99</stop><url>http://localhost/api/jobs/7</url></segment></segments>
      <labels><label><name>person</name><color>#2080c0</color><type>rectangle</type><attributes><attribute>
        <name>action</name><mutable>True</mutable><input_type>select</input_type><default_value></default_value>
        <values>
walk
sit</values></attribute></attributes></label></labels>
      <original_size><width>640</width><height>480</height></original_size>
    </task>
    <dumped>2026-01-05 11:00:00.000000+00:00</dumped>
  </meta>
"""
POINTS = 'occluded="0" keyframe="1" xtl="10.00" ytl="20.00" xbr="60.00" ybr="200.00" z_order="0"'


def boxes(frames: range, outside: int | None = None, action: str = "") -> str:
    word = f'<attribute name="action">{action}</attribute>' if action else ""
    found = [f'<box frame="{frame}" outside="0" {POINTS}>{word}</box>' for frame in frames]
    return "".join(found + ([f'<box frame="{outside}" outside="1" {POINTS}>{word}</box>'] if outside else []))


def track(number: int, label: str, content: str) -> str:
    return f'  <track id="{number}" label="{label}" source="manual">{content}</track>\n'


def write(tmp_path: Path, *elements: str, step: str = "", head: str = HEAD) -> Path:
    path = tmp_path / "annotations.xml"
    path.write_text(head.replace("STEP", step) + "".join(elements) + "</annotations>\n", encoding="utf-8")
    return path


def test_a_track_labels_the_frames_in_which_it_is_inside(tmp_path: Path) -> None:
    again = boxes(range(30, 40), 40) + boxes(range(60, 100))
    path = write(tmp_path, track(0, "stößt, hart", again), track(1, "sit", boxes(range(100))))
    assert read_any(path, HZ_10) == [
        Interval(0, 10 * SECOND, "sit", "track_1", True),
        Interval(3 * SECOND, 4 * SECOND, "stößt, hart", "track_0", True),
        Interval(6 * SECOND, 10 * SECOND, "stößt, hart", "track_0", True),
    ]


def test_an_attribute_says_what_somebody_does(tmp_path: Path) -> None:
    content = boxes(range(20), action="walk") + boxes(range(20, 50), 50, action="sit")
    path = write(tmp_path, track(3, "person", content))
    found = read_any(path, HZ_10, "action")
    assert [(each.label, each.start_ns, each.end_ns, each.subject) for each in found] == [
        ("walk", 0, 2 * SECOND, "track_3"), ("sit", 2 * SECOND, 5 * SECOND, "track_3"),
    ]  # fmt: skip
    assert [each.label for each in read_any(path, HZ_10)] == ["person"]
    with pytest.raises(ValueError, match="the attribute 'verb'; there are: action"):
        read_any(path, HZ_10, "verb")


def test_a_checkbox_is_an_activity_by_its_name(tmp_path: Path) -> None:
    content = boxes(range(20), action="false") + boxes(range(20, 50), 50, action="true")
    found = read_any(write(tmp_path, track(3, "person", content)), HZ_10, "action")
    assert [(each.label, each.start_ns) for each in found] == [("action", 2 * SECOND)]


def test_tags_of_a_row_of_pictures_are_one_interval(tmp_path: Path) -> None:
    images = [
        f'<image id="{frame}" name="frame_{frame:06d}" width="640" height="480">'
        f"{f'<box label=|person| {POINTS}></box>'.replace('|', chr(34))}"
        f'<tag label="{"wave" if frame < 8 else "sit"}" source="manual"></tag></image>'
        for frame in (4, 5, 6, 7, 8, 12)
    ]
    skipped = Skipped()
    found = read_any(write(tmp_path, *images), HZ_10, skipped=skipped)
    assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND, each.subject) for each in found] == [
        ("wave", 4, 8, ""), ("sit", 8, 9, ""), ("sit", 12, 13, ""),
    ]  # fmt: skip
    assert list(skipped) == [("shapes", "6 are of no track, so that nobody knows who they are in the next frame")]


def test_with_a_frame_filter_a_frame_stands_for_several(tmp_path: Path) -> None:
    found = read_any(write(tmp_path, track(0, "wave", boxes(range(10, 40, 5), 40)), step="step=5"), HZ_10)
    assert [(each.start_ns, each.end_ns) for each in found] == [(SECOND, 4 * SECOND)]


def test_a_step_of_none_is_of_one(tmp_path: Path) -> None:
    [found] = read_any(write(tmp_path, track(0, "wave", boxes(range(2, 4), 4)), step="step=0"), HZ_10)
    assert (found.start_ns, found.end_ns) == (SECOND // 5, 2 * SECOND // 5)


def test_times_of_frames_that_come_unevenly(tmp_path: Path) -> None:
    times = FrameTimes(starts_ns=(0, 50, 110, 150))
    found = read_any(write(tmp_path, track(0, "wave", boxes(range(1, 3), 3))), times)
    assert [(each.start_ns, each.end_ns) for each in found] == [(50, 150)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("</annotations>", "", "no XML"),
        ("annotations>", "svg>", "begins with annotations, this is a svg"),
        ("<version>1.1", "<version>2.0", "version 1.1 is read, and this is of version 2.0"),
        ("task>", "project>", "export task by task"),
        ('frame="3"', 'frame="-3"', "number of a frame, counted from 0, got '-3'"),
        (' label="wave"', "", "damaged, or not annotations of CVAT"),
        ('label="wave"', 'label=" "', "needs a label"),
        ("<annotations>", '<!DOCTYPE a [<!ENTITY e "x">]><annotations>', "no document type"),
    ],
)
def test_what_is_no_export_is_refused_in_words(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, track(0, "wave", boxes(range(2, 6), 6)))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old != "</annotations>" else text.replace(old, ""))
    with pytest.raises(ValueError, match=message):
        read_any(path, HZ_10)


def test_without_a_rate_it_says_how_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"annotations.xml: its times are numbers of frames.*--rate 30.*--video"):
        read_any(write(tmp_path, track(0, "wave", boxes(range(2, 6), 6))))


# JSON


def shape(frame: int, outside: bool = False, **words: str) -> dict[str, Any]:
    attributes = [{"name": name, "value": value} for name, value in words.items()]
    return {"type": "rectangle", "occluded": False, "z_order": 0, "points": [4.75, 4.8, 13.06, 11.39], "frame": frame,
            "outside": outside, "attributes": attributes, "rotation": 0.0}  # fmt: skip


def job(**parts: Any) -> dict[str, Any]:
    return {"version": 0, "tags": [], "shapes": [], "tracks": [], **parts}


def track_of(label: str | None, *shapes: dict[str, Any]) -> dict[str, Any]:
    return {"frame": shapes[0]["frame"], "label": label, "group": 0, "source": "manual", "shapes": list(shapes),
            "attributes": []}  # fmt: skip


def write_json(tmp_path: Path, content: Any, ends: Sequence[int] = (59,), **data: Any) -> Path:
    """Annotations, and the task of a backup whose jobs have these last frames."""
    path, jobs = tmp_path / "annotations.json", [{"start_frame": 0, "stop_frame": end, "status": "x"} for end in ends]
    (tmp_path / "task.json").write_text(json.dumps({"name": "t", "data": data, "jobs": jobs}), encoding="utf-8")
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_backup_lists_key_frames_that_hold_until_the_next(tmp_path: Path) -> None:
    walk = track_of("person", shape(10, action="walk"), shape(30, action="sit"), shape(50, outside=True, action="sit"))
    tag: dict[str, Any] = {"label": "wave", "group": 0, "source": "manual", "attributes": []}
    tags = [{**tag, "frame": frame} for frame in (2, 3, 4)]
    skipped = Skipped()
    path = write_json(tmp_path, [job(tracks=[walk], tags=tags, shapes=[{**shape(1), "label": "person"}])])
    found = read_any(path, HZ_10, skipped=skipped)
    assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND) for each in found] == [
        ("wave", 2, 5), ("person", 10, 50),
    ]  # fmt: skip
    assert len(skipped) == 1
    assert [(each.label, each.end_ns) for each in read_any(path, HZ_10, "action")] == [
        ("walk", 3 * SECOND), ("sit", 5 * SECOND),
    ]  # fmt: skip


def test_a_track_lasts_to_the_end_of_its_job(tmp_path: Path) -> None:
    jobs = [job(tracks=[track_of("wave", shape(2))]), job(tracks=[track_of("wave", shape(25))])]
    found = read_any(write_json(tmp_path, jobs, (19, 39)), HZ_10)
    assert [(each.subject, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND) for each in found] == [
        ("track_0", 2, 20), ("track_1", 25, 40),
    ]  # fmt: skip


def test_frames_of_a_backup_are_those_that_were_annotated(tmp_path: Path) -> None:
    """From frame 7 on, each fifth: 7, 12, 17, 22 of a video with 24 frames."""
    tag = {"label": "wave", "group": 0, "attributes": [], "frame": 3}
    content = [job(tracks=[track_of("walk", shape(0), shape(2, outside=True)), track_of("sit", shape(1))], tags=[tag])]
    path = write_json(tmp_path, content, (3,), start_frame=7, stop_frame=23, frame_filter="step=5")
    for times, last in ((HZ_10, 27), (FrameTimes(starts_ns=[n * SECOND // 10 for n in range(24)]), 24)):
        found = read_any(path, times)
        assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND) for each in found] == [
            ("walk", 7, 17), ("sit", 12, last), ("wave", 22, last),
        ]  # fmt: skip
    with pytest.raises(ValueError, match="no frame 22 in the video, of 20 frames"):
        read_any(path, FrameTimes(starts_ns=range(20)))


def test_attributes_of_a_backup_hold_until_they_change(tmp_path: Path) -> None:
    """A key frame lists those that changed there; a box that only moved has none."""
    person = track_of("person", shape(0, action="walk"), shape(5), shape(9, action="sit"), shape(12), shape(15, True))
    person["attributes"] = [{"name": "age", "value": "old"}]
    path = write_json(tmp_path, [job(tracks=[person])])
    found = read_any(path, HZ_10, "action")
    assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND) for each in found] == [
        ("walk", 0, 9), ("sit", 9, 15),
    ]  # fmt: skip
    assert [each.label for each in read_any(path, HZ_10, "age")] == ["old"]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (None, "its task.json tells which of the video those are"),
        ({"data": {}, "jobs": []}, "it has 1 jobs, and the task.json beside it 0"),
        ({"data": {"frame_filter": "random=5"}, "jobs": [{"stop_frame": 9}]}, "a frame filter is step="),
        ({"data": {"frame_filter": "step=0"}, "jobs": [{"stop_frame": 9}]}, "a frame filter is step="),
        ({"data": {"start_frame": -1}, "jobs": [{"stop_frame": 9}]}, "counted from 0, got -1"),
        ({"jobs": []}, "task.json: damaged, or not the task of a backup"),
    ],
)
def test_a_backup_without_its_task_is_refused_in_words(tmp_path: Path, task: Any, message: str) -> None:
    path = write_json(tmp_path, [job(tracks=[track_of("wave", shape(2))])])
    (tmp_path / "task.json").unlink()
    if task is not None:
        (tmp_path / "task.json").write_text(json.dumps(task), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_any(path, HZ_10)


def test_the_last_frame_of_a_filter_stands_for_what_the_video_has_of_it(tmp_path: Path) -> None:
    path = write(tmp_path, track(0, "wave", "".join(boxes(range(10, 25, 5)))), step="step=5")
    [found] = read_any(path, FrameTimes(starts_ns=range(23)))
    assert (found.start_ns, found.end_ns) == (10, 23)
    with pytest.raises(ValueError, match="no frame 25 in the video"):
        read_any(path, FrameTimes(starts_ns=range(20)))


def test_datumaro_has_the_shapes_of_each_frame(tmp_path: Path) -> None:
    def item(frame: int, *found: dict[str, Any]) -> dict[str, Any]:
        return {"id": f"frame_{frame:06d}", "annotations": list(found), "attr": {"frame": frame}}

    def box(number: int) -> dict[str, Any]:
        words = {"occluded": False, "rotation": 0.0, "track_id": number, "keyframe": False}
        return {"id": 0, "type": "bbox", "attributes": words, "group": 0, "label_id": 1, "bbox": [1, 2, 3, 4]}

    tag = {"id": 0, "type": "label", "attributes": {}, "group": 0, "label_id": 0}
    labels = [{"name": "wave", "parent": "", "attributes": []}, {"name": "walk", "parent": "", "attributes": []}]
    content = {
        "info": {}, "categories": {"label": {"labels": labels, "attributes": []}, "points": {"items": []}},
        "items": [item(0, box(0)), item(1, box(0), tag), item(2, box(0), tag), item(3), item(4, box(0), box(1))],
    }  # fmt: skip
    found = read_any(write_json(tmp_path, content), HZ_10)
    assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND, each.subject) for each in found] == [
        ("walk", 0, 3, "track_0"), ("wave", 1, 3, ""), ("walk", 4, 5, "track_0"), ("walk", 4, 5, "track_1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        (None, [("person", 0, 10), ("person", 15, 20)]),
        ("action", [("wave", 0, 5), ("sit", 5, 10), ("sit", 15, 20)]),
    ],
)
def test_datumaro_has_steps_shapes_out_of_sight_and_attributes(
    tmp_path: Path, attribute: str | None, expected: list[tuple[str, int, int]]
) -> None:
    def item(frame: int, action: str, outside: bool) -> dict[str, Any]:
        words = {"track_id": 0, "action": action, "outside": outside, "keyframe": True}
        box = {"id": 0, "type": "bbox", "attributes": words, "group": 0, "label_id": 0, "bbox": [1, 2, 3, 4]}
        return {"id": f"frame_{frame:06d}", "annotations": [box], "attr": {"frame": frame}}

    content = {
        "info": {}, "categories": {"label": {"labels": [{"name": "person", "parent": "", "attributes": ["action"]}]}},
        "items": [item(0, "wave", False), item(5, "sit", False), item(10, "sit", True), item(15, "sit", False)],
    }  # fmt: skip
    found = read_any(write_json(tmp_path, content), HZ_10, attribute)
    assert [(each.label, each.start_ns * 10 // SECOND, each.end_ns * 10 // SECOND) for each in found] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([job(tracks=[track_of(None, shape(1))])], "numbers for labels, whose names are in another file"),
        ({"images": [], "annotations": [], "categories": []}, "COCO's format, which has boxes of single pictures"),
        ([job(tags=[{"frame": -1, "label": "a"}])], "counted from 0, got -1"),
        ([job(tracks=[{"label": "a"}])], "damaged, or not annotations of CVAT"),
    ],
)
def test_json_that_cannot_be_an_activity_is_refused_in_words(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_any(write_json(tmp_path, content), HZ_10)
