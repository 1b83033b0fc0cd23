"""Variants of the video networks: one frozen record per network size, looked up by name.

Variants are data: this file imports neither torch nor the networks built from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

MIN_PROGRESS = 0.75  # of the receptive field


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
        min_progress: share of the receptive field that must be real for a VALID label, unless a caller chooses another.
    """

    name: str
    classes: int
    labels: str
    rate_hz: float
    weights: str | None = None
    paper: str
    note: str = ""
    published: Published = Published()
    min_progress: float = MIN_PROGRESS


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
    """

    window: int


@dataclass(frozen=True, kw_only=True)
class ResidualVariant(PooledVariant):
    """A network of residual stages.

    Attributes:
        blocks: residual blocks of each stage.
        width: channels after the stem.
    """

    blocks: tuple[int, ...]
    width: int


@dataclass(frozen=True, kw_only=True)
class X3DVariant(ResidualVariant):
    """A continual X3D.

    Attributes:
        features: channels before the classifier.
        scope: frames that the mean of a squeeze-excite gate spans. 1 is published for streams; None, the whole clip, is
            published for the offline network and cannot stream.
    """

    features: int = 2048
    scope: int | None = 1


@dataclass(frozen=True, kw_only=True)
class ResNet3dVariant(ResidualVariant):
    """A continual 3D ResNet of bottleneck blocks.

    Attributes:
        stem: temporal kernel of the first convolution.
        kernels: temporal kernels of each stage's blocks, repeated over them.
        halve: whether a pool after the first stage halves the frame rate.
    """

    stem: int
    kernels: tuple[tuple[int, ...], ...]
    halve: bool = False


# Expanded channels, frames and pixels of the kernel of each block of a stage.
Stage = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class MovinetVariant(PooledVariant):
    """A MoViNet.

    Its means over time are those of all frames so far, up to `window` frames; then older frames fade, each by a share
    of 1 / window a frame. On clips of at most `window` frames this is what the authors' networks compute. With theirs,
    a mean of all frames since the start (a very large `window`), nothing that happens after an hour changes the answer.

    Attributes:
        stem: channels after the first convolution.
        widths: channels after each stage.
        stages: blocks of each stage. The first block of each halves the image, but for stage `unstrided`.
        unstrided: number of the stage that keeps the image's size.
        project: channels before the mean over space, which are the features for a head.
        hidden: channels between those and the classifier.
        causal: the authors' "stream" networks: convolutions of space, then of time over past frames. Otherwise "base":
            convolutions of three dimensions, which look ahead.
        past_gates: of base networks: squeeze-excite gates take the mean of past frames. The published ones (False) take
            that of the whole clip, which cannot stream: weights for these have to be tuned, or answer otherwise.
        gate_slope: slope of a causal network's hard sigmoid: 0.2, Keras's, in the authors' released networks. The code
            of TensorFlow's Model Garden since 2022 has 1 / 6: for weights that were trained with that.
    """

    stem: int
    widths: tuple[int, ...]
    stages: tuple[Stage, ...]
    unstrided: int = 3
    project: int
    hidden: int = 2048
    causal: bool = True
    past_gates: bool = True
    gate_slope: float = 0.2


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

_GARDEN = "Kinetics-600, one clip, of the authors' table in TensorFlow's Model Garden"
_MOVINET: dict[str, Any] = dict(
    mean=0.0, std=1.0, rate_hz=25 / 5, window=50, classes=600, labels="kinetics600", min_progress=0.2,
    paper="Kondratyuk et al., MoViNets: Mobile Video Networks for Efficient Video Recognition, CVPR 2021",
)  # fmt: skip
MOVINET_A0_STREAM = MovinetVariant(
    name="movinet_a0_stream", weights="movinet_a0_stream_kinetics600", size=172, short_side=192, stem=8,
    widths=(8, 32, 56, 56, 104), project=480, **_MOVINET,
    stages=(
        ((24, 1, 5),),
        ((80, 3, 3), (80, 3, 3), (80, 3, 3)),
        ((184, 5, 3), (112, 3, 3), (184, 3, 3)),
        ((184, 5, 3), (184, 3, 3), (184, 3, 3), (184, 3, 3)),
        ((384, 5, 3), (280, 1, 5), (280, 1, 5), (344, 1, 5)),
    ),
    published=Published(None, 2.7 / 50, 2.7, None, ((50, 72.05),), _GARDEN),
)  # fmt: skip
MOVINET_A1_STREAM = MovinetVariant(
    name="movinet_a1_stream", weights="movinet_a1_stream_kinetics600", size=172, short_side=192, stem=16,
    widths=(16, 40, 64, 64, 136), project=600, **_MOVINET,
    stages=(
        ((40, 1, 5), (40, 3, 3)),
        ((96, 3, 3), (120, 3, 3), (96, 3, 3), (96, 3, 3)),
        ((216, 5, 3), (128, 3, 3), (216, 3, 3), (168, 3, 3), (216, 3, 3)),
        ((216, 5, 3), (216, 3, 3), (216, 3, 3), (128, 3, 3), (128, 1, 5), (216, 3, 3)),
        ((456, 5, 3), (360, 1, 5), (360, 1, 5), (360, 1, 5), (456, 1, 5), (456, 3, 3), (544, 1, 3)),
    ),
    published=Published(None, 6.0 / 50, 6.0, None, ((50, 76.45),), _GARDEN),
)  # fmt: skip
MOVINET_A2_STREAM = MovinetVariant(
    name="movinet_a2_stream", weights="movinet_a2_stream_kinetics600", size=224, short_side=256, stem=16,
    widths=(16, 40, 72, 72, 144), project=640, **_MOVINET,
    stages=(
        ((40, 1, 5), (40, 3, 3), (64, 3, 3)),
        ((96, 3, 3), (120, 3, 3), (96, 3, 3), (96, 3, 3), (120, 3, 3)),
        ((240, 5, 3), (160, 3, 3), (240, 3, 3), (192, 3, 3), (240, 3, 3)),
        ((240, 5, 3), (240, 3, 3), (240, 3, 3), (240, 3, 3), (144, 1, 5), (240, 3, 3)),
        ((480, 5, 3), (384, 1, 5), (384, 1, 5), (480, 1, 5), (480, 1, 5), (480, 3, 3), (576, 1, 3)),
    ),
    published=Published(None, 10 / 50, 10, None, ((50, 78.40),), _GARDEN),
)  # fmt: skip
MOVINET_A0_BASE, MOVINET_A1_BASE, MOVINET_A2_BASE = (
    dataclasses.replace(
        stream, name=stream.name.replace("stream", "base"), weights=None, causal=False, min_progress=MIN_PROGRESS,
        published=Published(params, None, stream.published.macs_per_clip, accuracy, (), _GARDEN),
    )
    for stream, params, accuracy in (
        (MOVINET_A0_STREAM, 3.1, 72.28), (MOVINET_A1_STREAM, None, 76.69), (MOVINET_A2_STREAM, None, 78.62)
    )
)  # fmt: skip

VIDEO_VARIANTS: dict[str, VideoVariant] = {
    variant.name: variant
    for variant in (
        COI3D_INCEPTION, COX3D_XS, COX3D_S, COX3D_M, COX3D_L, COSLOW_R50, COI3D_R50,
        MOVINET_A0_STREAM, MOVINET_A1_STREAM, MOVINET_A2_STREAM, MOVINET_A0_BASE, MOVINET_A1_BASE, MOVINET_A2_BASE,
    )
}  # fmt: skip


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
