"""Skeletons as pickled by PYSKL and MMAction2 (Duan and others, 2022), read without running anything in them.

{"split": {"xsub_train": [name, ...], ...},
 "annotations": [{"frame_dir": name, "total_frames": T, "img_shape": (H, W), "label": 3,
                  "keypoint": (M, T, V, C) array, "keypoint_score": (M, T, V) array}, ...]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.damage import reading
from co_perception.data.ntu import RATE_HZ, NtuName
from co_perception.data.samples import Sample, Samples
from co_perception.data.skipped import Skipped
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.labels import labels
from co_perception.runtime.unpickle import read_arrays

LAYOUT_OF = {17: "coco17", 18: "openpose18", 25: "ntu25"}
LABELS_OF = {"ntu60": "ntu60", "ntu120": "ntu120", "k400": "kinetics400", "kinetics400": "kinetics400"}
MOST_CLASSES = 10_000  # a label beyond it is damage, and would ask for as many names

Array = NDArray[Any]


def pyskl_samples(
    path: Path | str, split: str | None = None, classes: Sequence[str] | None = None, layout: str | None = None
) -> tuple[Samples, Skipped]:
    """The annotations of a pickle. The format is one object, so the file is read whole; arrays are widened later.

    A sample is (3, T, V, M) of x, y [pixels], score or (4, T, V, M) of x, y, z, score; without scores of its own a
    joint has score 1, or 0 where all its coordinates are 0. Samples with NTU names have their performer, performance
    and 30 Hz; elsewhere the rate is not in the file and not known.

    Args:
        split: name of a split in the file; None for all.
        classes: names by label; None for those of the data set the file is named after (`ntu60_hrnet.pkl`), else
            "class 0" and so on.
        layout: None to take it from the number of joints: 17 coco17, 18 openpose18, 25 ntu25.

    Raises: FileNotFoundError; RefusedPickleError (a ValueError) for a file that is damaged or wants more than arrays;
        ValueError for another split, or where nothing is left.
    """
    path, skipped = Path(path), Skipped()
    content = read_arrays(path)
    with reading(path, "a PYSKL pickle"):
        annotations, wanted = content["annotations"], _split(content, split)
    samples = list[Sample]()
    for number, annotation in enumerate(annotations):
        try:
            with reading(f"{path.name} [{number}]", "an annotation with keypoint, label and frame_dir"):
                if wanted is None or annotation["frame_dir"] in wanted:
                    samples.append(_sample(annotation, layout))
        except ValueError as error:
            skipped.add(f"{path.name} [{number}]", error)
    skipped.require(samples, path, "Its 'annotations' are dicts with a keypoint, a label and a frame_dir each.")
    return Samples(samples, classes or _classes(path, samples)), skipped


def _split(content: Mapping[str, Any], split: str | None) -> frozenset[str] | None:
    """The names in a split; None for all."""
    if not isinstance(content["annotations"], list):
        raise ValueError("its 'annotations' are no list")
    if split is None:
        return None
    splits = content.get("split") or {}
    if split not in splits:
        raise ValueError(f"it has no split {split!r}; there are: {', '.join(map(str, splits)) or 'none'}.")
    return frozenset(splits[split])


def _sample(annotation: Mapping[str, Any], layout: str | None) -> Sample:
    """One annotation, its shapes checked."""
    frame_dir, label, keypoint = annotation["frame_dir"], annotation["label"], annotation["keypoint"]
    score = annotation.get("keypoint_score")
    _check(frame_dir, label, keypoint, score, annotation.get("total_frames"))
    layout = layout or LAYOUT_OF.get(keypoint.shape[2])
    if layout is None:
        raise ValueError(f"{keypoint.shape[2]} joints are those of no known layout: name it.")
    name = NtuName.find(frame_dir)
    subject, group = (name.subject, name.performance) if name else ("", frame_dir)
    read = partial(sequence, keypoint, score, layout, RATE_HZ if name else None)
    return Sample(read, int(label), subject, group, frame_dir)


def _check(frame_dir: object, label: object, keypoint: object, score: object, total_frames: object) -> None:
    if not isinstance(frame_dir, str):
        raise ValueError(f"frame_dir is the name of a clip, got {type(frame_dir).__name__}")
    if not isinstance(label, int) or not 0 <= label < MOST_CLASSES:
        raise ValueError(f"{label!r} is no class index")
    shape: tuple[int, ...] = keypoint.shape if isinstance(keypoint, np.ndarray) else ()
    if len(shape) != 4 or shape[3] not in (2, 3) or 0 in shape:
        raise ValueError(f"keypoint is an array (M, T, V, 2 or 3), got {shape or type(keypoint).__name__}")
    if score is not None and (not isinstance(score, np.ndarray) or score.shape != shape[:3]):
        raise ValueError(f"keypoint_score has not the shape {shape[:3]} of its keypoint")
    if total_frames is not None and total_frames != shape[1]:
        raise ValueError(f"total_frames is {total_frames}, keypoint has {shape[1]} frames")


def sequence(keypoint: Array, score: Array | None, layout: str, rate_hz: float | None) -> SkeletonSequence:
    """From keypoint (M, T, V, C) and score (M, T, V); joints that were not found, or are no numbers, become zeros."""
    places = keypoint.astype(np.float32)
    scores = np.asarray(places.any(-1) if score is None else score, np.float32)
    values = np.concatenate([places, scores[..., None]], axis=-1)
    values[~np.isfinite(values).all(-1) | (values[..., -1] <= 0)] = 0
    return SkeletonSequence(np.ascontiguousarray(values.transpose(3, 1, 2, 0)), layout, rate_hz)


def _classes(path: Path, samples: Sequence[Sample]) -> tuple[str, ...]:
    """Names of the data set that the file is named after, if they are enough."""
    highest = max(sample.label for sample in samples)
    known = next((labels(names) for start, names in LABELS_OF.items() if path.name.startswith(start)), ())
    return known if highest < len(known) else tuple(f"class {index}" for index in range(highest + 1))
