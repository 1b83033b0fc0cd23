"""Cost of a network, counted and not timed: multiply-adds, parameters, state; and the table of all networks.

`rows` are those of `co-perception networks`, beside what the papers report.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from co_perception.continual.layer import Streaming
from co_perception.continual.pipeline import Pipeline
from co_perception.continual.state import state_bytes
from co_perception.networks.build import build_video
from co_perception.networks.oadtr import CoOadTR
from co_perception.networks.stgcn import CoStGcn
from co_perception.networks.temporal import CoTcn
from co_perception.networks.variants import (
    VIDEO_VARIANTS,
    MovinetVariant,
    PooledVariant,
    Published,
    ResidualVariant,
    ResNet3dVariant,
    VideoVariant,
)
from co_perception.networks.variants_features import FEATURE_VARIANTS, FeatureVariant
from co_perception.networks.variants_skeleton import SKELETON_VARIANTS, TEMPORAL_VARIANTS, SkeletonVariant
from co_perception.networks.video import VideoNetwork

Network = VideoNetwork | CoStGcn | CoTcn | CoOadTR
INCEPTION_FRAMES = 64  # of the clips that Inception-I3D was trained on
COUNTED_IN_VIDEO = "the paper counts norms and ReLUs as well, for steps twice; the difference is taken counting so"
FADING = (
    "the field is that of the convolutions; through means over time an answer depends on all frames so far, of which "
    "older ones fade. The authors' table counts multiply-adds once, of a clip of 50 frames of a base network, and has "
    "the same figure for streams"
)
PAST_GATES = f"{FADING}; gates take the mean of past frames, where the published ones take that of the whole clip"
TWO_FRAMES = "; a step is 2 frames, and the paper leaves out what the first costs"


def params(network: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs_per_step(network: Streaming, frame_shape: tuple[int, ...], *, elementwise: int = 0) -> int:
    """Multiply-adds of convolutions and matrix products that one step (stride frames) of one stream takes.

    elementwise: how often batch norms (two per value) and ReLUs (one) are counted besides. Papers differ: the figures
    of "Continual 3D Convolutional Neural Networks" (arXiv:2106.00050) are those of 1 for clips and of 2 for steps,
    whose norms and ReLUs its profiler met twice.
    """
    blank = _blank(network)
    state = blank.init_state(1, frame_shape, device="meta")
    return _count(blank, lambda x: blank(x, state)[0], _frames(frame_shape, network.timing.stride), elementwise)


def macs_per_clip(network: Streaming, frame_shape: tuple[int, ...], frames: int, *, elementwise: int = 0) -> int:
    """Multiply-adds of the offline network on one clip of `frames` frames: the cost of each of its predictions."""
    blank = _blank(network)
    return _count(blank, blank.clip, _frames(frame_shape, frames), elementwise)


def macs_per_answer(network: Network, frame_shape: tuple[int, ...], frames: int) -> int:
    """Multiply-adds of the network's `classify` on one clip: the cost of an answer if every clip is recomputed."""
    blank = copy.deepcopy(network).to("meta").eval()
    return _count(blank, blank.classify, _frames(frame_shape, frames), 0)


def stream_bytes(network: Streaming, frame_shape: tuple[int, ...]) -> int:
    """Bytes of state that one stream holds."""
    return state_bytes(_blank(network).init_state(1, frame_shape, device="meta"))


def _blank(network: Streaming) -> Streaming:
    """A copy on the meta device: shapes are enough to count, and nothing is computed."""
    return copy.deepcopy(network).to("meta").eval()


def _frames(frame_shape: tuple[int, ...], frames: int) -> Tensor:
    return torch.empty(1, frame_shape[0], frames, *frame_shape[1:], device="meta")


