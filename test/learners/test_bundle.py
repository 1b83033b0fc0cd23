"""Bundles: what runs without torch answers as torch does, and what is no sound bundle runs nowhere."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.forbidden_imports import WITHOUT_TORCH
from helpers.refusals import assert_refused
from helpers.synthetic_poses import body, sequence
from safetensors.numpy import load_file

from co_perception.continual import state as states
from co_perception.engine.target import Category, Pose, Status
from co_perception.learners.bundle_file import CONSTANTS, FILE, FOLDER, VERSION, Bundle
from co_perception.learners.bundle_skeleton import BundleSkeletonLearner
from co_perception.learners.metadata import Metadata, shipped
from co_perception.learners.recognizers import KINDS, SkeletonSettings
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COSTGCN, COSTGCN_SHORT, COTCN, SkeletonVariant
from co_perception.runtime.steppers.bundle_step import BundleStep
from co_perception.runtime.steppers.optimized_cache import file_digest

NAME = "cotcn_everyday"
CLASSES = ("sit", "stand", "wave")
SHORT = dataclasses.replace(COSTGCN_SHORT, channels=(4, 4, 8, 8), marks=0.0)
STRIDED = dataclasses.replace(  # one answer per 4 frames, padded, two persons
    COSTGCN, mixers=("graph",) * 3, channels=(4, 4, 8), strides=(1, 2, 2), kernel=3, pool=3, pool_padding=1, clip=24,
    layout="coco17", normalization="body",
)  # fmt: skip
SMALL = {
    "cotcn": dataclasses.replace(COTCN, width=16, dilations=(1, 2)),
    "short": SHORT,
    "adaptive": dataclasses.replace(SHORT, mixers=("adaptive",) * 4),
    "joints": dataclasses.replace(SHORT, mixers=("joints",) * 4, channels=(32,) * 4),
    "scene": STRIDED,
    "strided": dataclasses.replace(STRIDED, persons=1),
}
Learner = ContinualSkeletonLearner | BundleSkeletonLearner


def random_learner(variant: SkeletonVariant) -> ContinualSkeletonLearner:
    torch.manual_seed(0)
    made = ContinualSkeletonLearner(variant, classes=CLASSES, min_progress=0.3, threshold=0.4)
    for name, value in [*made.model.named_parameters(), *made.model.named_buffers()]:
        if name.endswith(("bn.weight", "running_var")):
            value.uniform_(0.5, 1.5)
        elif name.endswith("fc.weight"):
            value.normal_(0, 2)
    made._loaded = True
    made.reset()
    return made


@pytest.fixture(scope="module")
def everyday() -> ContinualSkeletonLearner:
    found = ContinualSkeletonLearner("cotcn")
    found.load(NAME)
    return found


@pytest.fixture
def bundled() -> BundleSkeletonLearner:
    found = BundleSkeletonLearner()
    found.load(NAME)
    return found


def crowd(people: int = 12, length: int = 70) -> Iterator[list[Pose]]:
    """Frames of people who come and go at different times, are missed now and then, and change their order."""
    draw = np.random.default_rng(3)
    for frame in range(length):
        there = [
            int(person)
            for person in draw.permutation(people)
            if 2 * person <= frame < length - 2 * (person % 4) and not 20 + person <= frame < 28 + person
        ]
        yield [body(person, frame, f"person {person}") for person in there if draw.random() > 0.1]


def same(one: Sequence[Category], other: Sequence[Category], off: float = 1e-4) -> None:
    for mine, theirs in zip(one, other, strict=True):
        for a, b in zip(mine.each_group(), theirs.each_group(), strict=True):
            assert (a.status, a.progress, a.delay, a.group) == (b.status, b.progress, b.delay, b.group)
            assert (a.probabilities is None) == (b.probabilities is None)
            if a.probabilities is not None and b.probabilities is not None:
                np.testing.assert_allclose(a.probabilities, b.probabilities, atol=off)


def test_a_crowd_is_answered_as_by_torch_from_the_first_frame_on(
    everyday: ContinualSkeletonLearner, bundled: BundleSkeletonLearner
) -> None:
    everyday.reset()
    answered = 0
    for number, poses in enumerate(crowd()):
        for learner in (everyday, bundled):
            if number == 40:
                learner.reset("person 3")
            if number == 45:
                learner.release("person 4")
            if number == 60:
                learner.reset()
        mine, theirs = bundled.infer(poses), everyday.infer(poses)
        same(mine, theirs)
        answered += len(mine)
        assert bundled.ids == everyday.ids
    assert answered > 300 and bundled.bytes_per_stream == everyday.bytes_per_stream


@pytest.mark.parametrize(
    "name", [name if name == "cotcn" else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_every_kind_of_network_runs_from_a_bundle_of_its_own(name: str, tmp_path: Path) -> None:
    made, learner = random_learner(SMALL[name]), BundleSkeletonLearner()
    made.bundle(tmp_path)
    learner.load(tmp_path)
    assert (learner.name, learner.labels, learner.rate_hz) == (made.name, made.labels, made.rate_hz)
    assert (learner.receptive_field, learner.stride, learner.persons) == (
        made.receptive_field, made.stride, made.persons
    )  # fmt: skip
    assert (learner.min_progress, learner.threshold) == (0.3, 0.4)
    frames = list(crowd(3, 60))
    for poses in frames[:30]:
        same(learner.infer(poses), made.infer(poses))
    # Streams go on in either, with the file of the other.
    made.save_streams(tmp_path / "torch")
    learner.save_streams(tmp_path / "numpy")
    assert learner.load_streams(tmp_path / "torch") and made.load_streams(tmp_path / "numpy")
    for poses in frames[30:45]:
        same(learner.infer(poses), made.infer(poses))
    learner.restore(made.snapshot())
    for poses in frames[45:]:
        same(learner.infer(poses), made.infer(poses))


def test_a_stream_is_in_the_file_as_torch_has_it(
    everyday: ContinualSkeletonLearner, bundled: BundleSkeletonLearner, tmp_path: Path
) -> None:
    everyday.reset()
    for poses in crowd(4, 20):
        everyday.infer(poses)
    everyday.save_streams(tmp_path / "one")
    bundled.load_streams(tmp_path / "one")
    bundled.save_streams(tmp_path / "two")
    everyday.load_streams(tmp_path / "two")
    everyday.save_streams(tmp_path / "three")
    wanted = load_file(tmp_path / "one")
    for name in ("two", "three"):
        found = load_file(tmp_path / name)
        assert found.keys() == wanted.keys()
        for leaf, numbers in wanted.items():
            np.testing.assert_array_equal(found[leaf], numbers)
    like = everyday.snapshot().held.state
    assert states.read_metadata(tmp_path / "one")["network"] == "cotcn" and like.age.tolist() == [17, 15, 12, 8]


def test_the_shipped_bundle_is_of_the_shipped_weights(everyday: ContinualSkeletonLearner) -> None:
    """After the weights have changed: co-perception bundle cotcn_everyday."""
    folder = shipped(NAME)
    bundle = Bundle.read(folder / FOLDER)
    assert bundle.weights_sha256 == file_digest(folder / "weights.safetensors")
    assert bundle.model == Metadata.read(folder) and bundle.digest == everyday.digest() and bundle.name == everyday.name
    assert set(bundle.parity) == {"cold 1", "settled 1", "cold 5", "settled 5"} and max(bundle.parity.values()) < 1e-5
    assert {"torch", "onnx", "onnxruntime"} <= set(bundle.made_with)
    assert sum(file.stat().st_size for file in (folder / FOLDER).iterdir()) < 1_200_000


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped model with its bundle."""
    shutil.copytree(shipped(NAME), tmp_path / "model")
    return tmp_path / "model"


