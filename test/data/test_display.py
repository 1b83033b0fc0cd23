"""How pictures are shown: their size. Turned files are in test_video.py."""

from __future__ import annotations

import pytest

from co_perception.data.display import scaled_size


@pytest.mark.parametrize(
    ("size", "short_side", "becomes"),
    [((1080, 1920), 256, (256, 455)), ((1920, 1080), 256, (455, 256))]
    + [((64, 48), 256, (64, 48)), ((64, 48), 0, (64, 48))],
)
def test_shrinking_keeps_the_shape_and_never_enlarges(
    size: tuple[int, int], short_side: int, becomes: tuple[int, int]
) -> None:
    assert scaled_size(*size, short_side) == becomes
