"""Preprocessing against OpenCV's, and on frames of unusual shapes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from co_perception.learners.frames import to_input
from co_perception.networks.variants import COI3D_INCEPTION


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1080, 1920), (256, 300), (100, 90)])
def test_equals_opencv_resize_and_centre_crop(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scale = 256 / min(size)
    wanted = cv2.resize(frame, (round(size[1] * scale), round(size[0] * scale)), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
    top, left = (wanted.shape[0] - 224) // 2, (wanted.shape[1] - 224) // 2
    wanted = wanted[top : top + 224, left : left + 224].transpose(2, 0, 1) / 127.5 - 1
    got = to_input(frame, COI3D_INCEPTION)
    assert got.shape == (3, 224, 224) and got.is_contiguous()
    # OpenCV interpolates in integers and rounds each pixel; one grey level is 1 / 127.5.
    np.testing.assert_allclose(got.numpy(), wanted, atol=1.1 / 127.5)


def test_values_span_minus_one_to_one_and_the_frame_is_not_touched() -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[:, :, 0] = 255
    got = to_input(frame[:, ::-1], COI3D_INCEPTION)
    torch.testing.assert_close(got[:, 0, 0], torch.tensor([1.0, -1.0, -1.0]))
    assert frame.max() == 255


def test_a_sliver_is_scaled_not_refused() -> None:
    assert to_input(np.zeros((1, 3, 3), np.uint8), COI3D_INCEPTION).shape == (3, 224, 224)
