"""Classes of the everyday model in groups, and what the actions of each data set are among them.

A person sits and waves: each group has one answer. A data set annotates only a part of that, so an action has a label
in a group, or None where nothing is known; None is left out of the loss. "none" is a class: nothing of the group's
list happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recipes.readers.takes import JOINTS, Take

NONE = "none"
GROUPS: dict[str, tuple[str, ...]] = {
    "posture": ("standing", "sitting", "lying"),
    "motion": (
        NONE, "walking", "running", "sitting_down", "standing_up", "falling", "bending", "squatting", "jumping",
        "kicking",
    ),
    "arms": (
        NONE, "waving", "raising_left", "raising_right", "pointing", "clapping", "throwing", "punching", "pushing",
        "drinking",
    ),
}  # fmt: skip
NONE_NAMES = {"motion": "no_motion", "arms": "no_gesture"}  # of a group's none beside the labels of other groups
SHORT = ("kicking", "pointing", "throwing", "punching", "pushing")  # acts that may last half a second
HELD_S = 0.7  # after the end of such an act it is told still, or it could hardly be told at all
LOW = 0.35  # torsos by which the shoulders of one who picks something up are lower than before
RISE = 0.25  # torsos a second: slower than that nobody sits down or stands up
UNKNOWN = -1  # target of a frame of which nothing is known
RAISING = "raising"  # of the arm that the joints show


@dataclass(frozen=True)
class Act:
    """What an action is among the classes.

    Args:
        motion, arms: a class of the group, or None where nothing is known.
        posture: of the whole take; two are the one at its beginning and the one at its end; none: unknown.
        held: the label holds for the whole take, not from the first to the last movement.
        changes_height: of motion it holds only while the shoulders go up or down: clips begin before and end after it.
        in_turn: motion holds while the shoulders are low, arms from then on: something is picked up and thrown.
    """

    motion: str | None = NONE
    arms: str | None = NONE
    posture: tuple[str, ...] = ("standing",)
    held: bool = False
    changes_height: bool = False
    in_turn: bool = False


OTHER = Act()
WALK, RUN = (Act(motion, posture=("standing",), held=True) for motion in ("walking", "running"))
SIT_DOWN = Act("sitting_down", posture=("standing", "sitting"))
STAND_UP = Act("standing_up", posture=("sitting", "standing"))
BEND, SQUAT, KICK = Act("bending"), Act("squatting", arms=None, posture=()), Act("kicking", arms=None)
JUMP = Act("jumping", arms=None)
PICK_UP_AND_THROW = Act("bending", "throwing", in_turn=True)
LEFT_OUT = Act(None, None, ())


def _arms(name: str) -> Act:
    return Act(NONE, name)


ACTS: dict[str, Mapping[str, Act]] = {
    "utd_mhad": {
        "wave": _arms("waving"), "clap": _arms("clapping"), "throw": _arms("throwing"), "boxing": _arms("punching"),
        "push": _arms("pushing"), "jog": RUN, "walk": WALK, "sit to stand": STAND_UP, "stand to sit": SIT_DOWN,
        "squat": SQUAT, "basketball shoot": Act(arms=None), "bowling": LEFT_OUT, "pick up and throw": PICK_UP_AND_THROW,
        "lunge": Act(None, NONE, ()),
    },
    "kinder_gator": {
        "Wave your hand": _arms("waving"), "Wave your other hand": _arms("waving"), "Bow": BEND,
        "Touch your toes": BEND, "Raise your hand": _arms(RAISING), "Raise your other hand": _arms(RAISING),
        "Raise your arm to one side": _arms(RAISING), "Raise your arm to the other side": _arms(RAISING),
        "Point at the camera": _arms("pointing"), "Push an imaginary button in front of you": LEFT_OUT,
        "Signal someone to stop": Act(arms=None), "Punch": _arms("punching"), "Throw a ball": _arms("throwing"),
        "Throw a ball as far as you can": _arms("throwing"), "Throw a ball with your other arm": _arms("throwing"),
        "Throw a ball as far as you can with the other arm": _arms("throwing"), "Kick a ball": KICK,
        "Kick a ball with the other leg": KICK, "Kick a ball as far as you can": KICK,
        "Kick a ball as far as you can with the other leg": KICK, "Jump": JUMP, "Jump as high as you can": JUMP,
        "Do two jumping jacks": LEFT_OUT, "Walk in place": WALK, "Walk in place as fast as you can": Act(None, NONE),
        "Run in place": RUN, "Run in place as fast as you can": RUN, "Do a forward lunge": Act(None, NONE, ()),
        "Make the letter Y": Act(arms=None), "Make the letter T": Act(arms=None), "Make the letter P": Act(arms=None),
        "Make the letter K": Act(arms=None), "Fly like a bird": Act(arms=None), "Fly like an airplane": Act(arms=None),
    },
    "jhmdb": {
        "clap": Act(NONE, "clapping", (), True), "wave": Act(NONE, "waving", (), True),
        "push": Act(None, "pushing", ("standing",), True), "throw": Act(NONE, "throwing", ("standing",), True),
        "run": RUN, "walk": WALK, "pick": Act("bending", posture=("standing",), held=True),
        "sit": Act("sitting_down", posture=("standing", "sitting"), held=True, changes_height=True),
        "stand": Act("standing_up", posture=("sitting", "standing"), held=True, changes_height=True),
        "jump": Act("jumping", None, (), True), "catch": Act(NONE, NONE, ("standing",), True),
        "golf": Act(NONE, NONE, ("standing",), True), "pour": Act(NONE, NONE, (), True),
        "pullup": Act(None, None, (), True),
    },
    "ui_prmd": {
        "deep squat": SQUAT, "inline lunge": Act(None, NONE, ()), "side lunge": Act(None, NONE, ()),
        "sit to stand": Act("standing_up", posture=("sitting", "standing")), "shoulder abduction": _arms(RAISING),
        "shoulder scaption": _arms(RAISING),
    },
    "vicon_physical": {
        "Bowing": BEND, "Clapping": Act(NONE, "clapping", held=True), "Frontkicking": KICK, "Sidekicking": KICK,
        "Jumping": JUMP, "Punching": _arms("punching"), "Pushing": _arms("pushing"), "Running": RUN,
        "Walking": WALK, "Waving": Act(NONE, "waving", held=True), "Standing": Act(held=True),
        "Seating": LEFT_OUT, "Slapping": Act(arms=None), "Kneeing": LEFT_OUT, "Elbowing": Act(arms=None),
        "Hamering": Act(arms=None),
    },
    "cmu_mocap": {
        "walking": WALK, "running": RUN, "jumping": JUMP, "basketball": LEFT_OUT, "soccer": LEFT_OUT,
        "washwindow": Act(held=True), "directing_traffic": LEFT_OUT, "basketball_signal": LEFT_OUT,
    },
    "lzq_poses": {
        "stand": Act(held=True), "walk": Act(held=True, motion=None), "squat": LEFT_OUT,
        "wave": Act(NONE, "waving", held=True),
    },
    "nw_ucla": {
        "pick up with one hand": BEND, "pick up with two hands": BEND, "walk": WALK, "carry": LEFT_OUT,
        "sit down": SIT_DOWN, "stand up": STAND_UP, "throw": _arms("throwing"),
    },
    "utkinect": {
        "walk": WALK, "sitDown": SIT_DOWN, "standUp": STAND_UP, "pickUp": BEND, "carry": WALK,
        "throw": _arms("throwing"), "push": _arms("pushing"), "waveHands": _arms("waving"),
        "clapHands": _arms("clapping"),
    },
    "msr_action3d": {
        "high arm wave": _arms("waving"), "horizontal arm wave": _arms("waving"), "two hand wave": _arms("waving"),
        "forward punch": _arms("punching"), "side boxing": _arms("punching"), "high throw": _arms("throwing"),
        "hand clap": _arms("clapping"), "bend": BEND, "forward kick": KICK, "side kick": KICK, "jogging": RUN,
        "pick up and throw": LEFT_OUT,
    },
    "penn_action": {"squat": SQUAT, "jumping_jacks": LEFT_OUT, "baseball_pitch": LEFT_OUT},
    "up_fall": {},
    "sbu": {"approach": WALK, "depart": WALK, "kick": KICK, "push": _arms("pushing"), "punch": _arms("punching")},
}  # fmt: skip
"""By data set and action; what is not named is `OTHER`: on one's feet, and nothing of the lists."""


