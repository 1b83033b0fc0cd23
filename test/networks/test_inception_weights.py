"""Continual Inception-I3D with its published weights on real video, against an independent implementation in plain
torch."""

from __future__ import annotations

import pytest
import torch
from helpers.reference_i3d import reference_i3d
from safetensors.torch import load_file
from torch import Tensor

from co_perception.continual.check import stream_clip
from co_perception.data.video import VideoReader
from co_perception.engine.target import labels
from co_perception.learners.preprocess_video import to_input
from co_perception.learners.weights import locate_converted
from co_perception.networks.inception import InceptionCoI3D, published_names
from co_perception.networks.variants import COI3D_INCEPTION
from co_perception.runtime.store import store

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return load_file(locate_converted("i3d_kinetics400"))


@pytest.fixture(scope="module")
def network(weights: dict[str, Tensor]) -> InceptionCoI3D:
    net = InceptionCoI3D().eval().requires_grad_(False)
    net.load_state_dict(published_names(weights))
    return net


def beam_leap(views: tuple[int, ...]) -> Tensor:
    """(1, 3, T, 224, 224) of the athlete's leap, 100 frames a view."""
    frames = [frame.pixels for view in views for frame in VideoReader(str(store.locate(f"pose2sim_single_cam0{view}")))]
    return torch.stack([to_input(frame, COI3D_INCEPTION) for frame in frames], dim=1).unsqueeze(0)


@pytest.mark.slow
def test_beam_leap_is_hurdling_in_clip_mode_and_stepped(network: InceptionCoI3D, weights: dict[str, Tensor]) -> None:
    clip = beam_leap((2,))[:, :, :96]
    logits = network.classify(clip)[0]
    probabilities = torch.softmax(logits, 0)
    assert labels("kinetics400")[int(probabilities.argmax())] == "hurdling" and probabilities.max() >= 0.9
    torch.testing.assert_close(logits, reference_i3d(clip, weights).mean[0], atol=1e-4, rtol=0)
    stepped = stream_clip(network, clip, network.timing.stride)
    torch.testing.assert_close(stepped.mean(2)[0], logits, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_steady_state_is_the_unpadded_network_on_the_last_receptive_field(
    network: InceptionCoI3D, weights: dict[str, Tensor]
) -> None:
    """64 answers in a row: answer i sees frames 8 i - 44 to 8 i + 62 and nothing else."""
    outputs, field, stride, padding = 64, network.receptive_field, network.timing.stride, network.timing.before
    there = beam_leap((1, 2, 3, 4))
    video = torch.cat([there, there.flip(2)], dim=2)
    first = -(-padding // stride)  # the first answer whose field begins inside the video
    last_frame = (first + outputs) * stride + field
    streamed = stream_clip(network, video[:, :, : last_frame // stride * stride], stride)[:, :, first : first + outputs]
    start = first * stride - padding
    for piece in range(0, outputs, 16):
        begin = start + piece * stride
        frames = video[:, :, begin : begin + 15 * stride + field]
        wanted = reference_i3d(frames, weights, temporal_padding=False).positions
        torch.testing.assert_close(streamed[:, :, piece : piece + 16], wanted, atol=1e-4, rtol=0)
    [alone] = reference_i3d(video[:, :, start : start + field], weights, temporal_padding=False).positions.unbind(2)
    torch.testing.assert_close(streamed[:, :, 0], alone, atol=1e-4, rtol=0)
