"""A labelled data set that is never changed: each operation gives a new one.

    train, test = samples.filter(lambda sample: sample.subject != "P07").windows(16, 8).split(0.8, by="subject")

The names are those users know from DatasetOps (Hedegaard and others, 2022). Nothing is read before its turn comes: an
item may hold a function that reads it, and `map` waits with its work too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, overload

import numpy as np

from co_perception.data.partition import partition
from co_perception.data.skipped import Skipped
from co_perception.engine.data import Data, SkeletonSequence, Timeseries, Video
from co_perception.engine.target import Category

Change = Callable[[Any], Any]
By = Literal["group", "subject"]

TIME_AXIS: dict[type, int] = {SkeletonSequence: 1, Video: 1, Timeseries: 0}


@dataclass(frozen=True, eq=False)
class Sample:
    """One recording, or a piece of one, and what is done in it.

    Args:
        data: an engine `Data` (a tuple of them after `zip`), or a function that reads it. For loading in several
            processes the function must pickle: a `functools.partial` or a method does, a lambda does not.
        label: class index.
        subject: who did it; empty where unknown.
        group: the recording it was cut from; what folds must not tear apart. Empty: it stands alone.
        source: what to call it in a report, and what `zip` joins by.
    """

    data: Data | tuple[Data, ...] | Callable[[], Any]
    label: int
    subject: str = ""
    group: str = ""
    source: str = ""

    def read(self) -> Any:
        """The data, read now if it was not yet. Raises what its reader raises: ValueError or OSError for bad files."""
        return self.data() if callable(self.data) else self.data

    def holding(self, data: Data | tuple[Data, ...] | Callable[[], Any]) -> Sample:
        """The same sample with other data."""
        return Sample(data, self.label, self.subject, self.group, self.source)


@dataclass(frozen=True, eq=False)
class Samples(Sequence[tuple[Any, Category]]):
    """An immutable sequence of (data, `Category`), with the operations a training set needs.

    Args:
        items: the samples.
        classes: names by class index.

    Raises: ValueError for a label outside the classes.
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
    def __getitem__(self, index: int) -> tuple[Any, Category]: ...
    @overload
    def __getitem__(self, index: slice) -> Samples: ...
    def __getitem__(self, index: int | slice) -> tuple[Any, Category] | Samples:
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
        """Class index of each sample; nothing is read for it."""
        return [item.label for item in self.items]

    def counts(self) -> dict[str, int]:
        """Samples of each class, those without any included."""
        found = Counter(self.labels)
        return {name: found[index] for index, name in enumerate(self.classes)}

    def filter(self, keep: Callable[[Sample], bool]) -> Samples:
        """Those `keep` says yes to; it sees the `Sample`, so that nothing need be read."""
        return Samples((item for item in self.items if keep(item)), self.classes)

    def map(self, change: Change) -> Samples:
        """`change` of the data of each, done whenever it is read."""
        return Samples((item.holding(partial(_changed, change, item)) for item in self.items), self.classes)

    def shuffle(self, seed: int) -> Samples:
        """All of them in another order."""
        return self._at(np.random.default_rng(seed).permutation(len(self)))

    def take(self, count: int) -> Samples:
        """The first `count`, or all where there are fewer."""
        if count < 0:
            raise ValueError(f"take() wants a number of samples, got {count}.")
        return self[:count]

    def balance(self, seed: int, per_class: int | None = None) -> Samples:
        """Equally many of each class that has any, in the order of this set.

        per_class: how many; None for as many as the rarest class has. A class with fewer is repeated. Split first: a
        repeated sample in both parts is a leak wherever samples have no group.
        """
        rng = np.random.default_rng(seed)
        labels = np.array(self.labels, dtype=int)
        of_class = [np.flatnonzero(labels == label) for label in sorted(set(self.labels))]
        wanted = min(map(len, of_class), default=0) if per_class is None else per_class
        chosen = [rng.permutation(np.resize(rng.permutation(which), wanted)) for which in of_class]
        return self._at(np.sort(np.concatenate(chosen))) if chosen else self

    def split(self, share: float, by: By = "group", seed: int = 0) -> tuple[Samples, Samples]:
        """Two sets, the first with about `share` of every class; no recording (or person) is in both.

        Raises: ValueError for a share outside 0..1, fewer than two groups, or `by="subject"` of unknown subjects.
        """
        if not 0 < share < 1:
            raise ValueError(f"share is the first part's, between 0 and 1, got {share}.")
        first, second = partition(self.labels, self._groups(by), (share, 1 - share), seed)
        return self._at(first), self._at(second)

    def folds(self, k: int, by: By = "group", seed: int = 0) -> Iterator[tuple[Samples, Samples]]:
        """k times (train, test): each sample is in one test set, and no recording (or person) in both of a fold.

        Raises: ValueError, at once, as `split` does.
        """
        if k < 2:
            raise ValueError(f"cross-validation needs 2 folds at least, got {k}.")
        parts = partition(self.labels, self._groups(by), [1 / k] * k, seed)
        return ((self._at(sorted(set(range(len(self))) - set(test))), self._at(test)) for test in parts)

    def windows(self, length: int, step: int) -> Samples:
        """Pieces of `length` frames, one every `step` frames, that keep label, subject and group.

        Every sample is read once now, to learn how long it is; one whose reading is put off is read again with each of
        its windows. A sample shorter than `length` gives none.

        Raises: ValueError for lengths below 1, data without time, or where no sample is long enough.
        """
        if length < 1 or step < 1:
            raise ValueError(f"windows need a length and a step of 1 frame at least, got {length} and {step}.")
        frames = [_frames(item.read()) for item in self.items]
        if self.items and max(frames) < length:
            raise ValueError(f"no sample has {length} frames, the longest has {max(frames)}: ask for shorter windows.")
        return Samples(
            (
                _window(item, index, start, start + length)
                for index, item in enumerate(self.items)
                for start in range(0, frames[index] - length + 1, step)
            ),
            self.classes,
        )

    def zip(self, other: Samples) -> Samples:
        """Two streams of the same recordings (joints and bones) side by side, joined by `source`, in this set's order.

        Raises: ValueError where sources repeat, one is missing on either side, or labels differ.
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
        pairs = (item.holding(partial(_both, item, theirs[item.source])) for item in self.items)
        return Samples(pairs, self.classes)

    def readable(self) -> tuple[Samples, Skipped]:
        """Those that can be read, and a list of those that cannot. Reads everything once and keeps nothing."""
        good, skipped = list[Sample](), Skipped()
        for item in self.items:
            try:
                item.read()
                good.append(item)
            except (ValueError, OSError) as error:
                skipped.add(item.source, error)
        return Samples(good, self.classes), skipped

    def _at(self, indices: Iterable[Any]) -> Samples:
        return Samples((self.items[int(index)] for index in indices), self.classes)

    def _groups(self, by: By) -> list[str]:
        """What each sample must stay together with, by name."""
        if by not in ("group", "subject"):
            raise ValueError(f"by is 'group' (recordings) or 'subject' (people), got {by!r}.")
        if not self.items:
            raise ValueError("there is nothing to split: the set is empty.")
        if by == "group":
            first = {id(item): index for index, item in reversed(list(enumerate(self.items)))}  # balance() repeats
            return [_group(item, first[id(item)]) for item in self.items]
        if unknown := [item for item in self.items if not item.subject]:
            raise ValueError(
                f"the person is not known in {len(unknown)} of {len(self)} samples, {unknown[0].source!r} first: name "
                "the subjects in the annotations, or split by='group'."
            )
        return [item.subject for item in self.items]


def _group(item: Sample, number: int) -> str:
    """Its recording; without a name the sample is a recording of its own."""
    return item.group or item.source or f"sample {number}"


def _changed(change: Change, item: Sample) -> Any:
    return change(item.read())


def _both(one: Sample, other: Sample) -> tuple[Any, Any]:
    return one.read(), other.read()


def _by_source(samples: Samples) -> dict[str, Sample]:
    found = {item.source: item for item in samples.items}
    if len(found) < len(samples):
        raise ValueError("streams are joined by their sources, and these repeat: give each sample a source of its own.")
    return found


def _frames(data: Any) -> int:
    """Length in time; of a tuple, that of its shortest."""
    if isinstance(data, tuple):
        return min(map(_frames, data))
    if type(data) not in TIME_AXIS:
        kinds = ", ".join(kind.__name__ for kind in TIME_AXIS)
        raise ValueError(f"{type(data).__name__} has no time axis to cut along; {kinds} have one.")
    return int(data.data.shape[TIME_AXIS[type(data)]])


def _cut(start: int, stop: int, data: Any) -> Any:
    """Frames start to stop of a clip, or of each in a tuple; a view."""
    if isinstance(data, tuple):
        return tuple(_cut(start, stop, part) for part in data)
    assert isinstance(data, Data)
    index = (slice(None),) * TIME_AXIS[type(data)] + (slice(start, stop),)
    return replace(data, data=data.data[index])


def _window(item: Sample, index: int, start: int, stop: int) -> Sample:
    cut = partial(_cut, start, stop)
    data = partial(_changed, cut, item) if callable(item.data) else cut(item.data)
    return replace(item, data=data, group=_group(item, index), source=f"{item.source}[{start}:{stop}]")
