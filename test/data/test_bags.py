"""Windows out of annotated recordings: the right frames of the right person, and nothing across a border or a gap."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from bag_writing import SECOND, Frame, Person, standing, write_bag

from co_perception.data.annotations import Interval, write_annotations
from co_perception.data.bags import bag_samples
from co_perception.data.samples import Samples
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert

T0 = 1_700_000_000 * SECOND
RATE = 10.0


def s(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def bag(path: Path, seconds: float = 6.0, ids: tuple[str, ...] = ("p1",), **others: object) -> Path:
    """People whose x is the time in tenths of a second, person n 1000 n to the right; topic /skeletons at 20 Hz."""
    frames = [
        Frame(s(i / 20), [Person(name, standing(i / 2 + 1000 * n)) for n, name in enumerate(ids)])
        for i in range(round(seconds * 20))
    ]
    return write_bag(path, {"/skeletons": frames}, **others)  # type: ignore[arg-type]


def x_of(samples: Samples) -> list[list[float]]:
    """x of the first joint in each frame of each sample."""
    return [np.round(samples[i][0].data[0, :, 0, 0], 3).tolist() for i in range(len(samples))]


def test_windows_lie_inside_their_interval_at_the_networks_rate(tmp_path: Path) -> None:
    said = [Interval(s(1.0), s(1.9), "wave"), Interval(s(1.9), s(3.0), "walk")]
    samples, skipped = bag_samples([bag(tmp_path / "b")], said, "coco17", RATE, window=4, step=3)
    assert not skipped
    assert samples.classes == ("walk", "wave")
    first = samples[0][0]
    assert (first.data.shape, first.layout, first.rate_hz) == ((3, 4, 17, 1), "coco17", RATE)
    assert first.data[:, 0, 2, 0].tolist() == pytest.approx([10.0, 20.0, 0.8])
    assert x_of(samples) == [[10, 11, 12, 13], [13, 14, 15, 16], [19, 20, 21, 22], [22, 23, 24, 25], [25, 26, 27, 28]]
    assert [samples[i][1].description for i in range(5)] == ["wave"] * 2 + ["walk"] * 3
    assert len({item.group for item in samples.items}) == 2
    assert all(item.group.startswith(str(tmp_path / "b")) and item.subject == "p1" for item in samples.items)


def test_times_that_count_from_the_start_mean_the_recording_not_the_stamps(tmp_path: Path) -> None:
    # Recorded by a clock of its own, from a topic that starts 2 s after the recording.
    skeletons = [Frame(s(i / 10), [Person("p", standing(i))], log_ns=(i + 20) * SECOND // 10) for i in range(40)]
    path = write_bag(tmp_path / "b", {"/other": [Frame(5, [], log_ns=0)], "/skeletons": skeletons})
    said = [Interval(3 * SECOND, 4 * SECOND, "wave", relative=True)]
    samples, _ = bag_samples([path], said, "coco17", RATE, window=10, step=10, topic="/skeletons")
    assert x_of(samples) == [[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]]
    with pytest.raises(ValueError, match="column 'recording'"):
        bag_samples([path, path], said, "coco17", RATE, 10, 10, topic="/skeletons")
    named = [Interval(0, 4 * SECOND, "wave", relative=True, recording="other")]
    assert len(bag_samples([path], named, "coco17", RATE, 10, 10, topic="/skeletons")[0]) == 0


def test_no_window_spans_a_gap(tmp_path: Path) -> None:
    instants = [*range(10), *range(30, 40)]
    frames = [Frame(s(i / 10), [Person("p", standing(i))]) for i in instants]
    path = write_bag(tmp_path / "b", {"/s": frames})
    said = [Interval(s(0), s(9), "wave")]
    assert x_of(bag_samples([path], said, "coco17", RATE, 8, 2)[0]) == [
        [*range(8)], [*range(2, 10)], [*range(30, 38)], [*range(32, 40)]
    ]  # fmt: skip
    assert len(bag_samples([path], said, "coco17", RATE, 20, 1, max_gap_s=0.5)[0]) == 0
    assert len(bag_samples([path], said, "coco17", RATE, 20, 1, max_gap_s=3.0)[0]) > 0


def test_an_id_means_that_person_a_name_whoever_is_alone_and_nothing_everybody(tmp_path: Path) -> None:
    path = bag(tmp_path / "two", ids=("p1", "p2"))
    said = [Interval(s(0), s(6), "stand"), Interval(s(2), s(4), "wave", "p2")]
    samples, skipped = bag_samples([path], said, "coco17", RATE, 10, 10)
    assert not skipped
    xs = x_of(samples)
    found = {(item.subject, samples.classes[item.label], x[0]) for item, x in zip(samples.items, xs, strict=True)}
    assert found == {("p1", "stand", float(x)) for x in range(0, 60, 10)} | {
        ("p2", "stand", 1000.0), ("p2", "stand", 1010.0), ("p2", "wave", 1020.0), ("p2", "wave", 1030.0),
        ("p2", "stand", 1040.0), ("p2", "stand", 1050.0),
    }  # fmt: skip

    samples, skipped = bag_samples([path], [Interval(s(0), s(2), "wave", "Anna")], "coco17", RATE, 10, 10)
    assert len(samples) == 0
    assert "'Anna' is no id in it" in skipped.report()

    alone = bag(tmp_path / "one")
    samples, skipped = bag_samples([alone], [Interval(s(0), s(2), "wave", "Anna")], "coco17", RATE, 10, 10)
    assert ([item.subject for item in samples.items], len(skipped)) == (["Anna", "Anna"], 0)


def test_background_is_what_nobody_annotated(tmp_path: Path) -> None:
    path = bag(tmp_path / "b", ids=("p1", "p2"))
    said = [Interval(s(2), s(3), "wave", "p1")]
    samples, _ = bag_samples([path], said, "coco17", RATE, 10, 10, "other")
    assert samples.classes == ("wave", "other")
    by_class = {(samples.classes[item.label], x[0]) for item, x in zip(samples.items, x_of(samples), strict=True)}
    p1 = {("other", 0.0), ("other", 10.0), ("wave", 20.0), ("other", 30.0), ("other", 40.0), ("other", 50.0)}
    assert by_class == p1 | {("other", 1000.0 + x) for x in range(0, 60, 10)}


def test_annotations_beside_a_bag_are_found(tmp_path: Path) -> None:
    paths = [bag(tmp_path / name) for name in ("one", "two", "three")]
    write_annotations(paths[0] / "annotations.csv", [Interval(0, SECOND, "wave", relative=True)])
    write_annotations(paths[1] / "annotations.json", [Interval(s(2), s(3), "walk")])
    samples, skipped = bag_samples(paths, None, "coco17", RATE, 10, 10)
    assert samples.counts() == {"walk": 1, "wave": 1}
    assert len(skipped) == 1
    assert "no annotations.csv" in skipped.report()


def test_other_layouts_are_converted_by_the_names_of_their_joints(tmp_path: Path) -> None:
    source, target = layout("blazepose33"), layout("coco17")
    joints = standing(5, joints=33)
    frames = [Frame(s(i / 10), [Person("p", joints, "blazepose33")]) for i in range(12)]
    path = write_bag(tmp_path / "b", {"/s": frames})
    samples, _ = bag_samples([path], [Interval(s(0), s(2), "wave")], "coco17", RATE, 10, 10)
    expected = convert(joints[:, [0, 1, 3]], source, target)
    np.testing.assert_allclose(samples[0][0].data[:, 0, :, 0].T, expected)


def test_strangers_in_one_frame_are_told_apart_by_certainty_and_counted(tmp_path: Path) -> None:
    people = [Person("", standing(1), score=0.4), Person("", standing(2), score=0.9)]
    path = write_bag(tmp_path / "b", {"/s": [Frame(s(i / 10), people) for i in range(12)]})
    samples, skipped = bag_samples([path], [Interval(s(0), s(2), "wave")], "coco17", RATE, 10, 10)
    assert x_of(samples) == [[2.0] * 10]
    assert "12 poses without an id" in skipped.report()


def test_what_cannot_be_read_is_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    good, cut = bag(tmp_path / "good"), bag(tmp_path / "cut", seconds=200)
    (file,) = cut.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-1000])
    (tmp_path / "bad.mcap").write_bytes(b"nothing like it")
    wrong = write_bag(tmp_path / "wrong", {"/s": [Frame(s(0), [Person("p", standing(1, joints=5))])]})
    empty = write_bag(tmp_path / "empty", {"/s": []})
    said = [Interval(s(0), s(2), "wave"), Interval(s(2), s(2.1), "blink")]
    samples, skipped = bag_samples([good, cut, tmp_path / "bad.mcap", wrong, empty], said, "coco17", RATE, 10, 10)
    assert {Path(item.group.split("#")[0]).name for item in samples.items} == {"good", "cut"}
    report = skipped.report()
    assert "not an MCAP file" in report
    assert "has no end" in report
    assert "expected coco17 keypoints" in report
    assert "no topic of co_perception/msg/SkeletonArray" in report
    assert "shorter than a window of 1 s" in report


def test_a_salvaged_recording_leaves_no_copy_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = bag(tmp_path / "b")
    (file,) = path.glob("*.mcap")
    alone = tmp_path / "alone.mcap"
    shutil.copy(file, alone)
    alone.write_bytes(alone.read_bytes()[:-20])
    samples, _ = bag_samples([alone], [Interval(s(0), s(2), "wave")], "coco17", RATE, 10, 10)
    assert len(samples) == 2
    assert not list(scratch.iterdir())