@torch.no_grad()
def _count(network: nn.Module, function: Callable[[Tensor], Tensor], x: Tensor, elementwise: int) -> int:
    values = 0

    def hook(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        nonlocal values
        values += given[0].numel() * (2 if isinstance(module, _BatchNorm) else 1)

    for module in network.modules():
        if isinstance(module, _BatchNorm | nn.ReLU):
            module.register_forward_hook(hook)
    # The counter does not see into fused attention; the plain form is the same products.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        function(x)
    return counter.get_total_flops() // 2 + elementwise * values


@dataclass(frozen=True)
class Row:
    """Costs of one network and one stream.

    Attributes:
        name, params: of its variant, and number of trained parameters.
        macs_per_step, macs_per_clip: multiply-adds of convolutions and matrix products.
        receptive_field: frames that an answer is computed from.
        delay: frames between the one an answer describes and the last it needs.
        stride: frames between answers.
        rate_hz: frames per second of the training data.
        min_progress: share of the field that must be real for a VALID label.
        answers_after: frames that have come with the first answer.
        padding: frames before the first one that the first answer is computed from, as zeros.
        state_bytes: of one stream.
        published: figures of the paper.
        difference: percent by which params and macs_per_step differ from the published figures, counted as the paper
            does.
        note: why they differ.
    """

    name: str
    params: int
    macs_per_step: int
    macs_per_clip: int
    receptive_field: int
    delay: int
    stride: int
    rate_hz: float
    min_progress: float
    answers_after: int
    padding: int
    state_bytes: int
    published: Published
    difference: dict[str, float]
    note: str

    @property
    def age(self) -> int:
        """Frames between the moment that an answer describes and that at which it comes."""
        return self.answers_after - 1

    def label_after(self, progress: float) -> int:
        """Frames that come until the first answer of which this share of the field is real."""
        missing = progress * self.receptive_field - (self.receptive_field - self.padding)
        return self.answers_after + max(0, math.ceil(missing / self.stride)) * self.stride


def rows() -> Iterator[Row]:
    """A row for every network, in the order of the records. Builds each network once; takes some seconds."""
    for video in VIDEO_VARIANTS.values():
        elementwise = 2 if isinstance(video, ResidualVariant) else 0
        note = COUNTED_IN_VIDEO if elementwise else ""
        if isinstance(video, ResNet3dVariant) and video.halve:
            note += TWO_FRAMES
        if isinstance(video, MovinetVariant):
            note = FADING if video.causal else PAST_GATES
        yield _row(build_video(video), video.frame_shape, note, elementwise)
    for skeleton in SKELETON_VARIANTS.values():
        joints = CoStGcn(skeleton)
        yield _row(joints, joints.frame_shape, skeleton.note)
    for temporal in TEMPORAL_VARIANTS.values():
        convolutions = CoTcn(temporal)
        yield _row(convolutions, convolutions.frame_shape, temporal.note)
    for features in FEATURE_VARIANTS.values():
        encoder = CoOadTR(features)
        yield _row(encoder, encoder.frame_shape, features.note)


def _answers_after(network: Network) -> int:
    """Frames with which the first answer comes, as learners step the network."""
    steps = network.lag_after(0) + 1
    return Pipeline(network).frames_until(steps) if isinstance(network, VideoNetwork) else steps * network.timing.stride


def clip_frames(variant: VideoVariant | SkeletonVariant | FeatureVariant) -> int:
    """Frames of the clip that the offline network is published for."""
    if isinstance(variant, SkeletonVariant):
        return variant.clip
    return variant.window if isinstance(variant, PooledVariant | FeatureVariant) else INCEPTION_FRAMES


def _row(network: Network, shape: tuple[int, ...], note: str, elementwise: int = 0) -> Row:
    published = network.variant.published
    step = macs_per_step(network, shape)
    as_published = macs_per_step(network, shape, elementwise=elementwise) if elementwise else step
    reported = {
        "params": (params(network), published.params, 1e6),
        "macs_per_step": (as_published, published.macs_per_step, 1e9),
    }
    return Row(
        name=network.variant.name,
        params=params(network),
        macs_per_step=step,
        macs_per_clip=macs_per_answer(network, shape, clip_frames(network.variant)),
        receptive_field=network.receptive_field,
        delay=network.delay,
        stride=network.timing.stride,
        rate_hz=float(network.variant.rate_hz),
        min_progress=network.variant.min_progress,
        answers_after=_answers_after(network),
        padding=network.timing.before,
        state_bytes=stream_bytes(network, shape),
        published=published,
        difference={
            key: round(100 * (here / (there * unit) - 1), 2) for key, (here, there, unit) in reported.items() if there
        },
        note=note,
    )
