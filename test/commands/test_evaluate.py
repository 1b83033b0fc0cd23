"""`co-perception evaluate` as a user calls it: on recordings that were not trained on, whole and broken."""

from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.bag_writer import SECOND, Frame, Person, store, write_bag
from helpers.drawn_people import T0, performance, recording
from helpers.random_models import skeleton_model
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, read_annotations, write_annotations
from co_perception.data.bags.bag_file import SKELETONS, Bag
from co_perception.data.content_sketch import ContentSketch
from co_perception.data.messages.people import poses_of
from co_perception.engine.target import Status
from co_perception.evaluation.records import read_records
from co_perception.evaluation.result_folder import FRAMES, RESULTS
from co_perception.learners.skeleton import ContinualSkeletonLearner

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights for the classes of the recordings."""
    return skeleton_model(tmp_path_factory.mktemp("model") / "model", ("squat", "wave"))


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two short recordings: six seconds of two activities each, 90 frames."""
    root = tmp_path_factory.mktemp("bags")
    return [recording(root / name, seed, rounds=1) for seed, name in enumerate(("one", "two"))]


def evaluate(*arguments: object) -> int:
    return cli.main(["evaluate", *map(str, arguments)])


def summary(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text())


def frames(folder: Path) -> bytes:
    return (folder / FRAMES).read_bytes()


