"""Variants of the video networks: one frozen record per network size, looked up by name.

Variants are data: this file imports neither torch nor the networks built from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """Figures that a paper reports of a network, printed beside those measured here. None: not reported.

    Attributes:
        params: millions.
        macs_per_step: 10^9 multiply-adds of one prediction as a stream.
        macs_per_clip: 10^9 multiply-adds of one prediction from a whole clip.
        accuracy: top-1 in percent of one clip, offline.
        step_accuracy: (pool window, top-1 in percent) of the stream with the offline network's weights.
        source: of the figures.
    """

    params: float | None = None
    macs_per_step: float | None = None
    macs_per_clip: float | None = None
    accuracy: float | None = None
    step_accuracy: tuple[tuple[int, float], ...] = ()
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Output and origin of a network.

    Attributes:
        name: the key in `VIDEO_VARIANTS`, `SKELETON_VARIANTS` or `FEATURE_VARIANTS`.
        classes: number of outputs.
        labels: name of its label list, empty for a network to be trained on classes of one's own.
        rate_hz: frames or feature vectors per second of its training data.
        weights: the asset with its published weights, None where the user has to bring them.
        paper: that describes the network.
        note: why figures differ from the published ones.
        published: figures of the paper.
    """

    name: str
    classes: int
    labels: str
    rate_hz: float
    weights: str | None = None
    paper: str
    note: str = ""
    published: Published = Published()


LINEAR, GRU, ATTENTION, DEEPCOT = "linear", "gru", "attention", "deepcot"
HEADS = (LINEAR, GRU, ATTENTION, DEEPCOT)
CENTER, SQUASH, PAD = "center", "squash", "pad"
CROPS = (CENTER, SQUASH, PAD)


@dataclass(frozen=True)
class HeadVariant:
    """A head on the features of a video network, in place of its published classifier.

    Attributes:
        kind: one of `HEADS`; see `networks.heads`.
        width: of what lies between features and logits; "linear" has nothing there.
        window: steps that "attention", and each block of "deepcot", looks at.
        depth: blocks of "deepcot".
        dropout: in training.
    """

    kind: str
    width: int = 256
    window: int = 32
    depth: int = 2
    dropout: float = 0.5

    def __post_init__(self) -> None:
        if self.kind not in HEADS:
            raise ValueError(f"no head {self.kind!r}; there are: {', '.join(HEADS)}")