def class_names() -> tuple[str, ...]:
    """The classes of all groups in the order of the network's scores, with unique names."""
    return tuple(NONE_NAMES[group] if name == NONE else name for group, classes in GROUPS.items() for name in classes)


def act_of(take: Take) -> Act:
    """What a take is among the classes."""
    return ACTS[take.dataset].get(take.action, OTHER)


def label_of(take: Take) -> str | None:
    """The one class of motion or arms that a take shows; NONE for another act, None where that is not known."""
    act = act_of(take)
    if act.in_turn:
        return None
    for name in (act.motion, act.arms):
        if name not in (None, NONE):
            return f"raising_{raised_side(take)}" if name == RAISING else name
    return None if act in (LEFT_OUT,) or act.motion is None or (act.arms is None) else NONE


def targets(take: Take) -> NDArray[np.int8]:
    """(T, 3): the class in each of the `GROUPS` of every frame, or UNKNOWN.

    An action lasts from its first to its last movement. Before and long after it nothing of the lists happens, and in
    its first quarter of a second nobody can tell.
    """
    act, frames = act_of(take), len(take)
    if act.in_turn:
        return _in_turn(take, act)
    found = np.full((frames, len(GROUPS)), UNKNOWN, np.int8)
    first, last = (0, frames) if act.held else moving_span(take)
    onset = min(first + round(take.rate_hz * 0.25), last) if first else first
    for column, name in ((1, act.motion), (2, act.arms)):
        label = f"raising_{raised_side(take)}" if name == RAISING else name
        if label is None:
            continue
        classes = list(GROUPS.values())[column]
        found[: max(first - round(take.rate_hz * 0.1), 0), column] = 0
        found[last + round(take.rate_hz) :, column] = 0
        end = last + round(HELD_S * take.rate_hz) * (label in SHORT and not act.held)
        found[first if label == NONE else onset : end, column] = classes.index(label)
    if act.changes_height:
        found[~_changing_height(take), 1] = UNKNOWN
    _set_postures(found, act.posture, first, last)
    return found