def test_figures_of_a_recording_never_seen(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    assert evaluate(recordings[2], "--model", trained, "--out", tmp_path, "--require", "top1=0.8", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found == summary(tmp_path)
    assert (list(found["recordings"]), found["figures"]["classes"]) == (["three"], ["squat", "wave"])
    figures, counts = found["figures"]["overall"], found["figures"]["counts"]
    assert figures["top1"] > 0.8
    assert figures["top1_of_all"] < figures["top1"]
    assert counts["answered"] + counts["warm_up"] == counts["judged"] == counts["frames"]
    assert (tmp_path / "report.html").stat().st_size > 10_000

    assert evaluate(recordings[2], "--model", trained / "model") == 0
    assert f"top1                {figures['top1']:.3f}" in capsys.readouterr().out


def test_a_recording_that_was_trained_on_is_told_by_its_content_and_is_not_held_out(
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    copy = tmp_path / "another_name"
    shutil.copytree(recordings[0], copy)
    assert evaluate(copy, "--model", trained, "--out", tmp_path / "out") == 0
    reported = capsys.readouterr().err
    found = re.search(r"another_name: the model was trained on this recording, .*: (\d+) of (\d+) poses", reported)
    assert found and 100 < int(found[1]) < int(found[2]) <= 270  # a part of its takes was held out
    assert summary(tmp_path / "out")["recordings"]["another_name"]["trained_on"] is True
    assert evaluate(copy, "--model", trained, "--held-out") == 1
    assert "the model was trained on this recording" in capsys.readouterr().err
    assert evaluate(recordings[2], "--model", trained, "--held-out", "--out", tmp_path / "other") == 0
    assert "trained on" not in capsys.readouterr().err
    assert summary(tmp_path / "other")["recordings"]["three"]["trained_on"] is False


def test_a_model_that_does_not_tell_its_training_makes_no_held_out_claim(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    assert evaluate(bags[0], "--model", model, "--out", tmp_path / "out") == 0
    assert "trained on" not in capsys.readouterr().err
    assert summary(tmp_path / "out")["recordings"]["one"]["trained_on"] is None
    assert evaluate(bags[0], "--model", model, "--held-out") == 1
    assert "one: nothing tells whether the model was trained on it" in capsys.readouterr().err


def test_a_recording_that_a_sketch_cannot_be_asked_about_is_told_in_its_own_words(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    """The fault: a model that `train` made was said to be none of those that know their training."""
    learner = ContinualSkeletonLearner("costgcn_short", threads=1)
    learner.load(model)
    learner.trained_on = ContentSketch(np.array([1], np.uint64), 1)  # all but the smallest digest is left out
    learner.save(tmp_path / "model")
    assert evaluate(bags[0], "--model", tmp_path / "model", "--held-out", "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "one: nothing tells" in error and "this recording has none that could be in it" in error
    assert "only models that" not in error
    assert summary(tmp_path / "out")["recordings"]["one"]["trained_on"] is None


def test_records_are_what_a_plain_loop_says(trained: Path, recordings: list[Path], tmp_path: Path) -> None:
    """At the network's own rate, without gaps, the command says what one `infer` per frame says."""
    only = read_annotations(recordings[2] / "annotations.csv")[0]
    write_annotations(tmp_path / "only.csv", [only])
    out = tmp_path / "out"
    arguments = ("--annotations", tmp_path / "only.csv", "--model", trained, "--out", out)
    assert evaluate(recordings[2], *arguments) == 0
    judged = [record for record in read_records(out) if record.truth]

    learner = ContinualSkeletonLearner("costgcn_short", threads=1)
    learner.load(trained / "model")
    with Bag(recordings[2]) as bag:
        shown = [(each.stamp_ns, poses_of(each.message)) for each in bag.messages(bag.topic(SKELETONS))]
    inside = [(stamp_ns, poses) for stamp_ns, poses in shown if only.start_ns <= stamp_ns < only.end_ns]
    answers = [learner.infer(poses)[0] for _, poses in inside]
    assert [record.stamp_ns for record in judged] == [stamp_ns for stamp_ns, _ in inside]
    assert [record.status for record in judged] == [answer.status for answer in answers]
    for record, answer in zip(judged, answers, strict=True):
        if answer.probabilities is None:
            assert record.probabilities is None
        else:
            assert record.probabilities == pytest.approx(answer.probabilities, abs=1e-4)
    warm = [answer for answer in answers if answer.status != Status.WARMING_UP]
    right = sum(answer.description == only.label for answer in warm)
    assert summary(out)["figures"]["overall"]["top1"] == pytest.approx(right / len(warm), abs=1e-6)


@pytest.mark.parametrize("other", ["again", "file", "copy", "sqlite", "part"])
def test_evaluate_twice_the_same_recording_is_judged_once(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture, other: str
) -> None:
    annotations = bags[0] / "annotations.csv"
    if other == "sqlite":
        again = recording(tmp_path / other, 0, rounds=1, storage="sqlite3")
    elif other == "part":
        again = recording(tmp_path / other, 0, rounds=1, activities=("wave",))
    elif other == "again":
        again = bags[0]
    else:
        again = next(bags[0].glob("*.mcap"))
        again = again if other == "file" else Path(shutil.copy(again, tmp_path / "copy.mcap"))
    options = ("--model", model, "--annotations", annotations, "--json")
    assert evaluate(bags[0], *options) == 0
    alone = json.loads(capsys.readouterr().out)["figures"]
    assert evaluate(bags[0], again, *options) == 1
    found = capsys.readouterr()
    assert re.search(r" has the same frames as .*, which are judged once: it is left out\.", found.err)
    figures = json.loads(found.out)["figures"]
    assert all(figures[name] == alone[name] for name in ("counts", "overall", "intervals"))
    assert evaluate(*bags, *options) == 0


def shown(path: Path, begin: int, end: int, shift_s: float = 0.0, name: str = "body_1") -> Path:
    """Frames begin to end of a performance, with their annotations, under other stamps and another id."""
    frames, rows = list[Frame](), list[Interval]()
    for figure, instants in performance(1, 3.0, ("wave", "squat"), 5):
        part = [Frame(T0 + round((at + shift_s) * SECOND), [Person(name, figure.frame(at))]) for at in instants]
        rows.append(Interval(part[0].stamp_ns, part[-1].stamp_ns + 1, figure.activity))
        frames += part
    write_bag(path, {"/skeletons": (frames := frames[begin:end])})
    first_ns, last_ns = frames[0].stamp_ns, frames[-1].stamp_ns
    write_annotations(
        path / "annotations.csv", [row for row in rows if row.start_ns <= last_ns and row.end_ns > first_ns]
    )
    return path


@pytest.mark.parametrize(("begin", "end"), [(0, 90), (20, 80), (0, 30)])
def test_evaluate_twice_a_restamped_copy_or_part_is_judged_once(
    model: Path, tmp_path: Path, capsys: Capture, begin: int, end: int
) -> None:
    whole, again = shown(tmp_path / "whole", 0, 90), shown(tmp_path / "again", begin, end, 1000.0, "body_7")
    for order in ([whole, again], [again, whole]):
        assert evaluate(*order, "--model", model, "--json") == 1
        found = capsys.readouterr()
        assert "has the same frames as" in found.err
        figures = json.loads(found.out)["figures"]
        assert figures["recordings"] == 1 and not figures["intervals"] and figures["counts"]["frames"] == 90


def test_evaluate_twice_recordings_that_overlap_by_less_than_half_are_told(
    model: Path, tmp_path: Path, capsys: Capture
) -> None:
    begun, ended = shown(tmp_path / "begun", 0, 60), shown(tmp_path / "ended", 40, 90, 1000.0)
    assert evaluate(begun, ended, "--model", model) == 1
    reported = capsys.readouterr()
    assert "ended shares 20 of its 50 different frames with begun: they are judged twice" in reported.err
    assert re.search(r"^top1 +0\.\d{3} +0\.\d{3} +0\.\d{3} to [01]\.\d{3}$", reported.out, re.MULTILINE)
    assert "over 2 recordings. " in reported.out and "better than chance" in reported.out.lower()


def test_annotations_of_a_recording_that_is_not_given_are_told(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    rows = read_annotations(bags[0] / "annotations.csv")
    rows += [replace(rows[0], recording=name) for name in ("tow", "two")]
    write_annotations(tmp_path / "all.csv", [replace(row, recording=row.recording or "one") for row in rows])
    assert evaluate(bags[0], "--model", model, "--annotations", tmp_path / "all.csv") == 0
    assert "all.csv also has annotations of recordings that are not given: ['tow', 'two']." in capsys.readouterr().err


def test_stale_report_nothing_of_an_earlier_run_stays(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "fig"
    assert evaluate(bags[0], "--model", model, "--drop", 0.3, "--out", out) == 0
    (out / "notes.txt").write_text("mine")
    assert {path.name for path in out.iterdir()} == {*RESULTS, "notes.txt"}
    write_annotations(tmp_path / "far.csv", [Interval(T0 + 500 * SECOND, T0 + 540 * SECOND, "wave")])
    assert evaluate(bags[0], "--model", model, "--annotations", tmp_path / "far.csv", "--out", out) == 1
    assert f"{out} has frames.jsonl, latencies.jsonl, summary.json." in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"frames.jsonl", "latencies.jsonl", "summary.json", "notes.txt"}


def test_evaluate_full_disk_is_named_with_the_file_and_the_earlier_run_is_whole(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "fig"
    assert evaluate(bags[0], "--model", model, "--out", out) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for folder in (out, tmp_path / "new"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # the system refuses more, as a full disk does
        try:
            assert evaluate(*bags, "--model", model, "--out", folder) == 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert re.search(r"File too large: '.*/frames.jsonl'", capsys.readouterr().err)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_alone_in_processes_on_a_cluster_and_in_either_storage(
    model: Path, bags: list[Path], tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    same = recording(tmp_path / "sqlite" / "one", 0, rounds=1, storage="sqlite3")
    runs: dict[str, tuple[Sequence[Path], Sequence[object]]] = {
        "first": (bags, ()),
        "again": (bags, ("--drop", 0.3, "--noise", 0.01, "--seed", 3)),
        "processes": (bags, ("--drop", 0.3, "--noise", 0.01, "--seed", 3, "--jobs", 2)),
        "cluster": (bags, ("--drop", 0.3, "--noise", 0.01, "--seed", 3, "--ray", "local")),
        "sqlite": ([same, bags[1]], ()),
    }
    for name, (sources, options) in runs.items():
        assert evaluate(*sources, "--model", model, "--out", tmp_path / name, *options) == 0
    assert len(frames(tmp_path / "first").splitlines()) == 1 + 2 * 90
    assert all(frames(tmp_path / name) == frames(tmp_path / "first") for name in runs)
    for condition in ("drop=0.3", "noise=0.01"):
        found = {frames(tmp_path / name / "conditions" / condition) for name in ("again", "processes", "cluster")}
        assert len(found) == 1
        assert frames(tmp_path / "first") not in found


@pytest.mark.slow
def test_faults_are_told_beside_the_clean_run(model: Path, bags: list[Path], tmp_path: Path, capsys: Capture) -> None:
    faults = ("--drop", 0.2, "--drop", 0.5, "--rate", 5)
    assert evaluate(bags[0], "--model", model, "--out", tmp_path, *faults) == 0
    assert list(summary(tmp_path)["conditions"]) == ["rate_hz=5", "drop=0.2", "drop=0.5"]
    counts = {name: len(list(read_records(tmp_path / "conditions" / name))) for name in ("rate_hz=5", "drop=0.5")}
    assert 28 <= counts["rate_hz=5"] <= 34
    assert 30 <= counts["drop=0.5"] <= 60
    assert "drop=0.2" in capsys.readouterr().out
    assert evaluate(bags[0], "--model", model, "--out", tmp_path, "--drop", 0.5, "--rate", 5, "--together") == 0
    assert list(summary(tmp_path)["conditions"]) == ["rate_hz=5 drop=0.5"]


def test_a_bundle_answers_as_its_model(model: Path, bags: list[Path], tmp_path: Path) -> None:
    learner = ContinualSkeletonLearner("costgcn_short")
    learner.load(model)
    learner.bundle(tmp_path / "bundle")
    for name, source in (("of_model", model), ("of_bundle", tmp_path / "bundle")):
        assert evaluate(bags[0], "--model", source, "--out", tmp_path / name) == 0
    one, other = (list(read_records(tmp_path / name)) for name in ("of_model", "of_bundle"))
    assert one == other and len(one) == 90
    of_model, of_bundle = (
        np.stack([each.probabilities for each in run if each.probabilities is not None]) for run in (one, other)
    )
    np.testing.assert_allclose(of_bundle, of_model, atol=1e-5)


def test_an_unmet_requirement_fails(model: Path, bags: list[Path], tmp_path: Path, capsys: Capture) -> None:
    arguments = (bags[0], "--model", model, "--out", tmp_path)
    assert evaluate(*arguments, "--require", "top1_of_all=1", "--require", "delay_s=0") == 1
    reported = capsys.readouterr().err
    assert "at least 1 is required" in reported
    assert "at most 0 is required" in reported
    assert frames(tmp_path)
    assert evaluate(*arguments, "--require", "map=0.0", "--require", "ece=1") == 0


@pytest.mark.slow
def test_two_runs_are_compared(model: Path, bags: list[Path], tmp_path: Path, capsys: Capture) -> None:
    first, second, other = tmp_path / "1", tmp_path / "2", tmp_path / "other"
    assert evaluate(bags[0], "--model", model, "--out", first) == 0
    assert evaluate(bags[0], "--model", model, "--out", second, "--compare", first) == 0
    found = summary(second)["comparison"]
    assert (found["both"], found["agreement"], found["largest_difference"]) == (90, 1.0, 0.0)
    skeleton_model(other, ("squat", "wave"), seed=1)
    assert evaluate(bags[0], "--model", other, "--out", second, "--compare", first) == 0
    assert summary(second)["comparison"]["largest_difference"] > 0.01
    said = capsys.readouterr().out
    assert "Compared: 90 records" in said
    names = summary(second)["comparison"]["recognizers"]
    assert len(set(names)) == 2 and all("@" in name for name in names)
    assert f"{names[0]} now, {names[1]} then." in said and ": the same model." in said


def test_runs_over_other_recordings_are_not_compared(model: Path, tmp_path: Path, capsys: Capture) -> None:
    """The fault: two recordings of one name were compared record by record, whatever they showed."""
    days = [recording(tmp_path / day / "kitchen", seed, rounds=1) for day, seed in (("monday", 1), ("friday", 2))]
    copy = tmp_path / "copy" / "kitchen"
    shutil.copytree(days[0], copy)
    (copy / "notes.txt").write_text("of no matter")  # the files are others, what they show is not
    first, second = tmp_path / "first", tmp_path / "second"
    assert evaluate(days[0], "--model", model, "--out", first) == 0
    assert evaluate(days[1], "--model", model, "--out", second, "--compare", first) == 1
    assert "kitchen was another recording then, of the same name" in capsys.readouterr().err
    assert summary(second)["comparison"] is None and summary(second)["figures"] is not None
    assert evaluate(copy, "--model", model, "--out", second, "--compare", first) == 0
    assert summary(second)["comparison"]["agreement"] == 1.0
    renamed = days[1].rename(tmp_path / "hall")
    assert evaluate(renamed, "--model", model, "--out", second, "--compare", first) == 1
    assert "the earlier run was over kitchen, this one is over hall" in capsys.readouterr().err


def test_an_earlier_run_that_does_not_tell_its_recordings_is_refused_before_anything_is_computed(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    assert evaluate(bags[0], "--model", model, "--out", tmp_path / "old") == 0
    path = tmp_path / "old" / "summary.json"
    path.write_text(path.read_text().replace("frames_digest", "digest"))
    assert evaluate(bags[0], "--model", model, "--out", tmp_path / "new", "--compare", tmp_path / "old") == 1
    assert "does not tell what its recordings show" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


# What is broken


def cut(bag: Path) -> None:
    """A recorder killed while it wrote. rosbags puts everything into one chunk, so it is written anew in small ones."""
    from mcap.reader import make_reader
    from mcap.writer import Writer

    (file,) = bag.glob("*.mcap")
    with file.open("rb") as source, (bag / "copy").open("wb") as copy:
        writer = Writer(copy, chunk_size=4000)
        writer.start(profile="ros2")
        channels: dict[int, int] = {}
        for schema, channel, message in make_reader(source).iter_messages():
            assert schema is not None
            if channel.id not in channels:
                known = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(channel.topic, channel.message_encoding, known)
            writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time)
        writer.finish()
    data = (bag / "copy").read_bytes()
    (bag / "copy").unlink()
    file.write_bytes(data[: int(0.6 * len(data))])


def with_another_hash(bag: Path) -> None:
    """As if the definition in the recording were not the one its messages were written with."""
    metadata = bag / "metadata.yaml"
    wrong = metadata.read_text().replace("RIHS01_", "RIHS01_0000000000")
    metadata.write_text(wrong)


def played_again(bag: Path, to: Path) -> Path:
    """The recording of a loop: the messages of a bag, and once more a while later with the same stamps."""
    with Reader(bag) as reader, Writer(to, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        (known,) = reader.connections
        kind, definition = known.msgtype, known.msgdef.data
        connection = writer.add_connection(known.topic, kind, msgdef=definition, rihs01=known.digest)
        messages = [(log_ns, data) for _, log_ns, data in reader.messages()]
        for begin_ns in (0, messages[-1][0] - messages[0][0] + 10**9):
            for log_ns, data in messages:
                writer.write(connection, log_ns + begin_ns, data)
    shutil.copy(bag / "annotations.csv", to)
    return to


def test_a_recording_of_a_loop_is_answered_twice_and_judged_once(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    again = played_again(bags[0], tmp_path / "loop")
    for path, out in ((bags[0], "once"), (again, "loop")):
        evaluate(path, "--model", model, "--out", tmp_path / "out" / out)
    once, loop = (summary(tmp_path / "out" / out) for out in ("once", "loop"))
    assert loop["figures"]["overall"] == once["figures"]["overall"]
    (counts,), (doubled,) = ([each["frames"] for each in found["recordings"].values()] for found in (once, loop))
    assert doubled["received"] == 2 * counts["received"]
    assert doubled["answers for a stamp that has one"] == doubled["processed"] / 2 == counts["processed"]


def without_an_index(bag: Path) -> None:
    """As a recorder that was killed leaves it: no summary, so no index, but whole messages."""
    from co_perception.data.bags.mcap_file import salvage

    (file,) = bag.glob("*.mcap")
    salvage(file, bag / "copy")
    (bag / "copy").replace(file)


@pytest.mark.parametrize(
    ("name", "spoil", "reported"),
    [
        ("cut", cut, "has no end"),
        ("hash", with_another_hash, "hash mismatch"),
        ("gone", lambda bag: next(bag.glob("*.mcap")).unlink(), "no .mcap, .db3 or .bag file"),
        ("nothing", lambda bag: next(bag.glob("*.mcap")).write_bytes(b""), "not an MCAP file"),
    ],
)
def test_a_broken_bag_is_told_and_the_others_are_scored(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture,
    name: str, spoil: Any, reported: str,
) -> None:  # fmt: skip
    shutil.copytree(bags[0], tmp_path / name)
    spoil(tmp_path / name)
    out = tmp_path / "out"
    assert evaluate(tmp_path / name, bags[1], "--model", model, "--out", out) == 1
    problem = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("co-perception:"))
    assert f"{name}: " in problem
    assert reported in problem
    counts = {"cut": 0, name: 0, "two": 0}
    for record in read_records(out):
        counts[record.recording] += 1
    assert counts["two"] == 90
    assert 0 < counts["cut"] < 90 if name == "cut" else counts[name] == 0
    assert summary(out)["figures"]["counts"]["judged"] >= 90


def test_a_bag_without_an_index_is_read_all_the_same(model: Path, bags: list[Path], tmp_path: Path) -> None:
    shutil.copytree(bags[0], tmp_path / "one")
    without_an_index(tmp_path / "one")
    assert evaluate(tmp_path / "one", "--model", model, "--out", tmp_path / "out") == 0
    assert evaluate(bags[0], "--model", model, "--out", tmp_path / "whole") == 0
    assert frames(tmp_path / "out") == frames(tmp_path / "whole")


def test_a_bag_without_the_topic_lists_those_it_has(model: Path, tmp_path: Path, capsys: Capture) -> None:
    types = store()
    bag = write_bag(tmp_path / "b", {"/people": [Frame(T0, [])], "/others": [Frame(T0, [])]}, types=types)
    assert evaluate(bag, "--model", model, "--topic", "/skeletons") == 1
    assert "no topic /skeletons" in (reported := capsys.readouterr().err)
    assert "/people (co_perception/msg/SkeletonArray)" in reported
    assert evaluate(bag, "--model", model) == 1
    assert "several topics" in capsys.readouterr().err
    assert evaluate(bag, "--model", model, "--pose", "movenet") == 1
    assert "no topic of sensor_msgs/msg/Image" in capsys.readouterr().err


def test_annotations_outside_the_recording_are_told_and_the_others_count(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    inside = read_annotations(bags[0] / "annotations.csv")[0]
    away = Interval(T0 + 1000 * SECOND, T0 + 1001 * SECOND, "wave")
    write_annotations(tmp_path / "a.csv", [inside, away])
    arguments = (bags[0], "--annotations", tmp_path / "a.csv", "--model", model, "--out", tmp_path / "out")
    assert evaluate(*arguments) == 1
    assert "outside the recording: 'wave' from 1000.000 to 1001.000 s" in capsys.readouterr().err
    assert summary(tmp_path / "out")["figures"]["counts"]["judged"] == 45


def test_a_label_that_is_no_class_is_told_with_the_one_that_was_meant(
    model: Path, bags: list[Path], tmp_path: Path, capsys: Capture
) -> None:
    marked = [Interval(i.start_ns, i.end_ns, "waves") for i in read_annotations(bags[0] / "annotations.csv")]
    write_annotations(tmp_path / "a.csv", marked)
    out = tmp_path / "out"
    assert evaluate(bags[0], "--annotations", tmp_path / "a.csv", "--model", model, "--out", out) == 1
    assert "'waves' (meant: 'wave'?)" in capsys.readouterr().err
    assert len(list(read_records(out))) == 90


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        (("--model", "nothing"), "no model 'nothing'"),
        ((), "which model?"),
        (("--recognizer", "activity", "--model", "x"), "takes no model"),
        (("--model", "MODEL", "--recognizer", "video"), "no network for --recognizer video"),
        (("--model", "MODEL", "--set", "color=red"), "no setting 'color'"),
        (("--model", "MODEL", "--set", "max_people=0"), "max_people lies between 1 and 1000"),
        (("--model", "MODEL", "--set", "pose.tiles=2"), "--pose names the estimator"),
        (("--model", "MODEL", "--require", "map"), "such as map=0.8"),
        (("--model", "MODEL", "--annotations", "none.csv"), "none.csv"),
        (("--model", "MODEL", "--require", "map=7"), "share from 0 to 1 (80 % is 0.8), and can never be 7"),
        (("--model", "MODEL", "--require", "map=nan"), "can never be nan"),
        (("--model", "MODEL", "--require", "delay_s=-1"), "a number from 0 on, and can never be -1"),
        (("--model", "MODEL", "--require", "nope=1"), "there is no figure 'nope'"),
        (("--model", "MODEL", "--drop", "0.2", "--drop", "0.2"), "one is given twice: [0.2, 0.2]"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    model: Path, bags: list[Path], capsys: Capture, arguments: Sequence[str], reported: str
) -> None:
    given = [str(model) if argument == "MODEL" else argument for argument in arguments]
    assert evaluate(bags[0], *given) == 1
    found = capsys.readouterr().err.splitlines()
    assert len(found) == 1
    assert reported in found[0]


def test_settings_reach_the_recognizer(model: Path, bags: list[Path], tmp_path: Path) -> None:
    """Without hold nothing fills the pauses of 0.8 s, so each activity warms up again; held ticks are no real input."""
    for name, options in {"hold": (), "reset": ("--set", "max_gap_s=0.5")}.items():
        assert evaluate(bags[0], "--model", model, "--out", tmp_path / name, *options) == 0
    warm_up = {name: summary(tmp_path / name)["figures"]["counts"]["warm_up"] for name in ("hold", "reset")}
    assert 1.1 * warm_up["hold"] < warm_up["reset"] == 30


def test_bags_of_one_name_are_told_apart(model: Path, bags: list[Path], tmp_path: Path) -> None:
    copies = [tmp_path / day / "one" for day in ("monday", "friday")]
    for bag, copy in zip(bags, copies, strict=True):
        shutil.copytree(bag, copy)
    assert evaluate(*copies, "--model", model, "--out", tmp_path / "out") == 0
    assert {record.recording for record in read_records(tmp_path / "out")} == {"monday/one", "friday/one"}


def test_a_background_may_be_called_none(model: Path, bags: list[Path], tmp_path: Path, capsys: Capture) -> None:
    """docs/evaluation.md: a background of any name is a class; without one, time without annotation is not judged."""
    few = tmp_path / "few.csv"
    write_annotations(few, read_annotations(bags[0] / "annotations.csv")[:1])
    judged = {}
    for background in ("", "none", "rest"):
        options = ("--background", background) if background else ()
        assert evaluate(bags[0], "--model", model, "--annotations", few, "--json", *options) == 0
        judged[background] = json.loads(capsys.readouterr().out)["figures"]["counts"]["judged"]
    assert judged["none"] == judged["rest"] > judged[""] == 45
