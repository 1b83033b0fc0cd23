"""Immutable labeled data set with lazy reading: every operation gives a new one.

    train, test = samples.filter(lambda sample: sample.subject != "P07").windows(16, 8).split(0.8, by="subject")

The names of the operations are those of DatasetOps (Hedegaard et al., 2022). Data is read when it is needed: an item
may hold a function that reads it, and `map` applies its function only then.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, SupportsInt, TypeAlias, get_args, overload

import numpy as np

from co_perception.data.parsing import Skipped
from co_perception.engine.data import Data, SkeletonSequence, Timeseries, Video
from co_perception.engine.target import Category

Item: TypeAlias = Any  # an engine `Data`, or a tuple of them after `Samples.zip`
Change = Callable[[Item], Item]
By = Literal["group", "recording", "subject"]

TIME_AXIS: dict[type, int] = {SkeletonSequence: 1, Video: 1, Timeseries: 0}


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording, or a piece of one, and its class.

    Args:
        data: an engine `Data` (a tuple of them after `zip`), or a function that reads it. For loading in several
            processes the function must pickle: a `functools.partial` or a method does, a lambda does not.
        subject: the person; empty where unknown.
        group: the take it was cut from (a clip, or one annotated interval of a recording), which folds must not split.
            Empty: it is a group of its own.
        recording: what the take was cut from; empty: the take is a recording of its own.
        source: its name in reports, by which `zip` joins.
    """

    data: Data | tuple[Data, ...] | Callable[[], Item]
    label: int
    subject: str = ""
    group: str = ""
    source: str = ""
    recording: str = ""

    def read(self) -> Item:
        """The data, read now where `data` is a function. Raises as its reader: ValueError or OSError for bad files."""
        return self.data() if callable(self.data) else self.data


