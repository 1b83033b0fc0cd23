"""Fuzz targets of data sets: text and JSON of skeletons, tables of clips, arrays in pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from co_perception.data.datasets.kinetics_skeleton import kinetics_samples
from co_perception.data.datasets.ntu import read_skeleton_file
from co_perception.data.datasets.pyskl import pyskl_samples
from co_perception.data.datasets.video_folder import video_samples
from co_perception.data.samples import Samples
from fuzz.target import of_file, scratch
from recipes.readers.deepmimic import places, read_motion
from recipes.readers.pose_classification_kit import held_poses
from recipes.readers.seglearn import watch_samples


def kinetics(data: bytes) -> None:
    """One clip in a folder, and a list of labels that may name it."""
    folder = scratch() / "clips"
    folder.mkdir(exist_ok=True)
    clip, _, listed = data.partition(b"\0")
    (folder / "clip.json").write_bytes(clip)
    labels = folder.with_name("clips_label.json")
    labels.write_bytes(listed)
    if not listed:
        labels.unlink()
    _read(kinetics_samples(folder, rate_hz=30.0, aspect=4 / 3)[0])


def _motion(path: Path) -> None:
    motion = read_motion(path)
    found = places(motion.at(np.linspace(0, 2 * motion.duration, 7)))
    if not np.isfinite(found).all():
        raise AssertionError("joints that are nowhere")


def _ntu(path: Path) -> None:
    if not np.isfinite(read_skeleton_file(path).data).all():
        raise AssertionError("joints that are nowhere")


def _read(samples: Samples) -> None:
    """Every sample, as training would."""
    good, _ = samples.readable()
    for data, category in good:
        if not np.isfinite(data.data).all() or not 0 <= category.data < len(samples.classes):
            raise AssertionError(f"no sample: {data!r:.200}")


ntu = of_file("S001C001P001R001A001.skeleton", _ntu)
motion = of_file("motion.txt", _motion)
poses = of_file("BodyPose_Dataset.csv", lambda path: _read(held_poses(path)[0]))
pyskl = of_file("ntu60_hrnet.pkl", lambda path: _read(pyskl_samples(path)[0]))
watch = of_file("watch_dataset.npy", lambda path: _read(watch_samples(path)[0]))
clips_csv = of_file("clips.csv", lambda path: video_samples(path))
clips_json = of_file("clips.json", lambda path: video_samples(path))
