"""The everyday recipe: composed bodies are bodies, labels go with what is drawn, a fold's people are not trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from co_perception.engine.target import Pose
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.networks.temporal import CoTcn
from co_perception.skeletons.layouts import BODY13
from recipes.everyday import accuracy_page, calibration, gestures, training, transitions, video
from recipes.everyday import bodies as body
from recipes.everyday.__main__ import saved
from recipes.everyday.drawing import ARMS, MOTION, POSTURE, Drawing
from recipes.everyday.examples import ExampleSource
from recipes.everyday.labels import ACTS, GROUPS, UNKNOWN, Act, class_names, label_of, targets
from recipes.everyday.measure import ANSWERS, Stream, answers, false_alarms, figures, interval, streams, take_scores
from recipes.everyday.sets import person_folds
from recipes.everyday.training import SLICES, TrainSettings, masked_loss, network_input, trained
from recipes.readers.takes import JOINTS, Take

PLAIN = Drawing(
    seated=0, lying=0, idle=0, drinking=0, falling=0, late=0, cut=0, lost=0, legless=0, jumps=0, picture_share=0,
    simulated=0, seated_idle=0, approaches=0, abrupt=0,
)  # fmt: skip
STANDING = np.array(
    [[0, -0.7, 0], [0.2, -0.45, 0], [-0.2, -0.45, 0], [0.25, -0.15, 0], [-0.25, -0.15, 0], [0.25, 0.1, 0],
     [-0.25, 0.1, 0], [0.1, 0, 0], [-0.1, 0, 0], [0.1, 0.45, 0], [-0.1, 0.45, 0], [0.1, 0.9, 0], [-0.1, 0.9, 0]]
)  # fmt: skip


def take(action: str = "wave", person: str = "s1", frames: int = 90, dataset: str = "utd_mhad") -> Take:
    """Somebody who faces the camera, stands for a second, moves the left arm up and down for one, and stands."""
    joints = np.repeat((STANDING + [0, 0, 3.0])[None], frames, 0)
    rise = np.zeros(frames)
    rise[30:60] = np.sin(np.linspace(0, 4 * np.pi, 30)) ** 2
    joints[:, JOINTS.index("left_wrist"), 1] -= rise
    joints += np.random.default_rng(0).normal(0, 0.002, joints.shape)
    return Take(joints.astype(np.float32), 30.0, action, person, dataset, action)


def windows(count: int = 3, frames: int = 5) -> np.ndarray:
    return np.broadcast_to(STANDING, (count, frames, 13, 3)).astype(np.float32).copy()


def lengths(people: np.ndarray) -> np.ndarray:
    """Of thighs, shanks, upper arms and forearms."""
    pairs = [(7, 9), (8, 10), (9, 11), (10, 12), (1, 3), (2, 4), (3, 5), (4, 6)]
    return np.stack([np.linalg.norm(people[..., a, :] - people[..., b, :], axis=-1) for a, b in pairs], -1)


def test_every_label_is_a_class_of_its_group_and_names_are_unique() -> None:
    for acts in ACTS.values():
        for act in acts.values():
            assert act.motion is None or act.motion in GROUPS["motion"]
            assert act.arms in (None, "raising") or act.arms in GROUPS["arms"]
            assert set(act.posture) <= set(GROUPS["posture"])
    assert len(set(class_names())) == len(class_names()) == 23


def test_an_action_lasts_from_its_first_to_its_last_movement() -> None:
    found = targets(take("wave"))
    waving = GROUPS["arms"].index("waving")
    assert (found[:20, ARMS] == 0).all() and (found[42:55, ARMS] == waving).all()
    assert (found[:, MOTION][found[:, MOTION] != UNKNOWN] == 0).all() and (found[:, POSTURE] == 0).all()
    assert found[64, ARMS] == UNKNOWN  # nobody can tell whether it goes on


def test_what_is_picked_up_and_thrown_is_a_bend_first_and_a_throw_then() -> None:
    one = take("pick up and throw", frames=120)
    joints = one.joints.copy()
    upper = [joint for joint in range(13) if joint not in (body.L_KNEE, body.R_KNEE, body.L_ANKLE, body.R_ANKLE)]
    joints[20:50, upper, 1] += 0.4 * np.sin(np.linspace(0, np.pi, 30))[:, None]  # down and up again
    joints[60:80, body.R_WRIST, 0] += np.sin(np.linspace(0, np.pi, 20))  # and the arm swings
    found = targets(dataclasses.replace(one, joints=joints.astype(np.float32)))
    bending, throwing = GROUPS["motion"].index("bending"), GROUPS["arms"].index("throwing")
    assert (found[28:42, MOTION] == bending).all() and (found[28:38, ARMS] == 0).all()
    assert (found[60:78, MOTION] == 0).all() and (found[60:78, ARMS] == throwing).all()
    assert not (found[:, MOTION] == bending)[50:].any() and not (found[:, ARMS] == throwing)[:45].any()
    assert label_of(one) is None  # a take has one label, and this one would have two


def test_the_arm_that_is_raised_is_found_in_the_joints() -> None:
    assert label_of(take("Raise your hand", dataset="kinder_gator")) == "raising_left"
    assert label_of(take("Draw a circle", dataset="kinder_gator")) == "none"
    assert label_of(take("Do two jumping jacks", dataset="kinder_gator")) is None


def test_seated_bodies_keep_their_bones_and_have_their_thighs_to_the_front() -> None:
    people, level = windows(), np.zeros((3, 1), np.float32)
    seated = body.seated(people, level, np.zeros((3, 2)), np.zeros((3, 2)), level)
    np.testing.assert_allclose(lengths(seated), lengths(people), atol=1e-4)
    thigh = seated[0, 0, body.L_KNEE] - seated[0, 0, body.L_HIP]
    np.testing.assert_allclose(thigh, [0, 0, -0.45], atol=1e-4)  # towards the camera that the person faces
    np.testing.assert_allclose(seated[..., body.NOSE, :], people[..., body.NOSE, :], atol=1e-4)


def test_knees_that_give_way_and_wrists_elsewhere_keep_bones() -> None:
    people = windows()
    sunk = body.with_knees(people, np.full((3, 5), 0.5, np.float32))
    np.testing.assert_allclose(lengths(sunk), lengths(people), atol=1e-3)
    assert sunk[0, 0, body.NOSE, 1] - people[0, 0, body.NOSE, 1] == pytest.approx(0.45, abs=1e-3)
    wrists = np.tile(np.array([[0.3, 0.5, 0.2], [-0.3, 0.5, 0.2]], np.float32), (3, 5, 1, 1))
    moved = body.with_wrists(people, wrists, np.tile(np.array([[1.0, 0, 0.5], [-1.0, 0, 0.5]]), (3, 1, 1)))
    np.testing.assert_allclose(lengths(moved), lengths(people), atol=1e-3)
    assert moved[0, 0, body.L_WRIST, 2] < -0.2  # before the chest


def test_hips_and_shoulders_of_a_take_without_them_are_near_the_true_ones() -> None:
    lacking = take().joints.copy()
    true = lacking.copy()
    lacking[:, [body.L_SHOULDER, body.R_SHOULDER, body.L_HIP, body.R_HIP]] = np.nan
    off = np.linalg.norm(body.completed(lacking) - true, axis=-1)
    assert off.max() < 0.25
    assert body.completed(true) is true


def test_one_frame_without_a_joint_does_not_spoil_a_window() -> None:
    gap = take()
    gap.joints[50, body.L_WRIST] = np.nan
    batch = ExampleSource([gap], PLAIN).draw(16, np.random.default_rng(0))
    assert (batch.joints[..., 2] == 1).all()
    np.testing.assert_allclose(body.filled(gap.joints)[50], take().joints[49:52].mean(0), atol=0.1)
    (stream,) = streams([gap], seed=0)
    assert stream.joints[..., 2].mean() > 0.8


def test_the_camera_sees_upright_people_upright_and_their_left_on_the_right() -> None:
    none = np.zeros(3)
    points = body.picture(windows(), none, none, none + 4, np.zeros((3, 2)), none)
    assert points[0, 0, body.NOSE, 1] < points[0, 0, body.L_ANKLE, 1]
    assert points[0, 0, body.L_SHOULDER, 0] > points[0, 0, body.R_SHOULDER, 0]
    behind = body.picture(windows(), none + np.pi, none, none + 4, np.zeros((3, 2)), none)
    assert behind[0, 0, body.L_SHOULDER, 0] < behind[0, 0, body.R_SHOULDER, 0]


def test_examples_are_the_same_for_a_seed_and_compositions_change_posture_and_not_arms() -> None:
    takes = [take("wave", f"s{number}") for number in range(4)]
    source = ExampleSource(takes, PLAIN)
    one, other = (source.draw(16, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.joints, other.joints)
    assert one.joints.shape == (16, PLAIN.frames, 13, 3) and set(np.unique(one.targets[..., POSTURE])) == {0}
    composed = ExampleSource(takes, dataclasses.replace(PLAIN, seated=1, lying=0)).draw(32, np.random.default_rng(3))
    sitting = (composed.targets[..., POSTURE] == 1).all(1)
    assert sitting.any() and (composed.targets[sitting][..., ARMS] == GROUPS["arms"].index("waving")).any()
    falls = ExampleSource(takes, dataclasses.replace(PLAIN, falling=1)).draw(32, np.random.default_rng(3)).targets
    fallen = (falls[..., MOTION] == GROUPS["motion"].index("falling")).any(1)
    assert fallen.any() and (falls[fallen][:, -1, POSTURE] == 2).mean() > 0.5
    sips = ExampleSource(takes, dataclasses.replace(PLAIN, drinking=1)).draw(16, np.random.default_rng(3)).targets
    assert (sips[..., ARMS] == GROUPS["arms"].index("drinking")).any()


def test_composed_gestures_are_in_reach_and_told_only_while_they_last() -> None:
    hands, elbows, classes = gestures.composed(300, 40, np.random.default_rng(0))
    assert hands.shape == (300, 40, 2, 3) and elbows.shape == (300, 2, 3) and np.abs(hands).max() < 1.6
    arms = GROUPS["arms"]
    assert {arms[number] for number in np.unique(classes) if number >= 0} == {*arms} - {"drinking"}
    raised = classes == arms.index("raising_left")
    assert (hands[raised][:, 0, 2] < 0).mean() > 0.95  # over the shoulders, and the other hand rests
    assert np.median(hands[raised][:, 1, 2]) > 0
    assert 0.2 < (classes == 0).mean() < 0.6


@pytest.mark.parametrize("name", transitions.KINDS)
def test_ways_down_and_up_keep_bones_and_feet_and_end_in_their_posture(name: str) -> None:
    number, rng = GROUPS["motion"].index(name), np.random.default_rng(1)
    people, goals = windows(200, 40), np.zeros((200, 40, 4), np.int64)
    out = transitions.composed(people, goals, rng)
    own = (goals[..., 1] == number).any(1)
    assert 20 < own.sum() < 90
    np.testing.assert_allclose(lengths(out), lengths(people), rtol=0.04)
    np.testing.assert_array_equal(out[..., 11:, :], people[..., 11:, :])
    hips = out[own][..., 7:9, 1].mean(-1)  # y runs downwards
    assert (np.ptp(hips, 1) > 0.05).mean() > (0.3 if name == "bending" else 0.9)
    first, last = goals[own][:, 0, 0], goals[own][:, -1, 0]
    sits = {"sitting_down": last == 1, "standing_up": first == 1}.get(name, (first != 1) & (last != 1))
    assert sits.mean() > 0.3 and (goals[own][..., 3] == UNKNOWN).all()


def test_a_training_is_run_once_for_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TRAININGS", tmp_path)
    settings = TrainSettings(steps=1, batch=2, drawing=PLAIN)
    once, again = (training.trained_once("a b", [take()], settings) for _ in range(2))
    torch.testing.assert_close(once.state_dict(), again.state_dict(), rtol=0, atol=0)
    monkeypatch.setattr(training, "trained", lambda takes, settings: "trained anew")
    assert isinstance(training.trained_once("a b", [take()], settings), CoTcn)
    with pytest.raises(AttributeError):  # the stand-in is no network
        training.trained_once("a b", [take()], dataclasses.replace(settings, seed=1))


def limits(one: float) -> dict[str, float]:
    return dict.fromkeys(GROUPS, one)


def test_labels_told_of_people_who_do_something_else_are_counted() -> None:
    rows = np.zeros((60, 23))
    rows[:, [SLICES["motion"].start, SLICES["arms"].start]] = 1.0
    rows[10:16, SLICES["arms"].start : SLICES["arms"].start + 2] = [0.2, 0.8]  # told
    rows[30:34, SLICES["arms"].start : SLICES["arms"].start + 2] = [0.2, 0.8]  # too short
    other = Stream(np.zeros((60, 13, 3)), np.zeros((60, 3), np.int8), "none", take("draw x"))
    waves = dataclasses.replace(other, label="waving")
    assert false_alarms([rows, rows], [other, waves], limits(0.5)) == {"alarms": 1, "hours": pytest.approx(4 / 3600)}
    assert false_alarms([rows], [other], limits(0.9))["alarms"] == 0
    assert false_alarms([rows], [other], limits(0.9) | {"arms": 0.5})["alarms"] == 1


def test_intervals_of_a_clip_are_read(tmp_path: Path) -> None:
    lines = ["File Name,Length,Time,Attire,Description,Classes",
             "02.mp4,5, Day,T-shirt, Walking, then falling,Falling (BW) [1.5 to 5]; Walking[0 to 1]"]  # fmt: skip
    (tmp_path / "Fall.csv").write_text("\n".join(lines))
    assert video.intervals(tmp_path) == {
        str(tmp_path / "Fall" / "02.mp4"): [("Falling", 1.5, 5.0), ("Walking", 0.0, 1.0)]
    }


def clip_of(people: int = 1) -> list[video.Frame]:
    """Two seconds of people who stand, half of whose joints are found with a confidence of .8 and some not at all."""
    joints = np.zeros((17, 3), np.float32)
    joints[5:, :2] = np.stack([np.tile([90, 110], 6), np.repeat([100, 130, 160, 170, 210, 250], 2)], -1)
    joints[5:, 2] = np.resize([0.8, 0.4], 12)
    joints[7, 2] = 0
    poses = tuple(Pose(joints, id=f"p{number}") for number in range(people))
    return [video.Frame(round(n / 15 * 1e9), poses, (640, 480)) for n in range(30)]


def test_other_confidences_are_those_of_joints_that_were_found() -> None:
    frames = clip_of()
    halved = video.with_scores(frames, lambda scores: scores / 2)[0].poses[0].data
    np.testing.assert_allclose(halved[:, 2], frames[0].poses[0].data[:, 2] / 2)
    ones = video.with_scores(frames, np.ones_like)[0].poses[0].data
    np.testing.assert_array_equal(ones[:, 2], frames[0].poses[0].data[:, 2] > 0)
    np.testing.assert_array_equal(ones[:, :2], frames[0].poses[0].data[:, :2])


def test_the_answers_do_not_depend_on_the_scale_of_confidences_and_idle_people_are_counted() -> None:
    learner = ContinualSkeletonLearner("cotcn")
    learner.load("cotcn_everyday")
    clips = {"a": clip_of()}
    assert video.unlike(learner, clips, lambda scores: scores / 2) == 0
    answers, labels = video.idle(learner, {"a": [("Standing", 0.0, 2.0)]}, clips)
    assert 15 <= answers <= 30 and labels == 0
    assert video.idle(learner, {"a": [("Standing", 0.0, 2.0), ("Drinking", 0.0, 2.0)]}, clips) == (0, 0)


def stand_up() -> Take:
    """Somebody who sits for a second, stands up in one, and stands for one."""
    seated = body.seated(windows(1, 1), np.zeros((1, 1)), np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 1)))[0, 0]
    seated = seated + [0, 0.45, 0]  # the feet stay on the floor
    share = np.clip((np.arange(90) - 30) / 30, 0, 1)[:, None, None]
    joints = seated * (1 - share) + STANDING * share + [0, 0, 3.0]
    joints += np.random.default_rng(0).normal(0, 0.0003, joints.shape)
    return Take(joints.astype(np.float32), 30.0, "sit to stand", "s1", "utd_mhad")


def test_people_who_sit_and_do_nothing_are_drawn_with_bodies_that_sat_and_on_chairs() -> None:
    how = dataclasses.replace(PLAIN, seated_idle=1, gestures=0, strikes=0, single=0, noise=(1e-6, 1e-5))
    source = ExampleSource([stand_up(), take("draw x")], how)
    sat = source.space.joints[source.space.quiet[1]]
    assert 20 < len(sat) <= 30 and (sat[:, body.L_KNEE, 2] < sat[:, body.L_HIP, 2] - 0.4).all()
    batch = source.draw(80, np.random.default_rng(0))
    assert (batch.targets[..., :3] == [1, 0, 0]).all() and (batch.targets[..., 3] == UNKNOWN).all()
    # Nobody bends, or goes anywhere: over the window no hip moves by a tenth of the height, and some are still.
    height = np.ptp(batch.joints[..., 1], 2).max(1)
    moved = np.ptp(batch.joints[:, :, [body.L_HIP, body.R_HIP], :2], 1).max((1, 2)) / height
    assert moved.max() < 0.12 and np.median(moved) < 0.03


def test_nobody_moves_on_in_a_still_picture() -> None:
    source = ExampleSource([take("walk")], PLAIN)
    joints, goals = source.space.draw(300, 40, (1.0, 1.0), np.random.default_rng(0))
    still = np.abs(np.diff(joints, axis=1)).max((2, 3)) < 1e-6
    walking = goals[:, 1:, MOTION] == GROUPS["motion"].index("walking")
    assert still.mean() > 0.02 and walking[~still].mean() > 0.9
    assert walking[still].mean() < 0.25  # up to a frame beyond the end


def test_a_clip_of_somebody_who_sits_down_is_that_only_while_the_shoulders_go_down() -> None:
    up = stand_up()
    clip = dataclasses.replace(up, joints=up.joints[::-1, :, :2].copy() * 100, action="sit", dataset="jhmdb")
    found = targets(clip)
    told = found[:, MOTION] == GROUPS["motion"].index("sitting_down")
    assert told[33:57].all() and not told[:27].any() and not told[63:].any()
    assert (found[~told, MOTION] == UNKNOWN).all() and found[0, POSTURE] == 0 and found[-1, POSTURE] == 1


def test_mirror_images_exchange_raised_arms() -> None:
    source = ExampleSource([take("Raise your hand", dataset="kinder_gator")], PLAIN)
    found = set(np.unique(source.draw(64, np.random.default_rng(0)).targets[..., ARMS]))
    assert {GROUPS["arms"].index("raising_left"), GROUPS["arms"].index("raising_right")} <= found


def test_lost_joints_are_zeros_and_frames_without_people_have_no_target() -> None:
    drawing = dataclasses.replace(PLAIN, late=1, lost=0.8)
    batch = ExampleSource([take()], drawing).draw(32, np.random.default_rng(0))
    absent = batch.joints[..., 2] == 0
    assert absent.any() and not batch.joints[absent].any()
    assert (batch.targets[(~absent).sum(-1) < 4] == UNKNOWN).all()


def test_joints_jump_for_a_few_frames_and_limbs_change_sides() -> None:
    still, shaken = (ExampleSource([take("draw x")], dataclasses.replace(PLAIN, jumps=share, noise=(1e-4, 1e-3)))
                     .draw(64, np.random.default_rng(2)).joints for share in (0.0, 0.2))  # fmt: skip
    steps = [np.linalg.norm(np.diff(each[..., :2], axis=1), axis=-1) for each in (still, shaken)]
    height = np.ptp(still[..., 1], axis=2).mean()
    before, after = ((each > 0.1 * height).mean() for each in steps)  # an arm moves, and that quickly
    assert before < 0.03 < 2 * before < after < 0.2


def test_the_loss_counts_only_what_is_known() -> None:
    logits, settings = torch.zeros(2, 23, 10), TrainSettings(smoothing=0.0)
    goals = torch.full((2, 10, 3), UNKNOWN)
    assert masked_loss(logits, goals, settings).item() == 0
    goals[0, 6, ARMS] = 4
    assert masked_loss(logits, goals, settings).item() == pytest.approx(np.log(len(GROUPS["arms"])))


def test_people_of_a_fold_are_not_trained_on_and_everybody_is_tested_once() -> None:
    takes = [take(person=f"s{n % 7}", dataset=name) for n in range(20) for name in ("utd_mhad", "jhmdb")]
    tested = []
    for fold in range(5):
        known, unseen = person_folds(takes, 5, fold)
        pairs = [{(each.dataset, each.person) for each in part} for part in (known, unseen)]
        assert not pairs[0] & pairs[1] and len(known) + len(unseen) == len(takes)
        tested += unseen
    assert len(tested) == len(takes)


def test_figures_count_labels_and_other_acts_apart() -> None:
    wanted = ["walking", "walking", "waving", "none", "none"]
    found = figures(["walking", "none", "waving", "none", "walking"], wanted)
    assert found.accuracy == pytest.approx(2 / 3) and (found.macro, found.false) == (0.75, 0.5)
    assert found.recalls == {"walking": (0.5, 2), "waving": (1.0, 1)}
    low, high = interval(["walking"] * 4, ["walking", "none"] * 2, list("abcd"), lambda each: each.false)
    assert low == high == 1
    rows = np.zeros((20, 23), np.float32)
    rows[:, SLICES["motion"]] = [0.9] + [0.1 / 9] * 9
    rows[:, SLICES["arms"]] = [0.3, 0.7] + [0.0] * 8
    assert answers(take_scores(rows)[None]) == ["waving"]
    assert answers(take_scores(rows)[None], ["walking"]) == ["walking"]
    assert len(take_scores(rows)) == len(ANSWERS)


def test_a_model_is_trained_saved_and_answers_as_in_training(tmp_path: Path) -> None:
    takes = [take(action, f"s{n}") for n in range(3) for action in ("wave", "draw x")]
    network = trained(takes, TrainSettings(steps=3, batch=8, drawing=PLAIN))
    saved(network, tmp_path, {"posture": 0.6, "motion": 0.0, "arms": 1.0})
    learner = ContinualSkeletonLearner("cotcn")
    learner.load(tmp_path)
    (stream, *_) = streams(takes, seed=0)
    offline = network.clip(network_input(stream.joints[None]))[0, :, -1].detach()
    for frame in stream.joints:
        (answer,) = learner.infer([Pose(frame * np.array([1000, 1000, 0.6], np.float32), BODY13.name, id="a")])
    each = [answer, *answer.others]
    assert [one.group for one in each] == list(GROUPS)
    assert learner.thresholds == {"posture": 0.6, "motion": 0.0, "arms": 1.0} and learner.threshold == 0.0
    for one, part in zip(each, SLICES.values(), strict=True):
        assert one.probabilities is not None
        np.testing.assert_allclose(one.probabilities[part], offline[part].softmax(0).numpy(), atol=1e-3)


def test_temperatures_make_overconfident_scores_as_sure_as_they_are_right() -> None:
    rng, goals = np.random.default_rng(0), np.zeros((4000, 3), np.int8)
    logits = rng.normal(0, 1, (4000, 23))
    for number, part in enumerate(SLICES.values()):
        shares = np.exp(logits[:, part]) / np.exp(logits[:, part]).sum(1, keepdims=True)
        goals[:, number] = [rng.choice(part.stop - part.start, p=row) for row in shares]  # as likely as it says
    sure = np.concatenate([np.exp(3 * logits[:, part]) / np.exp(3 * logits[:, part]).sum(1, keepdims=True)
                           for part in SLICES.values()], 1)  # fmt: skip
    tests = [Stream(np.zeros((4000, 13, 3), np.float32), goals, "none", take())]
    found = calibration.scalings([sure], tests)
    assert all(temperature == pytest.approx(3, rel=0.08) for temperature, _ in found.values())
    assert all(np.abs(biases).max() < 0.25 for _, biases in found.values())  # there is nothing to take back
    rare = 3 * logits + np.where(np.arange(23) == SLICES["motion"].start, 1.5, 0)  # "none" said too often
    parts = [np.exp(rare[:, part]) / np.exp(rare[:, part]).sum(1, keepdims=True) for part in SLICES.values()]
    biases = calibration.scalings([np.concatenate(parts, 1)], tests)["motion"][1]
    assert biases[0] - biases[1:].mean() == pytest.approx(-0.5, abs=0.12)
    assert min(calibration.calibration_error([sure], tests).values()) > 0.1
    network = trained([take()], TrainSettings(steps=1, batch=2, drawing=PLAIN))
    clip = network_input(take().joints[None, :, :, :3] * np.float32(1))
    with torch.no_grad():
        before, after = (
            each.clip(clip) for each in (network, calibration.calibrated(network, {"arms": (2.0, np.ones(10))}))
        )
    torch.testing.assert_close((after[:, SLICES["arms"]] - 1) * 2, before[:, SLICES["arms"]])
    torch.testing.assert_close(after[:, SLICES["motion"]], before[:, SLICES["motion"]])
    rows = [np.tile(sure[:100], (1, 1))]
    some = [dataclasses.replace(tests[0], goals=goals[:100])]
    chosen = calibration.thresholds(rows, some)
    assert list(chosen) == list(GROUPS) and 0 < min(chosen.values()) < max(chosen.values()) < 1
    for number, (group, part) in enumerate(SLICES.items()):
        shares, wanted = rows[0][8:, part], goals[8:100, number]
        right = shares.max(1)[shares.argmax(1) == wanted]
        assert (right < chosen[group]).mean() == pytest.approx(0.03, abs=0.03)
    cost = calibration.rejected(rows, some, chosen)
    assert 0.94 < cost["right and sure"] / cost["right"] < 1
    assert calibration.rejected(rows, some, limits(1.0))["right and sure"] < 0.1


def test_the_page_says_what_was_measured() -> None:
    wanted = ["walking", "waving", "none", "walking"]
    answered = {"wanted": wanted, "person": list("abcd"), "network": ["walking", "waving", "none", "none"]}
    common = ["walking", "waving", "waving", "bending"]
    own = {"network, common labels": common, "floor, common labels": ["waving"] * 4}
    own["network, common labels and none"] = common
    calibrated = {"calibration": {"posture": 0.02, "arms": 0.04}}
    rejected: dict[str, dict[str, float]] = {"rejected": {"right": 0.9, "right and sure": 0.88}}
    rejected["alarms"] = {"alarms": 3, "hours": 0.5}
    rejected["thresholds"] = {"posture": 0.7, "arms": 0.35}
    daily = [["posture", "Sitting", "sitting", 6], ["posture", "Sitting", "UNCERTAIN", 2]]
    content = {
        "settings": "4 steps",
        "fold 0": {**answered, "floor": ["none"] * 4, **calibrated, **rejected},
        "never seen": {"nw_ucla": {**answered, **own}},
        "without JHMDB": {"jhmdb": {**answered, **own}},
        "video": {
            "daily life": daily,
            "gestures": [["kicking", "kicking"], ["punching", ""]],
            "gestures in a row": [["kicking", ""], ["punching", "pushing"]],
            "idle": {"answers": 200, "labels": 3},
            "halved confidences": 0.01,
            "confidences of 1": 0.0,
        },
    }
    text = accuracy_page.page(content)
    assert "1 of 5 folds" in text and "arms 0.040" in text
    assert "of their group (posture 0.70, arms 0.35; means of the folds' own) are UNCERTAIN" in text
    assert "| walking | 0.50 | 0.00 | 2 | none 0.50 |" in text and "- nw_ucla: walking 0.50 (bending 0.50)" in text
    assert "3 labels in 0.5 h, 6 an hour" in text
    assert "| Sitting | posture | 0.75 | .90 | sitting 0.75, UNCERTAIN 0.25 |" in text
    assert "in 0.015 of 200 answers" in text and "halved 0.010 of the answers are others" in text
    assert "told longest in 0.50 (aim .75), a wrong one in 0.00" in text
    assert "hold for a third of a second: 0.00 and 0.50." in text
    assert "| network | 0.67 (" in text and "| nw_ucla | 2 | 0.67 (" in text and "| jhmdb, nothing of it" in text


def test_an_action_that_is_not_named_is_another_act() -> None:
    assert label_of(take("knock")) == "none" and Act().posture == ("standing",)
