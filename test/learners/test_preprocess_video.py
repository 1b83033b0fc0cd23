"""Preprocessing against OpenCV's, and on frames of unusual shapes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from co_perception.learners.preprocess_video import to_input
from co_perception.networks.variants import COI3D_INCEPTION, VIDEO_VARIANTS


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1080, 1920), (256, 300), (100, 90)])
def test_equals_opencv_resize_and_center_crop(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scale = 256 / min(size)
    scaled = round(size[1] * scale), round(size[0] * scale)
    wanted = cv2.resize(frame, scaled, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    top, left = (wanted.shape[0] - 224) // 2, (wanted.shape[1] - 224) // 2
    wanted = wanted[top : top + 224, left : left + 224].transpose(2, 0, 1) / 127.5 - 1
    got = to_input(frame, COI3D_INCEPTION)
    assert got.shape == (3, 224, 224) and got.is_contiguous()
    # OpenCV interpolates in integers and rounds each pixel; one gray level is 1 / 127.5.
    np.testing.assert_allclose(got.numpy(), wanted, atol=1.1 / 127.5)


def test_values_span_minus_one_to_one_and_the_frame_is_not_touched() -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[:, :, 0] = 255
    got = to_input(frame[:, ::-1], COI3D_INCEPTION)
    torch.testing.assert_close(got[:, 0, 0], torch.tensor([1.0, -1.0, -1.0]))
    assert frame.max() == 255


def test_a_sliver_is_scaled_not_refused() -> None:
    assert to_input(np.zeros((1, 3, 3), np.uint8), COI3D_INCEPTION).shape == (3, 224, 224)


@pytest.mark.parametrize("name", VIDEO_VARIANTS)
@pytest.mark.parametrize("size", [(480, 640), (641, 481), (256, 340), (1080, 1920)])
def test_equals_torch_resize_of_the_whole_frame_then_crop_and_normalize(name: str, size: tuple[int, int]) -> None:
    variant = VIDEO_VARIANTS[name]
    frame = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    factor = variant.short_side / min(size)
    scaled = [max(round(length * factor), variant.short_side) for length in size]
    planes = torch.from_numpy(frame).permute(2, 0, 1).to(torch.float32)
    if min(size) != variant.short_side:
        planes = F.interpolate(planes[None], scaled, mode="bilinear", align_corners=False)[0]
    top, left = ((length - variant.size) // 2 for length in planes.shape[1:])
    square = planes[:, top : top + variant.size, left : left + variant.size]
    wanted = (square / 255 - variant.mean) / variant.std
    # Where torch does not round a product before it adds to it, the two agree to 1e-6.
    torch.testing.assert_close(to_input(frame, variant), wanted, atol=2e-4, rtol=0)


def test_a_message_of_any_order_of_colors_gives_the_same_input() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    wanted = to_input(frame, COI3D_INCEPTION)
    bgr = np.ascontiguousarray(frame[..., ::-1])
    bgra = np.concatenate([bgr, bgr[..., :1]], axis=2)
    for view in (bgr[..., ::-1], bgra[..., 2::-1], np.pad(frame, ((0, 0), (0, 7), (0, 0)))[:, :120]):
        assert torch.equal(to_input(view, COI3D_INCEPTION), wanted)
