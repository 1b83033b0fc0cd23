"""Labelled parts of streams as examples of a head: which steps they have, and which of them count."""

from __future__ import annotations

import math

import numpy as np
import torch

from co_perception.continual.timing import Timing
from co_perception.learners.head_examples import HeadExamples, Part, part_of
from co_perception.learners.stream_features import StreamFeatures, counted_steps

TIMING, RATE_HZ = Timing(8, 2, 3, 3), 10.0  # of a trunk: five answers a second


def stream(frames: int = 40, begin_s: float = 0.0) -> StreamFeatures:
    """Feature 0 is the number of the step."""
    steps = TIMING.length(frames)
    rows = np.stack([np.arange(steps), np.ones(steps)], 1).astype(np.float32)
    return StreamFeatures(rows, frames, begin_s, np.arange(1, frames + 1).astype(np.uint64))


def part(found: StreamFeatures, start_s: float, end_s: float) -> Part:
    counted = counted_steps(TIMING, len(found.rows), found.frames, 0.75)
    return part_of(found, (start_s, end_s), counted, TIMING, RATE_HZ)


def test_a_part_has_the_steps_whose_frame_lies_in_it() -> None:
    found = part(stream(), 1.0, 2.0)  # frames 10 to 19, steps 5 to 9
    assert (found.first, found.last) == (5, 10) and found.counted[5:10].all()
    assert list(HeadExamples([found], [0], 0).digests(0)) == [number.to_bytes(8, "little") for number in range(11, 21)]
    assert (part(stream(begin_s=0.5), 1.5, 2.5).first, part(stream(), 0, math.inf).last) == (5, 20)


def test_answers_at_the_borders_of_a_stream_do_not_count_unless_there_are_no_others() -> None:
    assert part(stream(), 0, math.inf).counted.tolist() == [False, *[True] * 18, False]
    only = part(stream(), 0.0, 0.1)
    assert (only.first, only.last) == (0, 1) and only.counted[0]


def test_a_part_between_two_steps_has_the_nearest() -> None:
    found = part(stream(), 1.15, 1.19)
    assert (found.first, found.last) == (6, 7)  # frame 12 is nearer than frame 10


def test_context_comes_before_and_does_not_count() -> None:
    found = stream()
    examples = HeadExamples([part(found, 1.0, 2.0), part(found, 1.0, 1.4)], [0, 1], context=3)
    x = examples.tensor(0, None)
    assert x.shape == (3, 8) and x.dtype == torch.float32
    assert x[0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9] and x[-1].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    short = examples.tensor(1, None)
    assert short[0].tolist() == [2, 3, 4, 5, 6, 0, 0, 0] and short[-1].tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    drawn = {int(examples.tensor(0, np.random.default_rng(seed))[0, 0]) for seed in range(40)}
    assert drawn == {2, 3, 4, 5}  # any context up to three steps


def test_a_long_part_is_cut() -> None:
    found = stream(frames=1200)
    examples = HeadExamples([part(found, 0, math.inf)], [0], context=0)
    assert examples.length == 256
    assert examples.tensor(0, None)[0, 0] == (600 - 256) // 2  # the middle
    starts = {int(examples.tensor(0, np.random.default_rng(seed))[0, 0]) for seed in range(20)}
    assert len(starts) > 10 and max(starts) <= 600 - 256
