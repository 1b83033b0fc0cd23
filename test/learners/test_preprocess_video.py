"""Preprocessing against OpenCV's, and on frames of unusual shapes."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from co_perception.learners.preprocess_video import to_input
from co_perception.networks.variants import COI3D_INCEPTION, VIDEO_VARIANTS
from co_perception.training.augment import ClipView


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


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (1080, 1920), (90, 100)])
def test_squash_is_opencv_resize_of_the_whole_frame(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    wanted = cv2.resize(frame, (224, 224), interpolation=cv2.INTER_LINEAR).transpose(2, 0, 1) / 127.5 - 1
    got = to_input(frame, dataclasses.replace(COI3D_INCEPTION, crop="squash"))
    np.testing.assert_allclose(got.numpy(), wanted, atol=1.1 / 127.5)


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (100, 90)])
def test_pad_is_the_whole_frame_with_black_beside_it(size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(1, 256, (*size, 3), dtype=np.uint8)
    scale = 224 / max(size)
    height, width = round(size[0] * scale), round(size[1] * scale)
    wanted = np.zeros((224, 224, 3))
    top, left = (224 - height) // 2, (224 - width) // 2
    inside = slice(top, top + height), slice(left, left + width)
    wanted[inside] = cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR)
    got = to_input(frame, dataclasses.replace(COI3D_INCEPTION, crop="pad")).numpy()
    np.testing.assert_allclose(got, wanted.transpose(2, 0, 1) / 127.5 - 1, atol=1.1 / 127.5)
    outside = np.ones((224, 224), bool)
    outside[inside] = False
    assert outside.sum() == 224 * 224 - height * width and (got[:, outside] == -1).all()


@pytest.mark.parametrize("crop", ["squash", "pad"])
def test_an_act_at_the_side_is_seen_with_another_crop(crop: str) -> None:
    frame = np.zeros((90, 160, 3), np.uint8)
    frame[:, :20] = 255
    assert (to_input(frame, COI3D_INCEPTION) == -1).all()
    assert (to_input(frame, dataclasses.replace(COI3D_INCEPTION, crop=crop)) > 0.9).any()


@pytest.mark.parametrize("crop", ["squash", "pad"])
def test_training_may_enlarge_and_move_another_crop(crop: str) -> None:
    """As much larger, the right border of the frame is at the right border of the input."""
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[:, -8:] = 255
    variant = dataclasses.replace(COI3D_INCEPTION, crop=crop)
    right = to_input(frame, variant, view=ClipView(scale=1.5, right=1.0))
    left = to_input(frame, variant, view=ClipView(scale=1.5, right=0.0))
    assert right.shape == left.shape == (3, 224, 224)
    assert (right[:, 112, -10:] > 0.9).all() and (left == -1).all()


def test_an_unknown_crop_is_refused() -> None:
    with pytest.raises(ValueError, match="no crop 'middle'; there are: center, squash, pad"):
        dataclasses.replace(COI3D_INCEPTION, crop="middle")


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
