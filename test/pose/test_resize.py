"""Samples against torch's and OpenCV's, however colors and rows lie."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from co_perception.pose.resize import Letterbox, axis_samples, bilinear, resize

RNG = np.random.default_rng(0)
LIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rgb": lambda rgb: rgb,
    "bgr": lambda rgb: np.ascontiguousarray(rgb[..., ::-1])[..., ::-1],
    "rgba": lambda rgb: np.concatenate([rgb, rgb[..., :1]], axis=2)[..., :3],
    "bgra": lambda rgb: np.concatenate([rgb[..., ::-1], rgb[..., :1]], axis=2)[..., 2::-1],
    "rows with padding": lambda rgb: np.pad(rgb, ((0, 0), (0, 5), (0, 0)))[:, : rgb.shape[1]],
    "part of a picture": lambda rgb: np.pad(rgb, ((3, 2), (4, 1), (0, 0)))[3:-2, 4:-1],
    "upside down": lambda rgb: rgb[::-1].copy()[::-1],
    "every second row and column": lambda rgb: rgb.repeat(2, axis=0).repeat(2, axis=1)[::2, ::2],
    "every ninth column": lambda rgb: rgb.repeat(9, axis=1)[:, ::9],
    "mirrored": lambda rgb: rgb[:, ::-1].copy()[:, ::-1],
    "planes": lambda rgb: rgb.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "columns first": lambda rgb: np.asfortranarray(rgb),
    "read only": lambda rgb: np.frombuffer(rgb.tobytes(), np.uint8).reshape(rgb.shape),
}


def picture(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_torch(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, 3, width)."""
    planes = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)[None].to(torch.float32)
    return F.interpolate(planes, (height, width), mode="bilinear", align_corners=False)[0].permute(1, 0, 2).numpy()


def both(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    return bilinear(rgb, axis_samples(rgb.shape[0], height), axis_samples(rgb.shape[1], width))


@pytest.mark.parametrize("size", [(480, 640), (481, 643), (1080, 1920), (90, 71), (1, 1), (2, 300)])
@pytest.mark.parametrize("target", [(256, 341), (182, 243), (7, 5), (1, 1)])
def test_as_torch(size: tuple[int, int], target: tuple[int, int]) -> None:
    rgb = picture(*size)
    # Gray levels; machines differ in whether torch's products are rounded before they are added to.
    np.testing.assert_allclose(both(rgb, *target), by_torch(rgb, *target), atol=0.02)


@pytest.mark.parametrize("size", [(480, 640), (90, 71)])
def test_as_opencv(size: tuple[int, int]) -> None:
    rgb = picture(*size)
    wanted = cv2.resize(rgb.astype(np.float32), (341, 256), interpolation=cv2.INTER_LINEAR).transpose(0, 2, 1)
    np.testing.assert_allclose(both(rgb, 256, 341), wanted, atol=0.02)


@pytest.mark.parametrize("lies", LIES)
def test_however_it_lies_the_samples_are_the_same(lies: str) -> None:
    rgb = picture(37, 53)
    strange = LIES[lies](rgb)
    assert np.array_equal(strange, rgb)
    assert np.array_equal(both(strange, 20, 30), both(rgb, 20, 30))
    assert np.array_equal(strange, rgb)  # nothing was written


@pytest.mark.parametrize("shape", [(37, 53, 3), (1, 1, 3), (5, 1, 3), (1, 9, 3)])
def test_one_value_for_all_colors_and_one_for_all_pixels(shape: tuple[int, int, int]) -> None:
    gray = np.broadcast_to(RNG.integers(0, 256, (*shape[:2], 1), dtype=np.uint8), shape)
    assert np.array_equal(both(gray, 4, 6), both(gray.copy(), 4, 6))
    dark = np.broadcast_to(np.uint8(9), shape)
    assert (both(dark, 4, 6) == 9).all()


def test_a_part_of_the_samples_is_that_part() -> None:
    rgb = picture(60, 80)
    whole = both(rgb, 40, 50)
    part = bilinear(rgb, axis_samples(60, 40, 3, 21), axis_samples(80, 50, 10, 31))
    assert np.array_equal(part, whole[3:21, :, 10:31])
    mirrored = bilinear(rgb, axis_samples(60, 40, 3, 21), axis_samples(80, 50, 10, 31).mirrored())
    assert np.array_equal(mirrored, part[..., ::-1])


def test_the_same_size_gives_the_pixels_themselves() -> None:
    rgb = picture(12, 17)
    assert np.array_equal(both(rgb, 12, 17), rgb.transpose(0, 2, 1))


@pytest.mark.parametrize("size", [(480, 640), (994, 1768), (100, 57), (1, 1), (33, 500)])
@pytest.mark.parametrize("target", [(160, 256), (256, 192), (1, 7)])
def test_whole_levels_as_opencv(size: tuple[int, int], target: tuple[int, int]) -> None:
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
    center = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    assert np.abs(box.restore(center) - (508, 208)).max() < 1.5
    assert not small[: box.top].any()


def test_sizes_the_network_cannot_take() -> None:
    for size in (0, 31, 100):
        with pytest.raises(ValueError, match="multiple of 32"):
            Letterbox.around(480, 640, size)
