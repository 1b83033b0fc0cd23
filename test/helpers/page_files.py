"""Small data sets of the kinds that pages name, written where a block of a page looks for them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np

from co_perception.data.samples import Sample, Samples
from co_perception.data.video_writer import VideoWriter
from co_perception.engine.data import SkeletonSequence
from helpers.drawn_people import RATE_HZ, Figure
from helpers.motion_videos import moving

RNG = np.random.default_rng(0)


def write_ntu(folder: Path, people: int = 5) -> None:
    """Files of NTU RGB+D: each of some people does two actions, five frames each."""
    folder.mkdir()
    for person in range(1, people + 1):
        for action in (1, 2):
            lines = ["5"]
            for _ in range(5):
                lines += ["1", "72057594037931101 0 1 1 1 1 0 0.01 -0.2 2", "25"]
                lines += [f"{x:.4f} {y:.4f} {z:.4f} 277 191 1036 519 0 0 1 0 2" for x, y, z in RNG.normal(size=(25, 3))]
            (folder / f"S001C001P{person:03}R001A{action:03}.skeleton").write_text("\r\n".join(lines) + "\r\n")


def write_kinetics(folder: Path) -> None:
    """A folder of Kinetics-Skeleton with one clip of 4 frames."""
    folder.mkdir(parents=True)
    joints = {"pose": RNG.uniform(0.1, 1, 36).tolist(), "score": [0.5] * 18}
    frames = [{"frame_index": number, "skeleton": [joints]} for number in range(1, 5)]
    (folder / "one.json").write_text(json.dumps({"data": frames, "label": "zumba", "label_index": 399}))


def write_pyskl(path: Path) -> None:
    """A file of PYSKL with one annotation, which its split names."""
    one = {"frame_dir": "S001C002P003R002A013", "label": 12, "total_frames": 5, "img_shape": (1080, 1920),
           "keypoint": RNG.uniform(1, 1000, (1, 5, 17, 2)).astype(np.float16),
           "keypoint_score": np.ones((1, 5, 17), np.float16)}  # fmt: skip
    path.write_bytes(pickle.dumps({"split": {"xsub_train": [one["frame_dir"]]}, "annotations": [one]}))


def write_joints_csv(folder: Path, people: int = 5) -> None:
    """A file for each activity of drawn people: a line a frame, x, y and score of COCO's joints, 30 a second."""
    folder.mkdir()
    for person in range(people):
        for name in ("wave", "squat", "stand"):
            figure = Figure(name, 10 * person + len(name))
            rows = np.stack([figure.frame(tick / 30.0)[:, [0, 1, 3]].reshape(-1) for tick in range(60)])
            np.savetxt(folder / f"{name}_p{person}.csv", rows, "%.3f", ",", header="x0,y0,score0,...", comments="")


def write_videos(folder: Path, labels: tuple[str, ...] = ("wave", "sit"), each: int = 3, frames: int = 20) -> None:
    """A folder of videos for each label: bars that move to the left for the first, to the right for the second."""
    for label, name in enumerate(labels):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            with VideoWriter(folder / name / f"{number}.mp4", 15.0) as writer:
                for picture in moving(label, frames, number, 64):
                    writer.write(picture)


def drawn_samples(seed: int, each: int = 6, frames: int = 16) -> Samples:
    """Windows of drawn people who wave, squat or stand, one person each."""
    items = []
    for label, name in enumerate(names := ("wave", "squat", "stand")):
        for number in range(each):
            figure = Figure(name, 100 * seed + 10 * label + number)
            joints = np.stack([figure.frame(tick / RATE_HZ)[:, [0, 1, 3]] for tick in range(frames)])
            items.append(Sample(SkeletonSequence(joints.transpose(2, 0, 1)[..., None], "coco17", RATE_HZ), label))
    return Samples(items, names)