@dataclass(frozen=True, eq=False)
class Samples(Sequence[tuple[Item, Category]]):
    """An immutable sequence of (data, `Category`), with the operations a training set needs.

    `classes` are names by class index. Raises ValueError for a label outside them.
    """

    items: tuple[Sample, ...]
    classes: tuple[str, ...]

    def __init__(self, items: Iterable[Sample], classes: Iterable[str]) -> None:
        object.__setattr__(self, "items", tuple(items))
        object.__setattr__(self, "classes", tuple(classes))
        for item in self.items:
            if not 0 <= item.label < len(self.classes):
                raise ValueError(
                    f"{item.source or 'a sample'} has class index {item.label}, there are {len(self.classes)} class "
                    "names. Labels count from 0: did these count from 1?"
                )

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> tuple[Item, Category]: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> tuple[Item, Category] | Samples:
        if isinstance(index, slice):
            return Samples(self.items[index], self.classes)
        item = self.items[index]
        return item.read(), Category(item.label, description=self.classes[item.label])

    def __add__(self, other: Samples) -> Samples:
        """Both, one after the other. Raises ValueError unless they have the same classes in the same order."""
        if self.classes != other.classes:
            raise ValueError(f"only sets with the same classes can be added: {self.classes} and {other.classes}.")
        return Samples(self.items + other.items, self.classes)

    @property
    def labels(self) -> list[int]:
        """Class index of each sample; reads no data."""
        return [item.label for item in self.items]

    def counts(self) -> dict[str, int]:
        """Number of samples of each class, classes without any included."""
        found = Counter(self.labels)
        return {name: found[index] for index, name in enumerate(self.classes)}

    def filter(self, keep: Callable[[Sample], bool]) -> Samples:
        """Those for which `keep` is true; it gets the `Sample`, so that no data need be read."""
        return Samples((item for item in self.items if keep(item)), self.classes)

    def with_classes(self, classes: Sequence[str]) -> Samples:
        """Those of these classes, by name, with the indices that the names have here; others are left out."""
        index = {name: number for number, name in enumerate(classes)}
        named = ((item, self.classes[item.label]) for item in self.items)
        return Samples((replace(item, label=index[name]) for item, name in named if name in index), classes)

    def map(self, change: Change) -> Samples:
        """`change` applied to the data of each, whenever it is read."""
        return Samples((replace(item, data=partial(_changed, change, item)) for item in self.items), self.classes)

    def shuffle(self, seed: int) -> Samples:
        """All of them in another order."""
        return self._at(np.random.default_rng(seed).permutation(len(self)))

    def take(self, count: int) -> Samples:
        """The first `count`, or all where there are fewer."""
        if count < 0:
            raise ValueError(f"take() wants a number of samples, got {count}.")
        return self[:count]

    def balance(self, seed: int, per_class: int | None = None) -> Samples:
        """Equally many of each class that has any, in the order of this set; a class with fewer is repeated.

        Split first: a repeated sample in both parts is a leak wherever samples have no group. `per_class` is how many;
        None for as many as the rarest class has.
        """
        rng = np.random.default_rng(seed)
        labels = np.array(self.labels, dtype=int)
        of_class = [np.flatnonzero(labels == label) for label in sorted(set(self.labels))]
        wanted = min(map(len, of_class), default=0) if per_class is None else per_class
        chosen = [rng.permutation(np.resize(rng.permutation(which), wanted)) for which in of_class]
        return self._at(np.sort(np.concatenate(chosen))) if chosen else self

    def split(self, share: float, by: By = "group", seed: int = 0) -> tuple[Samples, Samples]:
        """Two sets, the first with about `share` of every class; no take (or recording, or person) is in both.

        Raises ValueError for a share outside 0..1, fewer than two groups, or `by="subject"` of unknown subjects.
        """
        if not 0 < share < 1:
            raise ValueError(f"share is the first part's, between 0 and 1, got {share}.")
        first, second = partition(self.labels, self.units(by), (share, 1 - share), seed)
        return self._at(first), self._at(second)

    def folds(self, k: int, by: By = "group", seed: int = 0) -> Iterator[tuple[Samples, Samples]]:
        """k times (train, test): each sample is in one test set, and no take (or recording, person) in both of a fold.

        Raises ValueError, at once, as `split` does.
        """
        if k < 2:
            raise ValueError(f"cross-validation needs 2 folds at least, got {k}.")
        parts = partition(self.labels, self.units(by), [1 / k] * k, seed)
        return ((self._at(sorted(set(range(len(self))) - set(test))), self._at(test)) for test in parts)

    def windows(self, length: int, step: int) -> Samples:
        """Pieces of `length` frames, one every `step` frames, with the label, subject and group of their sample.

        Every sample is read once now for its length; one that is read lazily is read again with each of its windows. A
        sample shorter than `length` gives none.

        Raises ValueError for lengths below 1, data without time, or where no sample is long enough.
        """
        if length < 1 or step < 1:
            raise ValueError(f"windows need a length and a step of 1 frame at least, got {length} and {step}.")
        frames = [_frames(item.read()) for item in self.items]
        if self.items and max(frames) < length:
            raise ValueError(f"no sample has {length} frames, the longest has {max(frames)}: ask for shorter windows.")
        items = list[Sample]()
        for index, item in enumerate(self.items):
            for start in range(0, frames[index] - length + 1, step):
                cut = partial(_cut, start, start + length)
                data = partial(_changed, cut, item) if callable(item.data) else cut(item.data)
                source = f"{item.source}[{start}:{start + length}]"
                items.append(replace(item, data=data, group=_group(item, index), source=source))
        return Samples(items, self.classes)

    def zip(self, other: Samples) -> Samples:
        """Two streams of the same recordings (joints and bones) side by side, joined by `source`, in this set's order.

        Raises ValueError where sources repeat, one is missing on either side, or labels differ.
        """
        if self.classes != other.classes:
            raise ValueError(f"streams of one set have the same classes, got {self.classes} and {other.classes}.")
        mine, theirs = _by_source(self), _by_source(other)
        if mine.keys() != theirs.keys():
            alone = sorted(mine.keys() ^ theirs.keys())
            raise ValueError(
                f"{len(alone)} recordings are in one stream only, {alone[0]!r} first: filter both to what both have."
            )
        if wrong := [source for source, item in mine.items() if item.label != theirs[source].label]:
            raise ValueError(f"{len(wrong)} recordings have another label in the other stream, {wrong[0]!r} first.")
        pairs = (replace(item, data=partial(_both, item, theirs[item.source])) for item in self.items)
        return Samples(pairs, self.classes)

    def readable(self) -> tuple[Samples, Skipped]:
        """Those that can be read, and a report of those that cannot. Reads everything once and stores nothing."""
        good, skipped = list[Sample](), Skipped()
        for item in self.items:
            try:
                item.read()
                good.append(item)
            except (ValueError, OSError) as error:
                skipped.add(item.source, error)
        return Samples(good, self.classes), skipped

    def distinct(self) -> tuple[Samples, Skipped]:
        """The first of all samples with the same content, and a report of the others.

        A copy would be trained on and held out alike. Of a sample whose source is a file, files of one size are
        compared; any other is read, and is left out and reported too where that fails.
        """
        files = [Path(item.source) if os.path.isfile(item.source) else None for item in self.items]
        sizes = Counter(file.stat().st_size for file in files if file)
        first, items, skipped = dict[object, str](), list[Sample](), Skipped()
        for item, file in zip(self.items, files, strict=True):
            if file and sizes[file.stat().st_size] == 1:
                items.append(item)
                continue
            try:
                content = file.read_bytes() if file else _content(item.read())
            except (OSError, ValueError) as error:
                if not file:
                    skipped.add(item.source, error)
                    continue
                content = b""  # it is reported where it is used
            if content:
                digest = blake2b(content, digest_size=16).digest()
                if digest in first:
                    skipped.add(item.source, f"the same content as {first[digest]}: it is taken once")
                    continue
                first[digest] = item.source
            items.append(item)
        return Samples(items, self.classes), skipped

    def _at(self, indices: Iterable[SupportsInt]) -> Samples:
        return Samples((self.items[int(index)] for index in indices), self.classes)

    def units(self, by: By) -> list[str]:
        """(N,) name of the take, recording or person of each sample, which is never split.

        Raises ValueError for an empty set, and for `by="subject"` where a person is not known.
        """
        if by not in get_args(By):
            raise ValueError(f"by is 'group' (takes), 'recording' or 'subject' (people), got {by!r}.")
        if not self.items:
            raise ValueError("there is nothing to split: the set is empty.")
        if by == "subject":
            if unknown := [item for item in self.items if not item.subject]:
                raise ValueError(
                    f"the person is not known in {len(unknown)} of {len(self)} samples, {unknown[0].source!r} first: "
                    "name the subjects in the annotations (ids of a tracker are no people), or split by='group'."
                )
            return [item.subject for item in self.items]
        first = {id(item): index for index, item in reversed(list(enumerate(self.items)))}  # balance() repeats
        takes = [_group(item, first[id(item)]) for item in self.items]
        if by == "group":
            return takes
        return [item.recording or take for item, take in zip(self.items, takes, strict=True)]