def load(folder: Path) -> None:
    BundleSkeletonLearner().load(folder)


@pytest.mark.parametrize("name", [FILE, CONSTANTS, "cold.onnx", "settled.onnx"])
def test_a_damaged_bundle_is_refused(copy: Path, name: str) -> None:
    path = copy / FOLDER / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", whole[: len(whole) // 2], whole[:-1] if name != FILE else whole[:-3], bytes(flipped)):
        path.write_bytes(content)
        assert_refused(f"{FOLDER}/{FILE}: ", load, copy)
    path.unlink()
    with pytest.raises((ValueError, FileNotFoundError)):
        load(copy)
    path.write_bytes(whole)
    load(copy)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": VERSION + 1}, "update the package"),
        ({"format": "onnx"}, "no bundle"),
        ({"digest": "0123456789abcdef"}, "not as it was written"),
        ({"delay": 3}, "not as it was written"),
    ],
)
def test_a_bundle_of_another_version_or_changed_by_hand_is_refused(copy: Path, change: Any, why: str) -> None:
    path = copy / FOLDER / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert_refused(why, load, copy)


def test_a_bundle_of_other_weights_than_those_beside_it_is_refused(
    copy: Path, everyday: ContinualSkeletonLearner
) -> None:
    changed = ContinualSkeletonLearner("cotcn")
    changed.load(copy)
    with torch.no_grad():
        next(changed.model.parameters()).mul_(1.5)
    changed.save(copy)
    assert_refused("other weights", load, copy)
    assert_refused("other weights", KINDS["skeleton"].loaded, SkeletonSettings(model_path=str(copy)))
    shutil.rmtree(copy / FOLDER)
    with pytest.raises(FileNotFoundError, match="co-perception bundle"):
        load(copy)


