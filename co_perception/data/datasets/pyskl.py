"""Reader of skeletons as pickled by PYSKL and MMAction2, without running anything in the pickle.

Duan et al., PYSKL, ACM Multimedia 2022, arXiv:2205.09443.

{"split": {"xsub_train": [name, ...], ...},
 "annotations": [{"frame_dir": name, "total_frames": T, "img_shape": (H, W), "label": 3,
                  "keypoint": (M, T, V, C) array, "keypoint_score": (M, T, V) array}, ...]}

or, without splits, the list of annotations alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from co_perception.data.datasets.kinetics_skeleton import MOST_CLASSES
from co_perception.data.datasets.ntu import RATE_HZ, NtuName
from co_perception.data.parsing import NOT_FOUND, Skipped, parse_errors
from co_perception.data.samples import Sample, Samples
from co_perception.engine.confidences import rescaled
from co_perception.engine.coordinates import (
    KINECT,
    OPTICAL,
    REP103,
    SHARES,
    check_coordinates,
    default_coordinates,
    wrong_unit_of_clip,
)
from co_perception.engine.data import SkeletonSequence
from co_perception.engine.target import labels
from co_perception.runtime.untrusted.unpickle import read_arrays

LAYOUT_OF = {17: "coco17", 18: "openpose18", 25: "ntu25"}
LABELS_OF = {"ntu60": "ntu60", "ntu120": "ntu120", "k400": "kinetics400", "kinetics400": "kinetics400"}

Array = NDArray[np.number]


def pyskl_samples(
    path: Path | str,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    layout: str | None = None,
    rate_hz: float | None = None,
    coordinates: str | None = None,
) -> tuple[Samples, Skipped]:
    """The annotations of a pickle. The format is one object, so the file is read whole; arrays become float32 later.

    A sample is (3, T, V, M) of x, y [pixels], score or (4, T, V, M) of x, y, z [metres], score; without scores of its
    own a joint that was found has score 1. Samples with NTU names have their performer,
    performance and 30 Hz; elsewhere the rate is not in the file: give it, or the sequences have none (None).

    Args:
        split: name of a split in the file; None for all.
        classes: names by label; None for those of the data set the file is named after (`ntu60_hrnet.pkl`), else
            "class 0" and so on.
        layout: None to take it from the number of joints: 17 coco17, 18 openpose18, 25 ntu25.
        rate_hz: of all clips [Hz]; None: 30 of those with NTU names, unknown of others.
        coordinates: unit and axes, one of `engine.coordinates.COORDINATES`; shares need an `img_shape`. None: pixels of
            x, y, and the Kinect's of x, y, z in ntu25. In another layout nothing tells the axes of x, y, z: annotations
            without them are skipped.

    Raises:
        RefusedPickleError: (a ValueError) for a file that is damaged or needs more than arrays.
        ValueError: for another split, a rate or coordinates that are none, or where no sample can be read.
    """
    if rate_hz is not None and not 0 < rate_hz < inf:
        raise ValueError(f"rate_hz is a number of frames a second above 0, got {rate_hz}.")
    if coordinates is not None:
        check_coordinates(coordinates, 4, aspect=1.0)
    path, skipped = Path(path), Skipped()
    annotations, names = _content(path, split)
    samples = list[Sample]()
    for number, annotation in enumerate(annotations):
        try:
            with parse_errors(f"{path.name} [{number}]", "an annotation with keypoint, label and frame_dir"):
                if names is None or annotation["frame_dir"] in names:
                    samples.append(_sample(annotation, layout, rate_hz, coordinates))
        except ValueError as error:
            skipped.add(f"{path.name} [{number}]", error)
    skipped.require(samples, path, "Its 'annotations' are dicts with a keypoint, a label and a frame_dir each.")
    if not classes:
        highest = max(sample.label for sample in samples)
        known = next((labels(names) for start, names in LABELS_OF.items() if path.name.startswith(start)), ())
        _check_count_from_0(path, samples, known)
        classes = known if highest < len(known) else [f"class {index}" for index in range(highest + 1)]
    return Samples(samples, classes), skipped


def _check_count_from_0(path: Path, samples: Sequence[Sample], known: Sequence[str]) -> None:
    """Raises ValueError where class indices count from 1, so that each would have the name of the class after it.

    It shows in the actions of NTU's names, and where a published data set has an index beyond its last class.
    """
    named = [(sample, name.action) for sample in samples if (name := NtuName.find(sample.source)) is not None]
    shifted = [sample for sample, action in named if sample.label == action]
    if (shifted and len(shifted) == len(named)) or (known and max(each.label for each in samples) == len(known)):
        wrong = shifted[0] if shifted else max(samples, key=lambda each: each.label)
        raise ValueError(
            f"{path}: class indices count from 0, and {wrong.source!r} has {wrong.label}: do these count from 1? "
            "Subtract 1 from each label, or name the classes by index."
        )


def without_rate(samples: Samples) -> str | None:
    """Name of the first clip whose rate `pyskl_samples` does not know unless it is given; None without such a clip."""
    return next((item.source for item in samples.items if NtuName.find(item.source) is None), None)


def _content(path: Path, split: str | None) -> tuple[list[Mapping[str, object]], frozenset[str] | None]:
    """The annotations of a pickle, and the names of the clips in a split of it; None for all."""
    content = read_arrays(path)
    with parse_errors(path, "a PYSKL pickle"):
        if isinstance(content, list):
            content = {"annotations": content}
        if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
            got = f"a dict of {', '.join(map(repr, content))}" if isinstance(content, dict) else type(content).__name__
            alone = isinstance(content, dict) and "keypoint" in content
            hint = " It is one annotation: put it into a list." if alone else ""
            raise ValueError(
                "a PYSKL pickle is a list of annotations, or a dict with that list as 'annotations'; this one holds "
                f"{got}.{hint}"
            )
        if split is None:
            return content["annotations"], None
        splits = content.get("split") or {}
        if split not in splits:
            raise ValueError(f"it has no split {split!r}; there are: {', '.join(map(str, splits)) or 'none'}.")
        return content["annotations"], frozenset(splits[split])


def _sample(
    annotation: Mapping[str, object], layout: str | None, rate_hz: float | None, coordinates: str | None
) -> Sample:
    """One annotation, its types and shapes checked."""
    frame_dir, label, keypoint = annotation["frame_dir"], annotation["label"], annotation["keypoint"]
    score, total_frames = annotation.get("keypoint_score"), annotation.get("total_frames")
    if not isinstance(frame_dir, str):
        raise ValueError(f"frame_dir is the name of a clip, got {type(frame_dir).__name__}")
    if not isinstance(label, int) or not 0 <= label < MOST_CLASSES:
        raise ValueError(f"{label!r} is no class index")
    shape: tuple[int, ...] = keypoint.shape if isinstance(keypoint, np.ndarray) else ()
    if not isinstance(keypoint, np.ndarray) or len(shape) != 4 or shape[3] not in (2, 3) or 0 in shape:
        raise ValueError(f"keypoint is an array (M, T, V, 2 or 3), got {shape or type(keypoint).__name__}")
    if score is not None and (not isinstance(score, np.ndarray) or score.shape != shape[:3]):
        raise ValueError(f"keypoint_score has not the shape {shape[:3]} of its keypoint")
    if total_frames is not None and total_frames != shape[1]:
        raise ValueError(f"total_frames is {total_frames}, keypoint has {shape[1]} frames")
    layout = layout or LAYOUT_OF.get(keypoint.shape[2])
    if layout is None:
        raise ValueError(f"{keypoint.shape[2]} joints are those of no known layout: name it.")
    if shape[3] == 3 and layout != "ntu25" and coordinates is None:
        raise ValueError(
            f"nothing tells the axes of x, y, z in {layout}: give their coordinates, to a command as --coordinates "
            f"({OPTICAL}: y down, {KINECT}: y up, {REP103}: z up)."
        )
    name = NtuName.find(frame_dir)
    subject, group = (name.subject, name.performance) if name else ("", frame_dir)
    aspect = _aspect(annotation) if coordinates == SHARES else None
    rate_hz = rate_hz or (RATE_HZ if name else None)
    read = partial(sequence, keypoint, score, layout, rate_hz, coordinates or "", aspect)
    return Sample(read, int(label), subject, group, frame_dir)


def _aspect(annotation: Mapping[str, object]) -> float:
    """Width over height of the pictures of an annotation, whose joints are shares of them."""
    shape: Any = annotation.get("img_shape")
    if not isinstance(shape, (tuple, list)) or len(shape) != 2 or not all(side > 0 for side in shape):
        raise ValueError(f"its joints are shares of a picture, and img_shape (height, width) is {shape!r}")
    return float(shape[1] / shape[0])


def sequence(
    keypoint: Array,
    score: Array | None,
    layout: str,
    rate_hz: float | None,
    coordinates: str = "",
    aspect: float | None = None,
) -> SkeletonSequence:
    """A clip (C + 1, T, V, M) from keypoint (M, T, V, C) and score (M, T, V).

    Joints that were not found are zeros, and scores become shares of 1: `engine.confidences`. `aspect` as in
    `SkeletonSequence`. Raises ValueError where no joint was found, and for joints that cannot be in these coordinates,
    such as shares for pixels.
    """
    scores = np.zeros(keypoint.shape[:3], np.float32) if score is None else score.astype(np.float32)
    values = np.concatenate([keypoint.astype(np.float32), scores[..., None]], axis=-1)
    coordinates = coordinates or default_coordinates(values.shape[-1], layout)
    data = np.ascontiguousarray(rescaled(values, coordinates).transpose(3, 1, 2, 0))
    if not data[-1].any():
        raise ValueError(f"no joint in it was found. {NOT_FOUND}")
    if why := wrong_unit_of_clip(data, coordinates):
        raise ValueError(f"{why}: give their coordinates, to a command as --coordinates, such as {SHARES}.")
    return SkeletonSequence(data, layout, rate_hz, coordinates, aspect)
