"""One recording is never in two sets of a training, whatever its name, and what was trained on is known afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.tiny_training import CLASSES, CONFIG, Noise, small

from co_perception.data.content_sketch import ContentSketch
from co_perception.data.known_content import content_digests
from co_perception.data.samples import Sample, Samples
from co_perception.engine.data import SkeletonSequence
from co_perception.learners.skeleton import ContinualSkeletonLearner
from co_perception.training.fit import fit
from co_perception.training.search import Between, search

QUICK = CONFIG.replace(epochs=1)


def takes(count: int, seed: int, frames: int = 24) -> Samples:
    rng = np.random.default_rng(seed)
    items = []
    for number in range(count):
        joints = np.concatenate([rng.normal(size=(2, frames, 17, 1)), np.ones((1, frames, 17, 1))]).astype(np.float32)
        items.append(Sample(SkeletonSequence(joints, "coco17", 15.0), number % 2, source=f"{seed} {number}"))
    return Samples(items, ("left", "right"))


def test_examples_of_both_sets_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    train, val = Noise(18, 1), Noise(9, 2)
    val.x[4] = train.x[11].copy()
    val.labels[4] = train.labels[11]
    others = Noise(9, 3)
    fit(small(), train, others, QUICK, CLASSES)
    for _ in range(3):  # six frames are no copy of 54, twelve are
        val.x[5], val.labels[5] = train.x[2].copy(), train.labels[2]
    with pytest.raises(ValueError, match=r"the validation examples show what the training examples show: 12 of 54 .*"
                       r"first in example 4.*divide takes, recordings or people"):  # fmt: skip
        fit(small(), train, val, QUICK, CLASSES, tmp_path)
    with pytest.raises(ValueError, match="the validation examples show what the training"):
        search(small, train, val, CLASSES, {"lr": Between(1e-3, 1e-2)}, base=QUICK, trials=1, storage=tmp_path / "log")
    assert not list(tmp_path.iterdir())


class Counted(Noise):
    """Small whole numbers, independent of each other: no two examples are the same, and most of their rows are."""

    def __init__(self, size: int, seed: int) -> None:
        super().__init__(size, seed)
        self.x = list(np.random.default_rng(seed).integers(0, 3, (size, 4, 6)).astype(np.float32))


def test_series_of_few_different_rows_are_no_copies(tmp_path: Path) -> None:
    """The fault: each row by itself counted as content, and 81 rows are all that there are."""
    train, val = Counted(60, 1), Counted(30, 2)
    fit(small(), train, val, QUICK, CLASSES)
    for number in range(3):
        val.x[number], val.labels[number] = train.x[number], train.labels[number]
    with pytest.raises(ValueError, match="the validation examples show what the training examples show"):
        fit(small(), train, val, QUICK, CLASSES, tmp_path)


def test_windows_of_one_take_in_both_sets_are_refused_and_takes_divided_first_are_not() -> None:
    learner, samples = ContinualSkeletonLearner(classes=("left", "right")), takes(6, 0, frames=40)
    windows = samples.windows(16, 8)
    with pytest.raises(ValueError, match="overlapping windows of one recording belong to one set"):
        learner.fit(windows[::2], windows[1::2], config=QUICK)
    train, val = windows.split(0.7)
    learner.fit(train, val, config=QUICK)


def test_a_source_with_takes_of_the_target_is_refused() -> None:
    learner, target, source = ContinualSkeletonLearner(classes=("left", "right")), takes(4, 0), takes(8, 1)
    renamed = Samples([Sample(target.items[2].data, 0, source="another name")], target.classes)
    with pytest.raises(ValueError, match="the source examples show what the training examples show: 24 of"):
        learner.fit(target, config=QUICK, source=source + renamed)
    with pytest.raises(ValueError, match="the source examples show what the validation examples show"):
        learner.fit(takes(4, 2), target, config=QUICK, source=source + renamed)


@pytest.mark.slow
def test_a_model_knows_what_it_and_the_model_it_began_with_were_trained_on(tmp_path: Path) -> None:
    def knows(learner: ContinualSkeletonLearner, samples: Samples) -> bool:
        shown = (digest for item in samples.items for digest in content_digests(item.read()))
        return learner.trained_on.contains(ContentSketch.of(shown))

    first, second, source, other = (takes(4, seed) for seed in range(4))
    learner = ContinualSkeletonLearner(classes=("left", "right"))
    assert not len(learner.trained_on.digests)
    learner.fit(first, config=QUICK, folder=tmp_path)
    loaded = ContinualSkeletonLearner()
    loaded.load(tmp_path / "model")
    assert knows(loaded, first) and not knows(loaded, second) and loaded.name == learner.name
    begun = ContinualSkeletonLearner(classes=("left", "right"))
    begun.start_from(tmp_path / "model")
    begun.fit(second, config=QUICK, source=source)
    assert knows(begun, first) and knows(begun, second) and knows(begun, source) and not knows(begun, other)
    assert not knows(loaded, second)
    fresh = ContinualSkeletonLearner(classes=("left", "right"))
    fresh.fit(other, config=QUICK)
    assert not knows(fresh, first)
    metadata = tmp_path / "model" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"trained_on": "', '"trained_on": "?'))
    with pytest.raises(ValueError, match=r"metadata\.json.*a sketch of contents is"):
        loaded.load(tmp_path / "model")
    assert knows(loaded, first)
