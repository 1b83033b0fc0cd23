"""Groups stay whole, shares are met, and the balance is that of scikit-learn's own splitter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from co_perception.data.partition import partition


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(0, 3),
)
def test_every_sample_is_in_one_part_and_every_group_too(pairs: list[tuple[int, int]], parts: int, seed: int) -> None:
    labels, groups = [label for label, _ in pairs], [f"g{group}" for _, group in pairs]
    if len(set(groups)) < parts:
        with pytest.raises(ValueError, match="as many groups at least"):
            partition(labels, groups, [1 / parts] * parts, seed)
        return
    found = partition(labels, groups, [1 / parts] * parts, seed)
    assert sorted(index for part in found for index in part) == list(range(len(pairs)))
    assert all(found) and all(part == sorted(part) for part in found)
    assert sum(len({groups[index] for index in part}) for part in found) == len(set(groups))
    assert found == partition(labels, groups, [1 / parts] * parts, seed)


def imbalance(parts: list[list[int]], labels: np.ndarray) -> float:
    counts = np.array([np.bincount(labels[part], minlength=labels.max() + 1) for part in parts])
    return float((counts / counts.sum(0)).std(0).mean())


def test_folds_are_as_balanced_as_scikit_learns() -> None:
    ours, theirs = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, 30, 400)
        labels = (groups * 7 + rng.integers(0, 4, 400)) % 8  # a recording has some of the classes
        names = [str(group) for group in groups]
        ours.append(imbalance(partition(labels.tolist(), names, [0.2] * 5, seed), labels))
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups)
        theirs.append(imbalance([test.tolist() for _, test in folds], labels))
    assert np.mean(ours) <= 1.05 * np.mean(theirs)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.8])
def test_shares_are_met_for_every_class(share: float) -> None:
    labels = [index % 4 for index in range(800)]
    groups = [str(index // 8) for index in range(800)]
    first, _ = partition(labels, groups, [share, 1 - share], seed=0)
    counts = np.bincount([labels[index] for index in first], minlength=4)
    np.testing.assert_allclose(counts, 200 * share, atol=2)


def test_a_class_of_two_recordings_is_in_both_parts() -> None:
    labels, groups = [0, 0, 1, 1, 2, 2], list("abcdef")
    for seed in range(5):
        first, second = partition(labels, groups, [0.5, 0.5], seed)
        assert {labels[index] for index in first} == {labels[index] for index in second} == {0, 1, 2}


def test_the_seed_deals_differently() -> None:
    labels, groups = [0] * 20, [str(index) for index in range(20)]
    assert len({tuple(partition(labels, groups, [0.5, 0.5], seed)[0]) for seed in range(5)}) > 1


def test_parts_are_of_one_size_though_every_class_has_one_large_recording() -> None:
    # One recording of 10 samples and ten of 1, in each of 12 classes.
    labels = [label for label in range(12) for _ in range(20)]
    groups = [f"{label} {max(0, number - 9)}" for label in range(12) for number in range(20)]
    sizes = [len(part) for part in partition(labels, groups, [0.2] * 5, seed=0)]
    assert max(sizes) - min(sizes) <= 10
