"""Continual Inception-I3D, RGB stream: the inflated GoogLeNet of Carreira and Zisserman (CVPR 2017, arXiv:1705.07750).

Parameter names are those of the PyTorch ports of DeepMind's release, whose checkpoints load through `published_names`.
The published network pads as TensorFlow's SAME does; with a clip length and an image size that are multiples of the
strides those pads are constants. One thing differs from the paper: a stream gives the answer of each temporal position,
where the paper takes their mean over a clip; `classify` takes the mean.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

import co_perception.continual as co
from co_perception.networks.variants import COI3D_INCEPTION, VideoVariant
from co_perception.networks.video import SIZE_UNIT, VideoNetwork, with_answers

# Channels of an Inception module: 1x1 | 1x1 then 3x3 | 1x1 then 3x3 | pool then 1x1 (table 1 of Szegedy et al.,
# arXiv:1409.4842).
Widths = tuple[int, int, int, int, int, int]
MIXED: dict[str, Widths] = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
POOL_BEFORE: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}


class InceptionCoI3D(VideoNetwork):
    """Inception-I3D: x (B, 3, T, H, W), RGB in [-1, 1], T a multiple of 8, to logits (B, classes, T / 8).

    One answer per 8 frames, receptive field 107 frames. A clip gives one answer fewer than T / 8, because the head
    averages two positions without padding.
    """

    def __init__(self, variant: VideoVariant = COI3D_INCEPTION, *, dropout: float = 0.5) -> None:
        if variant.size % SIZE_UNIT:
            raise ValueError(
                f"the image size must be a multiple of {SIZE_UNIT} for SAME padding to be constant, got {variant.size}"
            )
        layers: OrderedDict[str, nn.Module] = OrderedDict(Conv3d_1a_7x7=_unit(3, 64, (7, 7, 7), (2, 2, 2)))
        channels = 192
        units = {"Conv3d_2b_1x1": _unit(64, 64, (1, 1, 1)), "Conv3d_2c_3x3": _unit(64, channels, (3, 3, 3))}
        for name in (*units, *MIXED):
            if name in POOL_BEFORE:
                kernel, stride = POOL_BEFORE[name]
                layers[f"pool_{name}"] = co.MaxPool3d(kernel, stride=stride, padding=co.same_padding(kernel, stride))
            if name in units:
                layers[name] = units[name]
            else:
                widths = MIXED[name]
                layers[name] = _mixed(channels, widths)
                channels = widths[0] + widths[2] + widths[4] + widths[5]
        extent = variant.size // SIZE_UNIT
        layers["avg_pool"] = co.AvgPool3d((2, extent, extent), stride=1)
        logits = co.Sequential(OrderedDict(conv3d=co.Conv3d(channels, variant.classes, 1)))
        classifier = {"dropout": nn.Dropout(dropout), "logits": logits}
        super().__init__(variant, with_answers(layers, classifier, variant, channels))


def published_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of `InceptionCoI3D` from one of the published ports, whose branches are flat (`Mixed_3b.b1a...`)."""
    return {re.sub(r"^(Mixed_\w+)\.(b[123])([ab])\.", r"\1.\2.\2\3.", name): value for name, value in weights.items()}


def _unit(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: tuple[int, int, int] = (1, 1, 1)
) -> co.Sequential:
    """Convolution, batch norm, ReLU, SAME padded."""
    conv = co.Conv3d(inputs, outputs, kernel, stride=stride, padding=co.same_padding(kernel, stride), bias=False)
    return co.Sequential(OrderedDict(conv3d=conv, bn=nn.BatchNorm3d(outputs, eps=1e-3, momentum=0.01), relu=nn.ReLU()))


def _mixed(inputs: int, widths: Widths) -> co.Parallel:
    one, two = (1, 1, 1), (3, 3, 3)
    pool = co.MaxPool3d(two, stride=1, padding=1)
    return co.Parallel(
        OrderedDict(
            b0=_unit(inputs, widths[0], one),
            b1=co.Sequential(OrderedDict(b1a=_unit(inputs, widths[1], one), b1b=_unit(widths[1], widths[2], two))),
            b2=co.Sequential(OrderedDict(b2a=_unit(inputs, widths[3], one), b2b=_unit(widths[3], widths[4], two))),
            b3=co.Sequential(OrderedDict(b3a=pool, b3b=_unit(inputs, widths[5], one))),
        ),
        reduce="concat",
    )