def test_streams_of_another_model_are_refused(bundled: BundleSkeletonLearner, tmp_path: Path) -> None:
    other = random_learner(SMALL["cotcn"])
    other.infer([body(0, 0, "a")])
    other.save_streams(tmp_path / "streams")
    bundled.infer([body(0, 0, "b")])
    assert_refused("another model", bundled.load_streams, tmp_path / "streams")
    with pytest.raises(ValueError, match="another network"):
        bundled.restore(other.snapshot())
    assert bundled.ids == ("b",)


def test_a_node_takes_the_bundle_unless_it_is_asked_for_something_else(copy: Path, tmp_path: Path) -> None:
    kind = KINDS["skeleton"]
    made = kind.loaded(SkeletonSettings(max_people=7, min_progress=0.6))
    assert isinstance(made, BundleSkeletonLearner) and "from a bundle" in made.backend
    assert (made.capacity, made.min_progress, made.thresholds) == (7, 0.6, shipped_thresholds())
    others: list[dict[str, Any]] = [{"optimize": False}, {"backend": "eager"}, {"precision": "bfloat16"}]
    for other in others:
        assert isinstance(kind.learner(SkeletonSettings(**other)), ContinualSkeletonLearner)
    alone = str(shutil.copytree(copy / FOLDER, tmp_path / "alone"))
    kind.find_weights(SkeletonSettings(model_path=alone))
    assert kind.loaded(SkeletonSettings(model_path=alone)).name == made.name
    assert_refused("is a bundle", kind.learner, SkeletonSettings(model_path=alone, device="cuda"))
    assert_refused("holds cotcn", kind.find_weights, SkeletonSettings(model_path=alone, network="costgcn_short"))
    assert_refused("ContinualSkeletonLearner", made.optimize, "openvino")


def shipped_thresholds() -> dict[str, float]:
    limit = Metadata.read(shipped(NAME)).limit
    return {} if isinstance(limit, float) else dict(limit)


def test_what_a_bundle_does_not_do_is_said(bundled: BundleSkeletonLearner, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no bundle yet"):
        BundleSkeletonLearner().infer([body(0, 0, "a")])
    with pytest.raises(ValueError, match="frame by frame"):
        bundled.infer(sequence([body(0, frame) for frame in range(40)]))
    bundled.save(tmp_path / "copy")
    again = BundleSkeletonLearner()
    again.load(tmp_path / "copy")
    [answer] = again.infer([body(0, 0, "a")])
    assert answer.status == Status.WARMING_UP and scores([answer]).shape == (1, len(again.labels))


RECOGNIZES = """
import numpy as np
from co_perception.data.messages.people import from_poses
from co_perception.engine.target import Pose
from co_perception.learners.recognizers import KINDS, SkeletonSettings

kind, values = KINDS["skeleton"], SkeletonSettings()
kind.find_weights(values)
learner = kind.loaded(values)
recognizer = kind.recognizer(learner, values)
draw = np.random.default_rng(0)
for number in range(1, 40):
    stamp = number * 66_666_667
    joints = np.column_stack([draw.uniform(50, 200, (17, 2)), np.ones(17)]).astype(np.float32)
    found = recognizer.answer(from_poses([Pose(joints, id="a")], (640, 480)), stamp, recognizer.admit(stamp))
learner.save_streams(sys.argv[1])
learner.load_streams(sys.argv[1])
print(len(found.answers), found.answers[0].category.progress, learner.backend)
"""


def test_it_recognizes_without_torch(tmp_path: Path) -> None:
    code = WITHOUT_TORCH + RECOGNIZES
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "s"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 1.0 onnxruntime in float32 from a bundle"), done.stdout


def test_a_bundle_steps_nobody_too() -> None:
    bundle = Bundle.read(shipped(NAME) / FOLDER)
    step = BundleStep(bundle.steps[0], bundle.programs[0], bundle.constants, threads=1)
    frames = np.zeros((0, step.format.frame_shape[0], 1, *step.format.frame_shape[1:]), np.float32)
    answer, state = step(frames, step(frames, step.init_state(0))[1])
    assert answer.shape == (0, *step.format.answer_shape) and len(state.age) == 0
