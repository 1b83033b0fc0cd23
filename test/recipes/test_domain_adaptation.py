"""The comparison of domain adaptations: who is held out, which takes are drawn, the baselines."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from co_perception.data.samples import Samples
from co_perception.networks.temporal import CoTcn
from recipes.domain_adaptation import (
    NETWORK,
    VIEWS,
    Views,
    embedded,
    first_of_each,
    nearest,
    samples_of,
    shared_labels,
    statistics,
    trained,
)
from recipes.readers.takes import Take


def takes() -> list[Take]:
    """Two people walk, wave and carry, in UTKinect's words."""
    rng, found = np.random.default_rng(0), []
    for person in ("s01", "s02"):
        for action in ("walk", "waveHands", "carry"):
            joints = rng.normal(0, 0.3, (40, 13, 3)).astype(np.float32) + np.array([0, 0, 3], np.float32)
            joints[5, 3] = np.nan
            found.append(Take(joints, 30.0, action, person, "utkinect", f"{person} {action}"))
    return found


def test_takes_become_people_in_metres_with_the_acts_that_both_sets_have() -> None:
    other = Take(takes()[0].joints, 30.0, "wave", "s1", "utd_mhad", "a3_s1_t1")
    assert shared_labels([other], takes()) == {"waving"}
    samples = samples_of(takes(), ("walking", "waving"))
    assert samples.counts() == {"walking": 2, "waving": 2}
    assert samples.units("subject") == ["s01", "s01", "s02", "s02"]
    first = samples[0][0].data
    assert first.shape == (4, 40, 13, 1) and not first[:, 5, 3].any() and first[3].sum() == 40 * 13 - 1


def test_the_first_takes_of_each_class_are_labeled() -> None:
    assert first_of_each([4, 2, 0, 1, 3], [0, 1, 0, 1, 0], 1) == [4, 1]
    assert first_of_each([4, 2, 0, 1, 3], [0, 1, 0, 1, 0], 9) == [4, 2, 0, 1, 3]


def test_the_nearest_mean_answers() -> None:
    known = np.array([[0, 0], [0, 2], [9, 9]], np.float32)
    assert nearest(known, [3, 3, 5], np.array([[0, 1], [7, 7]], np.float32)).tolist() == [3, 5]


def test_every_method_trains_on_views_of_the_same_takes() -> None:
    samples: Samples = samples_of(takes(), ("walking", "waving"))
    views = Views.of(samples)
    assert views.augmented.shape == (VIEWS, *views.plain.shape) and views.labels == samples.labels
    assert torch.equal(views.at([2]).tensor(0, None), views.plain[2])
    assert statistics(views).shape == (4, 2 * 6 * 13)
    start = CoTcn(dataclasses.replace(NETWORK, classes=2, width=8)).eval()
    assert embedded(start, views).shape == (4, 8)
    before = start.state_dict()["fc.weight"].clone()
    other = Views(views.plain + 1, views.augmented + 1, views.labels)
    found = trained(start, views.at([0, 1]), 2, ("0", "1"), other)
    assert not torch.equal(found.state_dict()["fc.weight"], before)
    assert torch.equal(start.state_dict()["fc.weight"], before)
