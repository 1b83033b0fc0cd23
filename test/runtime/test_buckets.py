"""A few sizes for any number of streams."""

from __future__ import annotations

import torch

from co_perception.runtime.buckets import bucket, filled


def test_the_least_that_has_place() -> None:
    assert [bucket(n) for n in (0, 1, 2, 3, 5, 16, 17, 64, 65, 130)] == [1, 1, 2, 4, 8, 16, 32, 64, 128, 192]


def test_rows_are_filled_up_with_the_last() -> None:
    rows = torch.arange(6).view(3, 2)
    assert filled(rows, 3) is rows
    assert filled(rows, 5).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]
