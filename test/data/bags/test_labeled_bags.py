"""Windows of annotated recordings: frames of the right person, and none across a border or a gap."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, T0, Frame, Person, standing, write_bag
from helpers.refusals import assert_refused

from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.data.bags.labeled_bags import bag_samples
from co_perception.data.samples import Samples
from co_perception.evaluation.ground_truth import ground_truth
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert

RATE = 10.0


def s(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def bag(path: Path, seconds: float = 6.0, ids: tuple[str, ...] = ("p1",), x: float = 0, **others: object) -> Path:
    """People whose x is the time in tenths of a second, person n 1000 n to the right; topic /skeletons at 20 Hz."""
    frames = [
        Frame(s(i / 20), [Person(name, standing(x + i / 2 + 1000 * n)) for n, name in enumerate(ids)])
        for i in range(round(seconds * 20))
    ]
    return write_bag(path, {"/skeletons": frames}, **others)  # type: ignore[arg-type]


def x_of(samples: Samples) -> list[list[float]]:
    """x of the first joint in each frame of each sample."""
    return [np.round(samples[i][0].data[0, :, 0, 0], 3).tolist() for i in range(len(samples))]


def test_windows_lie_inside_their_interval_at_the_networks_rate(tmp_path: Path) -> None:
    annotations = [Interval(s(1.0), s(1.9), "wave"), Interval(s(1.9), s(3.0), "walk")]
    samples, skipped = bag_samples([bag(tmp_path / "b")], annotations, "coco17", RATE, window=4, step=3)
    assert not skipped
    assert samples.classes == ("walk", "wave")
    first = samples[0][0]
    assert (first.data.shape, first.layout, first.rate_hz) == ((3, 4, 17, 1), "coco17", RATE)
    assert first.data[:, 0, 2, 0].tolist() == pytest.approx([10.0, 20.0, 0.8])
    assert x_of(samples) == [[10, 11, 12, 13], [13, 14, 15, 16], [19, 20, 21, 22], [22, 23, 24, 25], [25, 26, 27, 28]]
    assert [samples[i][1].description for i in range(5)] == ["wave"] * 2 + ["walk"] * 3
    assert len({item.group for item in samples.items}) == 2
    assert all(item.group.startswith(str(tmp_path / "b")) and item.subject == "" for item in samples.items)


def test_a_stretch_that_is_shorter_than_a_window_is_a_sample_where_that_is_wanted(tmp_path: Path) -> None:
    annotations = [Interval(s(1.0), s(1.5), "wave"), Interval(s(2.0), s(2.2), "wave"), Interval(s(3.0), s(4.0), "walk")]
    path = bag(tmp_path / "b")
    samples, skipped = bag_samples([path], annotations, "coco17", RATE, window=8, step=4, shortest=5)
    assert x_of(samples) == [[10, 11, 12, 13, 14], list(range(30, 38))]
    assert len(skipped) == 1 and "shorter than a window of 0.5 s" in skipped.report()
    with_all, _ = bag_samples([path], annotations, "coco17", RATE, window=8, step=4)
    assert x_of(with_all) == [list(range(30, 38))]


def test_zero_scores_are_unknown_confidences(tmp_path: Path) -> None:
    """The fault zero_scores: an estimator without confidences was trained on as if it had found nothing."""
    unknown = standing(3.0)
    unknown[:, -1] = 0
    path = write_bag(tmp_path / "b", {"/skeletons": [Frame(s(i / 20), [Person("a", unknown)]) for i in range(60)]})
    samples, skipped = bag_samples([path], [Interval(s(0), s(3), "wave", "")], "coco17", RATE, window=4, step=4)
    assert len(samples) and not skipped and (samples[0][0].data[2] == 1).all()


def test_people_without_a_joint_are_refused_with_the_reason(tmp_path: Path) -> None:
    nothing = np.zeros_like(standing(3.0))
    frames = [Frame(s(i / 20), [Person("a", nothing), Person("b", standing(i))]) for i in range(60)]
    path = write_bag(tmp_path / "b", {"/skeletons": frames})
    samples, skipped = bag_samples([path], [Interval(s(0), s(3), "wave", "")], "coco17", RATE, window=4, step=4)
    assert samples.items and all(" b wave +" in item.source for item in samples.items)
    assert "no joint of 'a' was found. A joint is found where it has" in skipped.report()


def test_an_interval_without_joints_gives_no_windows(tmp_path: Path) -> None:
    nothing = np.zeros_like(standing(3.0))
    frames = [Frame(s(i / 20), [Person("a", nothing if i < 30 else standing(i))]) for i in range(60)]
    path = write_bag(tmp_path / "b", {"/skeletons": frames})
    intervals = [Interval(s(0), s(1.5), "wave"), Interval(s(1.5), s(3), "walk")]
    samples, skipped = bag_samples([path], intervals, "coco17", RATE, window=4, step=4)
    assert {samples[i][1].description for i in range(len(samples))} == {"walk"}
    assert "30 poses: no joint was found" in skipped.report()
    assert (f"{path}#0", "nobody with a usable pose is in sight while it lasts") in skipped.entries


def test_times_that_count_from_the_start_mean_the_recording_not_the_stamps(tmp_path: Path) -> None:
    # Recorded by a clock of its own, from a topic that starts 2 s after the recording.
    skeletons = [Frame(s(i / 10), [Person("p", standing(i))], log_ns=(i + 20) * SECOND // 10) for i in range(40)]
    path = write_bag(tmp_path / "b", {"/other": [Frame(5, [], log_ns=0)], "/skeletons": skeletons})
    annotations = [Interval(3 * SECOND, 4 * SECOND, "wave", relative=True)]
    samples, _ = bag_samples([path], annotations, "coco17", RATE, window=10, step=10, topic="/skeletons")
    assert x_of(samples) == [[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]]
    with pytest.raises(ValueError, match="column 'recording'"):
        bag_samples([path, path], annotations, "coco17", RATE, 10, 10, topic="/skeletons")
    named = [Interval(0, 4 * SECOND, "wave", relative=True, recording="other")]
    assert len(bag_samples([path], named, "coco17", RATE, 10, 10, topic="/skeletons")[0]) == 0


def test_no_window_spans_a_gap(tmp_path: Path) -> None:
    instants = [*range(10), *range(30, 40)]
    frames = [Frame(s(i / 10), [Person("p", standing(i))]) for i in instants]
    path = write_bag(tmp_path / "b", {"/s": frames})
    annotations = [Interval(s(0), s(9), "wave")]
    assert x_of(bag_samples([path], annotations, "coco17", RATE, 8, 2)[0]) == [
        [*range(8)], [*range(2, 10)], [*range(30, 38)], [*range(32, 40)]
    ]  # fmt: skip
    assert len(bag_samples([path], annotations, "coco17", RATE, 20, 1, max_gap_s=0.5)[0]) == 0
    assert len(bag_samples([path], annotations, "coco17", RATE, 20, 1, max_gap_s=3.0)[0]) > 0


def test_an_id_means_that_person_a_name_whoever_is_alone_and_nothing_everybody(tmp_path: Path) -> None:
    path = bag(tmp_path / "two", ids=("p1", "p2"))
    annotations = [Interval(s(0), s(6), "stand"), Interval(s(2), s(4), "wave", "p2")]
    samples, skipped = bag_samples([path], annotations, "coco17", RATE, 10, 10)
    assert not skipped
    xs = x_of(samples)
    found = {
        (item.source.split()[1], samples.classes[item.label], x[0]) for item, x in zip(samples.items, xs, strict=True)
    }
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


def test_training_data_is_labeled_by_the_rule_of_scoring(tmp_path: Path) -> None:
    """While it is doubtful who waves, no one is labeled "walk"."""
    path = bag(tmp_path / "two", ids=("p1", "p2"))
    annotations = [Interval(s(0), s(6), "walk"), Interval(s(2), s(4), "wave", "Anna")]
    samples, skipped = bag_samples([path], annotations, "coco17", RATE, 10, 10)
    assert [x[0] for x in x_of(samples)] == [0, 10, 40, 50, 1000, 1010, 1040, 1050]
    assert len(skipped) == 1
    stamps = {name: np.array([s(i / 20) for i in range(120)], np.int64) for name in ("p1", "p2")}
    truth = ground_truth(annotations, stamps)
    assert [truth.label("p1", s(t)) for t in (1, 3, 5)] == ["walk", None, "walk"]


def test_background_is_what_nobody_annotated(tmp_path: Path) -> None:
    path = bag(tmp_path / "b", ids=("p1", "p2"))
    annotations = [Interval(s(2), s(3), "wave", "p1")]
    samples, _ = bag_samples([path], annotations, "coco17", RATE, 10, 10, "other")
    assert samples.classes == ("wave", "other")
    by_class = {(samples.classes[item.label], x[0]) for item, x in zip(samples.items, x_of(samples), strict=True)}
    p1 = {("other", 0.0), ("other", 10.0), ("wave", 20.0), ("other", 30.0), ("other", 40.0), ("other", 50.0)}
    assert by_class == p1 | {("other", 1000.0 + x) for x in range(0, 60, 10)}
    # Time that everybody is annotated for is no background beside poses without an id.
    annotations = [Interval(s(2), s(3), "wave")]
    samples, _ = bag_samples([bag(tmp_path / "c", 4.0, ids=("p1", ""))], annotations, "coco17", RATE, 10, 10, "other")
    assert samples.counts() == {"wave": 2, "other": 6}


def test_annotations_beside_a_bag_are_found(tmp_path: Path) -> None:
    paths = [bag(tmp_path / name, x=1000 * n) for n, name in enumerate(("one", "two", "three"))]
    write_annotations(paths[0] / "annotations.csv", [Interval(0, SECOND, "wave", relative=True)])
    write_annotations(paths[1] / "annotations.json", [Interval(s(2), s(3), "walk")])
    samples, skipped = bag_samples(paths, None, "coco17", RATE, 10, 10)
    assert samples.counts() == {"walk": 1, "wave": 1}
    assert len(skipped) == 1
    assert "no annotations.csv" in skipped.report()


def test_seconds_beside_several_recordings_in_one_folder_are_of_nobody_knows_which(tmp_path: Path) -> None:
    files = []
    for name in ("monday", "tuesday"):
        [file] = bag(tmp_path / f"of_{name}", x=0.0 if name == "monday" else 0.3).glob("*.mcap")
        files.append(file.rename(tmp_path / f"{name}.mcap"))
    (tmp_path / "annotations.csv").write_text("start,end,label\n1,2,wave\n")
    for given in (files, files[:1]):
        samples, skipped = bag_samples(given, None, "coco17", RATE, window=4, step=4)
        assert len(samples) == 0 and "add a column 'recording'" in skipped.report()
    (tmp_path / "annotations.csv").write_text("start,end,label,recording\n1,2,wave,monday\n2,4,walk,tuesday\n")
    samples, _ = bag_samples(files, None, "coco17", RATE, window=4, step=4)
    assert samples.classes == ("walk", "wave") and len(samples) == 2 + 5


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


def test_same_id_twice_in_a_frame_the_first_pose_is_taken_as_by_the_node(tmp_path: Path) -> None:
    people = [Person("b1", standing(100)), Person("b1", standing(500)), Person("b2", standing(900))]
    path = write_bag(tmp_path / "b", {"/s": [Frame(s(i / 10), people) for i in range(12)]})
    samples, skipped = bag_samples([path], [Interval(s(0), s(2), "wave")], "coco17", RATE, 10, 10)
    assert x_of(samples) == [[100.0] * 10, [900.0] * 10]
    assert "1 x 12 poses with an id that was given twice in one frame" in skipped.report()


@pytest.mark.parametrize("other", ["same", "file", "link", "relative", "copy", "copy of the file", "sqlite", "part"])
def test_train_twice_the_same_recording_is_taken_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.chdir(tmp_path)
    day = bag(tmp_path / "day")
    (tmp_path / "link").symlink_to("day")
    shutil.copytree(day, tmp_path / "copy")
    shutil.copy(day / "day.mcap", tmp_path / "other.mcap")
    again = {
        "same": day, "file": day / "day.mcap", "link": tmp_path / "link", "relative": Path("day"),
        "copy": tmp_path / "copy", "copy of the file": tmp_path / "other.mcap",
        "sqlite": bag(tmp_path / "sqlite", storage="sqlite3"), "part": bag(tmp_path / "part", seconds=3),
    }[other]  # fmt: skip
    annotations = [Interval(s(at), s(at + 1), label) for at, label in enumerate(("wave", "walk") * 3)]
    once, _ = bag_samples([day], annotations, "coco17", RATE, 10, 10)
    samples, skipped = bag_samples([day, again], annotations, "coco17", RATE, 10, 10)
    assert [item.source for item in samples.items] == [item.source for item in once.items]
    assert f"{60 if other == 'part' else 120} poses are those of {day}, at the same time" in skipped.report()


def test_a_recording_that_goes_on_after_the_other_gives_the_rest(tmp_path: Path) -> None:
    short, long = bag(tmp_path / "short", seconds=3), bag(tmp_path / "long")
    samples, _ = bag_samples([short, long], [Interval(s(0), s(6), "wave")], "coco17", RATE, 10, 10)
    assert [x[0] for x in x_of(samples)] == [0, 10, 20, 30, 40, 50]


def test_by_subject_ids_of_the_tracker_are_no_people(tmp_path: Path) -> None:
    path = bag(tmp_path / "b", ids=("p1", "p2"))
    annotations = [Interval(s(0), s(6), "wave"), Interval(s(2), s(4), "walk", "p2")]
    samples, _ = bag_samples([path], annotations, "coco17", RATE, 10, 10)
    assert {(item.subject, samples.classes[item.label]) for item in samples.items} == {("", "wave"), ("p2", "walk")}
    assert_refused("ids of a tracker are no people", samples.split, 0.75, by="subject")
    alone = bag(tmp_path / "alone")
    samples, _ = bag_samples([alone], [Interval(s(2), s(4), "walk", "Anna")], "coco17", RATE, 10, 10, "other")
    assert {(item.subject, samples.classes[item.label]) for item in samples.items} == {
        ("Anna", "walk"), ("Anna", "other")
    }  # fmt: skip


def test_annotations_of_a_recording_that_is_not_given_are_told(tmp_path: Path) -> None:
    annotations = [Interval(s(0), s(2), "wave", recording=name) for name in ("b", "c")]
    samples, skipped = bag_samples([bag(tmp_path / "b")], annotations, "coco17", RATE, 10, 10)
    assert (len(samples), list(skipped)) == (2, [("c", "1 annotations of a recording that is not given")])


def test_poses_are_taken_as_the_node_takes_them_in_any_order(tmp_path: Path) -> None:
    """faults/reordered, stamps_ahead: late and repeated messages are left out, a clock that is set begins anew."""
    order = [0, 1, 3, 2, *range(4, 10), 9, *range(10, 20), *range(-100, -80)]
    frames = [Frame(s(n / 10), [Person("p", standing(n))], log_ns=s(i / 10)) for i, n in enumerate(order)]
    annotations = [Interval(s(0), s(2), "wave"), Interval(s(-10), s(-8), "walk")]
    path = write_bag(tmp_path / "b", {"/skeletons": frames})
    samples, skipped = bag_samples([path], annotations, "coco17", RATE, window=4, step=4)
    assert x_of(samples)[:2] == [[0, 1, 1, 3], [4, 5, 6, 7]]  # two was late
    assert [samples[i][1].description for i in range(len(samples))] == ["wave"] * 5 + ["walk"] * 5
    assert {reason for _, reason in skipped} == {
        "1 messages that were recorded after a newer one, as its node leaves them out",
        "1 messages with the stamp of the one before",
    }


def test_poses_of_a_recording_that_was_played_twice_into_one_are_taken_once(tmp_path: Path) -> None:
    frames = [Frame(s(n / 10), [Person("p", standing(n))], log_ns=s(i / 10)) for i, n in enumerate([*range(40)] * 2)]
    samples, skipped = bag_samples(
        [write_bag(tmp_path / "b", {"/skeletons": frames})], [Interval(s(0), s(4), "wave")], "coco17", RATE, 4, 4
    )
    assert len(samples) == 10
    assert any("40 poses are those of" in reason for _, reason in skipped)


@pytest.mark.parametrize("content", ["start_ns,end_ns\n1,2\n", "start_ns,end_ns,label,subject\n5,x,wave,\n"])
def test_one_table_that_is_none_costs_its_own_recording_only(tmp_path: Path, content: str) -> None:
    for name in ("good", "bad"):
        write_annotations(bag(tmp_path / name, x=len(name)) / "annotations.csv", [Interval(s(1), s(3), "wave")])
    (tmp_path / "bad" / "annotations.csv").write_text(content)
    paths = [tmp_path / "bad", tmp_path / "good"]
    samples, skipped = bag_samples(paths, None, "coco17", RATE, window=4, step=4)
    assert {item.group.split("#")[0] for item in samples.items} == {str(paths[1])}
    ((source, reason),) = skipped
    assert source == str(paths[0])
    assert "bad/annotations.csv" in reason


def test_what_cannot_be_read_is_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    good, cut = bag(tmp_path / "good"), bag(tmp_path / "cut", seconds=200, x=0.25)
    (file,) = cut.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-1000])
    (tmp_path / "bad.mcap").write_bytes(b"nothing like it")
    wrong = write_bag(tmp_path / "wrong", {"/s": [Frame(s(0), [Person("p", standing(1, joints=5))])]})
    empty = write_bag(tmp_path / "empty", {"/s": []})
    annotations = [Interval(s(0), s(2), "wave"), Interval(s(2), s(2.1), "blink")]
    bags = [good, cut, tmp_path / "bad.mcap", wrong, empty]
    samples, skipped = bag_samples(bags, annotations, "coco17", RATE, 10, 10)
    assert {Path(item.group.split("#")[0]).name for item in samples.items} == {"good", "cut"}
    for reason in ("not an MCAP file", "has no end", "expected coco17 keypoints", "shorter than a window of 1 s"):
        assert reason in skipped.report()
    assert "no topic of co_perception/msg/SkeletonArray" in skipped.report()


def test_a_salvaged_recording_leaves_no_copy_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = bag(tmp_path / "b")
    (file,) = path.glob("*.mcap")
    alone = tmp_path / "alone.mcap"
    alone.write_bytes(file.read_bytes()[:-20])
    samples, _ = bag_samples([alone], [Interval(s(0), s(2), "wave")], "coco17", RATE, 10, 10)
    assert len(samples) == 2
    assert not list(scratch.iterdir())


def moved(path: Path, frames: Sequence[Frame], change: Callable[[int, Frame], Frame | None]) -> Path:
    """A bag of the frames that `change` gives for each of these and its number."""
    return write_bag(path, {"/s": [new for n, frame in enumerate(frames) if (new := change(n, frame))]})


@pytest.mark.parametrize("how", ["stamps", "ids", "scores", "every second frame", "a part", "twice as fast"])
def test_train_twice_a_restamped_copy_is_known_by_its_content(tmp_path: Path, how: str) -> None:
    """Twelve seconds of noise around a person, and the same under other stamps, 100 s later."""
    rng = np.random.default_rng(0)
    frames = [Frame(s(n / 10), [Person("b1", standing(n) + noise)]) for n in range(120)
              for noise in [np.append(rng.normal(0, 2, (17, 3)), np.zeros((17, 1)), 1).astype(np.float32)]]  # fmt: skip

    def change(n: int, frame: Frame) -> Frame | None:
        [person], at = frame.people, 100 + n / (20 if how == "twice as fast" else 10)
        joints = person.joints * np.array([1, 1, 1, 0.5], np.float32) if how == "scores" else person.joints
        left_out = n % 2 if how == "every second frame" else not 30 <= n < 70 if how == "a part" else False
        return None if left_out else Frame(s(at), [Person("b7" if how == "ids" else "b1", joints)])

    day, again = write_bag(tmp_path / "day", {"/s": frames}), moved(tmp_path / "again", frames, change)
    annotations = [Interval(s(at), s(at + 4), "walk" if at % 100 else "wave") for at in (0, 5, 100, 105)]
    once, _ = bag_samples([day], annotations, "coco17", RATE, 10, 10)
    samples, skipped = bag_samples([day, again], annotations, "coco17", RATE, 10, 10)
    assert [item.source for item in samples.items] == [item.source for item in once.items]
    assert re.search(rf"\d+ poses are those of {re.escape(str(day))}, at another time: they are", skipped.report())


def test_train_twice_a_recording_played_in_a_loop_is_taken_once_and_a_still_figure_is_no_copy(tmp_path: Path) -> None:
    looped = [Frame(s(n / 10), [Person("b1", standing(n % 60))]) for n in range(120)]
    samples, skipped = bag_samples([write_bag(tmp_path / "loop", {"/s": looped})], [Interval(s(0), s(12), "wave")],
                                   "coco17", RATE, 10, 10)  # fmt: skip
    assert len(samples) == 6 and "60 poses are those of" in skipped.report()
    still = [Frame(s(n / 10), [Person("b1", standing(5))]) for n in range(60)]
    later = [Frame(s(50 + n / 10), frame.people) for n, frame in enumerate(still)]
    bags = [write_bag(tmp_path / name, {"/s": each}) for name, each in (("one", still), ("other", later))]
    samples, skipped = bag_samples(bags, [Interval(s(0), s(99), "stand")], "coco17", RATE, 10, 10)
    assert len(samples) == 12 and not skipped


@pytest.mark.parametrize("beside", [False, True])
def test_annotations_of_several_groups_are_refused_with_what_to_do(beside: bool, tmp_path: Path) -> None:
    """The fault: intervals that overlap were said to need groups, which they had."""
    path = bag(tmp_path / "b")
    rows = [Interval(s(0), s(3), "stand", group="posture"), Interval(s(1), s(2), "wave", group="arms")]
    write_annotations(path / "annotations.csv", rows)
    samples, skipped = bag_samples([path], None if beside else rows, "coco17", RATE, window=4, step=4)
    assert not len(samples)
    said = "its annotations answer 2 groups (arms, posture), and training takes one: give --annotations of one group"
    assert list(skipped) == [(str(path), said)]
    samples, skipped = bag_samples([path], rows[1:], "coco17", RATE, window=4, step=4)
    assert samples.classes == ("wave",) and not skipped


def test_annotations_that_match_nothing_are_told(tmp_path: Path) -> None:
    path = bag(tmp_path / "day")
    rows = [Interval(s(0), s(3), "wave"), Interval(s(60), s(63), "walk")]
    rows.append(Interval(s(3), s(4), "sit", recording="monday"))
    write_annotations(path / "annotations.csv", rows)
    samples, skipped = bag_samples([path], None, "coco17", RATE, 10, 10)
    assert samples.classes == ("wave",)
    assert "1 of its annotations are of monday" in skipped.report()
    assert (
        "nobody with a usable pose is in sight while it lasts" in skipped.report() and f"{path}#1" in skipped.report()
    )


@pytest.mark.parametrize(("hz", "told"), [(5, True), (30, False)])
def test_recordings_too_slow_for_the_network_are_told(hz: int, told: bool, tmp_path: Path) -> None:
    frames = [Frame(s(i / hz), [Person("a", standing(float(i)))]) for i in range(3 * hz)]
    path = write_bag(tmp_path / "b", {"/skeletons": frames})
    samples, skipped = bag_samples([path], [Interval(s(0), s(3), "wave")], "coco17", 15.0, window=16, step=16)
    assert len(samples) and bool(skipped) == told
    if told:
        assert "people are seen at 5 Hz, too slow for windows at 15 Hz" in skipped.report()
        assert "Record at 11.2 Hz or more" in skipped.report()
