"""Sketches of contents: bounded, joined like the sets they stand for, and a recording that is in one is found."""

from __future__ import annotations

import numpy as np
import pytest

from co_perception.data.content_sketch import MOST, ContentSketch
from co_perception.data.known_content import LEAST_SHARED, content_digests
from co_perception.engine.data import SkeletonSequence, Timeseries, Video


def digests(count: int, seed: int) -> list[bytes]:
    return [value.tobytes() for value in np.random.default_rng(seed).integers(0, 1 << 63, count, np.uint64) * 2]


def test_a_recording_is_found_in_any_amount_of_others_and_no_other_one() -> None:
    many, recording = digests(150_000, 0), digests(300, 1)
    sketch = ContentSketch.of(many + recording)
    assert len(sketch.digests) == MOST
    shared, asked = sketch.shared(ContentSketch.of(recording))
    assert shared == asked and LEAST_SHARED < asked < 40  # of 300, as many as of all others
    assert sketch.contains(ContentSketch.of(recording)) and sketch.contains(ContentSketch.of(recording[:150]))
    assert not sketch.contains(ContentSketch.of(digests(300, 2)))
    assert not ContentSketch.of(many).contains(ContentSketch.of(recording))
    assert not sketch.contains(ContentSketch.of([])) and not ContentSketch.of([]).contains(sketch)


def test_a_recording_of_which_a_part_was_trained_on_is_found_in_a_sketch_that_keeps_few() -> None:
    """The fault: eight of the digests that are kept were wanted, as of all, or every one."""
    recording = digests(300, 1)
    sketch = ContentSketch.of(digests(150_000, 0) + recording[:100])
    shared, asked = sketch.shared(ContentSketch.of(recording))
    assert 1 <= shared < LEAST_SHARED < asked
    assert sketch.contains(ContentSketch.of(recording))
    few = ContentSketch.of(digests(20_000, 0) + recording[:2])  # keeps two in five, so that one or two are no copy
    assert not few.contains(ContentSketch.of(recording))


def test_an_overlap_is_found_from_both_sides() -> None:
    """A short recording within a long one, which it does not contain."""
    still, walk, other = digests(3, 0), digests(50, 1), digests(50, 2)
    part, whole = ContentSketch.of(still), ContentSketch.of(walk + still)
    assert not part.contains(whole) and part.overlap(whole) == (3, 53) and whole.overlap(part) == (3, 3)
    assert whole.overlap(ContentSketch.of(other + still)) is None
    assert ContentSketch.of([]).overlap(ContentSketch.of([])) is None


def test_joined_is_the_sketch_of_both_in_any_order() -> None:
    one, other = digests(9000, 0), digests(20_000, 1)
    wanted = ContentSketch.of([*one, b"", *other, *one])
    for first, second in ((one, other), (other, one)):
        found = ContentSketch.of(first).joined(ContentSketch.of(second))
        assert np.array_equal(found.digests, wanted.digests) and found.limit == wanted.limit
    read = ContentSketch.from_text(wanted.to_text())
    assert np.array_equal(read.digests, wanted.digests) and read.limit == wanted.limit
    assert ContentSketch.of([]).to_text() == "" and not len(ContentSketch.from_text("").digests)


@pytest.mark.parametrize("text", ["x", "0" * 11, "é", ContentSketch.of(digests(3, 0)).to_text()[::-1] + "~~~~~"])
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a sketch of contents is"):
        ContentSketch.from_text(text)


def test_one_motionless_frame_makes_no_copy() -> None:
    still, walk = digests(1, 0), digests(50, 1)
    assert not ContentSketch.of(walk + still).contains(ContentSketch.of(digests(50, 2) + still))
    assert ContentSketch.of(walk + still).contains(ContentSketch.of(still))  # and all of it is


def test_a_cut_of_a_time_series_is_found_and_rows_that_happen_to_be_the_same_are_not() -> None:
    one, other = np.random.default_rng(0).integers(0, 2, (2, 400, 1)).astype(np.float32)
    whole = ContentSketch.of(content_digests(Timeseries(one, 10.0)))
    assert whole.contains(ContentSketch.of(content_digests(Timeseries(one[100:200], 10.0))))
    assert not whole.contains(ContentSketch.of(content_digests(Timeseries(other, 10.0))))
    wide = np.random.default_rng(1).normal(size=(20, 40)).astype(np.float32)  # a row is enough
    rows = {*content_digests(Timeseries(wide, 10.0))}
    assert len(rows) == 20 and {*content_digests(Timeseries(wide[7:9], 10.0))} < rows


def test_every_kind_of_recording_has_digests_of_its_instants() -> None:
    rng = np.random.default_rng(0)
    joints = rng.random((3, 6, 17, 2), np.float32)
    joints[:, 2, :, 1] = 0  # one person is not there in one frame
    people = list(content_digests(SkeletonSequence(joints, "coco17", 15.0)))
    assert len(people) == len(set(people)) == 11
    scored = joints.copy()
    scored[2] = np.where(joints[2] > 0, 1, 0)  # an estimator's confidence is no content
    assert list(content_digests(SkeletonSequence(scored, "coco17", 15.0))) == people
    video = Video(rng.integers(1, 255, (3, 5, 4, 4), np.uint8), 15.0)
    rows = Timeseries(np.concatenate([np.zeros((1, 3)), np.ones((2, 3))]).astype(np.float32), 10.0)
    assert len({*content_digests(video)}) == 5 and len(list(content_digests(rows))) == 2
    assert len(list(content_digests((video, rows)))) == 7 and not list(content_digests("a name"))


def test_it_is_printed_as_a_few_words() -> None:
    sketch = ContentSketch.of(number.to_bytes(8, "little") for number in range(5000))
    assert repr({"trained_on": sketch}) == "{'trained_on': ContentSketch(5000 digests)}"
