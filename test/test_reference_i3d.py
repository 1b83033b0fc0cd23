"""The reference is only worth something if it is right: held against published weights and its own definition."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from helpers.reference_i3d import parameter_shapes, random_weights, reference_i3d
from safetensors.torch import load_file
from torch import Tensor

from co_perception.engine.target import labels
from co_perception.learners.weights import locate_converted
from co_perception.runtime.store import store


def test_names_and_shapes_are_those_of_the_published_network() -> None:
    shapes = parameter_shapes()
    assert len(shapes) == 57 * 6 + 2
    assert shapes["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert shapes["Mixed_4e.b2b.bn.running_var"] == (64,)
    assert shapes["Mixed_5c.b0.conv3d.weight"] == (384, 832, 1, 1, 1)
    assert shapes["logits.conv3d.weight"] == (400, 1024, 1, 1, 1)
    published = load_file(locate_converted("i3d_kinetics400"))
    assert {name: tuple(value.shape) for name, value in published.items()} == shapes


@pytest.mark.slow
def test_published_weights_see_the_athlete_leap() -> None:
    video = _clip(store.locate("pose2sim_single_cam02"), frames=96)
    with torch.inference_mode():
        answer = reference_i3d(video, load_file(locate_converted("i3d_kinetics400")))
    assert answer.positions.shape == (1, 400, 11)
    score, best = answer.mean.softmax(1)[0].max(0)
    assert labels("kinetics400")[int(best)] == "hurdling"
    assert float(score) == pytest.approx(0.9626, abs=0.002)


@pytest.mark.slow
def test_far_from_the_ends_padding_in_time_makes_no_difference() -> None:
    # Position p looks at frames 8 p - 44 to 8 p + 62, which is worked out by hand from kernels, strides and pads.
    weights = random_weights(classes=5)
    video = torch.randn(1, 3, 112, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        padded = reference_i3d(video, weights).positions[:, :, 6]
        bare = reference_i3d(video[:, :, 4:111], weights, temporal_padding=False).positions
    assert bare.shape == (1, 5, 1)
    torch.testing.assert_close(bare[:, :, 0], padded, rtol=1e-4, atol=1e-4)


def _clip(path: Path, frames: int) -> Tensor:
    """(1, 3, T, 224, 224) in [-1, 1] of a video's first frames: short side 256, center crop, as published."""
    crops = []
    with av.open(str(path)) as video:
        for frame, _ in zip(video.decode(video=0), range(frames), strict=False):
            image = frame.to_ndarray(format="rgb24")
            scale = 256 / min(image.shape[:2])
            size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
            image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
            top, left = (image.shape[0] - 224) // 2, (image.shape[1] - 224) // 2
            crops.append(image[top : top + 224, left : left + 224])
    return torch.from_numpy(np.stack(crops)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
