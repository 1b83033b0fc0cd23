"""The skeleton learner on small networks with random weights, with poses as a camera gives them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.answers import scores
from helpers.synthetic_poses import body, nobody, sequence
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import Category, Pose, Status
from co_perception.learners.preprocess_pose import MIN_JOINTS, to_input
from co_perception.learners.scoring import softmax
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.variants_skeleton import COAGCN, COSTGCN, COSTGCN_SHORT, COSTR, SkeletonVariant
from co_perception.runtime.pool import PoolFullError
from co_perception.skeletons.layouts import layout
from co_perception.skeletons.mapping import convert

CLASSES = ("sit", "stand", "wave")
SMALL = dataclasses.replace(COSTGCN_SHORT, channels=(4, 4, 8, 8), marks=0.0)
# One answer per 4 frames, padded, two persons.
STRIDED = dataclasses.replace(
    COSTGCN, mixers=("graph",) * 3, channels=(4, 4, 8), strides=(1, 2, 2), kernel=3, pool=3, pool_padding=1, clip=24
)


def learner(variant: SkeletonVariant = SMALL, seed: int = 0, **settings: object) -> ContinualSkeletonLearner:
    """With random weights whose answers differ from frame to frame."""
    torch.manual_seed(seed)
    made = ContinualSkeletonLearner(variant, **{"classes": CLASSES, **settings})  # type: ignore[arg-type]
    for name, value in [*made.model.named_parameters(), *made.model.named_buffers()]:
        if name.endswith(("bn.weight", "running_var")):
            value.uniform_(0.5, 1.5)
        elif name.endswith("fc.weight"):
            value.normal_(0, 2)
    made._loaded = True
    made.reset()
    return made


def run(made: ContinualSkeletonLearner, poses: list[Pose]) -> list[Category]:
    return [answer for pose in poses for answer in made.infer([pose])]


WALK = [body(1, frame) for frame in range(40)]


def test_a_stream_answers_as_the_clip_of_its_last_sixteen_frames() -> None:
    made = learner()
    answers = run(made, WALK)
    for frame in (15, 16, 30, 39):
        [clip] = made.infer(sequence(WALK[frame - 15 : frame + 1]))
        np.testing.assert_allclose(scores([answers[frame]]), scores([clip]), atol=1e-5)
        assert answers[frame].data == clip.data and clip.status == Status.VALID and clip.progress == 1
    assert np.ptp(scores(answers), axis=0).max() > 0.05  # or the comparison would say nothing


@pytest.mark.parametrize("mixer", ["graph", "adaptive", "joints"])
def test_every_kind_of_network_streams_as_its_clip(mixer: str) -> None:
    channels = (32, 32, 32, 32) if mixer == "joints" else (4, 4, 8, 8)
    made = learner(dataclasses.replace(SMALL, mixers=(mixer,) * 4, channels=channels))
    [clip] = made.infer(sequence(WALK[:16]))
    np.testing.assert_allclose(scores(run(made, WALK[:16])[-1:]), scores([clip]), atol=1e-5)


def test_warm_up_is_said_and_there_is_no_class_before_an_answer_stands() -> None:
    answers = run(learner(min_progress=1.0), WALK[:20])
    assert [answer.progress for answer in answers] == [min(frame, 16) / 16 for frame in range(1, 21)]
    assert all(answer.data == -1 and answer.status == Status.WARMING_UP for answer in answers[:15])
    assert all(answer.status == Status.VALID and answer.description in CLASSES for answer in answers[15:])
    assert {answer.delay for answer in answers[15:]} == {15}


def test_a_strided_network_answers_once_per_step_and_as_its_whole_clip() -> None:
    made = learner(dataclasses.replace(STRIDED, persons=1, layout="coco17", normalization="body"))
    field, padding, stride = made.receptive_field, made.model.timing.before, made.stride
    assert (field, padding, stride) == (17, 8, 4)
    answers = run(made, WALK)
    first = next(place for place, answer in enumerate(answers) if answer.data >= 0)
    values = to_input(np.stack([pose.data for pose in WALK])[:, None], "coco17", made.variant).values
    offline = torch.softmax(made.model.clip(torch.from_numpy(values)[None])[0], 0).numpy().T
    streamed = scores(answers)[::stride]
    assert first == 11 and len(streamed) == 8
    np.testing.assert_allclose(streamed, offline[: len(streamed)], atol=1e-5)
    assert [answer.delay for answer in answers[first : first + 5]] == [11, 12, 13, 14, 11]
    progress = [answer.progress for answer in answers]
    assert progress == sorted(progress) and progress[first] == 9 / 17 and progress[-1] == 1


def test_published_networks_run_in_their_own_joints() -> None:
    for variant in (COSTR, COAGCN):
        small = dataclasses.replace(
            variant, mixers=variant.mixers[-3:], channels=(32,) * 3, strides=(1, 2, 2), kernel=3, pool=3, pool_padding=1
        )
        made = learner(small, classes=None)
        assert made.labels[22] == "hand waving" and made.name.startswith(f"{variant.name}/ntu60@")
        draw = np.random.default_rng(0)
        for _ in range(20):
            joints = np.column_stack([draw.normal(0, 0.3, (25, 3)) + (0, 0, 3), np.ones(25)]).astype(np.float32)
            [answer] = made.infer([Pose(joints, "ntu25", id="one")])
        assert answer.description in made.labels and answer.data >= 0
        with pytest.raises(ValueError, match="'spine' expects ntu25 keypoints"):
            made.infer([body(1, 0)])


def test_people_who_come_go_and_return_are_answered_as_if_alone() -> None:
    draw, made = np.random.default_rng(5), learner()
    given: dict[str, list[Pose]] = {}
    got: dict[str, list[Category]] = {}
    for frame in range(50):
        there = [n for n in draw.permutation(12) if draw.random() > 0.2 and 2 * n <= frame < 50 - n and frame % 13 > 2]
        poses = [body(int(n), frame, f"person {n}") for n in there]
        for pose, answer in zip(poses, made.infer(poses), strict=True):
            given.setdefault(pose.id, []).append(pose)
            got.setdefault(pose.id, []).append(answer)
    assert len(given) == 12
    for id, poses in given.items():
        alone = run(learner(), poses)
        assert [answer.status for answer in got[id]] == [answer.status for answer in alone]
        if len(poses) > 16:
            np.testing.assert_allclose(scores(got[id]), scores(alone), atol=1e-5)


def test_nobody_in_a_frame_answers_nothing_and_changes_nothing() -> None:
    made = learner()
    run(made, WALK[:20])
    assert made.infer([]) == [] and made.ids == ("",)
    np.testing.assert_array_equal(made.infer([WALK[20]])[0].probabilities, run(learner(), WALK[:21])[-1].probabilities)


def test_the_crowd_is_bounded_and_refused_only_beyond_the_bound() -> None:
    made = learner(capacity=3)
    made.infer([body(n, 0, str(n)) for n in range(3)])
    made.infer([body(n, 1, str(n)) for n in (0, 2)])
    made.infer([body(7, 2, "7")])
    assert set(made.ids) == {"0", "2", "7"} and made.evicted == 1
    with pytest.raises(PoolFullError, match="4 streams at once"):
        made.infer([body(n, 3, str(n)) for n in range(4)])
    assert set(made.ids) == {"0", "2", "7"}


def test_one_is_reset_released_and_restored_while_the_others_go_on() -> None:
    made = learner()
    both = [[body(n, frame, str(n)) for n in (0, 1)] for frame in range(30)]
    for poses in both[:18]:
        made.infer(poses)
    one, everybody = made.snapshot("0"), made.snapshot()
    wanted = [made.infer(poses) for poses in both[18:]]
    made.restore(one, "0")
    assert made.infer([both[18][0]])[0].probabilities is not None
    np.testing.assert_array_equal(made.snapshot("0").streams["0"].logits, learner_logits(wanted[0][0], made))
    made.restore(everybody)
    made.reset("0")
    after = [made.infer(poses) for poses in both[18:]]
    assert after[0][0].data == -1 and after[0][0].progress == 1 / 16 and made.ids == ("0", "1")
    np.testing.assert_allclose(scores([pair[1] for pair in after]), scores([pair[1] for pair in wanted]), atol=1e-6)
    made.release("1")
    made.release("nobody")
    assert list(made.ids) == ["0"]
    made.restore(everybody)
    again = [made.infer(poses) for poses in both[18:]]
    for pair, one_of_them in zip(again, wanted, strict=True):
        np.testing.assert_array_equal(scores(pair), scores(one_of_them))
    with pytest.raises(ValueError, match="snapshot"):
        made.restore(one, "1")
    with pytest.raises(ValueError, match="no stream '5'"):
        made.snapshot("5")


def learner_logits(answer: Category, made: ContinualSkeletonLearner) -> NDArray[np.float32]:
    """What the stream of "0" holds after the step that gave this answer, up to what a softmax forgets."""
    logits = made.snapshot("0").streams["0"].logits
    assert logits is not None and answer.probabilities is not None
    np.testing.assert_allclose(softmax(logits), answer.probabilities, atol=1e-6)
    return logits


@pytest.mark.parametrize("variant", [SMALL, dataclasses.replace(STRIDED, layout="coco17", normalization="body")])
def test_streams_outlive_the_process_in_a_file(variant: SkeletonVariant, tmp_path: Path) -> None:
    made, other = learner(variant), learner(variant)
    frames = [[body(n, frame, str(n)) for n in (0, 1)] for frame in range(40)]
    for poses in frames[:22]:  # two frames wait for their step in the strided network
        made.infer(poses)
    ids = made.save_streams(tmp_path / "streams")
    assert other.load_streams(tmp_path / "streams") == ids == (["0", "1"] if variant is SMALL else [""])
    for poses in frames[22:]:
        for one, two in zip(made.infer(poses), other.infer(poses), strict=True):
            assert one == two
            np.testing.assert_array_equal(one.probabilities, two.probabilities)
    if variant is SMALL:
        assert made.save_streams(tmp_path / "one", ["1"]) == ["1"] and other.load_streams(tmp_path / "one") == ["1"]
        assert other.ids == ("1",)
    before = made.ids
    (tmp_path / "torn").write_bytes((tmp_path / "streams").read_bytes()[:200])
    with pytest.raises(ValueError, match="safetensors"):
        made.load_streams(tmp_path / "torn")
    with pytest.raises(ValueError, match="this network is costr"):
        learner(dataclasses.replace(variant, name="costr")).load_streams(tmp_path / "streams")
    with pytest.raises(ValueError, match="no streams"):
        learner(variant).save_streams(tmp_path / "none")
    assert made.ids == before


@pytest.mark.parametrize("change", ["weights", "classes", "no digest"])
def test_foreign_snapshot_is_refused_and_says_which_model_it_belongs_to(tmp_path: Path, change: str) -> None:
    made, other = learner(SMALL), learner(SMALL)
    made.infer([body(0, 0, "0")])
    made.save_streams(tmp_path / "streams")
    assert other.load_streams(tmp_path / "streams") == ["0"]
    if change == "weights":
        next(other.model.parameters()).data[0] += 1e-3
    elif change == "classes":
        other.labels = tuple(reversed(other.labels))
    else:  # as earlier versions wrote it
        with safe_open(tmp_path / "streams", "pt") as file:
            metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        save_file(tensors, tmp_path / "streams", {key: text for key, text in metadata.items() if key != "model"})
    other.infer([body(1, 0, "1")])
    before = other.ids
    with pytest.raises(ValueError, match=rf"another model of {SMALL.name} .*Restore them into the model"):
        other.load_streams(tmp_path / "streams")
    assert other.ids == before


def test_a_network_of_two_persons_keeps_people_in_their_places() -> None:
    variant = dataclasses.replace(SMALL, persons=2)
    ordered, swapped = learner(variant), learner(variant)
    for frame in range(20):
        a, b = body(1, frame, "a"), body(2, frame, "b")
        [one] = ordered.infer([a, b])
        [two] = swapped.infer([a, b] if frame % 2 == 0 else [b, a])
    assert ordered.ids == ("a", "b") and one.status == Status.VALID
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    [three] = swapped.infer([body(3, 20, "c"), body(1, 20, "a"), body(4, 20, "d")])
    assert set(swapped.ids) == {"a", "c"} and three.status == Status.VALID  # c has b's place, d none
    [empty] = swapped.infer([])
    assert empty.status == Status.UNCERTAIN
    swapped.release("c")
    assert swapped.ids == ("a",)


def test_other_layouts_are_mapped_by_joint_name() -> None:
    made, other = learner(), learner()
    for pose in WALK[:18]:
        [wanted] = made.infer([pose])
        mapped = convert(pose.data, layout("coco17"), layout("openpose18"))
        [got] = other.infer([Pose(mapped, "openpose18")])
    np.testing.assert_allclose(scores([got]), scores([wanted]), atol=1e-6)


def test_place_and_size_in_the_picture_do_not_matter() -> None:
    moved = [Pose(np.column_stack([p.data[:, :2] * 2 + 100, p.data[:, 2]]).astype(np.float32)) for p in WALK]
    np.testing.assert_allclose(scores(run(learner(), moved)), scores(run(learner(), WALK)), atol=1e-4)


def test_too_few_joints_are_nobody() -> None:
    made = learner()
    run(made, WALK[:20])
    face = WALK[20].data.copy()
    face[4:] = 0
    assert 4 < MIN_JOINTS * 17 < 5
    [answer] = made.infer([Pose(face)])
    assert answer.status == Status.UNCERTAIN and answer.progress == 15 / 16 and answer.data >= 0
    for _ in range(4):
        [answer] = made.infer([nobody()])
    assert answer.status == Status.WARMING_UP and answer.progress == 11 / 16
    for _ in range(12):
        [answer] = made.infer([nobody()])
    assert (answer.data, answer.status, answer.progress) == (-1, Status.WARMING_UP, 0)


def test_clips_of_other_rates_lengths_and_people() -> None:
    made = learner()
    fast = [body(1, frame // 2) for frame in range(32)]
    np.testing.assert_array_equal(
        made.infer(sequence(fast, rate_hz=30.0))[0].probabilities, made.infer(sequence(WALK[:16]))[0].probabilities
    )
    [short] = made.infer(sequence(WALK[:10]))
    [looped] = made.infer(sequence([*WALK[:10], *WALK[:6]]))
    assert short.progress == 10 / 16 and short.status == Status.VALID
    np.testing.assert_array_equal(short.probabilities, looped.probabilities)
    alone = sequence(WALK[:16])
    faint = alone.data * np.array([0.5, 0.5, 0.3], np.float32)[:, None, None, None]
    crowd = SkeletonSequence(np.concatenate([np.zeros_like(faint), faint, alone.data], -1), rate_hz=15.0)
    np.testing.assert_array_equal(made.infer(crowd)[0].probabilities, made.infer(alone)[0].probabilities)
    [nothing] = made.infer(SkeletonSequence(np.zeros((3, 16, 17, 1), np.float32), rate_hz=15.0))
    assert (nothing.data, nothing.status) == (-1, Status.WARMING_UP)
    half = [*WALK[:8], *[nobody()] * 8]
    assert made.infer(sequence(half))[0].status == Status.UNCERTAIN


def test_wrong_input_is_refused_and_the_streams_go_on() -> None:
    made = learner()
    run(made, WALK[:17])
    for wrong, message in (
        (np.zeros((1, 3, 16, 17, 1), np.float32), "got ndarray"),
        ("pose", "got str"),
        ([WALK[0].data], "expected the poses"),
        ([body(1, 0, "a"), body(2, 0, "a")], "ids repeat"),
        ([body(1, 0, "a"), Pose(np.ones((18, 3), np.float32), "openpose18", id="b")], "one layout"),
        (Pose(np.ones((18, 3), np.float32)), "coco17 pose has 17 joints"),
        (Pose(np.ones((17, 3), np.float32), "coco18"), "no joint layout"),
    ):
        with pytest.raises(ValueError, match=message):
            made.infer(wrong)  # type: ignore[arg-type]
    assert made.ids == ("",)
    np.testing.assert_array_equal(made.infer([WALK[17]])[0].probabilities, run(learner(), WALK[:18])[-1].probabilities)


def test_save_and_load_keep_everything(tmp_path: Path) -> None:
    made = learner(dataclasses.replace(SMALL, rate_hz=12.0), min_progress=0.5, threshold=0.1)
    made.optimize()  # what is saved is the network, not its folded form
    made.save(tmp_path)
    other = ContinualSkeletonLearner()  # of the record as it is today: more channels, other classes
    other.load(tmp_path)
    # `marks` is what an untrained network begins with: weights that are loaded do not need it.
    assert dataclasses.replace(other.variant, marks=0.0) == made.variant
    assert other.labels == CLASSES and (other.name, other.label_set) == (made.name, made.label_set)
    assert (other.min_progress, other.threshold, other.rate_hz) == (0.5, 0.1, 12.0)
    np.testing.assert_allclose(scores(run(other, WALK)), scores(run(made, WALK)), atol=1e-5)
    with pytest.raises(ValueError, match=r"ContinualSkeletonLearner\('costgcn_short'\)"):
        ContinualSkeletonLearner("costr_mod").load(tmp_path)


def test_optimize_keeps_the_answers() -> None:
    made = learner()
    wanted = scores(run(made, WALK))
    made.optimize()
    assert made.ids == ()
    np.testing.assert_allclose(scores(run(made, WALK)), wanted, atol=1e-5)


def test_construction_loads_nothing_and_checks_its_settings() -> None:
    with pytest.raises(RuntimeError, match="has no weights yet: call load"):
        ContinualSkeletonLearner().infer([])
    with pytest.raises(FileNotFoundError, match="no weights of costgcn_short can be fetched"):
        ContinualSkeletonLearner().load()
    with pytest.raises(ValueError, match="two different names"):
        ContinualSkeletonLearner(classes=["a", "a"])
    with pytest.raises(ValueError, match="no skeleton network 'stgcn'"):
        ContinualSkeletonLearner("stgcn")
    assert ContinualSkeletonLearner("costgcn", layout="openpose18", persons=1).layout == "openpose18"