@dataclass(frozen=True, kw_only=True)
class VideoVariant(Variant):
    """Input, output and origin of a video network.

    Attributes:
        size: height and width of the input in pixels.
        short_side: length to which a frame's shorter side is scaled before the center crop.
        mean, std: input normalization of values in [0, 1].
        crop: what of a frame the network sees: "center", its middle, as published; "squash", all of it with both sides
            scaled to `size`; "pad", all of it with its longer side scaled to `size`, and black beside it.
        head: on its features; None: the published classifier.
    """

    size: int
    short_side: int
    mean: float
    std: float
    crop: str = CENTER
    head: HeadVariant | None = None

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ValueError(f"no crop {self.crop!r}; there are: {', '.join(CROPS)}")

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(3, H, W) of an input frame."""
        return (3, self.size, self.size)


@dataclass(frozen=True, kw_only=True)
class PooledVariant(VideoVariant):
    """A network whose head averages over a window of its own.

    Attributes:
        window: frames that the average spans, the published clip length unless replaced; a longer one needs no
            training.
        blocks: residual blocks of each stage.
        width: channels after the stem.
    """

    window: int
    blocks: tuple[int, ...]
    width: int


@dataclass(frozen=True, kw_only=True)
class X3DVariant(PooledVariant):
    """A continual X3D.

    Attributes:
        features: channels before the classifier.
        scope: frames that the mean of a squeeze-excite gate spans. 1 is published for streams; None, the whole clip, is
            published for the offline network and cannot stream.
    """

    features: int = 2048
    scope: int | None = 1


@dataclass(frozen=True, kw_only=True)
class ResNet3dVariant(PooledVariant):
    """A continual 3D ResNet of bottleneck blocks.

    Attributes:
        stem: temporal kernel of the first convolution.
        kernels: temporal kernels of each stage's blocks, repeated over them.
        halve: whether a pool after the first stage halves the frame rate.
    """

    stem: int
    kernels: tuple[tuple[int, ...], ...]
    halve: bool = False


COI3D_INCEPTION = VideoVariant(
    name="coi3d_inception", size=224, short_side=256, mean=0.5, std=0.5, rate_hz=25.0, classes=400,
    labels="kinetics400", weights="i3d_kinetics400",
    paper="Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017",
)  # fmt: skip

_TABLE = "Hedegaard and Iosifidis, ECCV 2022, Kinetics-400, one clip or frame"
_CO3D: dict[str, Any] = dict(
    mean=0.45, std=0.225, classes=400, labels="kinetics400",
    paper="Hedegaard and Iosifidis, Continual 3D Convolutional Neural Networks for Real-time Processing of Videos, "
    "ECCV 2022",
)  # fmt: skip
# Short sides: the least scale of the training crops of PySlowFast's configurations. Training clips have every 5th, 6th
# or 12th frame of 30 per second.
COX3D_M = X3DVariant(
    name="cox3d_m", size=224, short_side=256, rate_hz=30 / 5, window=16, blocks=(3, 5, 11, 7), width=24, **_CO3D,
    weights="x3d_m_kinetics400", published=Published(3.79, 0.33, 4.97, 67.24, ((16, 62.80), (64, 71.03)), _TABLE),
)  # fmt: skip
COX3D_XS = dataclasses.replace(
    COX3D_M, name="cox3d_xs", weights="x3d_xs_kinetics400", size=160, short_side=182, rate_hz=30 / 12, window=4,
    published=Published(3.79, None, 0.64, 59.37, (), _TABLE),
)  # fmt: skip
COX3D_S = dataclasses.replace(
    COX3D_M, name="cox3d_s", weights="x3d_s_kinetics400", size=160, short_side=182, rate_hz=30 / 6, window=13,
    published=Published(3.79, 0.17, 2.06, 64.71, ((13, 60.18), (64, 67.33)), _TABLE),
)  # fmt: skip
COX3D_L = dataclasses.replace(
    COX3D_M, name="cox3d_l", weights="x3d_l_kinetics400", size=312, short_side=356, blocks=(5, 10, 25, 15),
    published=Published(6.15, 1.25, 19.17, 69.29, ((16, 63.03), (64, 71.61)), _TABLE),
)  # fmt: skip
COSLOW_R50 = ResNet3dVariant(
    name="coslow_r50", weights="slow_r50_kinetics400", size=256, short_side=256, rate_hz=3.75, window=8,
    blocks=(3, 4, 6, 3), width=64, stem=1, kernels=((1,), (1,), (3,), (3,)), **_CO3D,
    published=Published(32.45, 6.90, 54.87, 67.42, ((8, 65.90), (64, 73.05)), _TABLE),
)  # fmt: skip
COI3D_R50 = dataclasses.replace(
    COSLOW_R50, name="coi3d_r50", weights="i3d_r50_kinetics400", size=224, stem=5,
    kernels=((3,), (3, 1), (3, 1), (1, 3)), halve=True,
    published=Published(28.04, 5.68, 28.61, 63.98, ((8, 59.58), (64, 56.86)), _TABLE),
)  # fmt: skip

VIDEO_VARIANTS: dict[str, VideoVariant] = {
    variant.name: variant for variant in (COI3D_INCEPTION, COX3D_XS, COX3D_S, COX3D_M, COX3D_L, COSLOW_R50, COI3D_R50)
}


def video_variant(name: str, *, window: int | None = None, head: HeadVariant | None = None) -> VideoVariant:
    """The variant of a video network.

    Args:
        name: key of `VIDEO_VARIANTS`.
        window: frames that its head averages, where it has such a window; None: the published clip length.
        head: on its features; None: the published classifier.

    Raises:
        ValueError: for an unknown name, and for a window of a network that has none.
    """
    if name not in VIDEO_VARIANTS:
        raise ValueError(f"no video network {name!r}; there are: {', '.join(sorted(VIDEO_VARIANTS))}")
    variant = dataclasses.replace(VIDEO_VARIANTS[name], head=head)
    if window is None:
        return variant
    if not isinstance(variant, PooledVariant):
        raise ValueError(f"{name} has no window to choose; leave window=None")
    return dataclasses.replace(variant, window=window)