def _changing_height(take: Take) -> NDArray[np.bool_]:
    """Frames (T,) in which the shoulders go up or down by `RISE` torsos a second at least, over a sixth of a second."""
    shoulders, torso = _shoulders(take)
    width = max(round(take.rate_hz / 6), 1)
    speed = np.abs(np.gradient(shoulders[:, 1])) * take.rate_hz
    return np.asarray(np.convolve(speed, np.ones(width) / width, "same") > RISE * torso)


def _shoulders(take: Take) -> tuple[NDArray[np.floating], float]:
    """The middle of the shoulders, (T, 2 or 3), y downwards, and the length of the torso."""
    joints = {name: take.joints[:, JOINTS.index(name)] for name in JOINTS}
    shoulders = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    hips = (joints["left_hip"] + joints["right_hip"]) / 2
    return shoulders, float(np.nanmedian(np.linalg.norm(shoulders - hips, axis=-1)))


def _in_turn(take: Take, act: Act) -> NDArray[np.int8]:
    """Targets (T, 3) of a take in which the arms begin to act when the body is upright again; see `targets`."""
    found = np.full((len(take), len(GROUPS)), UNKNOWN, np.int8)
    motion, arms = (GROUPS[group].index(str(name)) for group, name in (("motion", act.motion), ("arms", act.arms)))
    shoulders, torso = _shoulders(take)
    drop = (shoulders[:, 1] - np.nanpercentile(shoulders[:, 1], 10)) / torso
    low = np.flatnonzero(drop > LOW)
    first, last = moving_span(take)
    if not len(low):
        return found
    begin, end, quarter = int(low[0]), int(low[-1]) + 1, round(take.rate_hz * 0.25)
    found[:, 0] = GROUPS["posture"].index("standing")
    found[begin:end, 0] = np.where(drop[begin:end] > 1, UNKNOWN, found[begin:end, 0])  # some squat for it
    found[: max(first - round(take.rate_hz * 0.1), 0), 1:] = 0
    found[begin:end, 1], found[: end - quarter, 2] = motion, 0
    found[end + quarter :, 1] = 0
    found[end + quarter : last + round(HELD_S * take.rate_hz), 2] = arms
    found[last + round(take.rate_hz) :, 2] = 0
    return found


def _set_postures(found: NDArray[np.int8], names: tuple[str, ...], first: int, last: int) -> None:
    """The posture of the whole take, or those before the middle half of the movement and after it."""
    if not names:
        return
    begin, end = (GROUPS["posture"].index(name) for name in (names[0], names[-1]))
    quarter = (last - first) // 4
    if begin == end:
        found[:, 0] = begin
        return
    found[: first + quarter, 0] = begin
    found[last - quarter :, 0] = end


def moving_span(take: Take) -> tuple[int, int]:
    """First frame and frame after the last in which the joints move as they do in the action."""
    joints = take.joints
    width = max(round(take.rate_hz * 0.3), 1)
    steps = np.linalg.norm(np.diff(joints, axis=0, prepend=joints[:1]), axis=-1) * take.rate_hz
    steps = np.nan_to_num(steps)
    speed = np.convolve(np.sort(steps, axis=1)[:, -4:].mean(1), np.ones(width) / width, "same")  # of the quickest
    moving = np.flatnonzero(speed > 0.3 * np.percentile(speed, 95))
    return (int(moving[0]), int(moving[-1]) + 1) if len(moving) else (0, len(take))


def raised_side(take: Take) -> str:
    """The arm whose wrist comes highest over its shoulder."""
    rise = [
        np.nanpercentile(take.joints[:, JOINTS.index(f"{side}_shoulder"), 1]
                         - take.joints[:, JOINTS.index(f"{side}_wrist"), 1], 90)
        for side in ("left", "right")
    ]  # fmt: skip
    return ("left", "right")[int(np.argmax(rise))]
