"""Variants are data: one frozen record per network size, looked up by name. Knows neither torch nor the networks
built from it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What a paper reports of a network, to be printed beside what is measured here. None: not reported.

    params: millions; macs_per_step, macs_per_clip: 10^9 multiply-adds of one prediction, as a stream and from a whole
    clip; accuracy: top-1 in percent of one clip, offline; step_accuracy: (pool window, top-1 in percent) of the stream
    with the offline network's weights; source: where the figures stand.
    """

    params: float | None = None
    macs_per_step: float | None = None
    macs_per_clip: float | None = None
    accuracy: float | None = None
    step_accuracy: tuple[tuple[int, float], ...] = ()
    source: str = ""


@dataclass(frozen=True)
class VideoVariant:
    """What a video network expects and gives.

    size: height and width of the input in pixels; short_side: what a frame's shorter side is scaled to before the
    centre crop;
    mean, std: input normalisation of values in [0, 1]; rate_hz: frames per second it was trained at; labels: name of
    its label list;
    weights: the asset with its published weights, None where they have to be brought; paper: where the network comes
    from.
    """

    name: str
    size: int
    short_side: int
    mean: float
    std: float
    rate_hz: float
    classes: int
    labels: str
    weights: str | None
    paper: str
    published: Published = dataclasses.field(default=Published(), kw_only=True)

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of an input frame."""
        return (3, self.size, self.size)


@dataclass(frozen=True, kw_only=True)
class PooledVariant(VideoVariant):
    """A network whose head averages over a window of its own.

    window: frames that the average spans, the published clip length unless replaced; a longer one needs no training.
    blocks: residual blocks of each stage; width: channels after the stem.
    """

    window: int
    blocks: tuple[int, ...]
    width: int


@dataclass(frozen=True, kw_only=True)
class X3DVariant(PooledVariant):
    """A continual X3D. features: channels before the classifier.

    scope: frames that the mean of a squeeze-excite gate spans. 1 is published for streams; None, the whole clip, is
    published for the offline network and cannot stream.
    """

    features: int = 2048
    scope: int | None = 1


@dataclass(frozen=True, kw_only=True)
class ResNet3dVariant(PooledVariant):
    """A continual 3D ResNet of bottleneck blocks.

    stem: temporal kernel of the first convolution; kernels: temporal kernels of each stage's blocks, repeated over
    them; halve: whether a pool after the first stage halves the frame rate.
    """

    stem: int
    kernels: tuple[tuple[int, ...], ...]
    halve: bool = False


COI3D_INCEPTION = VideoVariant(
    name="coi3d_inception",
    size=224,
    short_side=256,
    mean=0.5,
    std=0.5,
    rate_hz=25.0,
    classes=400,
    labels="kinetics400",
    weights="i3d_kinetics400",
    paper="Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017",
)

_CO3D = (
    "Hedegaard and Iosifidis, Continual 3D Convolutional Neural Networks for Real-time Processing of Videos, ECCV 2022"
)
_TABLE = "Hedegaard and Iosifidis, ECCV 2022, Kinetics-400, one clip or frame"


def _x3d(
    name: str,
    size: int,
    short_side: int,
    window: int,
    frames_between: int,
    blocks: tuple[int, ...],
    reported: Published,
) -> X3DVariant:
    """frames_between: that the training clips took one frame of, at 30 frames per second."""
    return X3DVariant(
        name=name,
        size=size,
        short_side=short_side,
        mean=0.45,
        std=0.225,
        rate_hz=30 / frames_between,
        classes=400,
        labels="kinetics400",
        weights=None,
        paper=_CO3D,
        published=reported,
        window=window,
        blocks=blocks,
        width=24,
    )


_SHALLOW, _DEEP = (3, 5, 11, 7), (5, 10, 25, 15)
# Short sides: the least scale of the training crops of PySlowFast's configurations.
COX3D_XS = _x3d("cox3d_xs", 160, 182, 4, 12, _SHALLOW, Published(3.79, None, 0.64, 59.37, (), _TABLE))
COX3D_S = _x3d(
    "cox3d_s", 160, 182, 13, 6, _SHALLOW, Published(3.79, 0.17, 2.06, 64.71, ((13, 60.18), (64, 67.33)), _TABLE)
)
COX3D_M = _x3d(
    "cox3d_m", 224, 256, 16, 5, _SHALLOW, Published(3.79, 0.33, 4.97, 67.24, ((16, 62.80), (64, 71.03)), _TABLE)
)
COX3D_L = _x3d(
    "cox3d_l", 312, 356, 16, 5, _DEEP, Published(6.15, 1.25, 19.17, 69.29, ((16, 63.03), (64, 71.61)), _TABLE)
)

COSLOW_R50 = ResNet3dVariant(
    name="coslow_r50",
    size=256,
    short_side=256,
    mean=0.45,
    std=0.225,
    rate_hz=3.75,
    classes=400,
    labels="kinetics400",
    weights=None,
    paper=_CO3D,
    published=Published(32.45, 6.90, 54.87, 67.42, ((8, 65.90), (64, 73.05)), _TABLE),
    window=8,
    blocks=(3, 4, 6, 3),
    width=64,
    stem=1,
    kernels=((1,), (1,), (3,), (3,)),
)

COI3D_R50 = ResNet3dVariant(
    name="coi3d_r50",
    size=224,
    short_side=256,
    mean=0.45,
    std=0.225,
    rate_hz=3.75,
    classes=400,
    labels="kinetics400",
    weights=None,
    paper=_CO3D,
    published=Published(28.04, 5.68, 28.61, 63.98, ((8, 59.58), (64, 56.86)), _TABLE),
    window=8,
    blocks=(3, 4, 6, 3),
    width=64,
    stem=5,
    kernels=((3,), (3, 1), (3, 1), (1, 3)),
    halve=True,
)

VIDEO_VARIANTS: dict[str, VideoVariant] = {
    variant.name: variant for variant in (COI3D_INCEPTION, COX3D_XS, COX3D_S, COX3D_M, COX3D_L, COSLOW_R50, COI3D_R50)
}


def video_variant(name: str, *, window: int | None = None) -> VideoVariant:
    """The record of a video network; ValueError names those there are.

    window: frames that its head averages, where it has such a window; None: the published clip length.
    """
    if name not in VIDEO_VARIANTS:
        raise ValueError(f"no video network {name!r}; there are: {', '.join(sorted(VIDEO_VARIANTS))}")
    variant = VIDEO_VARIANTS[name]
    if window is None:
        return variant
    if not isinstance(variant, PooledVariant):
        raise ValueError(f"{name} has no window to choose; leave window=None")
    return dataclasses.replace(variant, window=window)
