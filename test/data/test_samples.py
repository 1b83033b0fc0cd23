"""Operations of a data set: immutable, deterministic, lazy, and without leaks between recordings."""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.random_search import examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from co_perception.data.samples import Sample, Samples, partition
from co_perception.engine.data import Data, Image, SkeletonSequence, Timeseries, Video

CLASSES = ("walk", "sit", "fall")


def series(value: float = 0.0, frames: int = 10) -> Timeseries:
    return Timeseries(np.full((frames, 2), value, np.float32), rate_hz=20.0)


def make(count: int = 30, group_size: int = 3) -> Samples:
    """Sample i has label i % 3, is of recording i // group_size and of person i % 5."""
    return Samples(
        (Sample(series(i), i % 3, f"P{i % 5}", f"r{i // group_size}", f"s{i}") for i in range(count)), CLASSES
    )


def names(samples: Samples) -> list[str]:
    return [item.source for item in samples.items]


def test_train_twice_a_clip_with_the_same_content_is_taken_once(tmp_path: Path) -> None:
    """Three files, of which one is a copy, and clips in memory, of which one repeats; no group is torn apart so."""
    reads = []

    def read(name: str) -> Data:
        reads.append(name)
        return series(float(len(reads)))

    contents = {"a": b"same", "b": b"same", "c": b"size", "d": b"a size of its own"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    items = [Sample(partial(read, name), 0, group=name, source=str(tmp_path / name)) for name in contents]
    items += [Sample(series(value), 1, group=f"g{n}", source=f"clip {n}") for n, value in enumerate((1, 2, 1))]
    samples, skipped = Samples(items, CLASSES).distinct()
    assert names(samples) == [str(tmp_path / name) for name in "acd"] + ["clip 0", "clip 1"]
    assert [(source, reason.split(":")[0]) for source, reason in skipped] == [
        (str(tmp_path / "b"), f"the same content as {tmp_path / 'a'}"), ("clip 2", "the same content as clip 0")
    ]  # fmt: skip
    assert not reads


def test_a_clip_in_memory_that_cannot_be_read_is_left_out_and_reported() -> None:
    def damaged() -> Data:
        raise ValueError("no joint in it was found")

    samples, skipped = Samples([Sample(series(1), 0, source="a"), Sample(damaged, 0, source="b")], CLASSES).distinct()
    assert names(samples) == ["a"] and list(skipped) == [("b", "no joint in it was found")]


def test_an_item_is_its_data_and_its_category() -> None:
    samples = make(5)
    data, category = samples[4]
    assert data.data[0, 0] == 4 and (category.data, category.description) == (1, "sit")
    assert len(samples) == 5 and [category.data for _, category in samples] == samples.labels == [0, 1, 2, 0, 1]
    assert samples.counts() == {"walk": 2, "sit": 2, "fall": 1}
    assert names(samples[1:3]) == ["s1", "s2"]
    with pytest.raises(ValueError, match=r"s9 has class index 3, there are 3 .* count from 1"):
        Samples([Sample(series(), 3, source="s9")], CLASSES)


def test_operations_leave_the_set_as_it_was() -> None:
    samples = make()
    before = names(samples)
    samples.shuffle(1), samples.take(3), samples.balance(2), samples.split(0.5), samples.windows(4, 2)
    samples.filter(lambda sample: False), samples.map(lambda data: None)
    assert names(samples) == before


def test_filter_sees_samples_and_reads_nothing() -> None:
    def fail() -> Timeseries:
        raise AssertionError("was read")

    samples = Samples([Sample(fail, i % 3, subject=f"P{i}", source=str(i)) for i in range(9)], CLASSES)
    assert names(samples.filter(lambda sample: sample.label == 1)) == ["1", "4", "7"]
    chain = samples.shuffle(0).balance(0).map(lambda data: data).take(6)
    chain.split(0.5)
    assert len(chain.zip(chain)) == 6


def test_with_classes_matches_by_name_and_leaves_others_out() -> None:
    samples = Samples([Sample(series(i), i % 3, source=str(i)) for i in range(6)], ("walk", "sit", "fall"))
    found = samples.with_classes(("fall", "wave", "walk"))
    assert found.counts() == {"fall": 2, "wave": 0, "walk": 2}
    assert [(item.source, item.label) for item in found.items] == [("0", 2), ("2", 0), ("3", 2), ("5", 0)]


def test_map_waits_and_composes() -> None:
    values = list[float]()

    def double(data: Timeseries) -> Timeseries:
        values.append(float(data.data[0, 0]))
        return Timeseries(2 * data.data)

    mapped = make(3).map(double).map(double)
    assert values == []
    assert [data.data[0, 0] for data, _ in mapped] == [0, 4, 8]


def test_shuffle_is_a_permutation_that_the_seed_settles() -> None:
    samples = make()
    assert names(samples.shuffle(1)) == names(samples.shuffle(1)) != names(samples.shuffle(2))
    assert sorted(names(samples.shuffle(1))) == sorted(names(samples))


def test_take() -> None:
    assert names(make().take(2)) == ["s0", "s1"] and len(make(4).take(9)) == 4
    with pytest.raises(ValueError, match="got -1"):
        make().take(-1)


@pytest.mark.parametrize(("per_class", "each"), [(None, 2), (1, 1), (7, 7)])
def test_balance_gives_equally_many_of_each_class(per_class: int | None, each: int) -> None:
    uneven = make().filter(lambda sample: sample.label == 0 or int(sample.source[1:]) < 6)
    balanced = uneven.balance(3, per_class)
    assert uneven.counts() == {"walk": 10, "sit": 2, "fall": 2}
    assert balanced.counts() == {"walk": each, "sit": each, "fall": each}
    assert names(balanced) == names(uneven.balance(3, per_class))
    walks = balanced.filter(lambda sample: sample.label == 0)
    assert len(set(names(walks))) == each  # none is taken twice while there are others


def test_repeated_samples_stay_in_one_part() -> None:
    alone = Samples([Sample(series(i), i % 3) for i in range(6)], CLASSES).balance(0, 6)
    first, second = alone.split(0.5)
    assert len(first) + len(second) == 18
    assert not {id(item) for item in first.items} & {id(item) for item in second.items}


@pytest.mark.parametrize("by", ["group", "subject"])
def test_a_split_tears_no_recording_and_no_person_apart(by: Any) -> None:
    first, second = make(60).split(0.75, by=by, seed=4)
    key: Callable[[Sample], str] = (lambda item: item.group) if by == "group" else (lambda item: item.subject)
    assert not {key(item) for item in first.items} & {key(item) for item in second.items}
    assert sorted(names(first) + names(second)) == sorted(names(make(60)))
    assert len(first) == pytest.approx(45, abs=6)


def test_folds_test_each_sample_once() -> None:
    samples = make()
    folds = list(samples.folds(5, seed=1))
    assert sorted(name for _, test in folds for name in names(test)) == sorted(names(samples))
    for train, test in folds:
        assert sorted(names(train) + names(test)) == sorted(names(samples))
        assert not {item.group for item in train.items} & {item.group for item in test.items}


def test_splitting_by_unknown_people_or_too_few_recordings_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="not known in 1 of 1 samples.*by='group'"):
        Samples([Sample(series(), 0)], CLASSES).split(0.5, by="subject")
    with pytest.raises(ValueError, match=r"5 parts need as many groups.*there are 2"):
        make(6).folds(5)
    with pytest.raises(ValueError, match="empty"):
        make(0).split(0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        make().split(80)


def test_windows_of_each_kind_are_pieces_of_the_whole() -> None:
    clips: list[tuple[Data, int]] = [
        (SkeletonSequence(np.arange(3 * 7 * 17, dtype=np.float32).reshape(3, 7, 17, 1), rate_hz=15.0), 1),
        (Video(np.arange(3 * 7 * 4, dtype=np.uint8).reshape(3, 7, 2, 2), rate_hz=25.0), 1),
        (Timeseries(np.arange(14, dtype=np.float32).reshape(7, 2)), 0),
    ]
    for data, axis in clips:
        read: Callable[[], Any] = partial(pickle.loads, pickle.dumps(data))
        for held in (data, read):
            windows = Samples([Sample(held, 2, "P1", "r1", "clip")], CLASSES).windows(3, 2)
            assert names(windows) == ["clip[0:3]", "clip[2:5]", "clip[4:7]"]
            assert {(item.label, item.subject, item.group) for item in windows.items} == {(2, "P1", "r1")}
            for start, (piece, _) in zip((0, 2, 4), windows, strict=True):
                np.testing.assert_array_equal(piece.data, np.take(data.data, range(start, start + 3), axis))
                assert type(piece) is type(data) and getattr(piece, "rate_hz", 1) == getattr(data, "rate_hz", 1)


def test_windows_of_a_nameless_recording_stay_together() -> None:
    samples = Samples([Sample(series(i), i) for i in range(3)], CLASSES).windows(2, 1)
    first, second = samples.split(0.6)
    assert (len(first), len(second)) == (18, 9)
    assert len({data.data[0, 0] for data, _ in second}) == 1


def test_windows_that_nothing_is_long_enough_for() -> None:
    assert len(make(1).windows(10, 1)) == 1
    with pytest.raises(ValueError, match="no sample has 11 frames, the longest has 10"):
        make(1).windows(11, 1)
    with pytest.raises(ValueError, match="Image has no time axis"):
        Samples([Sample(Image(np.zeros((2, 2, 3), np.uint8)), 0)], CLASSES).windows(1, 1)
    with pytest.raises(ValueError, match="1 frame at least"):
        make(1).windows(4, 0)


def test_zip_joins_by_source_whatever_the_order() -> None:
    joints = make(6)
    bones = joints.map(lambda data: Timeseries(data.data + 100)).shuffle(3)
    both = joints.zip(bones)
    assert names(both) == names(joints)
    assert [(one.data[0, 0], other.data[0, 0]) for (one, other), _ in both] == [(i, i + 100) for i in range(6)]
    one, other = both.windows(4, 4)[0][0]
    assert one.data.shape == other.data.shape == (4, 2)


def test_zip_names_what_does_not_match() -> None:
    joints = make(6)
    with pytest.raises(ValueError, match="1 recordings are in one stream only, 's5'"):
        joints.zip(make(5))
    with pytest.raises(ValueError, match="repeat"):
        joints.zip(make(3) + make(3))
    other = Samples([Sample(item.data, 0, source=item.source) for item in joints.items], CLASSES)
    with pytest.raises(ValueError, match="4 recordings have another label"):
        joints.zip(other)


def test_sets_add_up_if_their_classes_agree() -> None:
    assert names(make(2) + make(1)) == ["s0", "s1", "s0"]
    with pytest.raises(ValueError, match="same classes"):
        make(1) + Samples([], ("other",))


def test_what_cannot_be_read_is_listed() -> None:
    def broken() -> Timeseries:
        raise ValueError("s1: cut off")

    samples = Samples([Sample(series(), 0, source="s0"), Sample(broken, 1, source="s1")], CLASSES)
    good, skipped = samples.readable()
    assert names(good) == ["s0"] and list(skipped) == [("s1", "s1: cut off")]


def test_lazy_samples_go_to_other_processes() -> None:
    samples = Samples([Sample(partial(series, 3.0), 0, source="a")], CLASSES).map(_half).windows(4, 4)
    again = pickle.loads(pickle.dumps(samples))
    assert len(again) == 2 and again[1][0].data[0, 0] == 1.5


def _half(data: Timeseries) -> Timeseries:
    return Timeseries(data.data / 2)


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=60), st.integers(1, 5),
    st.integers(0, 3),
)  # fmt: skip
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
    labels, groups = [0] * 20, [str(index) for index in range(20)]  # another seed deals differently
    assert len({tuple(partition(labels, groups, [0.5, 0.5], seed)[0]) for seed in range(5)}) > 1


def test_parts_are_of_one_size_though_every_class_has_one_large_recording() -> None:
    # One recording of 10 samples and ten of 1, in each of 12 classes.
    labels = [label for label in range(12) for _ in range(20)]
    groups = [f"{label} {max(0, number - 9)}" for label in range(12) for number in range(20)]
    sizes = [len(part) for part in partition(labels, groups, [0.2] * 5, seed=0)]
    assert max(sizes) - min(sizes) <= 10
