"""Continual 3D ResNet-50: CoSlow and CoI3D.

CoSlow is the slow pathway of SlowFast (Feichtenhofer et al., ICCV 2019, arXiv:1812.03982), CoI3D an inflated ResNet
(Wang et al., CVPR 2018, arXiv:1711.07971); as streams: Hedegaard and Iosifidis, ECCV 2022, arXiv:2106.00050. Modules
and parameters have PySlowFast's names without `pathway0_`; `checkpoints` translates other names.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import nn

import co_perception.continual as co
from co_perception.continual.framewise import Linear
from co_perception.networks.variants import COSLOW_R50, ResNet3dVariant
from co_perception.networks.video import (
    SIZE_UNIT,
    VideoNetwork,
    convolution,
    init_as_published,
    stage,
    with_answers,
)

EXPANSION = 4  # outer channels of a block to inner ones


class CoResNet3d(VideoNetwork):
    """x (B, 3, T, S, S) to logits (B, classes, T / stride): one answer per frame, or (`variant.halve`) per two."""

    def __init__(self, variant: ResNet3dVariant = COSLOW_R50, *, dropout: float = 0.5) -> None:
        super().__init__(variant, _layers(variant, dropout))
        init_as_published(self)


def _layers(variant: ResNet3dVariant, dropout: float) -> OrderedDict[str, nn.Module]:
    inputs = variant.width
    stem = co.Sequential(
        OrderedDict(
            conv=convolution(3, inputs, (variant.stem, 7, 7), stride=2),
            bn=nn.BatchNorm3d(inputs),
            relu=nn.ReLU(),
            pool=co.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        )
    )
    layers: OrderedDict[str, nn.Module] = OrderedDict(s1=stem)
    for place, (blocks, kernels) in enumerate(zip(variant.blocks, variant.kernels, strict=True)):
        inner, stride = variant.width * 2**place, 1 if place == 0 else 2
        outputs = inner * EXPANSION
        bodies = [
            _body(outputs if block else inputs, inner, kernels[block % len(kernels)], 1 if block else stride)
            for block in range(blocks)
        ]
        layers[f"s{place + 2}"] = stage(bodies, inputs, outputs, stride)
        if place == 0 and variant.halve:
            layers["pool"] = co.MaxPool3d((2, 1, 1))
        inputs = outputs
    frames, extent = variant.window // (2 if variant.halve else 1), math.ceil(variant.size / SIZE_UNIT)
    classifier = dict(dropout=nn.Dropout(dropout), projection=Linear(inputs, variant.classes))
    layers["head"] = co.Sequential(
        OrderedDict(avg_pool=co.AvgPool3d((frames, extent, extent), stride=1), **({} if variant.head else classifier))
    )
    return with_answers(layers, {}, variant, inputs)


def _body(inputs: int, inner: int, kernel: int, stride: int) -> co.Sequential:
    """Time, then space, then channels."""
    outputs = inner * EXPANSION
    return co.Sequential(
        OrderedDict(
            a=convolution(inputs, inner, (kernel, 1, 1)),
            a_bn=nn.BatchNorm3d(inner),
            a_relu=nn.ReLU(),
            b=convolution(inner, inner, (1, 3, 3), stride=stride),
            b_bn=nn.BatchNorm3d(inner),
            b_relu=nn.ReLU(),
            c=convolution(inner, outputs, (1, 1, 1)),
            c_bn=nn.BatchNorm3d(outputs),
        )
    )
