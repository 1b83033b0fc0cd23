"""Resizing against OpenCV's, and positions there and back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from co_perception.pose.letterbox import Letterbox, resize


@pytest.mark.parametrize("size", [(480, 640), (994, 1768), (100, 57), (1, 1), (33, 500)])
@pytest.mark.parametrize("target", [(160, 256), (256, 192), (1, 7)])
def test_bilinear_as_opencv(size: tuple[int, int], target: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    ours = resize(picture, *target).astype(int)
    theirs = cv2.resize(picture, target[::-1], interpolation=cv2.INTER_LINEAR).reshape(*target, 3).astype(int)
    assert np.abs(ours - theirs).max() <= 1  # OpenCV rounds its weights to 11 bits


@pytest.mark.parametrize(("height", "width"), [(480, 640), (994, 1768), (1920, 1088), (256, 256), (10, 3000)])
def test_the_input_is_small_and_keeps_the_shape_of_things(height: int, width: int) -> None:
    box = Letterbox.around(height, width, 256)
    assert max(box.height, box.width) == 256
    assert box.height % 32 == box.width % 32 == 0
    assert 0 <= box.height - height * box.scale < 32.5
    assert 0 <= box.width - width * box.scale < 32.5


def test_a_mark_is_found_again_where_it_was() -> None:
    picture = np.zeros((300, 701, 3), np.uint8)
    picture[200:216, 500:516] = 255
    box = Letterbox.around(300, 701, 320)
    small = box.apply(picture)
    assert small.shape == (box.height, box.width, 3)
    rows, columns = np.nonzero(small[..., 0] > 127)
    centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    assert np.abs(box.restore(centre) - (508, 208)).max() < 1.5
    assert not small[: box.top].any()


def test_sizes_the_network_cannot_take() -> None:
    for size in (0, 31, 100):
        with pytest.raises(ValueError, match="multiple of 32"):
            Letterbox.around(480, 640, size)
