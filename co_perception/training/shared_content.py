"""Check that no recording is in two of the sets of one training, by content: a copy is found whatever its name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from co_perception.data.content_sketch import ContentSketch
from co_perception.data.known_content import content_digests
from co_perception.engine.data import Timeseries
from co_perception.training.examples import Examples


def content_of(examples: Examples) -> ContentSketch:
    """The content of all examples; each is read once, without augmentation."""
    return ContentSketch.of(digest for index in range(len(examples)) for digest in _digests(examples, index))


def check_separate(sets: dict[str, Examples | None]) -> dict[str, ContentSketch]:
    """The content of each set, by its name in errors.

    Raises:
        ValueError: where one has recordings of another.
    """
    given = {name: examples for name, examples in sets.items() if examples is not None}
    contents = {name: content_of(examples) for name, examples in given.items()}
    for (one, first), (other, second) in combinations(contents.items(), 2):
        if overlap := first.overlap(second):
            shared, asked = overlap
            raise ValueError(
                f"the {other} examples show what the {one} examples show: {shared} of {asked} different frames that "
                f"were compared are the same{_where(given[other], first)}. Copies, cuts and overlapping windows of one "
                "recording belong to one set: divide takes, recordings or people (Samples.split), then cut windows"
            )
    return contents


def _where(examples: Examples, known: ContentSketch) -> str:
    """In words the first example that is known."""
    for index in range(len(examples)):
        if known.shared(ContentSketch.of(_digests(examples, index)))[0]:
            return f", the first in example {index}"
    return ""


def _digests(examples: Examples, index: int) -> Iterator[bytes]:
    """Of the whole recording where the examples have a `dataset` of pairs, as learners' do, else of the input.

    Examples whose inputs were computed from recordings have their `digests`.
    """
    if (own := getattr(examples, "digests", None)) is not None:
        return iter(own(index))
    dataset = getattr(examples, "dataset", None)
    if dataset is not None:
        return content_digests(dataset[index][0])
    values = examples.tensor(index, None).numpy()
    return content_digests(Timeseries(np.moveaxis(values, 1, 0).reshape(values.shape[1], -1).astype(np.float32)))
