"""`co-perception evaluate --recognizer video`: pictures through a video network, of the scene and of each person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rosbags")

from helpers.bag_writer import SECOND, Frame, Person, image, skeleton_array, standing, store, write_messages
from helpers.small_video_networks import LABELS, write_small_network
from safetensors.torch import load_file, save_file

from co_perception import cli
from co_perception.data.annotations.intervals import Interval, write_annotations
from co_perception.engine.data import Image
from co_perception.evaluation.records import read_records
from co_perception.learners.video import ContinualVideoLearner

T0 = 1_700_000_000 * SECOND
COUNT, PERIOD_NS = 120, SECOND // 25


def picture(number: int) -> Any:
    noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    noise[:, : number % 60, number // 40] //= 4
    return noise


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Almost five seconds of noise that changes color, with one person in it."""
    types = store()

    def pictures() -> Iterator[tuple[int, Any]]:
        for number in range(COUNT):
            stamp_ns = T0 + number * PERIOD_NS
            yield stamp_ns, image(types, stamp_ns, picture(number)[..., ::-1], "bgr8")

    def people() -> Iterator[tuple[int, Any]]:
        for number in range(COUNT):
            stamp_ns = T0 + number * PERIOD_NS
            message = skeleton_array(Frame(stamp_ns, [Person("anna", (standing(20) / 5).astype(np.float32))]), types)
            message.image_width, message.image_height = 60, 40
            yield stamp_ns, message

    path = tmp_path_factory.mktemp("video") / "gym"
    write_messages(path, {"/camera/image_raw": pictures(), "/skeletons": people()}, types=types)
    write_annotations(path / "annotations.csv", [Interval(T0, T0 + COUNT * PERIOD_NS, "run")])
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its random weights are scaled so that what is seen still matters behind all its layers (He et al., 2015)."""
    folder = write_small_network(tmp_path_factory.mktemp("model"))
    weights = load_file(folder / "weights.safetensors")
    for name, value in weights.items():
        if value.ndim == 5:
            value *= 0.02 if name.startswith("logits") else 6**0.5
    save_file(weights, folder / "weights.safetensors")
    return folder


def evaluate(bag: Path, model: Path, out: Path, *settings: str) -> None:
    chosen = [argument for setting in settings for argument in ("--set", setting)]
    given = ("--recognizer", "video", "--model", str(model), "--out", str(out))
    assert cli.main(["evaluate", str(bag), *given, *chosen]) == 0


@pytest.mark.slow
def test_the_scene_is_what_a_plain_loop_says(bag: Path, model: Path, tmp_path: Path) -> None:
    evaluate(bag, model, tmp_path, "optimize=false")
    learner = ContinualVideoLearner(threads=1)
    learner.load(model)
    learner.reset()
    records = list(read_records(tmp_path))
    assert [record.stamp_ns for record in records] == [T0 + number * PERIOD_NS for number in range(COUNT)]
    for number, record in enumerate(records):
        (answer,) = learner.infer(Image(picture(number)))
        assert (record.subject, record.status, record.truth) == ("", answer.status, "run")
        assert record.label(LABELS) == (answer.description if record.label(LABELS) else "")
        if answer.probabilities is None:
            assert record.probabilities is None
        else:
            assert record.probabilities == pytest.approx(answer.probabilities, abs=1e-5)
    answered = np.array([record.probabilities for record in records if record.answered])
    assert len(answered) > 20
    assert np.ptp(answered, axis=0).max() > 1e-3


@pytest.mark.slow
def test_each_person_is_cut_out(bag: Path, model: Path, tmp_path: Path) -> None:
    evaluate(bag, model, tmp_path / "person", "subject=person", "crop_margin=0.1")
    evaluate(bag, model, tmp_path / "scene")
    person, scene = (list(read_records(tmp_path / name)) for name in ("person", "scene"))
    assert {record.subject for record in person} == {"anna"}
    assert [record.status for record in person] == [record.status for record in scene]
    ends = [record.probabilities for record in (person[-1], scene[-1])]
    assert ends[0] is not None and ends[1] is not None
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("bad", [4, 1])
def test_unreadable_pictures_fail_with_their_encoding(
    bad: int, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    types = store()
    wrong, good = (np.zeros((48, 64, channels), np.uint8) for channels in (2, 3))
    pictures = [
        (stamp_ns, image(types, stamp_ns, wrong, "mono16") if n % 4 < bad else image(types, stamp_ns, good))
        for n, stamp_ns in enumerate(range(T0, T0 + 60 * PERIOD_NS, PERIOD_NS))
    ]
    path = write_messages(tmp_path / "m16", {"/image_raw": pictures}, types=types)
    write_annotations(path / "annotations.csv", [Interval(T0, T0 + 2 * SECOND, "run")])
    assert cli.main(["evaluate", str(path), "--recognizer", "video", "--model", str(model)]) == 1
    reported = capsys.readouterr()
    line = f"{15 * bad} pictures of /image_raw cannot be read: encoding mono16 ("
    assert f"m16: {line}" in reported.err
    assert line in reported.out
    assert "do the annotations lie inside" not in reported.err
    lost = "no frame can be judged. decodable messages: 60 of 60 messages are lost (all): 60 x encoding mono16"
    assert (lost in reported.err) == (bad == 4)
