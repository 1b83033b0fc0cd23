"""`co-perception evaluate` as a user calls it: on recordings that were not trained on, whole and broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bag_writing import SECOND, Frame, store, write_bag
from drawn_recordings import T0, recording
from random_models import skeleton_model

from co_perception import cli
from co_perception.data.annotations import Interval, read_annotations, write_annotations
from co_perception.data.bag_file import SKELETONS, Bag
from co_perception.data.skeleton_messages import poses_of
from co_perception.engine.target import Status
from co_perception.evaluation.records import FRAMES, read_records
from co_perception.learners.skeleton import ContinualSkeletonLearner


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
    trained: Path, recordings: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
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


@pytest.mark.slow
@pytest.mark.timeout(300)
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


def test_faults_are_told_beside_the_clean_run(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = ("--drop", 0.2, "--drop", 0.5, "--rate", 5)
    assert evaluate(bags[0], "--model", model, "--out", tmp_path, *faults) == 0
    assert list(summary(tmp_path)["conditions"]) == ["rate_hz=5", "drop=0.2", "drop=0.5"]
    counts = {name: len(list(read_records(tmp_path / "conditions" / name))) for name in ("rate_hz=5", "drop=0.5")}
    assert 28 <= counts["rate_hz=5"] <= 34
    assert 30 <= counts["drop=0.5"] <= 60
    assert "drop=0.2" in capsys.readouterr().out
    assert evaluate(bags[0], "--model", model, "--out", tmp_path, "--drop", 0.5, "--rate", 5, "--together") == 0
    assert list(summary(tmp_path)["conditions"]) == ["rate_hz=5 drop=0.5"]


def test_an_unmet_requirement_fails(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (bags[0], "--model", model, "--out", tmp_path)
    assert evaluate(*arguments, "--require", "map=1.1", "--require", "ece=-1") == 1
    told = capsys.readouterr().err
    assert "at least 1.1 is required" in told
    assert "at most -1 is required" in told
    assert frames(tmp_path)
    assert evaluate(*arguments, "--require", "map=0.0", "--require", "ece=1") == 0
    assert evaluate(*arguments, "--require", "maps=0.0") == 1
    assert "no figure 'maps'" in capsys.readouterr().err


def test_two_runs_are_compared(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, other = tmp_path / "1", tmp_path / "2", tmp_path / "other"
    assert evaluate(bags[0], "--model", model, "--out", first) == 0
    assert evaluate(bags[0], "--model", model, "--out", second, "--compare", first) == 0
    found = summary(second)["comparison"]
    assert (found["both"], found["agreement"], found["largest_difference"]) == (90, 1.0, 0.0)
    skeleton_model(other, ("squat", "wave"), seed=1)
    assert evaluate(bags[0], "--model", other, "--out", second, "--compare", first) == 0
    assert summary(second)["comparison"]["largest_difference"] > 0.01
    assert "Compared: 90 records" in capsys.readouterr().out


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


def without_an_index(bag: Path) -> None:
    """As a recorder that was killed leaves it: no summary, so no index, but whole messages."""
    from co_perception.data.mcap_salvage import salvage

    (file,) = bag.glob("*.mcap")
    salvage(file, bag / "copy")
    (bag / "copy").replace(file)


@pytest.mark.parametrize(
    ("name", "spoil", "told"),
    [
        ("cut", cut, "has no end"),
        ("hash", with_another_hash, "hash mismatch"),
        ("gone", lambda bag: next(bag.glob("*.mcap")).unlink(), "no .mcap or .db3 file"),
        ("nothing", lambda bag: next(bag.glob("*.mcap")).write_bytes(b""), "not an MCAP file"),
    ],
)
def test_a_broken_bag_is_told_and_the_others_are_scored(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    name: str, spoil: Any, told: str,
) -> None:  # fmt: skip
    shutil.copytree(bags[0], tmp_path / name)
    spoil(tmp_path / name)
    out = tmp_path / "out"
    assert evaluate(tmp_path / name, bags[1], "--model", model, "--out", out) == 1
    problem = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("co-perception:"))
    assert f"{name}: " in problem
    assert told in problem
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


def test_a_bag_without_the_topic_lists_those_it_has(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    types = store()
    bag = write_bag(tmp_path / "b", {"/people": [Frame(T0, [])], "/others": [Frame(T0, [])]}, types=types)
    assert evaluate(bag, "--model", model, "--topic", "/skeletons") == 1
    assert "no topic /skeletons" in (told := capsys.readouterr().err)
    assert "/people (co_perception/msg/SkeletonArray)" in told
    assert evaluate(bag, "--model", model) == 1
    assert "several topics" in capsys.readouterr().err
    assert evaluate(bag, "--model", model, "--pose", "movenet") == 1
    assert "no topic of sensor_msgs/msg/Image" in capsys.readouterr().err


def test_annotations_outside_the_recording_are_told_and_the_others_count(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = read_annotations(bags[0] / "annotations.csv")[0]
    away = Interval(T0 + 1000 * SECOND, T0 + 1001 * SECOND, "wave")
    write_annotations(tmp_path / "a.csv", [inside, away])
    arguments = (bags[0], "--annotations", tmp_path / "a.csv", "--model", model, "--out", tmp_path / "out")
    assert evaluate(*arguments) == 1
    assert "outside the recording: 'wave' from 1000.000 to 1001.000 s" in capsys.readouterr().err
    assert summary(tmp_path / "out")["figures"]["counts"]["judged"] == 45


def test_a_label_that_is_no_class_is_told_with_the_one_that_was_meant(
    model: Path, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [Interval(i.start_ns, i.end_ns, "waves") for i in read_annotations(bags[0] / "annotations.csv")]
    write_annotations(tmp_path / "a.csv", said)
    out = tmp_path / "out"
    assert evaluate(bags[0], "--annotations", tmp_path / "a.csv", "--model", model, "--out", out) == 1
    assert "'waves' (meant: 'wave'?)" in capsys.readouterr().err
    assert len(list(read_records(out))) == 90


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "nothing"), "no model 'nothing'"),
        ((), "which model?"),
        (("--recognizer", "activity", "--model", "x"), "takes no model"),
        (("--model", "MODEL", "--recognizer", "video"), "no network for --recognizer video"),
        (("--model", "MODEL", "--set", "colour=red"), "no setting 'colour'"),
        (("--model", "MODEL", "--set", "max_people=0"), "max_people lies between 1 and 1000"),
        (("--model", "MODEL", "--set", "pose.tiles=2"), "--pose names the estimator"),
        (("--model", "MODEL", "--drop", "1.5"), "share of frames"),
        (("--model", "MODEL", "--require", "map"), "such as map=0.8"),
        (("--model", "MODEL", "--annotations", "none.csv"), "none.csv"),
        (("--model", "MODEL", "--jobs", "0"), "at least 1 job"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    model: Path, bags: list[Path], capsys: pytest.CaptureFixture[str], arguments: Sequence[str], told: str
) -> None:
    given = [str(model) if argument == "MODEL" else argument for argument in arguments]
    assert evaluate(bags[0], *given) == 1
    found = capsys.readouterr().err.splitlines()
    assert len(found) == 1
    assert told in found[0]


def test_settings_reach_the_recogniser(model: Path, bags: list[Path], tmp_path: Path) -> None:
    """Without hold nothing fills the pauses of 0.8 s, so each activity warms up again."""
    for name, options in {"hold": (), "reset": ("--set", "max_gap_s=0.5")}.items():
        assert evaluate(bags[0], "--model", model, "--out", tmp_path / name, *options) == 0
    warm_up = {name: summary(tmp_path / name)["figures"]["counts"]["warm_up"] for name in ("hold", "reset")}
    assert warm_up["reset"] == 2 * warm_up["hold"]


def test_bags_of_one_name_are_told_apart(model: Path, bags: list[Path], tmp_path: Path) -> None:
    copies = [tmp_path / day / "one" for day in ("monday", "friday")]
    for copy in copies:
        shutil.copytree(bags[0], copy)
    assert evaluate(*copies, "--model", model, "--out", tmp_path / "out") == 0
    assert {record.recording for record in read_records(tmp_path / "out")} == {"monday/one", "friday/one"}