def _group(item: Sample, number: int) -> str:
    """Its recording; without a name the sample is a recording of its own."""
    return item.group or item.source or f"sample {number}"


def _content(data: Item) -> bytes:
    """The numbers of an item, with their shape."""
    if isinstance(data, tuple):
        return b"".join(map(_content, data))
    return repr(data.data.shape).encode() + np.ascontiguousarray(data.data).tobytes()


def _changed(change: Change, item: Sample) -> Item:
    return change(item.read())


def _both(one: Sample, other: Sample) -> tuple[Item, Item]:
    return one.read(), other.read()


def _by_source(samples: Samples) -> dict[str, Sample]:
    found = {item.source: item for item in samples.items}
    if len(found) < len(samples):
        raise ValueError("streams are joined by their sources, and these repeat: give each sample a source of its own.")
    return found


def _frames(data: Item) -> int:
    """Length in time; of a tuple, that of its shortest."""
    if isinstance(data, tuple):
        return min(map(_frames, data))
    if type(data) not in TIME_AXIS:
        kinds = ", ".join(kind.__name__ for kind in TIME_AXIS)
        raise ValueError(f"{type(data).__name__} has no time axis to cut along; {kinds} have one.")
    return int(data.data.shape[TIME_AXIS[type(data)]])


def _cut(start: int, stop: int, data: Item) -> Item:
    """Frames start to stop of a clip, or of each in a tuple; a view."""
    if isinstance(data, tuple):
        return tuple(_cut(start, stop, part) for part in data)
    index = (slice(None),) * TIME_AXIS[type(data)] + (slice(start, stop),)
    return replace(data, data=data.data[index])


def partition(labels: Sequence[int], groups: Sequence[str], shares: Sequence[float], seed: int) -> list[list[int]]:
    """The indices 0..N-1 in as many parts as there are shares, each group whole in one part.

    Part p comes close to `shares[p]` of every class and of all samples together: groups are assigned largest first,
    each to the part whose classes it brings nearest to what they should be (the greedy rule of scikit-learn's
    StratifiedGroupKFold, which has no shares). Equal arguments give equal parts; every part has a group at least.

    Args:
        labels: (N,) class index of each sample.
        groups: (N,) name of the recording or person each sample is of; ValueError for fewer groups than parts.
        shares: positive, in sum 1.
        seed: settles the order of groups of one size.
    """
    names, members = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if len(names) < len(shares):
        raise ValueError(
            f"{len(shares)} parts need as many groups at least, there are {len(names)}: {list(names[:5])}. A group is "
            "one recording (or one person) and is never torn apart: record more, or ask for fewer parts."
        )
    counts = np.zeros((len(names), max(labels) + 1))
    np.add.at(counts, (members, np.asarray(labels)), 1)
    # All together count as one more class: else every class gives its largest group to the first part.
    counts = np.concatenate([counts, counts.sum(1, keepdims=True)], 1)
    wanted = np.asarray(shares, dtype=float)
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    totals = np.maximum(counts.sum(0), 1)
    missing = np.outer(wanted, counts.sum(0))  # (parts, classes) what each part still lacks
    place = np.full(len(counts), -1)
    for done, group in enumerate(order):
        gain = (((missing - counts[group]) ** 2 - missing**2) / totals**2).sum(1)
        empty = ~np.isin(np.arange(len(wanted)), place)
        if empty.sum() == len(order) - done:
            gain[~empty] = np.inf
        place[group] = best = int(np.argmin(gain))
        missing[best] -= counts[group]
    return [[int(i) for i in np.flatnonzero(place[members] == part)] for part in range(len(wanted))]
