"""Continual X3D (CoX3D), sizes XS, S, M and L.

X3D is by Feichtenhofer, CVPR 2020, arXiv:2004.04730; as a stream: Hedegaard and Iosifidis, ECCV 2022, arXiv:2106.00050.
Modules and parameters have PySlowFast's names without `pathway0_`; `checkpoints` translates other names. A stream
differs from the offline network in two ways, both published: the head averages the last `window` frames, and a
squeeze-excite gate looks at `scope` frames, one unless chosen otherwise, where the offline network takes the whole
clip.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NoReturn

from torch import Tensor, nn

import co_perception.continual as co
from co_perception.continual.framewise import Linear
from co_perception.continual.gating import SqueezeExcite
from co_perception.networks.variants import COX3D_M, X3DVariant
from co_perception.networks.video import (
    SIZE_UNIT,
    VideoNetwork,
    convolution,
    init_as_published,
    stage,
    with_answers,
)

EXPANSION = 2.25  # inner channels of a block to outer ones
SQUEEZE = 1 / 16  # channels of a gate's bottleneck to the block's inner ones


class CoX3D(VideoNetwork):
    """X3D: x (B, 3, T, S, S) to logits (B, classes, T), one answer per frame.

    With `variant.scope` None it is the offline X3D, for clips only.
    """

    def __init__(self, variant: X3DVariant = COX3D_M, *, dropout: float = 0.5) -> None:
        super().__init__(variant, _layers(variant, dropout))
        init_as_published(self)


class ClipSqueezeExcite(SqueezeExcite):
    """A gate computed from the mean over a whole clip, as in the offline X3D."""

    def clip(self, x: Tensor) -> Tensor:
        return x * self._gate(x.mean((2, 3, 4))[..., None])

    def stream(self, *_: object) -> NoReturn:
        raise ValueError("scope=None takes a mean over the whole clip, which no stream has; use scope=1, or frames")


def round_width(channels: float, *, least: int = 8) -> int:
    """Round to a multiple of 8, at least `least` and nine tenths: the widths of X3D and MobileNet."""
    rounded = max(least, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def _layers(variant: X3DVariant, dropout: float) -> OrderedDict[str, nn.Module]:
    inputs = variant.width
    stem = co.Sequential(  # space, then time channel by channel
        OrderedDict(
            conv_xy=convolution(3, inputs, (1, 3, 3), stride=2),
            conv=convolution(inputs, inputs, (5, 1, 1), groups=inputs),
            bn=nn.BatchNorm3d(inputs),
            relu=nn.ReLU(),
        )
    )
    layers: OrderedDict[str, nn.Module] = OrderedDict(s1=stem)
    for place, blocks in enumerate(variant.blocks):
        outputs = variant.width * 2**place
        bodies = [_body(inputs if block == 0 else outputs, outputs, block, variant.scope) for block in range(blocks)]
        layers[f"s{place + 2}"] = stage(bodies, inputs, outputs, stride=2)
        inputs = outputs
    inner, extent = int(EXPANSION * inputs), math.ceil(variant.size / SIZE_UNIT)
    classifier = dict(dropout=nn.Dropout(dropout), projection=Linear(variant.features, variant.classes))
    layers["head"] = co.Sequential(
        OrderedDict(
            conv_5=convolution(inputs, inner, (1, 1, 1)),
            conv_5_bn=nn.BatchNorm3d(inner),
            conv_5_relu=nn.ReLU(),
            avg_pool=co.AvgPool3d((variant.window, extent, extent), stride=1),
            lin_5=convolution(inner, variant.features, (1, 1, 1)),
            lin_5_relu=nn.ReLU(),
            **({} if variant.head else classifier),
        )
    )
    return with_answers(layers, {}, variant, variant.features)


def _body(inputs: int, outputs: int, block: int, scope: int | None) -> co.Sequential:
    """1x1x1, 3x3x3 channel by channel, gate in every second block, 1x1x1."""
    inner = int(EXPANSION * outputs)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        a=convolution(inputs, inner, (1, 1, 1)),
        a_bn=nn.BatchNorm3d(inner),
        a_relu=nn.ReLU(),
        b=convolution(inner, inner, (3, 3, 3), stride=2 if block == 0 else 1, groups=inner),
        b_bn=nn.BatchNorm3d(inner),
    )
    if block % 2 == 0:
        width = round_width(inner * SQUEEZE)
        layers["se"] = ClipSqueezeExcite(inner, width) if scope is None else SqueezeExcite(inner, width, window=scope)
    layers["b_swish"] = nn.SiLU()
    layers["c"] = convolution(inner, outputs, (1, 1, 1))
    layers["c_bn"] = nn.BatchNorm3d(outputs)
    return co.Sequential(layers)
