"""One upright, asymmetric, moving person, drawn by hand in every joint layout and in all coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from co_perception.skeletons.layouts import layout

Array = NDArray[np.float32]
WIDTH, HEIGHT, FOCAL, AWAY = 340, 256, 180.0, 3.0  # a picture and its focal length [pixels]; metres from the camera
FRAMES = 32  # at 30 Hz: two seconds' half, 16 frames of the network

# A person who faces the camera: x [m] to the right in the picture, y [m] downwards from the hips.
PLACES = {
    "nose": (0.02, -0.62), "left_eye": (0.05, -0.66), "right_eye": (-0.02, -0.66), "left_ear": (0.09, -0.63),
    "right_ear": (-0.07, -0.63), "left_shoulder": (0.19, -0.45), "right_shoulder": (-0.17, -0.43),
    "left_elbow": (0.45, -0.5), "right_elbow": (-0.28, -0.2), "left_wrist": (0.5, -0.8), "right_wrist": (-0.3, 0.05),
    "left_hip": (0.12, 0.0), "right_hip": (-0.1, 0.01), "left_knee": (0.13, 0.42), "right_knee": (-0.2, 0.4),
    "left_ankle": (0.12, 0.82), "right_ankle": (-0.12, 0.8),
}  # fmt: skip
NEAR = {"eye": "eye", "hand": "wrist", "thumb": "wrist", "pinky": "wrist", "index": "wrist", "foot": "ankle"}
NEAR |= {"heel": "ankle", "toe": "ankle"}
HEAD = {"head": "nose", "left_mouth": "nose", "right_mouth": "nose"}
MIDDLE = {"neck": "shoulder", "spine_shoulder": "shoulder", "middle_hip": "hip", "spine_base": "hip"}


def place(joint: str) -> NDArray[np.float64]:
    """Where a joint is; KeyError for one that nobody has placed: a new layout has to be drawn."""
    if joint in PLACES:
        return np.array(PLACES[joint])
    if joint in MIDDLE:
        return (place(f"left_{MIDDLE[joint]}") + place(f"right_{MIDDLE[joint]}")) / 2
    if joint == "spine_middle":
        return (place("neck") + place("middle_hip")) / 2
    side, _, rest = joint.partition("_")
    near = next((joint for word, joint in reversed(NEAR.items()) if word in rest), None)
    return np.array(PLACES[f"{side}_{near}" if near else HEAD[joint]])


def optical(name: str, frame: int) -> Array:
    """(V, 4) in metres of the camera's optical frame, score 1; the left hand waves, and the person walks aside.

    The head is nearer than the feet, and a shoulder nearer than the other: in a picture other joints are larger.
    """
    joints = np.array([place(joint) for joint in layout(name).joints])
    hand = [number for number, joint in enumerate(layout(name).joints) if joint in ("left_wrist", "left_elbow")]
    joints[hand, 0] += 0.1 * np.sin(frame / 3)
    joints[:, 0] += 0.01 * frame
    depth = AWAY + 0.2 * joints[:, 1] + 0.3 * joints[:, 0]
    depth[hand] -= 0.2
    return np.column_stack([joints, depth, np.ones(len(joints))]).astype(np.float32)


def written(name: str, frame: int, coordinates: str) -> Array:
    """The same in other coordinates, by hand; in "parallel" ones as from so far away that there is no perspective."""
    x, y, z, score = optical(name, frame).T
    pixels = WIDTH / 2 + FOCAL * x / z, HEIGHT / 2 + FOCAL * y / z
    columns = {
        "optical": (x, y, z, score), "kinect": (-x, -y, z, score), "rep103": (z, -x, -y, score),
        "pixels": (*pixels, score), "shares": (pixels[0] / WIDTH, pixels[1] / HEIGHT, score),
        "parallel": (WIDTH / 2 + FOCAL * x / AWAY, HEIGHT / 2 + FOCAL * y / AWAY, score),
    }  # fmt: skip
    return np.stack(columns[coordinates], 1)


def clip(name: str, coordinates: str) -> Array:
    """(T, V, C) at 30 Hz."""
    return np.stack([written(name, frame, coordinates) for frame in range(FRAMES)])
